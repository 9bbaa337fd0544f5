package check

import (
	"net/http"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// Directive returns the smallest cors directive that allows a request of a page of
// origin. It returns "" for an origin that no policy should allow like this: null
// with credentials, or a text that is not an origin.
func Directive(origin, method string, headers []string, credentials bool) string {
	lines := policyLines(origin, method, headers, credentials)
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return lines[0]
	}
	return lines[0] + " {\n\t" + strings.Join(lines[1:], "\n\t") + "\n}"
}

// directive returns the smallest cors directive that allows a request. After a
// redirect, it returns "" if the request has the origin null: any page can have it.
func directive(r *browser.Request) string {
	if r.SentOrigin() != r.Origin {
		return ""
	}
	return Directive(r.Origin, r.Method, r.UnsafeHeaders(), r.Credentials)
}

// policyLines returns the first line of a directive, and those of its block.
func policyLines(origin, method string, headers []string, credentials bool) []string {
	page, tuple := origins.Parse(origin)
	if !tuple && (credentials || origin != origins.Null) {
		return nil
	}
	lines := []string{"cors " + origin}
	if !fetch.IsSafelistedMethod(method) {
		lines = append(lines, allowMethods(method))
	}
	if len(headers) > 0 {
		lines = append(lines, allowHeaders(headers))
	}
	if credentials {
		lines = append(lines, "allow_credentials")
	}
	switch {
	case !tuple:
		lines = append(lines, "dangerously_allow null_origin")
	case credentials && page.Insecure():
		lines = append(lines, "dangerously_allow insecure_origins")
	}
	return lines
}

// allowMethods names the method. Of a misspelled standard method it names the
// standard one, since no policy accepts another, and the page has to write it so.
func allowMethods(method string) string {
	if fetch.CheckMethod(method) != nil {
		method = strings.ToUpper(method)
	}
	return "allow_methods " + method
}

func allowHeaders(names []string) string {
	canonical := make([]string, len(names))
	for i, name := range names {
		canonical[i] = http.CanonicalHeaderKey(name)
	}
	return "allow_headers " + strings.Join(canonical, " ")
}
