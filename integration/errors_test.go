package integration

import (
	"net/http"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestErrors: what an error route writes keeps the policy's fields, and has one
// set of them if the route itself is under a cors.
func TestErrors(t *testing.T) {
	const methods = "Access-Control-Allow-Methods: GET, HEAD, POST"
	upstream := newUpstream(t, upstreamPaths)
	fill := strings.NewReplacer("UPSTREAM", upstream, "DEAD", corstest.FreePort(t))
	other := "https://upstream.example"
	// The upstream sends these CORS headers, beside or instead of ours.
	page := fields("Access-Control-Allow-Origin: "+other, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: DELETE",
		"Access-Control-Allow-Headers: X-Upstream", "Access-Control-Expose-Headers: X-Upstream", "Access-Control-Max-Age: 1", "Access-Control-Made-Up: x",
		"Vary: Origin, Cookie, Accept")
	beside := merge(page, http.Header{
		"Access-Control-Allow-Origin":      {"https://a.example", other},
		"Access-Control-Allow-Credentials": {"true", "true"},
	})
	pageVary := fields("Vary: Origin, Cookie, Accept")

	for _, tc := range []struct {
		name            string
		handleErrors    string
		status          int // 0 for that of the error
		body            string
		none            http.Header
		allowed, denied http.Header
	}{
		{
			name:   "nothing is written",
			status: 0,
			none:   fields(vary), allowed: credentialed, denied: fields(vary),
		},
		{
			name:         "respond",
			handleErrors: `handle_errors { respond "{err.status_code}" }`,
			none:         fields(vary), allowed: credentialed, denied: fields(vary),
		},
		{
			name:         "respond with another status",
			handleErrors: `handle_errors { respond "page" 418 }`,
			status:       418, body: "page",
			none: fields(vary), allowed: credentialed, denied: fields(vary),
		},
		{
			name: "file_server",
			handleErrors: `handle_errors {
				root * testdata
				rewrite * /file.txt
				file_server
			}`,
			body: "a file\n",
			none: fields("Vary: Origin, Accept-Encoding"), allowed: merge(credentialed, fields("Vary: Origin, Accept-Encoding")), denied: fields("Vary: Origin, Accept-Encoding"),
		},
		{
			name: "header and Vary",
			handleErrors: `handle_errors {
				header +Vary Accept
				respond "page"
			}`,
			body: "page",
			none: fields("Vary: Origin, Accept"), allowed: merge(credentialed, fields("Vary: Origin, Accept")), denied: fields("Vary: Origin, Accept"),
		},
		{
			name: "cors and respond",
			handleErrors: `handle_errors {
				import policy
				respond "page"
			}`,
			body: "page",
			none: fields(vary), allowed: credentialed, denied: fields(vary),
		},
		{
			// The limit, with a header directive.
			name: "header in the place of cors",
			handleErrors: `handle_errors {
				header Vary X
				header Access-Control-Allow-Origin *
				respond "page"
			}`,
			body: "page",
			none: fields("Access-Control-Allow-Origin: *", "Vary: X"), denied: fields("Access-Control-Allow-Origin: *", "Vary: X"),
			allowed: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Credentials: true", "Vary: X"),
		},
		{
			name: "header beside cors",
			handleErrors: `handle_errors {
				import policy
				header Vary X
				header Access-Control-Allow-Origin *
				respond "page"
			}`,
			body: "page",
			none: fields("Vary: Origin, X"), allowed: merge(credentialed, fields("Vary: Origin, X")), denied: fields("Vary: Origin, X"),
		},
		{
			// The limit: an error route gets the server's own writer, so what a
			// proxied page says about CORS stands beside what cors has set.
			name: "proxied without cors",
			handleErrors: `handle_errors {
				rewrite * /up/500
				reverse_proxy UPSTREAM
			}`,
			status: 500, body: "body",
			none: page, allowed: beside, denied: page,
		},
		{
			// The remedy.
			name: "proxied with cors",
			handleErrors: `handle_errors {
				import policy
				rewrite * /up/500
				reverse_proxy UPSTREAM
			}`,
			status: 500, body: "body",
			none: pageVary, allowed: merge(credentialed, pageVary), denied: pageVary,
		},
		{
			name: "copied without cors",
			handleErrors: `handle_errors {
				rewrite * /up/500
				reverse_proxy UPSTREAM {
					handle_response {
						copy_response_headers {
							exclude Content-Length
						}
						respond "copied" 500
					}
				}
			}`,
			status: 500, body: "copied",
			none: page, allowed: beside, denied: page,
		},
		{
			name: "copied with cors",
			handleErrors: `handle_errors {
				import policy
				rewrite * /up/500
				reverse_proxy UPSTREAM {
					handle_response {
						copy_response_headers {
							exclude Content-Length
						}
						respond "copied" 500
					}
				}
			}`,
			status: 500, body: "copied",
			none: pageVary, allowed: merge(credentialed, pageVary), denied: pageVary,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			handleErrors := strings.ReplaceAll(strings.ReplaceAll(tc.handleErrors, "{ respond", "{\nrespond"), "\" }", "\"\n}")
			handleErrors = strings.ReplaceAll(handleErrors, "418 }", "418\n}")
			s := startSiteWith(t, siteOptions{snippets: `(policy) {
				cors https://a.example {
					allow_credentials
				}
			}`}, fill.Replace(`
			import policy
			error /error "no" 404
			reverse_proxy /dead DEAD
			reverse_proxy /up/* UPSTREAM
			`+handleErrors))
			for path, status := range map[string]int{
				"/error": 404, "/dead": 502, "/up/abort": 502, "/up/early-hints-abort": 502,
			} {
				t.Run(path, func(t *testing.T) {
					if tc.status != 0 {
						status = tc.status
					}
					s.check(t, call{path: path, status: status, body: tc.body, want: tc.none})
					s.check(t, call{path: path, status: status, body: tc.body, header: fields(origin), want: tc.allowed})
					s.check(t, call{path: path, status: status, body: tc.body, header: fields(foreign), want: tc.denied})
					s.check(t, call{path: path, method: "OPTIONS", status: 204, header: fields(origin, forPUT), want: merge(credentialed, fields(methods, varyAll))})
					s.check(t, call{path: path, method: "OPTIONS", status: 403, header: fields(foreign, forPUT), want: fields(varyAll)})
				})
			}
		})
	}
}

// TestRejected: what is rejected is an error of Caddy's, with its routes; and
// what such a route serves is not rejected again.
func TestRejected(t *testing.T) {
	for _, tc := range []struct {
		name         string
		handleErrors string
		status       int
		body         string
	}{
		{"no error route", "", 403, ""},
		{"a route", "handle_errors {\nrespond \"a page for {err.status_code}\"\n}", 403, "a page for 403"},
		{"a route for the status", "handle_errors 403 {\nrespond \"a page\" 451\n}", 451, "a page"},
		{"a route for another", "handle_errors 404 {\nrespond \"a page\"\n}", 403, ""},
		{"a route under the same cors", "handle_errors {\nimport policy\nrespond \"a page\"\n}", 403, "a page"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSiteWith(t, siteOptions{snippets: `(policy) {
				cors https://a.example {
					allow_credentials
					reject_disallowed
				}
			}`}, "import policy\nrespond body\n"+tc.handleErrors)
			s.check(t, call{status: 200, body: "body", want: fields(vary)})
			s.check(t, call{status: 200, body: "body", header: fields(origin), want: credentialed})
			for _, o := range []string{foreign, "Origin: null", "Origin: https://a.example/"} {
				for _, method := range []string{"GET", "POST"} {
					res := s.check(t, call{method: method, status: tc.status, body: tc.body, header: fields(o), want: fields(vary)})
					if tc.body == "" && len(res.body) > 0 {
						t.Errorf("body %q, want none", res.body)
					}
				}
			}
		})
	}
}
