package integration

import (
	"fmt"
	"strings"
	"testing"
)

// policy is a cors directive whose answers bear its name: actual responses in
// Access-Control-Expose-Headers, preflights in Access-Control-Allow-Headers.
func policy(name, matcher string, more ...string) string {
	return fmt.Sprintf("cors %s https://a.example {\nexpose_headers %s\nallow_headers %[2]s\n%s\n}\n", matcher, name, strings.Join(more, "\n"))
}

// TestNesting: of several cors on one request the outermost decides, for the
// preflight and the response alike, and the others are silent.
func TestNesting(t *testing.T) {
	const body = "respond body\n"
	upstream := newUpstream(t, upstreamPaths)
	for _, tc := range []struct {
		name       string
		directives string
		snippets   string
		decides    map[string]string // the policy that decides, by path
	}{
		{
			name:       "site and handle",
			directives: "handle {\n" + policy("Inner", "") + body + "}\n" + policy("Outer", ""),
			decides:    map[string]string{"/": "Outer"},
		},
		{
			name:       "site and route",
			directives: "route {\n" + policy("Inner", "") + body + "}\n" + policy("Outer", ""),
			decides:    map[string]string{"/": "Outer"},
		},
		{
			name:       "site with a matcher, and handle",
			directives: policy("Outer", "/api/*") + "handle {\n" + policy("Inner", "") + body + "}",
			decides:    map[string]string{"/api/x": "Outer", "/": "Inner"},
		},
		{
			name:       "handle in handle",
			directives: "handle {\n" + policy("Outer", "") + "handle /api/* {\n" + policy("Inner", "") + body + "}\n" + body + "}",
			decides:    map[string]string{"/api/x": "Outer", "/": "Outer"},
		},
		{
			name:       "one handle beside another",
			directives: "handle /a {\n" + policy("A", "") + body + "}\nhandle /b {\n" + policy("B", "") + body + "}\n" + body,
			decides:    map[string]string{"/a": "A", "/b": "B", "/": ""},
		},
		{
			name:       "the longest path",
			directives: policy("Short", "/api/*") + policy("Long", "/api/v1/*") + body,
			decides:    map[string]string{"/api/x": "Short", "/api/v1/x": "Long", "/": ""},
		},
		{
			name:       "the longest path, written first",
			directives: policy("Long", "/api/v1/*") + policy("Short", "/api/*") + body,
			decides:    map[string]string{"/api/x": "Short", "/api/v1/x": "Long", "/": ""},
		},
		{
			name:       "a path before none",
			directives: policy("All", "") + policy("API", "/api/*") + body,
			decides:    map[string]string{"/api/x": "API", "/": "All"},
		},
		{
			name:       "a named matcher before none",
			directives: "@get path_regexp ^/api/\n" + policy("All", "") + policy("API", "@get") + body,
			decides:    map[string]string{"/api/x": "API", "/": "All"},
		},
		{
			name:       "named matchers as written",
			directives: "@one path_regexp ^/[ab]$\n@two path_regexp ^/[bc]$\n" + policy("Two", "@two") + policy("One", "@one") + body,
			decides:    map[string]string{"/a": "One", "/b": "Two", "/c": "Two", "/": ""},
		},
		{
			// Caddy compares no path with other matchers.
			name:       "a path and a named matcher as written",
			directives: "@any path_regexp .\n" + policy("Any", "@any") + policy("API", "/api/*") + body,
			decides:    map[string]string{"/api/x": "Any", "/": "Any"},
		},
		{
			name:       "route, as written",
			directives: "route {\n" + policy("First", "") + policy("Second", "/api/*") + body + "}",
			decides:    map[string]string{"/api/x": "First", "/": "First"},
		},
		{
			// In a route block, as Caddy 2.11 drops all but the first of a named
			// route's handlers without matchers.
			name:       "named route",
			snippets:   "&(api) {\nroute {\n" + policy("Named", "") + body + "}\n}\n",
			directives: "invoke api",
			decides:    map[string]string{"/": "Named"},
		},
		{
			name:       "site and named route",
			snippets:   "&(api) {\nroute {\n" + policy("Named", "") + body + "}\n}\n",
			directives: policy("Outer", "/api/*") + "invoke api",
			decides:    map[string]string{"/api/x": "Outer", "/": "Named"},
		},
		{
			name: "site and handle_response",
			directives: policy("Outer", "/up/200") + "reverse_proxy " + upstream + " {\nhandle_response {\n" +
				policy("Inner", "") + "header Vary Accept\nrespond body\n}\n}",
			decides: map[string]string{"/up/200": "Outer"},
		},
		{
			name:       "an inner one does not reject",
			directives: policy("Outer", "") + "handle {\n" + policy("Inner", "", "reject_disallowed") + body + "}",
			decides:    map[string]string{"/": "Outer"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSiteWith(t, siteOptions{snippets: tc.snippets}, tc.directives)
			for path, name := range tc.decides {
				t.Run(path, func(t *testing.T) {
					if name == "" {
						s.check(t, call{path: path, status: 200, header: fields(origin)})
						s.check(t, call{path: path, method: "OPTIONS", status: 200, header: fields(origin, forPUT)})
						return
					}
					more := ""
					if strings.Contains(tc.name, "handle_response") {
						more = ", Accept"
					}
					s.check(t, call{path: path, status: 200, body: "body", want: fields(vary + more)})
					s.check(t, call{path: path, status: 200, body: "body", header: fields(foreign), want: fields(vary + more)})
					s.check(t, call{
						path: path, status: 200, body: "body", header: fields(origin),
						want: fields(allowed, "Access-Control-Expose-Headers: "+name, vary+more),
					})
					s.check(t, call{
						path: path, method: "OPTIONS", status: 204, header: fields(origin, forPUT),
						want: fields(allowed, "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: "+name, "Access-Control-Expose-Headers: "+name, varyAll),
					})
					s.check(t, call{path: path, method: "OPTIONS", status: 403, header: fields(foreign, forPUT), want: fields(varyAll)})
				})
			}
		})
	}
}

// TestNestedPolicies: the outermost decides also where it knows less, allows
// less, or leaves the preflight to the next handler.
func TestNestedPolicies(t *testing.T) {
	const methods = "Access-Control-Allow-Methods: GET, HEAD, POST"
	for _, tc := range []struct {
		name         string
		outer, inner string
		calls        []call
	}{
		{
			"inner allows more", "cors https://a.example", "cors https://b.example {\nallow_credentials\n}",
			[]call{
				{header: fields(foreign), status: 200, want: fields(vary)},
				{header: fields(origin), status: 200, want: fields(allowed, vary)},
				{method: "OPTIONS", header: fields(foreign, forPUT), status: 403, want: fields(varyAll)},
			},
		},
		{
			"outer allows every origin", "cors * *", "cors https://a.example {\nallow_credentials\nreject_disallowed\n}",
			[]call{
				{header: fields(foreign), status: 200, want: fields("Access-Control-Allow-Origin: *")},
				{status: 200, want: fields("Access-Control-Allow-Origin: *")},
				{method: "OPTIONS", header: fields(foreign, forPUT), status: 204, want: fields("Access-Control-Allow-Origin: *", methods, varyAll)},
			},
		},
		{
			"outer rejects", "cors https://a.example {\nreject_disallowed\n}", "cors * *",
			[]call{
				{header: fields(foreign), status: 403, want: fields(vary)},
				{header: fields(origin), status: 200, want: fields(allowed, vary)},
			},
		},
		{
			"outer passes preflights", "cors https://a.example {\npreflight_passthrough\n}", "cors https://b.example",
			[]call{
				{method: "OPTIONS", header: fields(origin, forPUT), status: 200, body: "body", want: fields(allowed, methods, varyAll)},
				{method: "OPTIONS", header: fields(foreign, forPUT), status: 200, body: "body", want: fields(varyAll)},
				{header: fields(foreign), status: 200, want: fields(vary)},
			},
		},
		{
			"in an error route", "cors https://a.example\nhandle_errors {\ncors https://b.example {\nallow_credentials\n}\nrespond page\n}", `error "no" 404`,
			[]call{
				{header: fields(origin), status: 404, body: "page", want: fields(vary)},
				{header: fields(foreign), status: 404, body: "page", want: fields("Access-Control-Allow-Origin: https://b.example", "Access-Control-Allow-Credentials: true", vary)},
				{method: "OPTIONS", header: fields(origin, forPUT), status: 204, want: fields(allowed, methods, varyAll)},
				{method: "OPTIONS", header: fields(foreign, forPUT), status: 403, want: fields(varyAll)},
			},
		},
		{
			"only in an error route", "handle_errors {\ncors https://a.example\nrespond page\n}", `error "no" 404`,
			[]call{
				{header: fields(origin), status: 404, body: "page", want: fields(allowed, vary)},
				{header: fields(foreign), status: 404, body: "page", want: fields(vary)},
				{method: "OPTIONS", header: fields(origin, forPUT), status: 204, want: fields(allowed, methods, varyAll)},
			},
		},
		{
			"where the way out of a handle is basic_auth", "cors /api/* https://a.example\nbasic_auth {\nalice $2a$04$Hm3cIOVw2ItO9HYGz2JiIOvk0OJ84OKE3m7pBmiAHwekto6Xjimy.\n}", "cors https://a.example",
			[]call{
				{path: "/api/x", header: fields(origin), status: 401, want: fields(allowed, vary)},
				{path: "/api/x", method: "OPTIONS", header: fields(origin, forPUT), status: 204, want: fields(allowed, methods, varyAll)},
				{path: "/", header: fields(origin), status: 401},
				{path: "/", method: "OPTIONS", header: fields(origin, forPUT), status: 401},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSite(t, tc.outer+"\nhandle {\n"+tc.inner+"\nrespond body\n}")
			for _, c := range tc.calls {
				s.check(t, c)
			}
		})
	}
}
