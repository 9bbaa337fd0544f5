package e2e

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// binary is Caddy with the module, as the README builds it.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "caddy")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // for lack of a remedy
		binary = filepath.Join(dir, "caddy")
		build := exec.Command("go", "build", "-o", binary, "./cmd/caddy")
		build.Dir = ".."
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// startCaddy starts a Caddy that serves the pages, and the upstream under every
// policy.
func (s *site) startCaddy(pages, upstream string) {
	s.t.Helper()
	tls := ""
	if s.scheme == "https" {
		tls = "tls internal"
	}
	var directives strings.Builder
	for _, p := range s.policies() {
		fmt.Fprintf(&directives, "cors /%s/* %s\n", p.name, p.directive)
	}
	text := fmt.Sprintf(`{
	admin off
	auto_https disable_redirects
	skip_install_trust
	servers {
		protocols h1 h2
	}
}
%s, %s {
	%s
	log
	%s
	reverse_proxy %s {
		flush_interval -1
	}
}
%s {
	%s
	reverse_proxy %s
}
%s {
	reverse_proxy %s
}
`, s.api, s.elsewhere(), tls, directives.String(), upstream,
		strings.Join(s.pages[1:], ", "), tls, pages, s.pages[0], pages)
	root := runCaddy(s.t, text, s.readLog)
	for _, origin := range append([]string{s.api, s.elsewhere()}, s.pages...) {
		if issuer := await(s.t, origin, root); issuer != nil {
			s.issuer = issuer
		}
	}
}

// runCaddy starts a Caddy with a Caddyfile, and hands what it logs to read, which
// writes what it has no use for to log. It returns the path of the certificate of
// Caddy's own authority.
func runCaddy(t *testing.T, text string, read func(r io.Reader, log *strings.Builder)) (root string) {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "run", "--config", config)
	cmd.Env = append(cmd.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	r, w := io.Pipe()
	cmd.Stderr = w
	var log strings.Builder
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(r, &log)
	}()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = w.Close()
		if <-done; t.Failed() {
			t.Log(log.String())
		}
	})
	return filepath.Join(dir, "caddy/pki/authorities/local/root.crt")
}

// await waits until Caddy serves an origin, and returns the certificate that has
// signed Caddy's own, if there is TLS.
func await(t *testing.T, origin, root string) (issuer *x509.Certificate) {
	t.Helper()
	u, err := url.Parse(origin)
	if err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("localhost", u.Port())
	connect := func() error {
		conn, err := net.Dial("tcp", address)
		if err != nil || u.Scheme == "http" {
			if err == nil {
				conn.Close()
			}
			return err
		}
		defer conn.Close()
		roots := x509.NewCertPool()
		if pem, err := os.ReadFile(root); err != nil || !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("no root certificate: %w", err)
		}
		client := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), RootCAs: roots})
		if err := client.Handshake(); err != nil {
			return err
		}
		issuer = client.ConnectionState().PeerCertificates[1]
		return nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		err := connect()
		if err == nil {
			return issuer
		}
		if time.Now().After(deadline) {
			t.Fatalf("Caddy does not serve %s: %v", origin, err)
		}
	}
}

// readLog reads Caddy's log: the requests to the API, and all else.
func (s *site) readLog(r io.Reader, log *strings.Builder) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var entry struct {
			Logger  string
			Request struct {
				Proto   string
				Method  string
				URI     string
				Headers http.Header
			}
		}
		if json.Unmarshal([]byte(line), &entry) != nil || !strings.HasPrefix(entry.Logger, "http.log.access") {
			log.WriteString(line)
			continue
		}
		u, err := url.Parse(entry.Request.URI)
		if err != nil {
			log.WriteString(line)
			continue
		}
		s.mu.Lock()
		s.protocols[entry.Request.Proto]++
		key := u.Query().Get("cell")
		if key == "" {
			key = u.Path + " " + entry.Request.Headers.Get("Origin")
		}
		seen := s.seen[key]
		if entry.Request.Method == http.MethodOptions {
			seen.preflights++
		} else {
			seen.requests++
		}
		s.seen[key] = seen
		s.mu.Unlock()
		s.changed()
	}
}
