package caddycors_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-56c1dbac/caddy-cors"
)

// patience is how long anything may take that ought to happen at once.
const patience = time.Minute

// site is a Caddy that serves one Caddyfile site, with TLS and without.
type site struct {
	t          *testing.T
	http       string // host:port
	https      string // host:port, HTTP/1.1 to 3
	transports map[string]http.RoundTripper
}

// serve starts Caddy with the directives of a site, and stops it after the test.
func serve(t *testing.T, directives string) *site {
	t.Helper()
	return serveWith(t, "", "", directives)
}

// serveWith is serve with further global options, and with snippets.
func serveWith(t *testing.T, global, snippets, directives string) *site {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	s := &site{t: t, http: freePort(t), https: freePort(t)}
	load(t, fmt.Sprintf(`{
		admin off
		persist_config off
		skip_install_trust
		local_certs
		auto_https disable_redirects
		default_bind 127.0.0.1
		storage file_system %q
		log {
			output discard
		}
		%s
	}
	%s
	(site) {
		%s
	}
	http://%s {
		import site
	}
	https://%s {
		import site
	}`, dir, global, snippets, directives, s.http, s.https))
	stop(t)
	s.connect(filepath.Join(dir, "pki", "authorities", "local", "root.crt"))
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
func load(t *testing.T, caddyfile string) {
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

// connect makes the clients, and waits until Caddy has its certificate.
func (s *site) connect(root string) {
	s.t.Helper()
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(root)
	if err != nil {
		s.t.Fatal(err)
	}
	if !roots.AppendCertsFromPEM(pem) {
		s.t.Fatalf("no certificate in %s", root)
	}
	h1 := &http.Transport{DisableCompression: true}
	h2 := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	h3 := &http3.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
	s.transports = map[string]http.RoundTripper{"HTTP/1.1": h1, "HTTP/2.0": h2, "HTTP/3.0": h3}
	s.t.Cleanup(func() {
		h1.CloseIdleConnections()
		h2.CloseIdleConnections()
		h3.Close()
	})
	eventually(s.t, "a TLS handshake", func() bool {
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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

// checkCORS checks what a response says about CORS: each field that is wanted
// in exactly one line, no other field, and in Vary the wanted names, each once.
func checkCORS(t *testing.T, got, want http.Header) {
	t.Helper()
	for name, values := range want {
		if name != "Vary" && !slices.Equal(got[name], values) {
			t.Errorf("%s: got %q, want %q", name, got[name], values)
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok && isCORS(name) {
			t.Errorf("%s: %q, want it absent", name, values)
		}
	}
	if got, want := varyNames(got), varyNames(want); !slices.Equal(got, want) {
		t.Errorf("Vary: got the names %q, want %q", got, want)
	}
}

// isCORS reports whether a response field has to do with CORS, Vary left aside.
func isCORS(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "access-control-") || name == "timing-allow-origin"
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

// lines makes a header of "Name: value" lines; a name may repeat.
func lines(lines ...string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

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

// givenPorts are those that freePort has returned: a port where nobody is to listen
// must not become another server's.
var givenPorts = make(map[int]bool)

// freePort returns localhost and a port that nobody listens on, over TCP or UDP,
// another one each time.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := tcp.Addr().(*net.TCPAddr).Port
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		tcp.Close()
		if err != nil {
			continue
		}
		_ = udp.Close()
		if !givenPorts[port] {
			givenPorts[port] = true
			return fmt.Sprintf("localhost:%d", port)
		}
	}
	t.Fatal("no port is free for both TCP and UDP")
	return ""
}

// eventually waits until something is the case.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, patience)
		}
	}
}
