package caddycors

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// sameOrigin reports whether r comes from a page of the very origin that it
// asks. Browsers send Origin with such requests too, unless they are GET or HEAD
// (https://fetch.spec.whatwg.org/#origin-header).
//
// Where Sec-Fetch-Site stands, it alone decides, and before the shape of Origin
// is looked at: a same-origin form under the referrer policy no-referrer sends
// "null". Otherwise Origin must equal the request's own scheme, host and port.
func sameOrigin(r *http.Request) bool {
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
	scheme, authority := target(r)
	if o.Scheme() != scheme {
		return false
	}
	host, port := origins.SplitPort(authority)
	return strings.EqualFold(o.Host(), host) && effectivePort(scheme, o.Port()) == effectivePort(scheme, port)
}

// target returns the scheme and the authority that the browser asked for: those
// of the connection, or those that a trusted proxy in front reports.
func target(r *http.Request) (scheme, authority string) {
	scheme, authority = "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
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

// lastElement returns the last element of a list field: what the nearest proxy
// added, the only one whose word is known to be its own.
func lastElement(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.Trim(last[strings.LastIndexByte(last, ',')+1:], " \t")
}

func effectivePort(scheme, port string) string {
	switch {
	case port != "":
		return port
	case scheme == "https":
		return "443"
	case scheme == "http":
		return "80"
	}
	return ""
}
