// Package caddy runs Caddy with the module for tests.
package caddy

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

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// binary is Caddy with the module, as the README builds it.
var binary string

// Main runs a package's tests with the Caddy of the module in a directory.
func Main(m *testing.M, module string) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "caddy")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir) //nolint:errcheck // for lack of a remedy
		binary = filepath.Join(dir, "caddy")
		build := exec.Command("go", "build", "-o", binary, "./cmd/caddy")
		build.Dir = module
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// Run starts a Caddy with a Caddyfile, and hands what it logs to read, which
// writes what it has no use for to log. It returns the path of the certificate of
// Caddy's own authority.
func Run(t *testing.T, text string, read func(r io.Reader, log *strings.Builder)) (root string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return RunFile(t, config, read)
}

// RunFile is Run with a file, in its directory. Caddy loads it again when it
// changes, if args has --watch.
func RunFile(t *testing.T, config string, read func(r io.Reader, log *strings.Builder), args ...string) (root string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary, append([]string{"run", "--config", config}, args...)...)
	cmd.Dir = filepath.Dir(config)
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

// Await waits until Caddy serves an origin, and returns the certificate that has
// signed Caddy's own, if there is TLS.
func Await(t *testing.T, origin, root string) (issuer *x509.Certificate) {
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

// FreePorts returns ports on which nobody listens.
func FreePorts(t *testing.T, n int) []string {
	t.Helper()
	ports := make([]string, n)
	for i := range ports {
		_, ports[i], _ = strings.Cut(corstest.FreePort(t), ":")
	}
	return ports
}

// Request is a request in Caddy's access log.
type Request struct {
	Proto, Host, Method, URI string

	Headers http.Header
}

// ReadLog reads Caddy's log to its end: it hands the requests to seen, and all else to
// log.
func ReadLog(r io.Reader, log *strings.Builder, seen func(Request)) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var entry struct {
			Logger  string
			Request Request
		}
		if json.Unmarshal([]byte(line), &entry) != nil || !strings.HasPrefix(entry.Logger, "http.log.access") {
			log.WriteString(line)
			continue
		}
		seen(entry.Request)
	}
}
