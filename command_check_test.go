package caddycors

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// answerTo is a response: its status, and its fields, where HERE stands for the
// host and port of the server.
type answerTo struct {
	status int
	fields []string
}

func ok(lines ...string) answerTo { return answerTo{200, lines} }

// checks are calls and servers, and what comes of the call.
var checks = []struct {
	name      string
	args      []string // besides --origin and the URL
	origin    string   // pageOrigin if empty
	preflight answerTo
	actual    answerTo
	paths     map[string]answerTo // of further URLs, to requests of every method

	verdict  check.Verdict
	code     browser.Code
	fix      string
	cause    string   // part of it
	message  string   // the end of it
	error    string   // part of it
	warnings []string // parts of them
	asked    string   // the methods of all requests
}{
	{name: "readable", actual: ok(allowPage, "Vary: Accept, origin"), verdict: check.Readable, asked: "GET"},
	{name: "readable by anyone", actual: ok("Access-Control-Allow-Origin: *"), verdict: check.Readable, asked: "GET"},
	{name: "whatever the status", actual: answerTo{500, []string{"Access-Control-Allow-Origin: *"}}, verdict: check.Readable, asked: "GET"},
	{name: "with credentials", args: []string{"--credentials"}, actual: ok(allowPage, allowCookie, "Vary: *"), verdict: check.Readable, asked: "GET"},
	{name: "an opaque origin", origin: "null", actual: ok("Access-Control-Allow-Origin: null", "Vary: Origin"), verdict: check.Readable, asked: "GET"},
	{
		name: "a preflight and the request", args: []string{"--header", "X-A: b"},
		preflight: ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: x-a"), actual: ok("Access-Control-Allow-Origin: *"),
		verdict: check.Readable, asked: "OPTIONS GET",
	},
	{
		name: "a method that is not sent", args: []string{"--method", "delete"},
		preflight: ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: DELETE"),
		verdict:   check.Allowed, asked: "OPTIONS",
	},
	{
		name: "a method that is sent", args: []string{"--method", "DELETE", "--send"},
		preflight: ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: DELETE"), actual: ok("Access-Control-Allow-Origin: *"),
		verdict: check.Readable, asked: "OPTIONS DELETE",
	},
	{name: "a POST without preflight", args: []string{"-X", "POST"}, verdict: check.Unknown, error: "POST needs no preflight here"},
	{name: "a POST that is sent", args: []string{"-X", "POST", "--send"}, actual: ok("Access-Control-Allow-Origin: *"), verdict: check.Readable, asked: "POST"},
	{
		name: "no Vary", actual: ok(allowPage, "Vary: Accept"), verdict: check.Readable, asked: "GET",
		warnings: []string{"Vary does not name Origin"},
	},
	{
		name: "fields that no page sets", args: []string{"-H", "Sec-A: b", "-H", "Cookie: c=d"}, actual: ok("Access-Control-Allow-Origin: *"), verdict: check.Readable, asked: "GET",
		warnings: []string{"Cookie is left out", "Sec-A is left out"},
	},

	{
		name: "nothing", actual: ok(), verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "sends no CORS headers", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing on an error", actual: answerTo{404, nil}, verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "errors need CORS headers", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing from a proxy", actual: answerTo{502, nil}, verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "a proxy answered", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing on a redirect", actual: answerTo{302, []string{"Location: /other"}}, verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "redirects need CORS headers", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing from a policy that does not list the origin", actual: ok("Vary: Accept, origin"), verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "allow_origins https://app.example", cause: "Vary: Origin shows that there is a CORS policy, but it does not allow this origin", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing on an error from a policy that does not list the origin", actual: answerTo{404, []string{"Vary: Origin"}}, verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "allow_origins https://app.example", cause: "instead of writing a second cors", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing on a preflight from a policy that does not list the origin", args: []string{"-X", "PUT", "-H", "X-A: b", "--credentials"},
		preflight: answerTo{403, []string{"Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}},
		verdict:   check.Blocked, code: browser.MissingAllowOrigin, asked: "OPTIONS",
		fix: "allow_origins https://app.example\nallow_methods PUT\nallow_headers X-A\nallow_credentials", cause: "does not allow this origin",
		message: "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "authentication before a policy", args: []string{"-X", "PUT"}, preflight: answerTo{401, []string{"Vary: Origin"}},
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "OPTIONS",
		fix: "cors https://app.example {\n\tallow_methods PUT\n}", cause: "authentication runs before CORS",
		message: "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "an opaque origin without credentials that it sends", origin: "null", args: []string{"--credentials"}, actual: ok("Access-Control-Allow-Origin: null", "Vary: Origin"),
		verdict: check.Blocked, code: browser.InvalidAllowCredentials, asked: "GET", cause: "no policy allows the origin null with credentials",
		message: "in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
	},
	{
		name: "anyone with the credentials of an opaque origin", origin: "null", args: []string{"--credentials"}, actual: ok("Access-Control-Allow-Origin: *"),
		verdict: check.Blocked, code: browser.WildcardWithCredentials, asked: "GET", cause: "no policy allows the origin null with credentials",
		message: "must not be the wildcard '*' when the request's credentials mode is 'include'.",
	},
	{
		name: "any method with the credentials of an opaque origin", origin: "null", args: []string{"-X", "PUT", "--credentials"},
		preflight: ok("Access-Control-Allow-Origin: null", allowCookie, "Access-Control-Allow-Methods: *"),
		verdict:   check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS", cause: "no policy allows the origin null with credentials",
		message: "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "a method of a page that misspells it", args: []string{"--method", "patch"},
		preflight: ok(allowPage, "Access-Control-Allow-Methods: PATCH"), verdict: check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS",
		fix: "allow_methods PATCH", cause: `let the page write "PATCH"`, message: "Method patch is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "nothing for an opaque origin", origin: "null", actual: ok(), verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors null {\n\tdangerously_allow null_origin\n}", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing for an insecure origin", origin: "http://app.example", args: []string{"--credentials"}, actual: ok(), verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		fix: "cors http://app.example {\n\tallow_credentials\n\tdangerously_allow insecure_origins\n}", message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "an opaque origin with credentials", origin: "null", args: []string{"--credentials"}, actual: ok(), verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET",
		message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "nothing on a preflight", args: []string{"-X", "PUT", "-H", "content-type: application/json", "--credentials"}, preflight: ok(),
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "OPTIONS",
		fix: "cors https://app.example {\n\tallow_methods PUT\n\tallow_headers Content-Type\n\tallow_credentials\n}", cause: "answers OPTIONS but allows nothing",
		message: "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "authentication", args: []string{"-H", "Authorization: Bearer a"}, preflight: answerTo{401, nil},
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "OPTIONS",
		fix: "cors https://app.example {\n\tallow_headers Authorization\n}", cause: "authentication runs before CORS",
		message: "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "two values", actual: ok(allowPage, allowPage), verdict: check.Blocked, code: browser.MultipleAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "both the application and the proxy", message: "contains multiple values 'https://app.example, https://app.example', but only one is allowed. Have the server send the header with a valid value.",
	},
	{
		name: "a list", actual: ok(allowPage + ", https://b.example"), verdict: check.Blocked, code: browser.MultipleAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "accept one origin, not a list", message: "contains multiple values 'https://app.example, https://b.example', but only one is allowed. Have the server send the header with a valid value.",
	},
	{
		name: "an empty value", actual: ok("Access-Control-Allow-Origin: "), verdict: check.Blocked, code: browser.InvalidAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "the header is empty", message: "contains the invalid value ''. Have the server send the header with a valid value.",
	},
	{
		name: "no scheme", actual: ok("Access-Control-Allow-Origin: app.example"), verdict: check.Blocked, code: browser.InvalidAllowOrigin, asked: "GET",
		fix: "cors https://app.example", cause: "an origin starts with its scheme", message: "contains the invalid value 'app.example'. Have the server send the header with a valid value.",
	},
	{
		name: "a trailing slash", actual: ok(allowPage + "/"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "an origin has no trailing slash", message: "has a value 'https://app.example/' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "a path", actual: ok(allowPage + "/a"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "an origin has no path", message: "has a value 'https://app.example/a' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "another scheme", actual: ok("Access-Control-Allow-Origin: http://app.example"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "the scheme differs", message: "has a value 'http://app.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "the default port", actual: ok(allowPage + ":443"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "the port differs", message: "has a value 'https://app.example:443' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "upper case", actual: ok("Access-Control-Allow-Origin: https://App.example"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "origins are case-sensitive", message: "has a value 'https://App.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "with www", actual: ok("Access-Control-Allow-Origin: https://www.app.example"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "with www. and without", message: "has a value 'https://www.app.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "a pattern", actual: ok("Access-Control-Allow-Origin: https://*.example"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "browsers do not know patterns", message: "has a value 'https://*.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "another origin", actual: ok("Access-Control-Allow-Origin: https://b.example"), verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET",
		fix: "cors https://app.example", cause: "allows another origin", message: "has a value 'https://b.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "anyone with credentials", args: []string{"--credentials"}, actual: ok("Access-Control-Allow-Origin: *", allowCookie),
		verdict: check.Blocked, code: browser.WildcardWithCredentials, asked: "GET", fix: "cors https://app.example {\n\tallow_credentials\n}",
		message: "must not be the wildcard '*' when the request's credentials mode is 'include'.",
	},
	{
		name: "no credentials", args: []string{"--credentials"}, actual: ok(allowPage), verdict: check.Blocked, code: browser.InvalidAllowCredentials, asked: "GET",
		fix: "allow_credentials", message: "in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
	},
	{
		name: "True", args: []string{"--credentials"}, actual: ok(allowPage, "Access-Control-Allow-Credentials: True"), verdict: check.Blocked, code: browser.InvalidAllowCredentials, asked: "GET",
		fix: "allow_credentials", cause: "case-sensitive", message: "in the response is 'True' which must be 'true' when the request's credentials mode is 'include'.",
	},

	{
		name: "a redirect of the preflight to https", args: []string{"-X", "PUT"}, preflight: answerTo{308, []string{"Location: https://HERE/items"}},
		verdict: check.Blocked, code: browser.PreflightRedirect, asked: "OPTIONS", cause: "let the page call https://",
		message: "Redirect is not allowed for a preflight request.",
	},
	{
		name: "a redirect of the preflight to a slash", args: []string{"-X", "PUT"}, preflight: answerTo{301, []string{allowPage, "Location: /items/"}},
		verdict: check.Blocked, code: browser.PreflightRedirect, asked: "OPTIONS", cause: "differ by a slash only", fix: "cors https://app.example {\n\tallow_methods PUT\n}",
		message: "Redirect is not allowed for a preflight request.",
	},
	{
		name: "a redirect of the preflight to itself", args: []string{"-X", "PUT"}, preflight: answerTo{302, []string{"Location: http://HERE/items#top"}},
		verdict: check.Blocked, code: browser.PreflightRedirect, asked: "OPTIONS", cause: "this one leads to the same URL; answer the preflight", fix: "cors https://app.example {\n\tallow_methods PUT\n}",
		message: "Redirect is not allowed for a preflight request.",
	},
	{
		name: "a redirect of the preflight to another query", args: []string{"-X", "PUT"}, preflight: answerTo{302, []string{"Location: /items/?login"}},
		verdict: check.Blocked, code: browser.PreflightRedirect, asked: "OPTIONS", cause: "answer the preflight before anything redirects, or let the page call http://", fix: "cors https://app.example {\n\tallow_methods PUT\n}",
		message: "Redirect is not allowed for a preflight request.",
	},
	{
		name: "a redirect of the preflight to a login", args: []string{"-X", "PUT"}, preflight: answerTo{302, []string{"Location: https://login.example/?a"}},
		verdict: check.Blocked, code: browser.PreflightRedirect, asked: "OPTIONS", cause: "answer the preflight before anything redirects", fix: "cors https://app.example {\n\tallow_methods PUT\n}",
		message: "Redirect is not allowed for a preflight request.",
	},
	{
		name: "the status of a preflight", args: []string{"-X", "PUT"}, preflight: answerTo{405, []string{allowPage, "Access-Control-Allow-Methods: PUT"}},
		verdict: check.Blocked, code: browser.PreflightStatus, asked: "OPTIONS", cause: "nothing answers OPTIONS", fix: "cors https://app.example {\n\tallow_methods PUT\n}",
		message: "It does not have HTTP ok status.",
	},
	{
		name: "methods without commas", args: []string{"-X", "PUT"}, preflight: ok(allowPage, "Access-Control-Allow-Methods: GET PUT"),
		verdict: check.Blocked, code: browser.MalformedAllowMethods, asked: "OPTIONS", cause: "separated by commas", fix: "allow_methods PUT",
		message: "Cannot parse Access-Control-Allow-Methods response header field in preflight response.",
	},
	{
		name: "names without commas", args: []string{"-H", "X-A: b"}, preflight: ok(allowPage, "Access-Control-Allow-Headers: X-A X-B"),
		verdict: check.Blocked, code: browser.MalformedAllowHeaders, asked: "OPTIONS", cause: "separated by commas", fix: "allow_headers X-A",
		message: "Cannot parse Access-Control-Allow-Headers response header field in preflight response.",
	},
	{
		name: "another method", args: []string{"-X", "PUT"}, preflight: ok(allowPage, "Access-Control-Allow-Methods: GET, POST"),
		verdict: check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS", fix: "allow_methods PUT",
		message: "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "a method in lower case", args: []string{"-X", "PUT"}, preflight: ok(allowPage, "Access-Control-Allow-Methods: put"),
		verdict: check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS", cause: "case-sensitive", fix: "allow_methods PUT",
		message: "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "any method with credentials", args: []string{"-X", "PUT", "--credentials"}, preflight: ok(allowPage, allowCookie, "Access-Control-Allow-Methods: *"),
		verdict: check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS", cause: "read * as the name", fix: "allow_methods PUT",
		message: "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "another field", args: []string{"-H", "X-A: b"}, preflight: ok(allowPage, "Access-Control-Allow-Headers: x-b"),
		verdict: check.Blocked, code: browser.HeaderNotAllowed, asked: "OPTIONS", fix: "allow_headers X-A",
		message: "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
	},
	{
		name: "any field with credentials", args: []string{"-H", "X-A: b", "--credentials"}, preflight: ok(allowPage, allowCookie, "Access-Control-Allow-Headers: *"),
		verdict: check.Blocked, code: browser.HeaderNotAllowed, asked: "OPTIONS", cause: "read * as the name", fix: "allow_headers X-A",
		message: "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
	},
	{
		name: "any field but Authorization", args: []string{"-H", "Authorization: a", "-H", "X-A: b"}, preflight: ok(allowPage, "Access-Control-Allow-Headers: *"),
		verdict: check.Blocked, code: browser.WildcardAuthorization, asked: "OPTIONS", cause: "browsers still allow the request", fix: "allow_headers * Authorization",
		message: "Authorization will not be covered by the wildcard symbol (*) in CORS `Access-Control-Allow-Headers` handling.",
	},
	{
		name: "the request after its preflight", args: []string{"-H", "X-A: b"}, preflight: ok(allowPage, "Access-Control-Allow-Headers: x-a"), actual: answerTo{500, nil},
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "OPTIONS GET", cause: "errors need CORS headers", fix: "cors https://app.example {\n\tallow_headers X-A\n}",
		message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},

	{
		name: "a redirect", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: /other"}}, paths: map[string]answerTo{"/other": ok("Access-Control-Allow-Origin: *")},
		verdict: check.Readable, asked: "GET GET",
	},
	{
		name: "a redirect with preflights", args: []string{"-X", "PUT", "--send"},
		preflight: ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *"),
		actual:    answerTo{307, []string{"Access-Control-Allow-Origin: *", "Location: /other"}},
		paths:     map[string]answerTo{"/other": ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *")},
		verdict:   check.Readable, asked: "OPTIONS PUT OPTIONS PUT",
	},
	{
		name: "a redirect to a URL that allows nothing", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: /other"}},
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET GET", fix: "cors https://app.example",
		message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "a redirect to another origin", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: http://localhost:PORT/other"}},
		paths:   map[string]answerTo{"/other": ok(allowPage)},
		verdict: check.Blocked, code: browser.AllowOriginMismatch, asked: "GET GET", cause: "browsers send the origin null",
		message: "has a value 'https://app.example' that is not equal to the supplied origin. Have the server send the header with a valid value.",
	},
	{
		name: "a redirect to another origin that allows null", args: []string{"--credentials"}, actual: answerTo{302, []string{allowPage, allowCookie, "Vary: Origin", "Location: http://localhost:PORT/other"}},
		paths:   map[string]answerTo{"/other": ok("Access-Control-Allow-Origin: null", "Vary: Origin")},
		verdict: check.Blocked, code: browser.InvalidAllowCredentials, asked: "GET GET", cause: "after a redirect from one foreign origin to another; let the page call http://localhost:",
		message: "in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
	},
	{
		name: "a redirect to another origin that says nothing", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: http://localhost:PORT/other"}},
		paths:   map[string]answerTo{"/other": ok("Vary: Origin")},
		verdict: check.Blocked, code: browser.MissingAllowOrigin, asked: "GET GET", cause: "browsers send the origin null",
		message: "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	},
	{
		name: "a redirect to another origin that allows anyone but not the method", args: []string{"-X", "PUT", "--send"},
		preflight: ok("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *"),
		actual:    answerTo{307, []string{"Access-Control-Allow-Origin: *", "Location: http://localhost:PORT/other"}},
		paths:     map[string]answerTo{"/other": ok("Access-Control-Allow-Origin: *")},
		verdict:   check.Blocked, code: browser.MethodNotAllowed, asked: "OPTIONS PUT OPTIONS", fix: "allow_methods PUT",
		message: "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
	},
	{
		name: "a redirect with a password", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: http://a:b@HERE/other"}},
		verdict: check.Blocked, code: browser.RedirectCredentials, asked: "GET", cause: "redirect without them",
		message: "contains a username and password, which is disallowed for cross-origin requests.",
	},
	{
		name: "a redirect to nowhere", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: data:,a"}},
		verdict: check.Blocked, code: browser.InvalidRedirect, asked: "GET", cause: "http and https only", message: "net::ERR_UNSAFE_REDIRECT",
	},
	{
		name: "redirects in a circle", actual: answerTo{302, []string{"Access-Control-Allow-Origin: *", "Location: /items"}},
		verdict: check.Blocked, code: browser.TooManyRedirects, asked: strings.TrimSpace(strings.Repeat("GET ", 21)), cause: "form a loop", message: "net::ERR_TOO_MANY_REDIRECTS",
	},
	{name: "no server", actual: answerTo{}, verdict: check.Unknown, error: "EOF", asked: "GET"},
}

// TestCheck runs the command against a server for each case.
func TestCheck(t *testing.T) {
	seen := map[browser.Code]bool{}
	for _, tc := range checks {
		seen[tc.code] = true
		t.Run(tc.name, func(t *testing.T) {
			var asked []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked = append(asked, r.Method)
				answer, ok := tc.paths[r.URL.Path]
				switch {
				case ok:
				case r.URL.Path != "/items":
					answer.status = 200
				case r.Method == http.MethodOptions:
					answer = tc.preflight
				default:
					answer = tc.actual
				}
				if answer.status == 0 {
					panic(http.ErrAbortHandler)
				}
				port := r.Host[strings.LastIndex(r.Host, ":")+1:]
				for name, values := range fields(answer.fields...) {
					for _, value := range values {
						w.Header().Add(name, strings.NewReplacer("HERE", r.Host, "PORT", port).Replace(value))
					}
				}
				w.WriteHeader(answer.status)
			}))
			defer server.Close()
			origin := tc.origin
			if origin == "" {
				origin = pageOrigin
			}
			args := append([]string{"--json", "--origin", origin, server.URL + "/items"}, tc.args...)
			out, stderr, status := execute(t, checkCommand(), args...)
			server.Close()
			if stderr != "" {
				t.Errorf("stderr: %s", stderr)
			}
			if want := map[check.Verdict]int{check.Blocked: 1, check.Unknown: 2}[tc.verdict]; status != want {
				t.Errorf("exit status %d, want %d", status, want)
			}
			var report check.Report
			if err := json.Unmarshal([]byte(out), &report); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if report.Verdict != tc.verdict || report.Code != tc.code || report.Fix != tc.fix {
				t.Errorf("got %s, %s, fix %q, want %s, %s, fix %q", report.Verdict, report.Code, report.Fix, tc.verdict, tc.code, tc.fix)
			}
			if got := strings.Join(asked, " "); got != tc.asked {
				t.Errorf("asked %s, want %s", got, tc.asked)
			}
			if !strings.HasSuffix(report.Message, tc.message) || tc.message == "" && report.Message != "" {
				t.Errorf("message %q, want %q", report.Message, tc.message)
			}
			if !strings.Contains(report.Error, tc.error) || tc.error == "" && report.Error != "" {
				t.Errorf("error %q, want %q", report.Error, tc.error)
			}
			if got := cause(&report); !strings.Contains(got, tc.cause) || tc.code == "" && got != "" {
				t.Errorf("cause %q, want %q", got, tc.cause)
			}
			if len(report.Warnings) != len(tc.warnings) {
				t.Errorf("warnings %q, want %q", report.Warnings, tc.warnings)
			}
			for i, want := range tc.warnings {
				if i < len(report.Warnings) && !strings.Contains(report.Warnings[i], want) {
					t.Errorf("warning %q, want %q", report.Warnings[i], want)
				}
			}
		})
	}
	for _, code := range browser.Codes {
		if !seen[code] {
			t.Errorf("no case for %s", code)
		}
	}
}

// cause returns what the first failure of a report is put down to.
func cause(report *check.Report) string {
	for _, step := range report.Steps {
		for _, result := range step.Checks {
			if !result.Passed {
				return result.Cause
			}
		}
	}
	return ""
}

// TestFix: the lines that a check proposes are a policy under which it passes.
func TestFix(t *testing.T) {
	for _, tc := range checks {
		if tc.fix == "" {
			continue
		}
		t.Run(tc.name, func(t *testing.T) {
			c := check.Check{Method: http.MethodGet, Origin: pageOrigin, Header: http.Header{}, Transport: http.DefaultTransport, Send: true}
			if tc.origin != "" {
				c.Origin = tc.origin
			}
			for i, arg := range tc.args {
				switch arg {
				case "-X":
					c.Method = tc.args[i+1]
				case "-H":
					name, value, _ := strings.Cut(tc.args[i+1], ": ")
					c.Header.Add(name, value)
				case "--credentials":
					c.Credentials = true
				}
			}
			policy := tc.fix
			if !strings.HasPrefix(policy, "cors ") {
				// The server of the case does these right.
				policy = "cors " + c.Origin + " {\n" + policy
				if c.Credentials && !strings.Contains(tc.fix, "allow_credentials") {
					policy += "\nallow_credentials"
				}
				policy += "\n}"
			}
			server := serve(t, provision(t, policy), func(http.ResponseWriter, *http.Request) error { return nil })
			c.URL = server.URL
			report, err := c.Run(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if report.Verdict != check.Readable || len(report.Warnings) > 0 {
				t.Errorf("%s: %s, %s, %q", policy, report.Verdict, report.Code, report.Warnings)
			}
		})
	}
}
