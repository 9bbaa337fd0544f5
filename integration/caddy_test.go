package integration

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-56c1dbac/caddy-cors"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

func TestMain(m *testing.M) { corstest.Main(m, caddycmd.Main) }

// site is a Caddy that serves the directives of one Caddyfile site.
type site struct {
	t          *testing.T
	http       string                       // host:port
	https      string                       // host:port, or empty if there is no TLS
	transports map[string]http.RoundTripper // by the version of HTTP
}

// siteOptions are what else a Caddyfile has beside the directives of its site.
type siteOptions struct {
	global   string // further global options
	snippets string
	tls      bool // the site is served with TLS as well, by every version of HTTP
}

// startSite starts Caddy with the directives of a site, without TLS, and stops it
// after the test.
func startSite(t *testing.T, directives string) *site {
	t.Helper()
	return startSiteWith(t, siteOptions{}, directives)
}

// startSiteWith is startSite with options.
func startSiteWith(t *testing.T, options siteOptions, directives string) *site {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	s := &site{t: t, http: corstest.FreePort(t)}
	addresses, certificates := "http://"+s.http, ""
	if options.tls {
		s.https = corstest.FreePort(t)
		addresses += " https://" + s.https
		certificates = "local_certs" // an authority of its own, which takes longer to make than the rest
	}
	runCaddyfile(t, fmt.Sprintf(`{
		admin off
		persist_config off
		skip_install_trust
		%s
		auto_https disable_redirects
		default_bind 127.0.0.1
		storage file_system %q
		log {
			output discard
		}
		%s
	}
	%s
	%s {
		%s
	}`, certificates, dir, options.global, options.snippets, addresses, directives))
	stop(t)
	h1 := &http.Transport{DisableCompression: true}
	t.Cleanup(h1.CloseIdleConnections)
	s.transports = map[string]http.RoundTripper{"HTTP/1.1": h1}
	if options.tls {
		s.connectTLS(filepath.Join(dir, "pki", "authorities", "local", "root.crt"))
	}
	return s
}

// stop stops Caddy after the test.
func stop(t *testing.T) {
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
}

// load makes Caddy run a Caddyfile.
func runCaddyfile(t *testing.T, caddyfile string) {
	t.Helper()
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(caddyfile), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			t.Errorf("warning of the adapter: %s", w)
		}
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
}

// connectTLS makes the clients of the versions of HTTP that have TLS, and waits
// until Caddy has its certificate.
func (s *site) connectTLS(root string) {
	s.t.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(root)
	if err != nil {
		s.t.Fatal(err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		s.t.Fatalf("no certificate in %s", root)
	}
	h2 := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	h3 := &http3.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	s.transports["HTTP/2.0"], s.transports["HTTP/3.0"] = h2, h3
	s.t.Cleanup(func() {
		h2.CloseIdleConnections()
		h3.Close()
	})
	corstest.Eventually(s.t, "TLS handshake", func() bool {
		conn, err := tls.Dial("tcp", s.https, &tls.Config{RootCAs: roots})
		if err != nil {
			return false
		}
		conn.Close()
		return true
	})
}

// protocols are the versions of HTTP that a site speaks.
var protocols = []string{"HTTP/1.1", "HTTP/2.0", "HTTP/3.0"}

// call is a request, and what is to be said about CORS in the response.
type call struct {
	method string // GET if empty
	path   string
	header http.Header
	status int         // any if 0
	want   http.Header // the CORS fields and Vary: any other must be absent
	body   string      // the whole body, if not empty
}

// reply is a response, read to its end.
type reply struct {
	*http.Response
	body    []byte
	bodyErr error
}

// open makes the call's request over one of the protocols, and returns when the
// header of the response has come. An error is one of the connection.
func (s *site) open(ctx context.Context, protocol string, c call) (*http.Response, error) {
	url := "http://" + s.http + c.path
	if protocol != "HTTP/1.1" {
		url = "https://" + s.https + c.path
	}
	r, err := http.NewRequestWithContext(ctx, c.method, url, nil)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, c.header)
	res, err := s.transports[protocol].RoundTrip(r)
	if err == nil && res.Proto != protocol {
		res.Body.Close()
		return nil, fmt.Errorf("spoke %s, want %s", res.Proto, protocol)
	}
	return res, err
}

// send is open, and reads the response to its end.
func (s *site) send(protocol string, c call) (*reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), corstest.Patience)
	defer cancel()
	res, err := s.open(ctx, protocol, c)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return &reply{res, body, err}, nil
}

// check makes the call over HTTP/1.1 and checks the response.
func (s *site) check(t *testing.T, c call) *reply {
	t.Helper()
	res, err := s.send("HTTP/1.1", c)
	if err != nil {
		t.Fatal(err)
	}
	if c.status != 0 && res.StatusCode != c.status {
		t.Errorf("status %d, want %d", res.StatusCode, c.status)
	}
	if c.body != "" && !bytes.Equal(res.body, []byte(c.body)) {
		t.Errorf("body %q, want %q", res.body, c.body)
	}
	checkCORS(t, res.Header, c.want)
	return res
}

// checkCORS is corstest.CheckCORS, but for Vary: the names in it are compared, each
// as often as it is there, in any order.
func checkCORS(t *testing.T, got, want http.Header) {
	t.Helper()
	byName := func(h http.Header) http.Header {
		h = h.Clone()
		if names := varyNames(h); names != nil {
			h["Vary"] = names
		}
		return h
	}
	corstest.CheckCORS(t, byName(got), byName(want))
}

// varyNames returns the names in Vary, sorted and as often as they stand there.
func varyNames(h http.Header) []string {
	var names []string
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			names = append(names, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	slices.Sort(names)
	return names
}

// fields makes a header for a table.
var fields = corstest.Fields

// merge returns a header with the fields of all, where the last one wins.
func merge(headers ...http.Header) http.Header {
	merged := make(http.Header)
	for _, h := range headers {
		maps.Copy(merged, h)
	}
	return merged
}

const (
	origin  = "Origin: https://a.example"
	foreign = "Origin: https://b.example"
	forPUT  = "Access-Control-Request-Method: PUT"

	allowed = "Access-Control-Allow-Origin: https://a.example"
	vary    = "Vary: Origin"
	varyAll = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
)

// credentialed is what an allowed origin gets from the policies here.
var credentialed = fields(allowed, "Access-Control-Allow-Credentials: true", vary)

// raw writes a request to a connection of its own, as it is, and reads the
// header of the response.
func (s *site) raw(t *testing.T, request string, fields ...string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", s.http)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(corstest.Patience)); err != nil {
		t.Fatal(err)
	}
	text := request + "\r\nHost: " + s.http + "\r\n"
	for _, f := range fields {
		if f != "" {
			text += f + "\r\n"
		}
	}
	if _, err := io.WriteString(conn, text+"\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(r, httptest.NewRequest(method, "/", nil))
	if err != nil {
		t.Fatal(err)
	}
	return conn, r, res
}
