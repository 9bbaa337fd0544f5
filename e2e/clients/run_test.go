package clients

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

// patience is how long a browser may take for all of its runs.
const patience = 4 * time.Minute

// session is a browser with the page, and a protocol.
type session struct {
	place    *place
	engine   *engine.Engine
	protocol protocol
	attempts []*attempt
	results  []*result // by the index of the attempt
	done     chan struct{}
}

// result is what a client came to.
type result struct {
	ID           int    `json:"id"`
	Value        string `json:"value"`
	Error        string `json:"error"`
	Silent       bool   `json:"silent"` // the client does not say that it has failed
	Broken       string `json:"broken"` // why the script gave up
	Milliseconds int    `json:"milliseconds"`
}

// open has a browser make attempts over a protocol, and waits for the results.
func (p *place) open(t *testing.T, e *engine.Engine, protocol protocol, attempts []*attempt) *session {
	t.Helper()
	e.Find(t)
	s := &session{place: p, engine: e, protocol: protocol, attempts: attempts, results: make([]*result, len(attempts)), done: make(chan struct{})}
	p.mu.Lock()
	id := len(p.sessions)
	p.sessions = append(p.sessions, s)
	p.mu.Unlock()
	if protocol.name == "HTTP/3.0" {
		var hosts []string
		for _, a := range attempts {
			hosts = append(hosts, strings.TrimPrefix(p.api(a.site, protocol.name), "https://"))
		}
		e = engine.OverQUIC(hosts)
	}
	browser := e.Open(t, fmt.Sprintf("%s/?session=%d", p.page, id), p.issuer)
	select {
	case <-s.done:
	case <-time.After(patience):
		t.Error("the browser is not done")
		t.Log(strings.Join(browser.Messages(), "\n"))
	}
	return s
}

// servePages serves the page, with the clients' scripts of a directory.
func (p *place) servePages(scripts string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "pages/index.html") })
	mux.Handle("/pages/", http.StripPrefix("/pages", http.FileServer(http.Dir(filepath.Clean(scripts)))))
	mux.HandleFunc("/runs", p.serveRuns)
	mux.HandleFunc("/results", p.serveResults)
	mux.HandleFunc("/seen", p.serveSeen)
	return mux
}

// session returns the session of a request.
func (p *place) session(r *http.Request) *session {
	id, err := strconv.Atoi(r.FormValue("session"))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || id < 0 || id >= len(p.sessions) {
		p.t.Errorf("unexpected request for %s", r.URL)
		return nil
	}
	return p.sessions[id]
}

// serveRuns tells the page what to run.
func (p *place) serveRuns(w http.ResponseWriter, r *http.Request) {
	type run struct {
		ID     int    `json:"id"`
		Client string `json:"client"`
		API    string `json:"api"`
		Option string `json:"option"`
		Kind   string `json:"kind"`
		Framed bool   `json:"framed"`
	}
	runs := []run{}
	if s := p.session(r); s != nil {
		for i, a := range s.attempts {
			runs = append(runs, run{i, a.client.script, p.api(a.site, s.protocol.name), a.option, a.client.kind, a.client.framed})
		}
	}
	_ = json.NewEncoder(w).Encode(runs)
}

// serveResults takes a result.
func (p *place) serveResults(_ http.ResponseWriter, r *http.Request) {
	got, s := new(result), p.session(r)
	if err := json.NewDecoder(r.Body).Decode(got); err != nil || s == nil {
		p.t.Errorf("unexpected result: %v", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got.ID < 0 || got.ID >= len(s.results) || s.results[got.ID] != nil {
		p.t.Errorf("unexpected result %+v", got)
		return
	}
	s.results[got.ID] = got
	if !slices.Contains(s.results, nil) {
		close(s.done)
	}
}

// serveSeen says whether a request has come to an API's host. It says that none has
// when the browser has asked for leave, and sent nothing for a while.
func (p *place) serveSeen(w http.ResponseWriter, r *http.Request) {
	const while = 3 * time.Second
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var asked time.Time
	for ; ; <-tick.C {
		p.mu.Lock()
		seen := p.seen[r.FormValue("host")]
		arrived, preflight := seen[r.FormValue("method")], seen[http.MethodOptions]
		p.mu.Unlock()
		if preflight && asked.IsZero() {
			asked = time.Now()
		}
		if arrived || preflight && time.Since(asked) > while || r.Context().Err() != nil {
			_ = json.NewEncoder(w).Encode(arrived)
			return
		}
	}
}
