package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
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
	c.admin = &http.Client{Timeout: corstest.Patience, Transport: &retrying{
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
		res, err := c.send("HTTP/1.1", call{header: fields("Origin: " + o)})
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
		actual, preflight, status := fields(vary), fields(varyAll), http.StatusForbidden
		if strings.Contains(allowed, name) {
			allow := "Access-Control-Allow-Origin: " + o
			actual = fields(allow, vary)
			preflight, status = fields(allow, "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll), http.StatusNoContent
		}
		c.check(t, call{header: fields("Origin: " + o), status: 200, body: "body", want: actual})
		c.check(t, call{method: "OPTIONS", header: fields("Origin: "+o, forPUT), status: status, want: preflight})
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

// metrics returns the samples of this module's metrics that are not 0.
func (c *controlled) metrics(t *testing.T) (samples []string) {
	t.Helper()
	for line := range strings.Lines(c.mustAPI(t, "GET", "/metrics", "")) {
		line = strings.TrimSpace(line)
		if sample, ours := strings.CutPrefix(line, "caddy_http_cors_"); ours && !strings.HasSuffix(line, " 0") {
			samples = append(samples, sample)
		}
	}
	return samples
}
