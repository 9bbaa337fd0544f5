package e2e

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

// callers are the pages that make mistakes, by name: their origins, without ports.
var callers = map[string]string{
	"":              "http://app.localhost", // the page that is opened, and the origin that is allowed
	"sandbox":       "null",
	"file":          "null", // opened by itself
	"https":         "https://app.localhost",
	"public":        "http://public.localhost", // as if its address were a public one
	"public, https": "https://public.localhost",
}

// stage is where the mistakes are made: a Caddy with a site for each trial.
type stage struct {
	t      *testing.T
	ports  map[string]string // by scheme
	closed string            // a port on which nobody listens
	issuer *x509.Certificate
	trials []*trial

	mu       sync.Mutex
	pending  int           // trials without a result
	progress chan struct{} // has an element when pending has changed
}

// trial is a mistake that is made, or put right.
type trial struct {
	*mistake
	id     int
	right  bool
	site   string
	call   request
	origin string // of the page
	result *result
}

func (tr *trial) String() string {
	if tr.right {
		return fmt.Sprintf("%s: %s: put right", tr.section, tr.cause)
	}
	return fmt.Sprintf("%s: %s", tr.section, tr.cause)
}

// host is the host of the trial's site.
func (tr *trial) host() string { return fmt.Sprintf("c%d.localhost", tr.id) }

// set builds the stage. The Caddyfile that is right is that of the page.
func set(t *testing.T, right string) *stage {
	t.Helper()
	ports := caddy.FreePorts(t, 3)
	s := &stage{t: t, ports: map[string]string{"http": ports[0], "https": ports[1]}, closed: ports[2], progress: make(chan struct{}, 1)}
	for i := range mistakes {
		m := &mistakes[i]
		s.add(&trial{mistake: m, site: m.site, call: m.call})
		if m.fixed == "" && m.fixedCall == nil {
			continue
		}
		tr := &trial{mistake: m, site: m.site, call: m.call, right: true}
		switch m.fixed {
		case "":
		case whole:
			tr.site = right
		default:
			tr.site = m.fixed
		}
		if m.fixedCall != nil {
			tr.call = *m.fixedCall
		}
		s.add(tr)
	}
	s.startCaddy(s.serve(http.HandlerFunc(s.serveApplication)), s.serve(s.pages()))
	return s
}

func (s *stage) add(tr *trial) {
	tr.id, tr.origin = len(s.trials), s.origin(tr.from)
	if tr.call.url == "" {
		tr.call.url = "http://api.example.com/items"
	}
	tr.call.url = s.localize(tr, tr.call.url) + fmt.Sprintf("?cell=%d", tr.id)
	s.trials = append(s.trials, tr)
	if tr.from != "file" {
		s.pending++
	}
}

// origin returns the origin of a page.
func (s *stage) origin(caller string) string {
	origin := callers[caller]
	if scheme, _, ok := strings.Cut(origin, "://"); ok {
		origin += ":" + s.ports[scheme]
	}
	return origin
}

// localize puts hosts of this machine in the place of those of a trial's text.
func (s *stage) localize(tr *trial, text string) string {
	site := "http://" + tr.host()
	if tr.tls {
		site = tr.host()
	}
	return strings.NewReplacer(
		"https://app.example.com", s.origin(""),
		"http://api.example.com/", "http://"+tr.host()+":"+s.ports["http"]+"/",
		"https://api.example.com/", "https://"+tr.host()+":"+s.ports["https"]+"/",
		"http://bob:secret@api.example.com/", "http://bob:secret@"+tr.host()+":"+s.ports["http"]+"/",
		"http://other.example.com", "http://other."+tr.host()+":"+s.ports["http"],
		"http://closed.example.com", "http://localhost:"+s.closed,
		"static.example.com {", "http://static."+tr.host()+" {",
		"api.example.com {", site+" {",
	).Replace(text)
}

// serve starts a server behind Caddy, and returns its address.
func (s *stage) serve(handler http.Handler) string {
	server := httptest.NewServer(handler)
	s.t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func (s *stage) startCaddy(application, pages string) {
	s.t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "{\nadmin off\nlocal_certs\nskip_install_trust\nhttp_port %s\nhttps_port %s\n}\n", s.ports["http"], s.ports["https"])
	for _, origin := range callers {
		if origin != "null" {
			fmt.Fprintf(&text, "%s {\nreverse_proxy %s\n}\n", origin, pages)
		}
	}
	for _, tr := range s.trials {
		text.WriteString(strings.ReplaceAll(s.localize(tr, tr.site), "localhost:3000", application))
	}
	root := caddy.Run(s.t, text.String(), func(r io.Reader, log *strings.Builder) { _, _ = io.Copy(log, r) })
	caddy.Await(s.t, s.origin(""), root)
	s.issuer = caddy.Await(s.t, s.origin("https"), root)
}

// serveApplication is the application of every trial.
func (s *stage) serveApplication(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.FormValue("cell"))
	if err != nil || id >= len(s.trials) {
		s.t.Errorf("unexpected request to %s%s", r.Host, r.URL)
		return
	}
	tr := s.trials[id]
	a := answer{status: http.StatusOK}
	switch {
	case r.Method == http.MethodOptions:
		if a = tr.preflight; a.status == 0 {
			a.status = http.StatusMethodNotAllowed
		}
	case tr.response.fields != nil:
		if a = tr.response; a.status == 0 {
			a.status = http.StatusOK
		}
	}
	for _, field := range a.fields {
		name, value, _ := strings.Cut(s.localize(tr, field), ": ")
		if name == "Location" {
			value += "?" + r.URL.RawQuery
		}
		w.Header().Add(name, value)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, "body")
}

// pages serves the pages that call, which are page.html.
func (s *stage) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if strings.HasPrefix(r.Host, "public.") {
			w.Header().Set("Content-Security-Policy", "treat-as-public-address")
		}
		_, _ = w.Write(page)
	})
	mux.HandleFunc("/pages", func(w http.ResponseWriter, _ *http.Request) {
		origins := []string{}
		for name, origin := range callers {
			if name != "" && origin != "null" {
				origins = append(origins, s.origin(name))
			}
		}
		_ = json.NewEncoder(w).Encode(origins)
	})
	mux.HandleFunc("/calls", func(w http.ResponseWriter, r *http.Request) {
		plans := []plan{}
		for _, tr := range s.trials {
			if tr.origin == r.FormValue("origin") && tr.from != "file" {
				plans = append(plans, tr.plan())
			}
		}
		_ = json.NewEncoder(w).Encode(plans)
	})
	mux.HandleFunc("/results", s.serveResults)
	return mux
}

// plan is what page.html is told of the trial's call.
func (tr *trial) plan() plan {
	p := newPlan(tr.id, tr.call.url, &call{way: tr.call.way, method: tr.call.method, fields: tr.call.fields, credentials: tr.call.credentials})
	maps.Copy(p.Init, tr.call.init)
	return p
}

func (s *stage) serveResults(_ http.ResponseWriter, r *http.Request) {
	var results []*result
	if err := json.NewDecoder(r.Body).Decode(&results); err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, got := range results {
		if got.ID < 0 || got.ID >= len(s.trials) || s.trials[got.ID].result != nil {
			s.t.Errorf("unexpected result %+v", got)
			continue
		}
		s.trials[got.ID].result = got
		s.pending--
	}
	select {
	case s.progress <- struct{}{}:
	default:
	}
}

// file writes the page that is opened as a file, and returns its URL.
func (s *stage) file() string {
	s.t.Helper()
	var page strings.Builder
	page.WriteString("<!doctype html>\n")
	for _, tr := range s.trials {
		switch {
		case tr.from != "file":
		case tr.call.way == "module":
			fmt.Fprintf(&page, "<script type=module src=%q></script>\n", tr.call.url)
		default:
			fmt.Fprintf(&page, "<script>fetch(%q).catch(() => {})</script>\n", tr.call.url)
		}
	}
	dir := s.t.TempDir()
	path := filepath.Join(dir, "index.html")
	for name, content := range map[string]string{path: page.String(), filepath.Join(dir, "app.js"): ""} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
