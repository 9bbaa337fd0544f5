package browser

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// maxRedirects is of https://fetch.spec.whatwg.org/#http-redirect-fetch
const maxRedirects = 20

// isRedirect reports whether a response sends the browser elsewhere
// (https://fetch.spec.whatwg.org/#redirect-status).
func isRedirect(res Response) bool {
	switch res.Status {
	case 301, 302, 303, 307, 308:
		return len(res.Header.Values("Location")) > 0
	}
	return false
}

// Redirect returns the request that follows a redirect. It returns nil if the response
// is not a redirect, and a failure if the browser must not follow it
// (https://fetch.spec.whatwg.org/#http-redirect-fetch). CheckResponse must have
// accepted the response before.
func (r *Request) Redirect(res Response) (*Request, *Failure) {
	if !isRedirect(res) {
		return nil, nil
	}
	location := combined(res.Header, "Location")
	target, err := r.target(res)
	switch {
	case err != nil:
		return nil, &Failure{Code: InvalidRedirect, Value: location, Status: res.Status}
	case origins.DefaultPort(target.Scheme) == "" || target.Host == "":
		return nil, &Failure{Code: InvalidRedirect, Value: location, Status: res.Status, Target: withoutUser(target)}
	case len(r.urls) > maxRedirects:
		return nil, &Failure{Code: TooManyRedirects, Value: location, Status: res.Status}
	}
	next := *r
	next.urls = append(slices.Clip(r.urls), target)
	next.Header = r.Header.Clone()
	if target.User != nil && (r.IsCORS() || originOf(target) != r.Origin) {
		return nil, &Failure{Code: RedirectCredentials, Value: target.String(), Status: res.Status, Target: withoutUser(target)}
	}
	post := (res.Status == 301 || res.Status == 302) && r.Method == http.MethodPost
	if post || res.Status == 303 && r.Method != http.MethodGet && r.Method != http.MethodHead {
		next.Method = http.MethodGet
		// https://fetch.spec.whatwg.org/#request-body-header-name
		next.remove("content-encoding", "content-language", "content-location", "content-type")
	}
	if originOf(r.URL()) != originOf(target) {
		// https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
		next.remove("authorization")
	}
	return &next, nil
}

// target returns the URL in the Location of a response.
func (r *Request) target(res Response) (*url.URL, error) {
	ref, err := url.Parse(combined(res.Header, "Location"))
	if err != nil {
		return nil, err
	}
	return canonical(r.URL().ResolveReference(ref)), nil
}

// withoutUser returns a URL as messages have it.
func withoutUser(u *url.URL) string {
	c := *u
	c.User = nil
	return c.String()
}

func (r *Request) remove(names ...string) {
	for name := range r.Header {
		if slices.Contains(names, strings.ToLower(name)) {
			delete(r.Header, name)
		}
	}
}
