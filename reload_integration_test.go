package caddycors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// controlled is a Caddy with an admin API, which serves one handler chain. Both
// listen on Unix sockets: over TCP, each reload resets the connections that wait
// in the accept queue of the old listener (SO_REUSEPORT), module or not.
type controlled struct {
	*site
	socket      string
	adminSocket string
	admin       *http.Client
	extra       string        // further members of the configuration, each with a comma
	log         string        // the file of the log
	idle        func()        // closes the idle connections to the site
	dropped     *atomic.Int64 // requests to the site that were dropped, and made again
}

// retrying makes a request again that the server has dropped. A server of Go's
// that begins to shut down, as at a reload, closes connections whose request it
// has just read, without a word and without handling it. What the client sees of
// that depends on how far it has come with writing.
type retrying struct {
	http.RoundTripper
	dropped atomic.Int64
}

func (rt *retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	for {
		res, err := rt.RoundTripper.RoundTrip(r)
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			return res, err
		}
		rt.dropped.Add(1)
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// control starts Caddy with the handlers, in JSON, in front of a body.
func control(t *testing.T, handlers ...string) *controlled {
	t.Helper()
	return controlWith(t, "", handlers...)
}

// controlWith is control with further members of the configuration.
func controlWith(t *testing.T, extra string, handlers ...string) *controlled {
	t.Helper()
	dir, err := os.MkdirTemp("", "cors") //nolint:usetesting // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	c := &controlled{
		site:        &site{t: t, http: "127.0.0.1"},
		socket:      filepath.Join(dir, "http.sock"),
		adminSocket: filepath.Join(dir, "admin.sock"),
		log:         filepath.Join(dir, "log"),
		extra:       extra,
	}
	dial := func(socket string) func(context.Context, string, string) (net.Conn, error) {
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}
	}
	transport := &http.Transport{DisableCompression: true, DialContext: dial(c.socket)}
	client := &retrying{RoundTripper: transport}
	c.transports = map[string]http.RoundTripper{"HTTP/1.1": client}
	c.idle, c.dropped = transport.CloseIdleConnections, &client.dropped
	// Each call has a connection of its own, as a reload replaces the server of
	// the admin API too.
	c.admin = &http.Client{Timeout: patience, Transport: &retrying{
		RoundTripper: &http.Transport{DisableKeepAlives: true, DialContext: dial(c.adminSocket)},
	}}
	if err := caddy.Load([]byte(c.config(handlers...)), true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.idle()
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return c
}

// config returns the configuration of such a Caddy.
func (c *controlled) config(handlers ...string) string {
	handlers = append(handlers, `{"handler": "static_response", "body": "body"}`)
	return fmt.Sprintf(`{
		%s
		"admin": {"listen": %q, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "file", "filename": %q}}}},
		"apps": {"http": {"servers": {"main": {
			"listen": [%q],
			"protocols": ["h1"],
			"automatic_https": {"disable": true},
			"routes": [{"handle": [%s]}]
		}}}}
	}`, c.extra, "unix/"+c.adminSocket, c.log, "unix/"+c.socket, strings.Join(handlers, ", "))
}

// api calls the admin API, and returns the status and the body of its response.
func (c *controlled) api(t *testing.T, method, path, body string) (status int, response string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://127.0.0.1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.admin.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// mustAPI is api, for calls that succeed.
func (c *controlled) mustAPI(t *testing.T, method, path, body string) string {
	t.Helper()
	status, response := c.api(t, method, path, body)
	if status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, status, response)
	}
	return response
}

// logged reports whether a line of the log has all of the texts.
func (c *controlled) logged(t *testing.T, texts ...string) bool {
	t.Helper()
	log, err := os.ReadFile(c.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			return true
		}
	}
	return false
}

// allowed returns which of the origins a, b, c and d are allowed.
func (c *controlled) allowed(t *testing.T) (names string) {
	t.Helper()
	for _, name := range []string{"a", "b", "c", "d"} {
		o := "https://" + name + ".example"
		res, err := c.send("HTTP/1.1", call{header: lines("Origin: " + o)})
		if err != nil {
			t.Fatal(err)
		}
		if res.Header.Get("Access-Control-Allow-Origin") == o {
			names += name
		}
	}
	return names
}

// checkOrigins checks which of the origins a, b, c and d are allowed.
func (c *controlled) checkOrigins(t *testing.T, allowed string) {
	t.Helper()
	for _, name := range []string{"a", "b", "c", "d"} {
		o := "https://" + name + ".example"
		actual, preflight, status := lines(vary), lines(varyAll), http.StatusForbidden
		if strings.Contains(allowed, name) {
			allow := "Access-Control-Allow-Origin: " + o
			actual = lines(allow, vary)
			preflight, status = lines(allow, "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll), http.StatusNoContent
		}
		c.check(t, call{header: lines("Origin: " + o), status: 200, body: "body", want: actual})
		c.check(t, call{method: "OPTIONS", header: lines("Origin: "+o, forPUT), status: status, want: preflight})
	}
}

// cors is the handler with these origins, in JSON.
func cors(origins ...string) string {
	list, err := json.Marshal(origins)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"@id": "cors", "handler": "cors", "allow_origins": %s}`, list)
}

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
				{method: "POST", path: list, body: `"c.example"`, allowed: "ab", problem: `origin \"c.example\" has no scheme, and browsers send one: write \"https://c.example\"`},
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var begun sync.WaitGroup
	for range under {
		begun.Add(1)
		go func() {
			res, err := c.open(ctx, "HTTP/1.1", call{path: "/slow", header: lines(origin)})
			begun.Done()
			if err != nil {
				results <- err
				return
			}
			defer res.Body.Close()
			results <- finished(res)
		}()
		go func() {
			res, err := c.open(ctx, "HTTP/1.1", call{path: "/late", header: lines(origin)})
			if err != nil {
				results <- err
				return
			}
			defer res.Body.Close()
			results <- finished(res)
		}()
	}
	begun.Wait()
	eventually(t, "request under way", func() bool {
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

// TestReloads reloads 1,000 times under load, and as often without the module.
// No request fails, and no answer is wrong: each is that of the one policy or of
// the other. No more requests are dropped than without the module. And no
// goroutine is left behind.
func TestReloads(t *testing.T) {
	const reloads, rounds = 1_000, 10
	var without, with int64
	for round := range rounds {
		t.Run(fmt.Sprintf("without/%d", round), func(t *testing.T) {
			without += reload(t, false, reloads/rounds, `{"handler": "vars", "x": "1"}`, `{"handler": "vars", "x": "2"}`)
		})
		t.Run(fmt.Sprintf("with/%d", round), func(t *testing.T) {
			with += reload(t, true, reloads/rounds, cors("https://a.example", "https://b.example"), cors("https://a.example", "https://*.c.example"))
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
		{header: lines(origin)},
		{header: lines(foreign)},
		{header: lines("Origin: https://x.c.example")},
		{header: lines("Origin: https://d.example")},
		{},
		{method: "OPTIONS", header: lines(origin, forPUT)},
		{method: "OPTIONS", header: lines("Origin: https://d.example", forPUT)},
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
	eventually(t, "end of all goroutines that the reloads began", func() bool { return runtime.NumGoroutine() <= before })
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
