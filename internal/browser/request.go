// Package browser plays what a browser does about CORS when a page calls
// fetch(): which requests need a preflight, what is in it, what the answers must
// say, and what the page may read. It is written from the Fetch standard
// (https://fetch.spec.whatwg.org) and knows nothing of the policies of this
// module, so that it can judge them.
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
)

// Request is a request of a page, in the mode "cors" and the redirect mode
// "follow", the defaults of fetch(). Make one with NewRequest.
type Request struct {
	// Origin is the serialized origin of the page, or "null".
	Origin string

	// Method is the normalized method.
	Method string

	// Header has the fields that the page set, under any spelling of their names.
	Header http.Header

	// Credentials is the credentials mode: "include" if true, "omit" otherwise,
	// which between origins is the same as the default "same-origin".
	Credentials bool

	// UsePreflight is the use-CORS-preflight flag, which is set when the page
	// listens to an XMLHttpRequest's upload.
	UsePreflight bool

	// URL list: https://fetch.spec.whatwg.org/#concept-request-url-list.
	urls []*url.URL
}

// NewRequest returns what fetch() makes of its arguments
// (https://fetch.spec.whatwg.org/#dom-request). It normalizes the method, and
// leaves out the fields that no page can set. What makes fetch() throw a
// TypeError is an error: a URL with user info, a method or a field that is not
// well-formed, a forbidden method. A URL that is not absolute, or neither http
// nor https, is an error, too.
func NewRequest(method, rawURL, origin string, header http.Header, credentials bool) (*Request, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("URL %q: %w", rawURL, errors.Unwrap(err))
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("URL %q is not an absolute http or https one", rawURL)
	case u.User != nil:
		return nil, fmt.Errorf("URL %q has user info: fetch() throws a TypeError", u.Redacted())
	case !fetch.IsToken(method):
		return nil, fmt.Errorf("method %q is not a token: fetch() throws a TypeError", method)
	case fetch.IsForbiddenMethod(method):
		return nil, fmt.Errorf("method %q is forbidden: fetch() throws a TypeError", method)
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
			return nil, fmt.Errorf("field name %q is not a token: fetch() throws a TypeError", name)
		}
		for _, value := range values {
			value = normalizeValue(value)
			if strings.ContainsAny(value, "\x00\r\n") {
				return nil, fmt.Errorf("the value of %s is not one of a field: fetch() throws a TypeError", name)
			}
			if !isForbidden(name, value) {
				r.Header[name] = append(r.Header[name], value)
			}
		}
	}
	return r, nil
}

// URL returns the current URL, to which the request is sent.
func (r *Request) URL() *url.URL { return r.urls[len(r.urls)-1] }

// IsCORS reports whether responses are shared by the CORS protocol: the current
// URL, or one from which it was redirected, is of another origin than the page
// (https://fetch.spec.whatwg.org/#concept-request-response-tainting).
func (r *Request) IsCORS() bool {
	return slices.ContainsFunc(r.urls, func(u *url.URL) bool { return originOf(u) != r.Origin })
}

// SentOrigin returns the value of the field Origin: the page's origin, or "null"
// after a redirect between two foreign origins
// (https://fetch.spec.whatwg.org/#serializing-a-request-origin).
func (r *Request) SentOrigin() string {
	for i, u := range r.urls[1:] {
		if last := originOf(r.urls[i]); originOf(u) != last && r.Origin != last {
			return "null"
		}
	}
	return r.Origin
}

// SendsOrigin reports whether the request has the field Origin
// (https://fetch.spec.whatwg.org/#append-a-request-origin-header).
func (r *Request) SendsOrigin() bool {
	return r.IsCORS() || r.Method != http.MethodGet && r.Method != http.MethodHead
}

// NormalizeMethod puts the methods that browsers normalize into upper case
// (https://fetch.spec.whatwg.org/#concept-method-normalize). PATCH is none of them.
func NormalizeMethod(method string) string {
	switch upper := strings.ToUpper(method); upper {
	case "DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT":
		return upper
	}
	return method
}

// isForbidden reports whether no page can set a field
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

// canonical returns a URL as browsers spell it, without a fragment: neither
// servers nor messages get one.
func canonical(u *url.URL) *url.URL {
	c := *u
	c.Scheme, c.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if host, err := idna.Lookup.ToASCII(u.Hostname()); err == nil {
		c.Host = strings.Replace(c.Host, strings.ToLower(u.Hostname()), host, 1)
	}
	c.Host = strings.TrimSuffix(strings.TrimSuffix(c.Host, ":"+defaultPorts[c.Scheme]), ":")
	if c.Path == "" {
		c.Path = "/"
	}
	c.Fragment, c.RawFragment = "", ""
	return &c
}

var defaultPorts = map[string]string{"http": "80", "https": "443"}

// originOf returns the serialized origin of a canonical URL.
func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// normalizeValue removes what browsers remove around the value of a field
// (https://fetch.spec.whatwg.org/#concept-header-value-normalize).
func normalizeValue(value string) string { return strings.Trim(value, " \t\r\n") }
