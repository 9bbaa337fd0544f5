package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	player "github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// rig is a server that gives the answers of the exchanges to a page.
type rig struct {
	origin, api string
	results     chan []*result
}

// fill fills in an answer.
func (r *rig) fill(cell int, a answer) player.Response {
	header := make(http.Header)
	for _, line := range a.fields {
		line = strings.NewReplacer("{origin}", r.origin, "{api}", r.api, "{cell}", strconv.Itoa(cell)).Replace(line)
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return player.Response{Status: max(a.status, 200), Header: header}
}

func startRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{results: make(chan []*result, 2)}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		cell, err := strconv.Atoi(req.FormValue("cell"))
		if err != nil || cell < 0 || cell >= len(exchanges) {
			http.NotFound(w, req)
			return
		}
		a := exchanges[cell].answer
		if req.Method == http.MethodOptions {
			a = exchanges[cell].preflight
		}
		response := r.fill(cell, a)
		for name, values := range response.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(response.Status)
	}))
	t.Cleanup(api.Close)
	r.api = strings.Replace(api.Listener.Addr().String(), "127.0.0.1", "localhost", 1)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", servePage)
	mux.HandleFunc("/pages", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("[]")) })
	mux.HandleFunc("/calls", func(w http.ResponseWriter, req *http.Request) {
		plans := []plan{}
		for cell, e := range exchanges {
			if req.FormValue("origin") == r.origin {
				c := call{method: e.method, fields: e.fields, credentials: e.credentials}
				plans = append(plans, newPlan(cell, r.url(cell), &c))
			}
		}
		_ = json.NewEncoder(w).Encode(plans)
	})
	mux.HandleFunc("/results", func(_ http.ResponseWriter, req *http.Request) {
		var results []*result
		if err := json.NewDecoder(req.Body).Decode(&results); err != nil {
			t.Error(err)
		} else if len(results) > 0 { // the frame's
			r.results <- results
		}
	})
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	r.origin = "http://" + strings.Replace(pages.Listener.Addr().String(), "127.0.0.1", "app.localhost", 1)
	return r
}

func (r *rig) url(cell int) string { return fmt.Sprintf("http://%s/?cell=%d", r.api, cell) }

// play returns what internal/browser makes of an exchange.
func (r *rig) play(t *testing.T, cell int) (*player.Request, *player.Failure) {
	t.Helper()
	e := exchanges[cell]
	header := make(http.Header)
	for name, value := range e.fields {
		header.Set(name, value)
	}
	method := e.method
	if method == "" {
		method = http.MethodGet
	}
	request, err := player.NewRequest(method, r.url(cell), r.origin, header, e.credentials)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if request.NeedsPreflight() {
			if f := request.CheckPreflight(r.fill(cell, e.preflight)); f != nil {
				return request, f
			}
		}
		response := r.fill(cell, e.answer)
		if f := request.CheckResponse(response); f != nil {
			return request, f
		}
		next, f := request.Redirect(response)
		if f != nil || next == nil {
			return request, f
		}
		request = next
	}
}

// TestMessages: internal/browser, which speaks for browsers in the command
// "caddy cors check", lets read what they do, and says what they say.
func TestMessages(t *testing.T) {
	for _, b := range browsers {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			b.Find(t)
			r := startRig(t)
			session := b.open(t, r.origin+"/", nil)
			var results []*result
			select {
			case results = <-r.results:
			case <-time.After(patience):
				t.Fatal("no results")
			}
			if len(results) != len(exchanges) {
				t.Fatalf("%d results of %d", len(results), len(exchanges))
			}
			seen := make(map[player.Code]bool)
			for _, got := range results {
				request, failure := r.play(t, got.ID)
				name := exchanges[got.ID].name
				// Browsers do not follow the standard here.
				deviates := failure != nil && failure.Code == player.WildcardAuthorization
				if want := failure == nil || deviates; got.Read != want {
					t.Errorf("%s: read %t, want %t", name, got.Read, want)
				}
				if failure == nil {
					continue
				}
				seen[failure.Code] = true
				want := b.expects(request, failure)
				said := session.waitFor(got.ID, want)
				if want != "" && !contain(said, want) {
					t.Errorf("%s: on the console %q, want %q", name, said, want)
				}
				t.Logf("%s: %s: %s", failure.Code, name, strings.Join(said, "\n\t"))
			}
			for _, code := range player.Codes {
				if !seen[code] {
					t.Errorf("no exchange fails for %s", code)
				}
			}
		})
	}
}

// expects returns the text that a browser is to say of a failure, or a part of
// it.
func (b *browser) expects(r *player.Request, f *player.Failure) string {
	switch {
	// It is let pass, and neither the log nor WebDriver BiDi has a word on it.
	case f.Code == player.WildcardAuthorization:
		return ""
	// An error of the network, which Chromium does not log.
	case b.Name == "chromium" && (f.Code == player.InvalidRedirect || f.Code == player.TooManyRedirects):
		return ""
	}
	return r.Message(player.Name(b.Name), f)
}
