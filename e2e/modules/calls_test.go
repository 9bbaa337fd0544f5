package modules

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

const (
	app   = "https://app.example.com"
	admin = "https://admin.example.com"
	evil  = "https://evil.example" // which no policy allows

	varyAll = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
)

// fields makes a header for a table.
var fields = corstest.Fields

// call is a request, and what its response has to be.
type call struct {
	method string // GET if empty
	path   string
	header http.Header
	status int
	want   http.Header       // the CORS headers and Vary: every other one must be absent
	has    map[string]string // what other headers contain; "" for those that must be absent
	body   string            // not looked at if empty
}

// from is a GET from an origin, or from none, which is answered with status 200.
func from(origin string, want http.Header) call {
	header := make(http.Header)
	if origin != "" {
		header.Set("Origin", origin)
	}
	return call{path: "/items", header: header, status: http.StatusOK, want: want}
}

// preflight asks from an origin for a PUT.
func preflight(origin string, status int, want http.Header) call {
	return call{
		method: http.MethodOptions, path: "/items", header: fields("Origin: "+origin, "Access-Control-Request-Method: PUT"),
		status: status, want: want,
	}
}

// refused is a preflight from an origin that the policy denies.
func refused(origin string) call { return preflight(origin, http.StatusForbidden, fields(varyAll)) }

// at, answers and having change a call of a table.
func (c call) at(path string) call            { c.path = path; return c }
func (c call) answers(status int) call        { c.status = status; return c }
func (c call) having(name, value string) call { c.has = map[string]string{name: value}; return c }
func (c call) saying(body string) call        { c.body = body; return c }
func (c call) by(method string) call          { c.method = method; return c }

// readable has the headers of a response that an origin may read.
func readable(origin string, more ...string) http.Header {
	return fields(append(more, "Access-Control-Allow-Origin: "+origin, "Vary: Origin")...)
}

// denied has those of a response that no page may read.
func denied() http.Header { return fields("Vary: Origin") }

// check makes the request of a call to an address.
func (c call) check(t *testing.T, transport *http.Transport, address string) {
	t.Helper()
	// A stream ends when its response has been looked at.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, "http://"+address+c.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(address, ":")
	req.Host = "api.example.com:" + port
	req.Header = c.header
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != c.status {
		t.Errorf("status %d, want %d", res.StatusCode, c.status)
	}
	corstest.CheckCORS(t, res.Header, c.want)
	for name, want := range c.has {
		got := strings.Join(res.Header[name], "\n")
		if !strings.Contains(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if c.body == "" {
		return
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != c.body {
		t.Errorf("%q, %v, want %q", body, err, c.body)
	}
}

// transportBehind returns a transport whose connections begin with what a load
// balancer says of them.
func transportBehind(t *testing.T, line string) *http.Transport {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		_, err = io.WriteString(conn, line)
		return conn, err
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
