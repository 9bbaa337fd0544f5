package check

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// advise returns the probable cause of a failure and the lines of a Caddyfile that
// put it right. The lines are a whole directive if the server has no CORS policy,
// and otherwise lines for its block. Either result may be empty.
func advise(r *browser.Request, res browser.Response, f *browser.Failure) (cause, fix string) {
	if cause, ok := opaqueCause(r, f); ok {
		return cause, ""
	}
	switch f.Code {
	case browser.MissingAllowOrigin:
		return missingAdvice(r, res, f)
	case browser.MultipleAllowOrigin:
		return multipleCause(res), directive(r)
	case browser.InvalidAllowOrigin, browser.AllowOriginMismatch:
		return mismatchCause(r, f), directive(r)
	case browser.WildcardWithCredentials:
		return "with credentials, browsers accept only the page's own origin, not *", directive(r)
	case browser.InvalidAllowCredentials:
		return credentialsCause(f), "allow_credentials"
	case browser.PreflightRedirect:
		return redirectAdvice(r, f)
	case browser.PreflightStatus:
		return statusCause(res.Status), directive(r)
	case browser.MalformedAllowMethods:
		return malformed, allowMethods(r.Method)
	case browser.MalformedAllowHeaders:
		return malformed, allowHeaders(r.UnsafeHeaders())
	case browser.MethodNotAllowed:
		return methodCause(r, res), allowMethods(r.Method)
	case browser.HeaderNotAllowed:
		if wildcard(res, fetch.AllowHeaders) {
			return "with credentials, browsers read * as the name of a header", allowHeaders(r.UnsafeHeaders())
		}
		return "", allowHeaders([]string{f.Value})
	case browser.WildcardAuthorization:
		return "the standard says so; browsers still allow the request", "allow_headers * Authorization"
	case browser.RedirectCredentials:
		return "browsers send no user name and password to another origin; redirect without them", ""
	case browser.TooManyRedirects:
		return "the redirects probably form a loop", ""
	case browser.InvalidRedirect:
		return "fetch() follows redirects to http and https only", ""
	}
	return "", ""
}

const malformed = "the list must be separated by commas; browsers reject the whole response for one malformed list"

// opaqueCause returns the cause of a failure that lies in the origin null, for
// which no line of a Caddyfile is good advice: no policy allows null with
// credentials, and any page can have the origin null.
func opaqueCause(r *browser.Request, f *browser.Failure) (cause string, ok bool) {
	switch {
	case r.SentOrigin() != "null":
		return "", false
	case slices.Contains(originCodes, f.Code) || f.Code == browser.InvalidAllowCredentials || r.Credentials && f.Preflight:
	default:
		return "", false
	}
	if r.Origin != "null" {
		return "browsers send the origin null after a redirect from one foreign origin to another; let the page call " + shown(r.URL().String()) + " itself", true
	}
	if r.Credentials {
		return "no policy allows the origin null with credentials, since any page can have it; serve the page from an origin of its own", true
	}
	return "", false
}

// missingAdvice advises on a response without Access-Control-Allow-Origin.
func missingAdvice(r *browser.Request, res browser.Response, f *browser.Failure) (cause, fix string) {
	if target, ok := upgrade(r, res.Header.Get("Location")); ok {
		return "the server redirects http to https without CORS headers; let the page call " + target, ""
	}
	refused := res.Status >= 300 && res.Status != http.StatusForbidden
	if variesByOrigin(res) && !(f.Preflight && refused) {
		lines := policyLines(r.Origin, r.Method, r.UnsafeHeaders(), r.Credentials)
		if len(lines) > 0 {
			return "Vary: Origin shows that there is a CORS policy, but it does not allow this origin; if it is a cors directive, add to its block what it lacks, instead of writing a second cors",
				strings.Join(append([]string{"allow_origins " + r.Origin}, lines[1:]...), "\n")
		}
	}
	return missingCause(res, f), directive(r)
}

func missingCause(res browser.Response, f *browser.Failure) string {
	if f.Preflight && (res.Status < 200 || res.Status > 299) {
		return statusCause(res.Status)
	}
	switch {
	case f.Preflight:
		return "the server answers OPTIONS but allows nothing, at least not this origin"
	case res.Status >= 300 && res.Status <= 399:
		return "redirects need CORS headers: browsers check a redirect before they follow it; if it leads to a login page, answer such calls with 401 instead"
	case res.Status == http.StatusBadGateway || res.Status == http.StatusServiceUnavailable || res.Status == http.StatusGatewayTimeout:
		return "a proxy answered instead of the server that knows about CORS"
	case res.Status >= 400:
		return "errors need CORS headers: many servers set them on success only (nginx without \"always\")"
	}
	return "the server sends no CORS headers, at least not to this origin"
}

// statusCause returns why a preflight fails with a status.
func statusCause(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return "authentication runs before CORS; preflights carry no credentials, so they must be answered first"
	case http.StatusForbidden:
		return "the origin is refused, or something before CORS refuses OPTIONS"
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return "nothing answers OPTIONS at this URL"
	}
	if status >= 500 {
		return "the server fails on OPTIONS"
	}
	return "the preflight must be answered with 204 or 200"
}

// repeated is why a header that must be there once is there more than once.
const repeated = "the header is there more than once, probably because both the application and the proxy in front of it set it; only one of them may"

func multipleCause(res browser.Response) string {
	if len(res.Header.Values(fetch.AllowOrigin)) > 1 {
		return repeated
	}
	return "browsers accept one origin, not a list; the server must answer each page with its own origin"
}

// mismatchCause compares the origin that is allowed with the page's.
func mismatchCause(r *browser.Request, f *browser.Failure) string {
	origin, value := r.SentOrigin(), f.Value
	u, err := url.Parse(value)
	switch {
	case value == "":
		return "the header is empty, probably because the variable that should fill it is empty"
	case strings.EqualFold(value, origin):
		return "origins are case-sensitive, and browsers send lower case"
	case strings.TrimRight(value, "/") == origin:
		return "an origin has no trailing slash"
	case strings.HasPrefix(value, origin+"/"):
		return "an origin has no path"
	case strings.HasSuffix(origin, "://"+value):
		return "an origin starts with its scheme"
	case strings.Contains(value, "*"):
		return "browsers do not know patterns; the server must answer with the origin itself"
	case value == "null":
		return "null is the origin of sandboxed pages and files, not of this page"
	case err != nil:
		return "the value is not a valid origin"
	}
	page, err := url.Parse(origin)
	switch {
	case err != nil:
	case u.Host == page.Host && u.Scheme != page.Scheme:
		return "the scheme differs; http and https are different origins"
	case u.Hostname() == page.Hostname() && u.Scheme == page.Scheme:
		return "the port differs; browsers leave out the default port only"
	case strings.TrimPrefix(u.Host, "www.") == strings.TrimPrefix(page.Host, "www."):
		return "with www. and without are different origins"
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
		return repeated
	}
	return "true is the only valid value; a server that allows no credentials leaves the header out"
}

// redirectAdvice advises on a preflight that is redirected.
func redirectAdvice(r *browser.Request, f *browser.Failure) (cause, fix string) {
	const never = "browsers do not follow redirects of a preflight"
	if target, ok := upgrade(r, f.Value); ok {
		return never + ", and the server redirects http to https; let the page call " + target, ""
	}
	from := r.URL()
	target, err := from.Parse(f.Value)
	if err != nil {
		return never, directive(r)
	}
	text := shown(target.String())
	switch {
	case sameURL(from, target):
		return never + ", and this one leads to the same URL; answer the preflight before anything redirects", directive(r)
	case slashApart(from, target):
		return never + ", and the URLs differ by a slash only; let the page call " + text, directive(r)
	}
	return never + "; answer the preflight before anything redirects, or let the page call " + text, directive(r)
}

// sameURL reports whether two absolute URLs are equal but for their fragments,
// which servers never see.
func sameURL(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && a.RawQuery == b.RawQuery && a.EscapedPath() == b.EscapedPath()
}

// slashApart reports whether two URLs differ only by the slash at the end of the path.
func slashApart(a, b *url.URL) bool {
	x, y := *a, *b
	x.Path, y.Path = strings.TrimSuffix(a.Path, "/"), strings.TrimSuffix(b.Path, "/")
	x.RawPath, y.RawPath = strings.TrimSuffix(a.RawPath, "/"), strings.TrimSuffix(b.RawPath, "/")
	return sameURL(&x, &y)
}

// upgrade returns the target of a redirect from http to https of the same host, as
// it may be shown. No policy changes anything about such a redirect.
func upgrade(r *browser.Request, location string) (target string, ok bool) {
	from := r.URL()
	to, err := from.Parse(location)
	if err != nil || location == "" || from.Hostname() != to.Hostname() || from.Scheme != "http" || to.Scheme != "https" {
		return "", false
	}
	return shown(to.String()), true
}

func methodCause(r *browser.Request, res browser.Response) string {
	switch {
	case wildcard(res, fetch.AllowMethods):
		return "with credentials, browsers read * as the name of a method"
	case r.Method != strings.ToUpper(r.Method):
		return "methods are case-sensitive, and browsers send this one as the page writes it; let the page write " + strconv.Quote(strings.ToUpper(r.Method))
	case strings.Contains(strings.ToUpper(strings.Join(res.Header.Values(fetch.AllowMethods), ",")), r.Method):
		return "methods are case-sensitive"
	}
	return ""
}

// wildcard reports whether a list has *.
func wildcard(res browser.Response, name string) bool {
	return slices.ContainsFunc(res.Header.Values(name), func(line string) bool { return strings.Contains(line, "*") })
}

// variesByOrigin reports whether the response names Origin in Vary, which only
// servers with a CORS policy do.
func variesByOrigin(res browser.Response) bool {
	for name := range fetch.Elements(res.Header.Values(fetch.Vary)) {
		if strings.EqualFold(name, fetch.Origin) {
			return true
		}
	}
	return false
}
