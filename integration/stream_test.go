package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestStream: the first bytes of a response arrive while the upstream still
// holds the rest, and when it breaks off then, the client learns of it.
func TestStream(t *testing.T) {
	more := make(chan string)
	upstream := newUpstream(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Vary", "Cookie")
			for {
				select {
				case chunk := <-more:
					if chunk == "" {
						return
					}
					if chunk == "abort" {
						abort(w, r)
					}
					_, _ = io.WriteString(w, chunk)
					_ = http.NewResponseController(w).Flush()
				case <-r.Context().Done():
					return
				}
			}
		},
	})
	s := startSiteWith(t, siteOptions{tls: true}, `
	cors https://a.example {
		allow_credentials
	}
	reverse_proxy `+upstream+` {
		flush_interval -1
	}`)
	for _, protocol := range protocols {
		for _, tc := range []struct {
			name string
			last string
			ok   bool
		}{
			{"whole", "", true},
			{"broken off", "abort", false},
		} {
			t.Run(protocol+"/"+tc.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), corstest.Patience)
				defer cancel()
				send := func(chunk string) {
					select {
					case more <- chunk:
					case <-ctx.Done():
						t.Error("the upstream does not take more")
					}
				}
				go send("one ")
				res, err := s.open(ctx, protocol, call{header: fields(origin)})
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				checkCORS(t, res.Header, merge(credentialed, fields("Vary: Cookie, Origin")))
				first := make([]byte, len("one "))
				if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "one " {
					t.Fatalf("read %q, %v, before the upstream has ended", first, err)
				}
				send("two")
				second := make([]byte, len("two"))
				if _, err := io.ReadFull(res.Body, second); err != nil || string(second) != "two" {
					t.Fatalf("read %q, %v, before the upstream has ended", second, err)
				}
				send(tc.last)
				if rest, err := io.ReadAll(res.Body); (err == nil) != tc.ok || len(rest) > 0 {
					t.Errorf("read %q, %v at the end", rest, err)
				}
			})
		}
	}
}

// TestWebSocket upgrades a connection through reverse_proxy by hand, and talks
// both ways. The handshake is answered as any other request: the standard has
// no CORS check for it, and what decides there is reject_disallowed.
func TestWebSocket(t *testing.T) {
	upstream := newUpstream(t, map[string]http.HandlerFunc{
		"/": func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n")
			_ = w.Header().Write(conn) // what contradict has set
			fmt.Fprint(conn, "\r\n")
			_, _ = io.Copy(conn, rw)
		},
	})
	s := startSite(t, `
	cors /reject https://a.example {
		allow_credentials
		reject_disallowed
	}
	cors https://a.example {
		allow_credentials
	}
	reverse_proxy `+upstream)
	upgraded := "Vary: Cookie, Accept, Origin"
	for _, tc := range []struct {
		name   string
		path   string
		header string
		status int
		want   http.Header
	}{
		{"no origin", "/", "", 101, fields(upgraded)},
		{"allowed", "/", origin, 101, merge(credentialed, fields(upgraded))},
		{"denied", "/", foreign, 101, fields(upgraded)},
		{"allowed where others are rejected", "/reject", origin, 101, merge(credentialed, fields(upgraded))},
		{"rejected", "/reject", foreign, 403, fields(vary)},
		{"same origin", "/reject", "Sec-Fetch-Site: same-origin\r\nOrigin: http://" + s.http, 101, fields(upgraded)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, r, res := s.raw(t, "GET "+tc.path+" HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
				"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", tc.header)
			if res.StatusCode != tc.status {
				t.Fatalf("status %d, want %d", res.StatusCode, tc.status)
			}
			checkCORS(t, res.Header, tc.want)
			if res.StatusCode != http.StatusSwitchingProtocols {
				return
			}
			for _, message := range []string{"ping\n", strings.Repeat("x", 1<<16) + "\n"} {
				go io.WriteString(conn, message)
				if echo, err := r.ReadString('\n'); err != nil || echo != message {
					t.Fatalf("got %d bytes back, %v, want %d", len(echo), err, len(message))
				}
			}
		})
	}
}

// TestHijack: a handler that takes the connection over gets it, with nothing
// written to it.
func TestHijack(t *testing.T) {
	s := startSite(t, "cors https://a.example\nroute {\n test\n}")
	_, _, res := s.raw(t, "GET /hijack HTTP/1.1", origin)
	body, err := io.ReadAll(res.Body)
	if err != nil || string(body) != "body" {
		t.Errorf("body %q, %v, want the handler's", body, err)
	}
	checkCORS(t, res.Header, nil)
}

// TestSurvives: a handler that panics, or aborts, ends its own connection only.
func TestSurvives(t *testing.T) {
	s := startSiteWith(t, siteOptions{tls: true}, "cors https://a.example\nroute /panic {\n test\n}\nabort /abort\nrespond body")
	for range 3 {
		for _, path := range []string{"/panic", "/abort"} {
			for _, protocol := range protocols {
				if res, err := s.send(protocol, call{path: path, header: fields(origin)}); err == nil {
					t.Errorf("%s over %s: status %d, want the connection to end", path, protocol, res.StatusCode)
				}
			}
			s.check(t, call{header: fields(origin), status: 200, body: "body", want: fields(allowed, vary)})
		}
	}
}

// TestEarlyHints: the 1xx response of an upstream goes through, before the
// final one, and takes nothing of the policy away.
func TestEarlyHints(t *testing.T) {
	s := startSite(t, "cors https://a.example\nreverse_proxy "+newUpstream(t, upstreamPaths))
	conn, r, res := s.raw(t, "GET /up/early-hints HTTP/1.1", origin)
	if res.StatusCode != http.StatusEarlyHints || res.Header.Get("Link") == "" {
		t.Errorf("status %d, Link %q, want the upstream's 103", res.StatusCode, res.Header.Get("Link"))
	}
	final, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if final.StatusCode != http.StatusOK {
		t.Errorf("status %d, want 200", final.StatusCode)
	}
	checkCORS(t, final.Header, fields(allowed, "Vary: Cookie, Accept, Origin"))
	conn.Close()
}

// TestManyRequests: on one connection, no response takes anything from another.
func TestManyRequests(t *testing.T) {
	s := startSiteWith(t, siteOptions{tls: true}, "cors https://a.example https://*.a.example\nrespond body")
	for _, protocol := range protocols {
		for i := range 50 {
			o := fmt.Sprintf("https://x%d.a.example", i)
			for _, c := range []call{
				{header: fields("Origin: " + o), want: fields("Access-Control-Allow-Origin: "+o, vary)},
				{header: fields(foreign), want: fields(vary)},
				{method: "OPTIONS", header: fields("Origin: "+o, forPUT), want: fields("Access-Control-Allow-Origin: "+o, "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)},
			} {
				res, err := s.send(protocol, c)
				if err != nil {
					t.Fatal(err)
				}
				checkCORS(t, res.Header, c.want)
			}
		}
	}
}
