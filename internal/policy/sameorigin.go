package policy

import (
	"net/http"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// IsSameOrigin reports whether r comes from a page of the very origin that it
// asks. Browsers send Origin with same-origin requests unless their method is GET
// or HEAD (https://fetch.spec.whatwg.org/#origin-header). trustedProxy reports
// whether the peer of a request is a trusted proxy.
//
// Where Sec-Fetch-Site is present, it alone decides, before the shape of Origin is
// looked at: a same-origin form under the referrer policy no-referrer sends
// "null". Otherwise Origin must equal the request's own scheme, host and port.
func IsSameOrigin(r *http.Request, trustedProxy func(*http.Request) bool) bool {
	if site := r.Header[fetch.SecFetchSite]; len(site) > 0 {
		return len(site) == 1 && site[0] == "same-origin"
	}
	lines := r.Header[fetch.Origin]
	if len(lines) != 1 {
		return false
	}
	o, ok := origins.Parse(lines[0])
	if !ok {
		return false
	}
	scheme, authority := target(r, trustedProxy)
	if o.Scheme() != scheme {
		return false
	}
	host, port := origins.SplitPort(authority)
	return strings.EqualFold(o.Host(), host) && effectivePort(scheme, o.Port()) == effectivePort(scheme, port)
}

// target returns the scheme and the authority that the browser asked for: those
// of the connection, or those that a trusted proxy in front reports.
func target(r *http.Request, trustedProxy func(*http.Request) bool) (scheme, authority string) {
	scheme, authority = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trustedProxy(r) {
		if proto := lastElement(r.Header["X-Forwarded-Proto"]); proto != "" {
			// Some proxies report the scheme of a WebSocket's URL.
			switch scheme = strings.ToLower(proto); scheme {
			case "ws":
				scheme = "http"
			case "wss":
				scheme = "https"
			}
		}
		if host := lastElement(r.Header["X-Forwarded-Host"]); host != "" {
			authority = host
		}
	}
	return scheme, authority
}

// lastElement returns the last element of a list header: the one that the nearest
// proxy added, the only one known to be its own.
func lastElement(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

func effectivePort(scheme, port string) string {
	if port == "" {
		return origins.DefaultPort(scheme)
	}
	return port
}
