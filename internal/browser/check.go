package browser

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// Response is the part of a response that CORS looks at.
type Response struct {
	Status int
	Header http.Header
}

// NeedsPreflight reports whether the browser sends a preflight before the request.
// It assumes that the preflight cache is empty
// (https://fetch.spec.whatwg.org/#main-fetch).
func (r *Request) NeedsPreflight() bool {
	return r.IsCORS() && (r.UsePreflight || !fetch.IsSafelistedMethod(r.Method) || len(r.UnsafeHeaders()) > 0)
}

// Preflight returns the headers of the preflight, whose method is OPTIONS
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func (r *Request) Preflight() http.Header {
	h := http.Header{
		"Accept":            {"*/*"},
		fetch.Origin:        {r.SentOrigin()},
		fetch.RequestMethod: {r.Method},
	}
	if names := r.UnsafeHeaders(); len(names) > 0 {
		h[fetch.RequestHeaders] = []string{strings.Join(names, ",")}
	}
	return h
}

// CheckPreflight checks the response to the preflight
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch). It returns nil if the
// request may be sent. If several checks fail, it returns the failure that Chromium
// names.
func (r *Request) CheckPreflight(res Response) *Failure {
	f := r.checkPreflight(res)
	if f != nil {
		f.Preflight, f.Status = true, res.Status
	}
	return f
}

func (r *Request) checkPreflight(res Response) *Failure {
	if isRedirect(res) {
		return &Failure{Code: PreflightRedirect, Value: res.Header.Get("Location")}
	}
	if f := r.corsCheck(res); f != nil {
		return f
	}
	if res.Status < 200 || res.Status > 299 {
		return &Failure{Code: PreflightStatus, Value: strconv.Itoa(res.Status)}
	}
	methods, ok := list(res.Header, fetch.AllowMethods)
	if !ok {
		return &Failure{Code: MalformedAllowMethods, Value: combined(res.Header, fetch.AllowMethods)}
	}
	names, ok := list(res.Header, fetch.AllowHeaders)
	if !ok {
		return &Failure{Code: MalformedAllowHeaders, Value: combined(res.Header, fetch.AllowHeaders)}
	}
	if methods == nil && r.UsePreflight {
		methods = []string{r.Method}
	}
	anyMethod := !r.Credentials && slices.Contains(methods, "*")
	if !slices.Contains(methods, r.Method) && !fetch.IsSafelistedMethod(r.Method) && !anyMethod {
		return &Failure{Code: MethodNotAllowed, Value: r.Method}
	}
	anyName := !r.Credentials && slices.Contains(names, "*")
	for _, name := range r.UnsafeHeaders() {
		switch {
		case containsFold(names, name):
		case !anyName:
			return &Failure{Code: HeaderNotAllowed, Value: name}
		case name == "authorization":
			// https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
			return &Failure{Code: WildcardAuthorization, Value: name}
		}
	}
	return nil
}

// CheckResponse checks a response to the request itself, which may be a redirect. It
// returns nil if the browser may follow the redirect or share the response with the
// page, whatever the status (https://fetch.spec.whatwg.org/#concept-http-fetch).
func (r *Request) CheckResponse(res Response) *Failure {
	if !r.IsCORS() {
		return nil
	}
	f := r.corsCheck(res)
	if f != nil {
		f.Status = res.Status
		if target, err := r.target(res); err == nil && isRedirect(res) {
			f.Target = withoutUser(target)
		}
	}
	return f
}

// corsCheck is https://fetch.spec.whatwg.org/#concept-cors-check.
func (r *Request) corsCheck(res Response) *Failure {
	origin, ok := get(res.Header, fetch.AllowOrigin)
	switch {
	case !ok:
		return &Failure{Code: MissingAllowOrigin}
	case origin == "*" && !r.Credentials:
		return nil
	case origin == "*":
		return &Failure{Code: WildcardWithCredentials, Value: origin}
	case origin != r.SentOrigin():
		return &Failure{Code: explainOrigin(origin), Value: origin, Repeated: len(res.Header.Values(fetch.AllowOrigin)) > 1}
	case !r.Credentials:
		return nil
	}
	if credentials := combined(res.Header, fetch.AllowCredentials); credentials != "true" {
		return &Failure{Code: InvalidAllowCredentials, Value: credentials}
	}
	return nil
}

// explainOrigin returns the failure that Chromium names if Access-Control-Allow-Origin
// is not the origin of the request.
func explainOrigin(value string) Code {
	if strings.ContainsAny(value, " ,") {
		return MultipleAllowOrigin
	}
	if value == "null" || isURL(value) {
		return AllowOriginMismatch
	}
	return InvalidAllowOrigin
}

// isURL reports whether Chromium parses value as a URL. It covers the values that
// configurations have, not all of https://url.spec.whatwg.org.
func isURL(value string) bool {
	scheme, rest, found := strings.Cut(value, ":")
	if u, err := url.Parse(scheme + ":"); !found || err != nil || u.Scheme == "" {
		return false
	}
	if origins.DefaultPort(strings.ToLower(scheme)) == "" {
		return true
	}
	host := strings.TrimLeft(rest, `/\`)
	if i := strings.IndexAny(host, `/\?#`); i >= 0 {
		host = host[:i]
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		if _, err := strconv.ParseUint(host[i+1:], 10, 16); err != nil && host[i+1:] != "" {
			return false
		}
		host = host[:i]
	}
	_, err := url.PathUnescape(host)
	return host != "" && err == nil && !strings.ContainsAny(host, "<>^|")
}

// MaxAge returns how long the response to a preflight may be kept, without the limits
// that browsers have. If the header is missing or not a number, that is 5 seconds
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
func MaxAge(res Response) time.Duration {
	value, _ := get(res.Header, fetch.MaxAge)
	if value == "" || !isDigits(value) {
		return 5 * time.Second
	}
	seconds, err := strconv.ParseInt(value, 10, 64)
	if err != nil || seconds > math.MaxInt64/int64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(seconds) * time.Second
}

// Readable returns the names of the response's headers that the page may read, in
// lower case and sorted (https://fetch.spec.whatwg.org/#concept-filtered-response-cors).
func (r *Request) Readable(res Response) []string {
	exposed, _ := list(res.Header, fetch.ExposeHeaders)
	all := !r.IsCORS() || !r.Credentials && slices.Contains(exposed, "*")
	var names []string
	for name := range res.Header {
		lower := strings.ToLower(name)
		if !fetch.IsForbiddenResponseField(name) && (all || safelistedResponse[lower] || containsFold(exposed, name)) {
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// safelistedResponse is https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name.
var safelistedResponse = map[string]bool{
	"cache-control": true, "content-language": true, "content-length": true, "content-type": true,
	"expires": true, "last-modified": true, "pragma": true,
}

// get returns the combined values of a header, and whether there is one
// (https://fetch.spec.whatwg.org/#concept-header-list-get).
func get(h http.Header, name string) (value string, ok bool) {
	values := h.Values(name)
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = normalizeValue(v)
	}
	return strings.Join(trimmed, ", "), len(values) > 0
}

func combined(h http.Header, name string) string {
	value, _ := get(h, name)
	return value
}

// list returns the elements of a list of tokens, or nil if there is no such header.
// It reports whether the list is well-formed
// (https://fetch.spec.whatwg.org/#extract-header-list-values).
func list(h http.Header, name string) (elements []string, ok bool) {
	value, found := get(h, name)
	if !found {
		return nil, true
	}
	elements = []string{}
	for element := range fetch.Elements([]string{value}) {
		if !fetch.IsToken(element) {
			return nil, false
		}
		elements = append(elements, element)
	}
	return elements, true
}

func containsFold(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, name) })
}
