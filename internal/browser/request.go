// Package browser does what a browser does about CORS when a page calls fetch(). It
// knows which requests need a preflight and what the preflight has in it. It knows how
// responses are checked and which headers the page may read. It is written from the
// Fetch standard (https://fetch.spec.whatwg.org), without the policies of this module,
// so that it can judge them.
package browser

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// Request is a request of a page, in the mode "cors" and the redirect mode
// "follow", the defaults of fetch(). Make one with NewRequest.
type Request struct {
	// Origin is the serialized origin of the page, or "null".
	Origin string

	// Method is the normalized method.
	Method string

	// Header has the headers that the page set, under any spelling of their names.
	Header http.Header

	// Credentials is the credentials mode: "include" if true, otherwise "omit". For
	// another origin, "omit" is the same as the default "same-origin".
	Credentials bool

	// UsePreflight is the use-CORS-preflight flag, which is set when the page
	// listens to an XMLHttpRequest's upload.
	UsePreflight bool

	// urls is https://fetch.spec.whatwg.org/#concept-request-url-list.
	urls []*url.URL
}

// NewRequest returns the request that fetch() makes of its arguments
// (https://fetch.spec.whatwg.org/#dom-request). It normalizes the method, and leaves
// out the headers that no page can set. It returns an error where fetch() throws a
// TypeError: for a URL with user info, a forbidden method, and a method or a header
// that is not well-formed. It also returns an error for a URL that is not an absolute
// http or https one.
func NewRequest(method, rawURL, origin string, header http.Header, credentials bool) (*Request, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("URL %q: %w", rawURL, errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("URL %q: is not an absolute http or https URL; write one such as https://api.example.com/items", rawURL)
	case u.User != nil:
		return nil, fmt.Errorf("URL %q: has a user name or a password, for which fetch() throws a TypeError; write the URL without them", u.Redacted())
	case !fetch.IsToken(method):
		return nil, fmt.Errorf("method %q: is not a valid method, so fetch() throws a TypeError; write one such as PUT", method)
	case fetch.IsForbiddenMethod(method):
		return nil, fmt.Errorf("method %q: is forbidden, so fetch() throws a TypeError; write one such as PUT", method)
	}
	r := &Request{
		Origin:      origin,
		Method:      NormalizeMethod(method),
		Header:      http.Header{},
		Credentials: credentials,
		urls:        []*url.URL{canonical(u)},
	}
	for name, values := range header {
		if !fetch.IsToken(name) {
			return nil, fmt.Errorf("header %q: is not a valid name, so fetch() throws a TypeError; write one such as X-Request-Id", name)
		}
		for _, value := range values {
			value = normalizeValue(value)
			if strings.ContainsAny(value, "\x00\r\n") {
				return nil, fmt.Errorf("header %q: the value is not valid, so fetch() throws a TypeError; write it in one line", name)
			}
			if !isForbidden(name, value) {
				r.Header[name] = append(r.Header[name], value)
			}
		}
	}
	return r, nil
}

// URL returns the URL that the request is sent to: the current one after redirects.
func (r *Request) URL() *url.URL { return r.urls[len(r.urls)-1] }

// IsCORS reports whether the CORS protocol applies to responses. It does if the current
// URL, or one before a redirect, has another origin than the page
// (https://fetch.spec.whatwg.org/#concept-request-response-tainting).
func (r *Request) IsCORS() bool {
	return slices.ContainsFunc(r.urls, func(u *url.URL) bool { return originOf(u) != r.Origin })
}

// SentOrigin returns the value of the Origin header: the page's origin, or "null" after
// a redirect between two foreign origins
// (https://fetch.spec.whatwg.org/#serializing-a-request-origin).
func (r *Request) SentOrigin() string {
	for i, u := range r.urls[1:] {
		if last := originOf(r.urls[i]); originOf(u) != last && r.Origin != last {
			return "null"
		}
	}
	return r.Origin
}

// SendsOrigin reports whether the request has an Origin header
// (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
func (r *Request) SendsOrigin() bool {
	return r.IsCORS() || r.Method != http.MethodGet && r.Method != http.MethodHead
}

// NormalizeMethod returns the method as browsers send it: some are put into upper case,
// but PATCH is not (https://fetch.spec.whatwg.org/#concept-method-normalize).
func NormalizeMethod(method string) string {
	switch upper := strings.ToUpper(method); upper {
	case "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT":
		return upper
	}
	return method
}

// isForbidden reports whether pages cannot set a header
// (https://fetch.spec.whatwg.org/#forbidden-request-header).
func isForbidden(name, value string) bool {
	switch strings.ToLower(name) {
	case "x-http-method", "x-http-method-override", "x-method-override":
		for method := range strings.SplitSeq(value, ",") {
			if fetch.IsForbiddenMethod(normalizeValue(method)) {
				return true
			}
		}
	}
	return fetch.IsForbiddenRequestField(name)
}

// canonical returns a URL as browsers spell it. It has no fragment, since neither
// requests nor messages have one.
func canonical(u *url.URL) *url.URL {
	c := *u
	c.Scheme, c.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if host, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
		c.Host = strings.Replace(c.Host, strings.ToLower(u.Hostname()), host, 1)
	}
	c.Host = strings.TrimSuffix(strings.TrimSuffix(c.Host, ":"+origins.DefaultPort(c.Scheme)), ":")
	if c.Path == "" {
		c.Path = "/"
	}
	c.Fragment, c.RawFragment = "", ""
	return &c
}

// originOf returns the serialized origin of a canonical URL.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// normalizeValue removes the white space that browsers remove around a header's value
// (https://fetch.spec.whatwg.org/#concept-header-value-normalize).
func normalizeValue(value string) string { return strings.Trim(value, " \t\r\n") }
