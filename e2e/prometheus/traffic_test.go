package prometheus

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

// visit is a request, and how it is counted.
type visit struct {
	server   string
	path     string
	header   []string // a preflight, if it has Access-Control-Request-Method
	result   string
	reason   string
	upstream string // under report_only
}

func (v *visit) kind() string {
	if strings.Contains(strings.Join(v.header, "\n"), "Access-Control-Request-Method: ") {
		return "preflight"
	}
	return "actual"
}

const (
	app  = "Origin: https://app.example.com"
	asks = "Access-Control-Request-Method: "
)

// visits have every result and reason that there is.
var visits = func() []visit {
	all := []visit{
		{server: "enforced", path: "/", result: "none"},
		{server: "enforced", path: "/", header: []string{"Origin: https://other.example.com", "Sec-Fetch-Site: same-origin"}, result: "same_origin"},
		{server: "enforced", path: "/", header: []string{app, asks + "DELETE"}, result: "allowed", reason: "method"},
		{server: "enforced", path: "/", header: []string{app, asks + "PUT", "Access-Control-Request-Headers: x-request-id"}, result: "allowed", reason: "headers"},
		{server: "enforced", path: "/passthrough", header: []string{app, asks + "POST"}, result: "allowed", reason: "status"},
		{server: "reported", path: "/same", header: []string{app}, result: "allowed", upstream: "same"},
		{server: "reported", path: "/different", header: []string{app}, result: "allowed", upstream: "different"},
		{server: "reported", path: "/unknown", header: []string{app}, result: "allowed", upstream: "unknown"},
		{server: "reported", path: "/same", header: []string{app, asks + "POST"}, result: "allowed", upstream: "same"},
		{server: "reported", path: "/different", header: []string{app, asks + "POST"}, result: "allowed", upstream: "different"},
		{server: "reported", path: "/unknown", header: []string{app, asks + "POST"}, result: "allowed", upstream: "unknown"},
	}
	for _, origin := range []struct{ path, origin, result, reason string }{
		{"/", "https://app.example.com", "allowed", ""},
		{"/", "https://listed.example.com", "allowed", ""},
		{"/asked", "https://asked.example.com", "allowed", ""},
		{"/", "https://evil.example", "denied", "origin"},
		{"/", "HTTPS://APP.EXAMPLE.COM", "denied", "malformed_origin"},
		{"/", "null", "denied", "null_origin"},
		{"/", "http://insecure.example.com", "denied", "insecure_origin"},
		{"/", "https://evil.github.io", "denied", "open_origin"},
		{"/down", "https://asked.example.com", "denied", "source_error"},
	} {
		all = append(all,
			visit{server: "enforced", path: origin.path, header: []string{"Origin: " + origin.origin}, result: origin.result, reason: origin.reason},
			visit{server: "enforced", path: origin.path, header: []string{"Origin: " + origin.origin, asks + "POST"}, result: origin.result, reason: origin.reason})
	}
	return all
}()

// sources are those of the Caddy, whether each fails, and what it has.
type sources map[string]struct {
	fails   bool
	origins float64
}

// site is a Caddy with every kind of traffic.
type site struct {
	admin   string            // the address of the admin API
	urls    map[string]string // of the servers
	sources sources
	stop    chan struct{}
	done    sync.WaitGroup
	rounds  int // how often all visits were made; to be read after the end
}

// startSite starts a Caddy whose list cannot be read any more, and the traffic.
func startSite(t *testing.T, ports []string) *site {
	t.Helper()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("origin") != "https://asked.example.com" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(service.Close)
	list := filepath.Join(t.TempDir(), "origins.txt")
	if err := os.WriteFile(list, []byte("https://listed.example.com\nhttp://insecure.example.com\nhttps://*.github.io\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked, down := service.Listener.Addr().String(), "localhost:"+ports[3]
	s := &site{
		admin: "localhost:" + ports[0],
		urls:  map[string]string{"enforced": "http://localhost:" + ports[1], "reported": "http://localhost:" + ports[2]},
		sources: sources{
			"file origins.txt": {true, 3},
			"ask " + asked:     {false, 1},
			"ask " + down:      {true, 0},
		},
		stop: make(chan struct{}),
	}
	caddy.Run(t, fmt.Sprintf(`{
	admin %s
	metrics
	servers :%s {
		name enforced
	}
	servers :%s {
		name reported
	}
}
%s {
	cors https://app.example.com {
		allow_methods PUT
		allow_credentials
		dynamic file %s {
			refresh 1s
		}
	}
	cors /asked {
		dynamic ask http://%s
	}
	cors /down {
		dynamic ask http://%s
	}
	cors /passthrough https://app.example.com {
		preflight_passthrough
	}
	respond /passthrough 405
	respond ok
}
%s {
	cors https://app.example.com {
		report_only
	}
	header /same {
		Access-Control-Allow-Origin https://app.example.com
		Vary Origin
	}
	error /unknown 500
	respond ok
}
`, s.admin, ports[1], ports[2], s.urls["enforced"], list, asked, down, s.urls["reported"]), func(r io.Reader, log *strings.Builder) { _, _ = io.Copy(log, r) })
	for _, url := range s.urls {
		caddy.Await(t, url, "")
	}
	if err := os.Remove(list); err != nil {
		t.Fatal(err)
	}
	s.done.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, v := range visits {
				if err := s.visit(&v); err != nil {
					t.Error(err)
					return
				}
			}
			s.rounds++
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	})
	return s
}

// visit makes the request of a visit.
func (s *site) visit(v *visit) error {
	method := http.MethodGet
	if v.kind() == "preflight" {
		method = http.MethodOptions
	}
	req, err := http.NewRequest(method, s.urls[v.server]+v.path, nil)
	if err != nil {
		return err
	}
	req.Header = corstest.Fields(v.header...)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// end stops the traffic, and returns how often all visits were made.
func (s *site) end() int {
	close(s.stop)
	s.done.Wait()
	return s.rounds
}
