package modules

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// backend is an application behind Caddy.
type backend struct {
	address string
	asked   atomic.Int64 // how often
}

// startBackend starts an application that may be cached, that names a Mercure hub
// and its client, and that sends CORS headers of its own, which no response may have.
func startBackend(t *testing.T) *backend {
	t.Helper()
	b := new(backend)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.asked.Add(1)
		w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
		w.Header().Set("Access-Control-Max-Age", "1")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Link", hubLink)
		w.Header().Set("X-Client", r.Header.Get("X-Forwarded-For"))
		_, _ = io.WriteString(w, "see http://old.example.com/")
	}))
	t.Cleanup(server.Close)
	b.address = server.Listener.Addr().String()
	return b
}

const hubLink = `</.well-known/mercure>; rel="mercure"`

// serve starts a Caddy process with a Caddyfile, in which a site is http://SITE, and
// returns the site's address. The process makes sure that an `order` of one Caddyfile
// is not that of the next one.
func serve(t *testing.T, text string) (address string) {
	t.Helper()
	address = corstest.FreePort(t)
	text = strings.ReplaceAll(text, "http://SITE", "http://api.example.com:"+address[strings.LastIndexByte(address, ':')+1:])
	if options, ok := strings.CutPrefix(text, "{\n"); ok {
		text = "{\n\tadmin off\n" + options
	} else {
		text = "{\n\tadmin off\n}\n\n" + text
	}
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := corstest.CaddyCommand(t, "run", "--config", file)
	command.Dir = t.TempDir() // for modules that keep files
	var log bytes.Buffer
	command.Stderr = &log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- command.Wait() }()
	t.Cleanup(func() {
		_ = command.Process.Kill()
		if err := <-exited; t.Failed() {
			t.Logf("%v\n%s\n%s", err, text, log.String())
		}
	})
	corstest.Eventually(t, "answer of Caddy", func() bool {
		select {
		case err := <-exited:
			exited <- err
			t.Fatal("Caddy has exited")
		default:
		}
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return address
}
