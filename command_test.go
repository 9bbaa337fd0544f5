package caddycors

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// execute executes a command in this process, and returns what it prints and the
// exit status that Caddy makes of its error, as TestExitStatus checks.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceUsage = true // as Caddy's root command does
	switch err := cmd.ExecuteContext(t.Context()); {
	case err == nil:
	case err.Error() == "exiting with status 2":
		status = 2
	default:
		status = 1
	}
	return out.String(), errs.String(), status
}

const (
	pageOrigin  = "https://app.example"
	allowPage   = "Access-Control-Allow-Origin: " + pageOrigin
	allowCookie = "Access-Control-Allow-Credentials: true"
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
				// What the server of the case does right.
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

// TestCheckUsage: wrong usage gets an error of one line that says what to write, and
// exit status 2.
func TestCheckUsage(t *testing.T) {
	const url = "http://127.0.0.1:1/"
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "the URL is missing; write, for example: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{""}, "the URL is missing; write, for example: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{url}, "--origin is missing; write the origin of the page, as in: caddy cors check --origin https://app.example.com http://127.0.0.1:1/"},
		{[]string{"api.example"}, "--origin is missing; write the origin of the page, as in: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{"--origin", pageOrigin}, "the URL is missing; write, for example: caddy cors check --origin https://app.example https://api.example.com/items"},
		{[]string{pageOrigin, url}, "there are 2 URLs, and --origin is missing; write --origin before the origin of the page: caddy cors check --origin https://app.example http://127.0.0.1:1/"},
		{[]string{"--origin", pageOrigin, "--header", "X-A:", "b", url}, "there are 2 URLs; write one, and put headers in quotes: caddy cors check --origin https://app.example --header \"Name: value\" http://127.0.0.1:1/"},
		{[]string{"--origin", pageOrigin + "/", url}, `--origin "https://app.example/": has a trailing slash, which browsers do not send; write https://app.example`},
		{[]string{"--origin", "*", url}, `--origin "*": is a pattern; write the origin of one page, such as https://app.example.com`},
		{[]string{"--origin", "https://*.app.example", url}, `--origin "https://*.app.example": is a pattern; write the origin of one page, such as https://app.example.com`},
		{[]string{"--origin", pageOrigin, "api.example"}, `URL "api.example": the scheme is missing; write https://api.example`},
		{[]string{"--origin", pageOrigin, "api.example:8443/items?a=b"}, `URL "api.example:8443/items?a=b": the scheme is missing; write https://api.example:8443/items?a=b`},
		{[]string{"--origin", pageOrigin, "localhost:3000/items"}, `URL "localhost:3000/items": the scheme is missing; write http://localhost:3000/items`},
		{[]string{"--origin", pageOrigin, "127.0.0.1:2015"}, `URL "127.0.0.1:2015": the scheme is missing; write http://127.0.0.1:2015`},
		{[]string{"--origin", pageOrigin, "[::1]:8080/a"}, `URL "[::1]:8080/a": the scheme is missing; write http://[::1]:8080/a`},
		{[]string{"--origin", pageOrigin, "//api.example/a"}, `URL "//api.example/a": the scheme is missing; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "https:/api.example/a"}, `URL "https:/api.example/a": the scheme is not followed by //; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "wss://api.example/a"}, `URL "wss://api.example/a": the scheme is not http or https; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "ftp://api.example/a"}, `URL "ftp://api.example/a": the scheme is not http or https; browsers use CORS only with these`},
		{[]string{"--origin", pageOrigin, "/items"}, `URL "/items": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{[]string{"--origin", pageOrigin, "items"}, `URL "items": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{[]string{"--origin", pageOrigin, "--method", "TRACE", url}, `method "TRACE": is forbidden, so fetch() throws a TypeError; write one such as PUT`},
		{[]string{"--origin", pageOrigin, "--header", "X-A", url}, `--header "X-A": has no colon; write "Name: value"`},
		{[]string{"--origin", pageOrigin, "--header", "X A: b", url}, `header "X A": is not a valid name, so fetch() throws a TypeError; write one such as X-Request-Id`},
		{[]string{"--origin", pageOrigin, "--resolve", "a:443", url}, `--resolve "a:443": is not host:port:address; write one such as api.example.com:443:127.0.0.1`},
		{[]string{"--origin", pageOrigin, "--cacert", notPEM, url}, fmt.Sprintf("--cacert %q: the file has no certificate; write the path of a PEM file", notPEM)},
		{[]string{"--origin", pageOrigin, "--browser", "safari", url}, `--browser "safari": is not a known browser; write chromium, firefox or webkit`},
		{[]string{"--orign", pageOrigin, url}, "unknown flag: --orign"},
		{[]string{"--json=maybe", url}, `invalid argument "maybe" for "--json" flag: strconv.ParseBool: parsing "maybe": invalid syntax`},
	} {
		out, stderr, status := execute(t, checkCommand(), tc.args...)
		if status != 2 || out != "" || stderr != "caddy cors: "+tc.want+"\n" {
			t.Errorf("%q: exit status %d, %s%s", tc.args, status, out, stderr)
		}
	}
}

// TestCheckTLS: the options of curl that say how a server is reached.
func TestCheckTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		url    string
		status int
	}{
		{nil, server.URL, 2},
		{[]string{"--insecure"}, server.URL, 0},
		{[]string{"-k"}, server.URL, 0},
		{[]string{"--cacert", ca}, server.URL, 0},
		{[]string{"--cacert", ca, "--resolve", "example.com:" + port + ":127.0.0.1"}, "https://Example.com:" + port, 0},
		{[]string{"--cacert", ca, "--resolve", "other.invalid:" + port + ":127.0.0.1"}, "https://other.invalid:" + port, 2}, // not in the certificate
		{[]string{"-k", "--resolve", "other.invalid:" + port + ":127.0.0.1"}, "https://other.invalid:" + port, 0},
		{[]string{"-k"}, "https://a.b.localhost:" + port, 0}, // loopback, as browsers have it
	} {
		args := append([]string{"--origin", pageOrigin, tc.url}, tc.args...)
		if out, stderr, status := execute(t, checkCommand(), args...); status != tc.status || stderr != "" {
			t.Errorf("%q: exit status %d, want %d\n%s%s", tc.args, status, tc.status, out, stderr)
		}
	}
}

// TestSources runs the command against an admin API.
func TestSources(t *testing.T) {
	body := `[{"source":"file origins.txt","state":"ok","origins":123,"last_refresh":"2026-01-02T03:04:05Z","refresh_errors":0,"new":{}},` +
		`{"source":"ask \u001b[2Jx","state":"fail\u001bing","origins":0,"last_refresh":null,"refresh_errors":2,"last_error":"ask x: line 1: bad\nline \u001b2: bad","last_error_time":"2026-01-02T03:04:06Z"}]`
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/cors/sources" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	defer admin.Close()
	address := strings.TrimPrefix(admin.URL, "http://")
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte("{\n\tadmin "+address+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `SOURCE            STATE        ORIGINS  LAST REFRESH          ERRORS  LAST ERROR
file origins.txt  ok           123      2026-01-02T03:04:05Z  0       -
ask \x1b[2Jx      fail\x1bing  0        never                 2       2026-01-02T03:04:06Z: ask x: line 1: bad
                                                                      line \x1b2: bad
`
	for _, args := range [][]string{{"--address", address}, {"--config", config}} {
		if out, stderr, status := execute(t, sourcesCommand(), args...); out != want || status != 0 {
			t.Errorf("%q: exit status %d, %s\n%s", args, status, stderr, out)
		}
	}
	body = "no JSON"
	if out, stderr, status := execute(t, sourcesCommand(), "--address", address); status != 1 || out != "" {
		t.Errorf("exit status %d, %s\n%s", status, stderr, out)
	}
	admin.Close()
	if out, stderr, status := execute(t, sourcesCommand(), "--address", address); status != 1 || out != "" {
		t.Errorf("exit status %d, %s\n%s", status, stderr, out)
	}
}

// TestBrowserOption: the message is that of the browser that is asked for.
func TestBrowserOption(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--browser", "chromium"}, "\nBlocked. Chromium's console says:\n  Access to fetch at "},
		{[]string{"--browser", "firefox"}, "\nBlocked. Firefox's console says:\n  Cross-Origin Request Blocked: "},
		{[]string{"--browser", "webkit"}, "\nBlocked. WebKit's console says:\n  Origin " + pageOrigin + " is not allowed by Access-Control-Allow-Origin. Status code: 404\n  Fetch API cannot load " + server.URL + "/ due to access control checks.\n"},
		{[]string{"--json", "--browser", "firefox"}, `"browser": "firefox"`},
	} {
		out, stderr, status := execute(t, checkCommand(), append(tc.args, "--origin", pageOrigin, server.URL)...)
		if status != 1 || !strings.Contains(out, tc.want) || stderr != "" {
			t.Errorf("%q: exit status %d, got %s%s, want %s", tc.args, status, out, stderr, tc.want)
		}
	}
}

// TestExitStatus runs the built command: the exit status is what scripts see.
func TestExitStatus(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/open" {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
	}))
	t.Cleanup(server.Close)
	check := []string{"cors", "check", "--origin", pageOrigin}
	list := filepath.Join(t.TempDir(), "origins.txt")
	if err := os.WriteFile(list, []byte("https://a.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args           []string
		status         int
		stdout, stderr string // parts
	}{
		{append(check, server.URL+"/open"), 0, "\nReadable. ", ""},
		{append(check, server.URL), 1, "\nBlocked. Chromium's console says:\n  Access to fetch at ", ""},
		{append(check, "--json", server.URL), 1, `"verdict": "blocked"`, ""},
		{append(check, "http://127.0.0.1:1"), 2, "\nUnknown. dial tcp 127.0.0.1:1: ", ""},
		{append(check, "--orign"), 2, "", "caddy cors: unknown flag: --orign\n"},
		{check, 2, "", "caddy cors: the URL is missing; write, for example: caddy cors check --origin " + pageOrigin + " https://api.example.com/items\n"},
		{append(check, "--help"), 0, "--origin has no default", ""},
		{[]string{"cors"}, 0, "Available Commands:\n  check ", ""},
		{[]string{"cors", "chekc"}, 2, "", "caddy cors: \"chekc\": is not a command of caddy cors; write check, explain, list or sources\n"},
		{[]string{"cors", "explain", "--no-check", "No 'Access-Control-Allow-Origin' header is present on the requested resource."}, 0, "The response has no Access-Control-Allow-Origin header", ""},
		{[]string{"cors", "explain", "Access to fetch at '" + server.URL + "/' from origin '" + pageOrigin + "' has been blocked by CORS policy"}, 1, "\nBlocked. ", ""},
		{[]string{"cors", "explain", "hello"}, 2, "", "caddy cors: the text is not a message about CORS"},
		{[]string{"cors", "list", list}, 0, list + ": good; 1 origin or pattern\n", ""},
		{[]string{"cors", "list", "command.go"}, 1, "command.go: bad; ", ""},
		{[]string{"cors", "list", "nowhere"}, 2, "", "caddy cors: "},
		{[]string{"cors", "sources", "--address", "127.0.0.1:1"}, 1, "", "127.0.0.1:1"},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			cmd := corstest.CaddyCommand(t, tc.args...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tc.status {
				t.Errorf("%q: exit status %d, want %d", tc.args, got, tc.status)
			}
			for _, stream := range []struct{ name, got, want string }{{"stdout", out.String(), tc.stdout}, {"stderr", errs.String(), tc.stderr}} {
				if !strings.Contains(stream.got, stream.want) || stream.want == "" && stream.got != "" {
					t.Errorf("%q: %s: got %s, want %s", tc.args, stream.name, stream.got, stream.want)
				}
			}
		})
	}
}
