package e2e

import (
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

//go:embed page.html
var page []byte

// site is an API behind Caddy, and pages of several origins that call it.
type site struct {
	t      *testing.T
	scheme string
	port   string   // of the pages
	pages  []string // origins, the first one that of the page that is opened, which no policy names
	api    string   // origin
	issuer *x509.Certificate

	mu        sync.Mutex
	cells     []*cell
	pending   int             // cells without a result
	protocols map[string]int  // requests to the API, by protocol
	seen      map[string]seen // by cell, or by path and origin
	progress  chan struct{}   // has an element when any of these has changed
}

// seen is what the API has got.
type seen struct{ preflights, requests int }

// cell is a call of a page under a policy, and what came of it.
type cell struct {
	page   string // its origin
	policy *policy
	call   *call
	result *result
}

func (c *cell) String() string { return c.page + ", " + c.policy.name + ", " + c.call.name }

// result is what a page says of a call.
type result struct {
	ID      int    `json:"id"`
	Read    bool   `json:"read"`
	Status  int    `json:"status"`
	Body    string `json:"body"`
	Exposed bool   `json:"exposed"`
	Loaded  bool   `json:"loaded"` // though it may not be read
	Late    bool   `json:"late"`
}

// hosts are those of the other pages.
// Over TLS a few are enough, as browsers judge the same way there.
var hosts = map[string][]string{
	"http":  {"app.localhost", "x.app.localhost", "xapp.localhost"},
	"https": {"app.localhost", "x.app.localhost"},
}

func (s *site) origin(host string) string { return s.scheme + "://" + host + ":" + s.port }

// elsewhere is another origin of the API.
func (s *site) elsewhere() string { return strings.Replace(s.api, "://", "://elsewhere.", 1) }

// start starts Caddy, what is behind it, and the pages' server.
func start(t *testing.T, scheme string) *site {
	t.Helper()
	ports := caddy.FreePorts(t, 3)
	s := &site{
		t: t, scheme: scheme, port: ports[0], api: scheme + "://localhost:" + ports[1],
		protocols: make(map[string]int), seen: make(map[string]seen), progress: make(chan struct{}, 1),
	}
	// Another port, and where there is TLS another scheme. It is the page that is
	// opened, as WebKit loads no frame without TLS where the page has it.
	s.pages = []string{"http://app.localhost:" + ports[2]}
	for _, host := range hosts[scheme] {
		s.pages = append(s.pages, s.origin(host))
	}
	s.plan()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", servePage)
	mux.HandleFunc("/pages", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(s.pages[1:])
	})
	mux.HandleFunc("/calls", s.serveCalls)
	mux.HandleFunc("/results", s.serveResults)
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	s.startCaddy(pages.Listener.Addr().String(), startUpstream(t))
	return s
}

func servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = w.Write(page)
}

// plan makes the matrix of pages, policies and calls.
func (s *site) plan() {
	policies := s.policies()
	for _, page := range append(s.pages[:len(s.pages):len(s.pages)], "null") {
		for _, p := range policies {
			for i := range calls {
				s.cells = append(s.cells, &cell{page: page, policy: p, call: &calls[i]})
			}
		}
	}
	s.pending = len(s.cells)
}

// changed tells who waits that something has changed.
func (s *site) changed() {
	select {
	case s.progress <- struct{}{}:
	default:
	}
}

// plan tells a page what to call.
type plan struct {
	ID      int            `json:"id"`
	Way     string         `json:"way"`
	URL     string         `json:"url"`
	Init    map[string]any `json:"init"` // https://fetch.spec.whatwg.org/#requestinit
	Upload  bool           `json:"upload"`
	InOrder bool           `json:"inOrder"`
}

func newPlan(id int, url string, c *call) plan {
	p := plan{ID: id, Way: c.way, URL: url, Init: map[string]any{"cache": "no-store"}, Upload: c.upload, InOrder: c.inOrder}
	if p.Way == "" {
		p.Way = "fetch"
	}
	if c.method != "" {
		p.Init["method"] = c.method
	}
	if c.fields != nil {
		p.Init["headers"] = c.fields
	}
	if c.body != "" {
		p.Init["body"] = c.body
	}
	if c.credentials {
		p.Init["credentials"] = "include"
	}
	return p
}

// serveCalls answers with the calls of a page.
func (s *site) serveCalls(w http.ResponseWriter, r *http.Request) {
	plans := []plan{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, c := range s.cells {
		if c.page != r.FormValue("origin") {
			continue
		}
		url := s.api + "/" + c.policy.name + "/" + c.call.path
		if !c.call.inOrder {
			url += fmt.Sprintf("?cell=%d", id)
		}
		p := newPlan(id, url, c.call)
		if c.policy.name == "cached" { // without a cache browsers do not keep preflights either
			delete(p.Init, "cache")
		}
		plans = append(plans, p)
	}
	_ = json.NewEncoder(w).Encode(plans)
}

// serveResults takes what a page could read.
func (s *site) serveResults(_ http.ResponseWriter, r *http.Request) {
	var results []*result
	if err := json.NewDecoder(r.Body).Decode(&results); err != nil {
		s.t.Error(err)
		return
	}
	s.mu.Lock()
	for _, got := range results {
		if got.ID < 0 || got.ID >= len(s.cells) || s.cells[got.ID].result != nil {
			s.t.Errorf("unexpected result %+v", got)
			continue
		}
		s.cells[got.ID].result = got
		s.pending--
	}
	s.mu.Unlock()
	s.changed()
}
