package integration

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestAdminAPI changes the origins of a running Caddy, one by one and all at
// once, by their path and by the handler's @id; and what is refused changes
// nothing.
func TestAdminAPI(t *testing.T) {
	for _, path := range []string{"/config/apps/http/servers/main/routes/0/handle/0", "/id/cors"} {
		t.Run(path, func(t *testing.T) {
			c := control(t, cors("https://a.example"))
			list := path + "/allow_origins"
			for _, tc := range []struct {
				method, path, body string
				allowed            string
				problem            string // in the error, if it is one
			}{
				{method: "POST", path: list, body: `"https://b.example"`, allowed: "ab"},
				{method: "POST", path: list, body: `"c.example"`, allowed: "ab", problem: `\"c.example\": has no scheme, but browsers send one; write https://c.example`},
				{method: "PATCH", path: list + "/0", body: `"https://c.example"`, allowed: "bc"},
				{method: "PATCH", path: list + "/0", body: `"https://c.example/"`, allowed: "bc", problem: `trailing slash`},
				{method: "PATCH", path: list, body: `["https://a.example", "https://d.example"]`, allowed: "ad"},
				{method: "PATCH", path: list, body: `[]`, allowed: "ad", problem: `no origins`},
				{method: "PATCH", path: list, body: `["*", "https://a.example"]`, allowed: "ad", problem: `* allows every origin already`},
				{method: "PUT", path: list + "/0", body: `"https://b.example"`, allowed: "abd"},
				{method: "DELETE", path: list + "/1", allowed: "bd"},
				{method: "DELETE", path: list, allowed: "bd", problem: `no origins`},
				{method: "POST", path: path + "/allow_orgins", body: `["https://a.example"]`, allowed: "bd", problem: `unknown field \"allow_orgins\"`},
				{method: "POST", path: path + "/max_age", body: `-1`, allowed: "bd", problem: `max_age`},
			} {
				t.Run(tc.method+" "+tc.path+" "+tc.body, func(t *testing.T) {
					status, response := c.api(t, tc.method, tc.path, tc.body)
					if (status == http.StatusOK) != (tc.problem == "") || !strings.Contains(response, tc.problem) {
						t.Errorf("%d %s, want the problem %q", status, response, tc.problem)
					}
					c.checkOrigins(t, tc.allowed)
				})
			}
		})
	}
}

// TestReload: the new policy is in force when the reload returns, requests that
// are under way end under the old one, and a refused config leaves it alone.
func TestReload(t *testing.T) {
	more := make(chan struct{})
	upstream := newUpstream(t, map[string]http.HandlerFunc{"/slow": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begun, ")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-more:
			_, _ = io.WriteString(w, "done")
		case <-r.Context().Done():
		}
	}, "/late": func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-more:
			_, _ = io.WriteString(w, "begun, done")
		case <-r.Context().Done():
		}
	}})
	proxy := fmt.Sprintf(`{"handler": "subroute", "routes": [{"match": [{"path": ["/slow", "/late"]}], "handle": [{"handler": "reverse_proxy", "flush_interval": -1, "upstreams": [{"dial": %q}]}]}]}`, upstream)
	c := control(t, cors("https://a.example"), proxy)

	const under = 4
	results := make(chan error, 2*under)
	ctx, cancel := context.WithTimeout(t.Context(), corstest.Patience)
	defer cancel()
	var begun sync.WaitGroup
	for range under {
		begun.Add(1)
		go func() {
			res, err := c.open(ctx, "HTTP/1.1", call{path: "/slow", header: fields(origin)})
			begun.Done()
			if err != nil {
				results <- err
				return
			}
			defer res.Body.Close()
			results <- finished(res)
		}()
		go func() {
			res, err := c.open(ctx, "HTTP/1.1", call{path: "/late", header: fields(origin)})
			if err != nil {
				results <- err
				return
			}
			defer res.Body.Close()
			results <- finished(res)
		}()
	}
	begun.Wait()
	corstest.Eventually(t, "request under way", func() bool {
		return strings.Count(c.mustAPI(t, "GET", "/reverse_proxy/upstreams", ""), fmt.Sprintf(`"num_requests":%d`, 2*under)) == 1
	})

	for _, refused := range []string{
		`{"handler": "cors", "allow_origins": ["*"], "allow_credentials": true}`,
		`{"handler": "cors", "allow_origins": ["b.example"]}`,
		`{"handler": "cors", "origins": ["https://b.example"]}`,
		`{"handler": "cors"}`,
	} {
		if status, response := c.api(t, "POST", "/load", c.config(refused, proxy)); status != http.StatusBadRequest {
			t.Errorf("%s: %d %s, want it refused", refused, status, response)
		}
		c.checkOrigins(t, "a")
	}
	c.mustAPI(t, "POST", "/load", c.config(cors("https://b.example"), proxy))
	c.checkOrigins(t, "b")
	close(more)
	for range 2 * under {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	c.checkOrigins(t, "b")
}

// finished reads a response that began under the policy for a, to its end.
func finished(res *http.Response) error {
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if string(body) != "begun, done" || res.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		return fmt.Errorf("body %q, header %v", body, res.Header)
	}
	return nil
}

// reloads is small where it only has to show that a reload under load works. The
// gate of a landing takes 1,000.
var reloads = flag.Int("reloads", 100, "how often the tests of reloads under load reload")

// TestReloads reloads many times under load, and as often without the module.
// No request fails, and no answer is wrong: each is that of the one policy or of
// the other. No more requests are dropped than without the module. And no
// goroutine is left behind.
func TestReloads(t *testing.T) {
	rounds := max(*reloads/50, 1)
	var without, with int64
	for round := range rounds {
		t.Run(fmt.Sprintf("without/%d", round), func(t *testing.T) {
			without += reload(t, false, *reloads/rounds, `{"handler": "vars", "x": "1"}`, `{"handler": "vars", "x": "2"}`)
		})
		t.Run(fmt.Sprintf("with/%d", round), func(t *testing.T) {
			with += reload(t, true, *reloads/rounds, cors("https://a.example", "https://b.example"), cors("https://a.example", "https://*.c.example"))
		})
	}
	t.Logf("requests that were dropped: %d without the module, %d with it", without, with)
	// Both are counts of chance events: the difference of two such counts with
	// the same mean has the variance of their sum.
	if excess := float64(with - without); excess > 6*math.Sqrt(float64(with+without)) {
		t.Errorf("%d requests were dropped, and %d without the module", with, without)
	}
}

// reload alternates between two handlers n times under load, and returns how
// many requests were dropped.
func reload(t *testing.T, with bool, n int, handlers ...string) (dropped int64) {
	c := control(t, handlers[0])
	configs := []string{c.config(handlers[0]), c.config(handlers[1])}
	calls := []call{
		{header: fields(origin)},
		{header: fields(foreign)},
		{header: fields("Origin: https://x.c.example")},
		{header: fields("Origin: https://d.example")},
		{},
		{method: "OPTIONS", header: fields(origin, forPUT)},
		{method: "OPTIONS", header: fields("Origin: https://d.example", forPUT)},
	}
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	client := func(i int) {
		for ; ctx.Err() == nil; i++ {
			call := calls[i%len(calls)]
			res, err := c.send("HTTP/1.1", call)
			if err != nil {
				t.Error(err)
			} else if problem := wrong(call, res); with && problem != "" {
				t.Errorf("%v: %s", call.header, problem)
			}
		}
	}
	for i := range 4 { // what comes to be once, does
		c.mustAPI(t, "POST", "/load", configs[(i+1)%2])
	}
	before := runtime.NumGoroutine()
	for i := range 4 {
		clients.Go(func() { client(i) })
	}
	for i := range n {
		c.mustAPI(t, "POST", "/load", configs[(i+1)%2])
	}
	stop()
	clients.Wait()
	c.idle()
	corstest.Eventually(t, "end of all goroutines that the reloads began", func() bool { return runtime.NumGoroutine() <= before })
	return c.dropped.Load()
}

// wrong says what is wrong with an answer under both of the policies.
func wrong(c call, res *reply) string {
	o := c.header.Get("Origin")
	allow := res.Header["Access-Control-Allow-Origin"]
	allowed := len(allow) == 1 && allow[0] == o
	denied := len(allow) == 0
	status := http.StatusOK
	if c.method == "OPTIONS" {
		status = http.StatusForbidden
		if allowed {
			status = http.StatusNoContent
		}
	}
	switch {
	case o == "https://a.example" && !allowed,
		o == "https://d.example" && !denied,
		o == "" && !denied,
		!allowed && !denied:
		return fmt.Sprintf("Access-Control-Allow-Origin: %q", allow)
	case res.StatusCode != status:
		return fmt.Sprintf("status %d, want %d", res.StatusCode, status)
	case !strings.HasPrefix(res.Header.Get("Vary"), "Origin"):
		return fmt.Sprintf("Vary: %q", res.Header["Vary"])
	case status == http.StatusOK && string(res.body) != "body":
		return fmt.Sprintf("body %q", res.body)
	}
	return ""
}
