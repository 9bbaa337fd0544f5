package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

func TestMain(m *testing.M) { caddy.Main(m, "..") }

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
	root := caddy.Run(s.t, text, s.readLog)
	for _, origin := range append([]string{s.api, s.elsewhere()}, s.pages...) {
		if issuer := caddy.Await(s.t, origin, root); issuer != nil {
			s.issuer = issuer
		}
	}
}

// readLog reads Caddy's log: the requests to the API, and all else.
func (s *site) readLog(r io.Reader, log *strings.Builder) {
	caddy.ReadLog(r, log, func(request caddy.Request) {
		u, err := url.Parse(request.URI)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.protocols[request.Proto]++
		key := u.Query().Get("cell")
		if key == "" {
			key = u.Path + " " + request.Headers.Get("Origin")
		}
		seen := s.seen[key]
		if request.Method == http.MethodOptions {
			seen.preflights++
		} else {
			seen.requests++
		}
		s.seen[key] = seen
		s.mu.Unlock()
		s.changed()
	})
}
