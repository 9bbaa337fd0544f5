package check

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// advise returns what is probably behind a failure, and the lines of a Caddyfile
// that put it right, if any do: the whole directive where the server says nothing
// about CORS, and otherwise a line of its block.
func advise(r *browser.Request, res browser.Response, f *browser.Failure) (cause, fix string) {
	switch f.Code {
	case browser.MissingAllowOrigin:
		if target, ok := upgrade(r, res.Header.Get("Location")); ok {
			return "the server redirects http to https, and says nothing about CORS with it: let the page call " + target, ""
		}
		return missingCause(res, f), directive(r)
	case browser.MultipleAllowOrigin:
		return multipleCause(res), directive(r)
	case browser.InvalidAllowOrigin, browser.AllowOriginMismatch:
		return mismatchCause(r, f), directive(r)
	case browser.WildcardWithCredentials:
		return "with credentials the response has to name the origin, and browsers take * for none", directive(r)
	case browser.InvalidAllowCredentials:
		return credentialsCause(f), "allow_credentials"
	case browser.PreflightRedirect:
		return redirectCause(r, f)
	case browser.PreflightStatus:
		return statusCause(res.Status), directive(r)
	case browser.MalformedAllowMethods:
		return "methods are separated by commas, and browsers take one malformed list for a network error", allowMethods(r)
	case browser.MalformedAllowHeaders:
		return "names are separated by commas, and browsers take one malformed list for a network error", allowHeaders(r)
	case browser.MethodNotAllowed:
		return methodCause(r, res), allowMethods(r)
	case browser.HeaderNotAllowed:
		if wildcard(res, fetch.AllowHeaders) {
			return "with credentials browsers take * for the name of a field", allowHeaders(r)
		}
		return "", "allow_headers " + http.CanonicalHeaderKey(f.Value)
	case browser.WildcardAuthorization:
		return "that is the standard; Chromium and Firefox still let it pass", "allow_headers * Authorization"
	case browser.RedirectCredentials:
		return "browsers send no user name and no password to another origin: redirect without them", ""
	case browser.TooManyRedirects:
		return "the redirects probably lead in a circle", ""
	case browser.InvalidRedirect:
		return "browsers follow redirects of fetch() to http and https only", ""
	}
	return "", ""
}

// directive returns the smallest cors directive that allows a request.
func directive(r *browser.Request) string {
	page, tuple := origins.Parse(r.SentOrigin())
	var lines []string
	if !fetch.IsSafelistedMethod(r.Method) {
		lines = append(lines, allowMethods(r))
	}
	if len(r.UnsafeHeaders()) > 0 {
		lines = append(lines, allowHeaders(r))
	}
	if r.Credentials {
		lines = append(lines, "allow_credentials")
	}
	switch {
	case !tuple && (r.Credentials || r.Origin != origins.Null):
		// Any page can have the origin null; after a redirect, this one has.
		return ""
	case !tuple:
		lines = append(lines, "dangerously_allow null_origin")
	case r.Credentials && page.Insecure():
		lines = append(lines, "dangerously_allow insecure_origins")
	}
	first := "cors " + r.SentOrigin()
	if len(lines) == 0 {
		return first
	}
	return first + " {\n\t" + strings.Join(lines, "\n\t") + "\n}"
}

// allowMethods names the method, or the standard one that it is a misspelling of:
// no policy has any other (fetch.CheckMethod), and the page has to write that.
func allowMethods(r *browser.Request) string {
	if fetch.CheckMethod(r.Method) != nil {
		return "allow_methods " + strings.ToUpper(r.Method)
	}
	return "allow_methods " + r.Method
}

func allowHeaders(r *browser.Request) string {
	names := r.UnsafeHeaders()
	for i, name := range names {
		names[i] = http.CanonicalHeaderKey(name)
	}
	return "allow_headers " + strings.Join(names, " ")
}

func missingCause(res browser.Response, f *browser.Failure) string {
	if f.Preflight && (res.Status < 200 || res.Status > 299) {
		return statusCause(res.Status)
	}
	switch {
	case f.Preflight:
		return "the server answers OPTIONS, but allows nothing, at least not to this origin"
	case res.Status >= 300 && res.Status <= 399:
		return "redirects need the field, too: browsers check them before they follow; where one leads to a login page, answer calls with 401 instead"
	case res.Status == http.StatusBadGateway || res.Status == http.StatusServiceUnavailable || res.Status == http.StatusGatewayTimeout:
		return "a proxy answers in place of the server that knows of CORS"
	case res.Status >= 400:
		return "errors need the field, too: many servers set it on success only (nginx without \"always\")"
	}
	return "the server says nothing about CORS, at least not to this origin"
}

// statusCause says why a preflight fails with a status.
func statusCause(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return "authentication comes before CORS, but preflights carry no credentials: they have to be answered first"
	case http.StatusForbidden:
		return "the origin is refused, or something before CORS refuses OPTIONS"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return "nothing answers OPTIONS at this URL"
	}
	if status >= 500 {
		return "the server fails on OPTIONS"
	}
	return "the preflight has to be answered with 204 or 200"
}

func multipleCause(res browser.Response) string {
	if len(res.Header.Values(fetch.AllowOrigin)) > 1 {
		return "the field stands there more than once, probably since both the upstream and the proxy before it set it: only one may"
	}
	return "browsers take one origin, and no list: the server has to answer each with its own"
}

// mismatchCause compares the origin that is allowed with the page's.
func mismatchCause(r *browser.Request, f *browser.Failure) string {
	origin, value := r.SentOrigin(), f.Value
	if origin != r.Origin {
		return "after a redirect from one foreign origin to another, browsers send the origin null: let the page call the last URL, or redirect within one origin"
	}
	u, err := url.Parse(value)
	switch {
	case value == "":
		return "the field is empty, as if the variable that should fill it were"
	case strings.EqualFold(value, origin):
		return "origins are compared case-sensitively, and browsers send lower case"
	case strings.TrimRight(value, "/") == origin:
		return "an origin has no trailing slash"
	case strings.HasPrefix(value, origin+"/"):
		return "an origin has no path"
	case strings.HasSuffix(origin, "://"+value):
		return "an origin has a scheme"
	case strings.Contains(value, "*"):
		return "browsers know no patterns: the server has to answer with the origin itself"
	case value == "null":
		return "null is the origin of sandboxed pages and files, not of this one"
	case err != nil:
		return "the server allows another origin"
	}
	page, err := url.Parse(origin)
	switch {
	case err != nil:
	case u.Host == page.Host && u.Scheme != page.Scheme:
		return "the scheme differs, and http is another origin than https"
	case u.Hostname() == page.Hostname() && u.Scheme == page.Scheme:
		return "the port differs: browsers leave out the default port, and name any other"
	case strings.TrimPrefix(u.Host, "www.") == strings.TrimPrefix(page.Host, "www."):
		return "with www. it is another origin than without"
	}
	return "the server allows another origin"
}

func credentialsCause(f *browser.Failure) string {
	switch {
	case f.Value == "":
		return ""
	case strings.EqualFold(f.Value, "true"):
		return "the value is case-sensitive"
	case strings.Contains(f.Value, ","):
		return "the field stands there more than once, probably since both the upstream and the proxy before it set it: only one may"
	}
	return "true is the only value; to allow no credentials, the field is left out"
}

func redirectCause(r *browser.Request, f *browser.Failure) (cause, fix string) {
	if target, ok := upgrade(r, f.Value); ok {
		return "browsers follow no redirect of a preflight, and the server redirects http to https: let the page call " + target, ""
	}
	target, err := r.URL().Parse(f.Value)
	if err != nil {
		return "browsers follow no redirect of a preflight", directive(r)
	}
	if from := r.URL(); from.Host == target.Host && strings.Trim(from.Path, "/") == strings.Trim(target.Path, "/") {
		return "browsers follow no redirect of a preflight, and the URL differs by a slash only: let the page call " + shown(target.String()), directive(r)
	}
	return "browsers follow no redirect of a preflight: answer it before anything redirects, or let the page call " + shown(target.String()), directive(r)
}

// upgrade returns where a Location leads, as it may be shown, if that is from http
// to https of the same host: no policy changes anything about such a redirect.
func upgrade(r *browser.Request, location string) (shownTarget string, ok bool) {
	from := r.URL()
	target, err := from.Parse(location)
	if err != nil || location == "" || from.Hostname() != target.Hostname() || from.Scheme != "http" || target.Scheme != "https" {
		return "", false
	}
	return shown(target.String()), true
}

func methodCause(r *browser.Request, res browser.Response) string {
	switch {
	case wildcard(res, fetch.AllowMethods):
		return "with credentials browsers take * for the name of a method"
	case r.Method != strings.ToUpper(r.Method):
		return "methods are case-sensitive, and browsers leave this one as the page writes it: let the page write " + strconv.Quote(strings.ToUpper(r.Method))
	case strings.Contains(strings.ToUpper(strings.Join(res.Header.Values(fetch.AllowMethods), ",")), r.Method):
		return "methods are case-sensitive"
	}
	return ""
}

// wildcard reports whether a list has *.
func wildcard(res browser.Response, name string) bool {
	return slices.ContainsFunc(res.Header.Values(name), func(line string) bool { return strings.Contains(line, "*") })
}
