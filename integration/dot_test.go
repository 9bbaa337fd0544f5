package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestTrailingDot: a host with a dot at its end is a host of its own. Chromium sends
// the dot in Host and in Origin. Such an origin is allowed only where it is written
// so, and a page there may post to its own server.
func TestTrailingDot(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	h1 := new(http.Transport)
	t.Cleanup(h1.CloseIdleConnections)
	s := &site{t: t, http: corstest.FreePort(t), https: corstest.FreePort(t), transports: map[string]http.RoundTripper{"HTTP/1.1": h1}}
	withDot := strings.NewReplacer("localhost:", "localhost.:")
	runCaddyfile(t, fmt.Sprintf(`{
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
	}
	http://%s http://%s https://%s https://%s {
		cors http://localhost.:1 https://app.example. http://localhost:2 https://app.test {
			reject_disallowed
		}
		respond {host}
	}`, dir, s.http, withDot.Replace(s.http), s.https, withDot.Replace(s.https)))
	stop(t)
	s.connectTLS(filepath.Join(dir, "pki", "authorities", "local", "root.crt"))

	for _, protocol := range protocols {
		host, scheme := s.https, "https://"
		if protocol == "HTTP/1.1" {
			host, scheme = s.http, "http://"
		}
		dotted := withDot.Replace(host)
		for _, tc := range []struct {
			name    string
			host    string
			origin  string
			allowed bool
			status  int
		}{
			{"written", host, "http://localhost.:1", true, 200},
			{"written, without port", host, "https://app.example.", true, 200},
			{"written with the dot", host, "http://localhost:1", false, 403},
			{"written with the dot, without port", host, "https://app.example", false, 403},
			{"written without the dot", host, "http://localhost.:2", false, 403},
			{"written without the dot, without port", host, "https://app.test.", false, 403},
			{"two dots", host, "http://localhost..:1", false, 403},
			{"same origin", dotted, scheme + dotted, false, 200},
			{"same origin, without the dot", host, scheme + host, false, 200},
			{"dot of the origin alone", host, scheme + dotted, false, 403},
			{"dot of the host alone", dotted, scheme + host, false, 403},
		} {
			t.Run(protocol+"/"+tc.name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), corstest.Patience)
				defer cancel()
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+host+"/", strings.NewReader("body"))
				if err != nil {
					t.Fatal(err)
				}
				r.Host = tc.host
				r.Header.Set("Origin", tc.origin)
				res, err := s.transports[protocol].RoundTrip(r)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				body, err := io.ReadAll(res.Body)
				if err != nil {
					t.Fatal(err)
				}
				if res.Proto != protocol || res.StatusCode != tc.status {
					t.Errorf("%s, status %d, want %s and %d", res.Proto, res.StatusCode, protocol, tc.status)
				}
				if name, _, _ := strings.Cut(tc.host, ":"); tc.status == 200 && string(body) != name {
					t.Errorf("the response is that of the host %q, want that of %q", body, name)
				}
				want := fields(vary)
				if tc.allowed {
					want.Set("Access-Control-Allow-Origin", tc.origin)
				}
				checkCORS(t, res.Header, want)
			})
		}
	}
}
