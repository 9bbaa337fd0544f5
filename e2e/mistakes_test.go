package e2e

import "strings"

// mistake is a request that fails for a cause that docs/errors.md names, and what
// puts it right.
type mistake struct {
	section string // of the page
	cause   string // in bold there, or empty if the section names one only
	from    string // the page that calls: a key of callers

	// site is the Caddyfile of api.example.com, and fixed the right one, or
	// empty if that is not where the mistake is.
	site, fixed string
	tls         bool // site is served by https
	call        request
	fixedCall   *request // the right one, or nil if that is not where the mistake is

	preflight, response answer // of the application at localhost:3000; 405 and 200 if nothing is said
	only                string // the browser that minds, if not all do

	// besides has what browsers print that is not of the section.
	besides map[string]string
}

// request is a call of a page.
type request struct {
	way         string // of page.html; fetch if empty
	url         string // http://api.example.com/items if empty
	method      string // GET if empty
	fields      map[string]string
	credentials bool
	init        map[string]any // further options of fetch
}

// whole stands for the first Caddyfile of the page.
const whole = "whole"

// api returns the Caddyfile of a site with directives before its application.
func api(directives string) string {
	return "api.example.com {\n" + directives + "\nreverse_proxy localhost:3000\n}\n"
}

// cors returns the Caddyfile of a site with a cors that has these options.
func cors(options ...string) string {
	return api("cors https://app.example.com {\n" + strings.Join(options, "\n") + "\n}")
}

// authentication returns the Caddyfile of a site with basic_auth, and a cors at the
// level of the site and one inside handle.
func authentication(site, handle string) string {
	return `api.example.com {
	` + site + `
	basic_auth {
		bob $2a$14$4xTPZ0nRTisxC12tj7YNDObY2PHst2bVx2q0wH6MPoL.HeHnmvDqS
	}
	handle {
		` + handle + `
		reverse_proxy localhost:3000
	}
}
`
}

var (
	bare          = api("")
	put           = request{method: "PUT"}
	cookies       = request{credentials: true}
	putCookies    = request{method: "PUT", credentials: true}
	custom        = request{fields: map[string]string{"X-Custom": "1"}}
	customCookies = request{fields: map[string]string{"X-Custom": "1"}, credentials: true}
)

const corsOfBearers = `cors https://app.example.com {
	allow_headers Authorization
}`

const allowed = "Access-Control-Allow-Origin: https://app.example.com"

var mistakes = []mistake{
	{
		section: "The response allows no origin", cause: "No `cors` at all",
		site: bare, fixed: api("cors https://app.example.com"),
	},
	{
		section: "The response allows no origin", cause: "The origin is not listed",
		site: api("cors https://www.example.com"), fixed: api("cors https://app.example.com"),
	},
	{
		section: "The response allows no origin", cause: "`cors` has a matcher that does not match",
		site: api("cors /v1/* https://app.example.com"), fixed: api("cors https://app.example.com"),
	},
	{
		section: "The response allows no origin", cause: "No site has this address",
		site: "static.example.com {\ncors https://app.example.com\nreverse_proxy localhost:3000\n}\n", fixed: api("cors https://app.example.com"),
	},
	{
		section: "The response allows no origin", cause: "Something refuses before `cors`",
		site: authentication("", corsOfBearers), fixed: authentication(corsOfBearers, ""),
	},
	{
		section: "The response allows no origin", cause: "The origin is `null`", from: "sandbox",
		site: api("cors https://app.example.com"), fixed: api("cors https://app.example.com null {\ndangerously_allow null_origin\n}"),
	},
	{
		section: "The response allows no origin", cause: "A redirect led to another origin",
		site: api("cors https://app.example.com\nredir /items http://other.example.com/items?{query}") + `http://other.example.com {
	cors https://app.example.com
	respond body
}
`,
		fixedCall: &request{url: "http://other.example.com/items"},
	},
	{
		section: "The response to a preflight allows no origin", cause: "The origin is not listed", call: put,
		site: api("cors https://www.example.com {\nallow_methods PUT\n}"), fixed: cors("allow_methods PUT"),
	},
	{
		section: "The response to a preflight allows no origin", cause: "No `cors` answers it", call: put,
		site: bare, fixed: cors("allow_methods PUT"),
	},
	{
		section: "The response to a preflight allows no origin", cause: "No `cors` answers it", call: put,
		site: bare, fixed: cors("allow_methods PUT"), preflight: answer{status: 200},
	},
	{
		section: "The response to a preflight allows no origin", cause: "Authentication comes first", call: request{fields: map[string]string{"Authorization": "Basic Ym9iOmhpY2N1cA=="}},
		site: authentication("", corsOfBearers), fixed: authentication(corsOfBearers, ""),
	},
	{
		section: "The response to a preflight allows no origin", cause: "The matcher leaves out `OPTIONS`", call: put,
		site: api("@put method PUT\ncors @put https://app.example.com {\nallow_methods PUT\n}"), fixed: cors("allow_methods PUT"),
	},
	{
		section: "A preflight fails by its status", cause: "`preflight_passthrough`", call: put,
		site: cors("allow_methods PUT", "preflight_passthrough"), fixed: cors("allow_methods PUT"),
	},
	{
		section: "A preflight fails by its status", cause: "The application knows CORS, but not `OPTIONS`", call: put,
		site: bare, fixed: whole, preflight: answer{status: 405, fields: []string{allowed}},
	},
	{
		section: "A preflight is redirected", cause: "From `http://` to `https://`", call: put, tls: true,
		site: cors("allow_methods PUT"), fixedCall: &request{url: "https://api.example.com/items", method: "PUT"},
	},
	{
		section: "A preflight is redirected", cause: "By the application", call: put,
		site: bare, fixed: whole, preflight: answer{308, []string{"Location: /items/", allowed}},
	},
	{
		section: "Another origin is allowed", cause: "The application allows another origin",
		site: bare, fixed: whole, response: answer{fields: []string{"Access-Control-Allow-Origin: https://www.example.com"}},
	},
	{
		section: "Another origin is allowed", cause: "The application allows another origin", call: put,
		site: bare, fixed: whole, preflight: answer{204, []string{"Access-Control-Allow-Origin: https://www.example.com"}},
	},
	{
		section: "Another origin is allowed", cause: "A line with `header` allows one origin",
		site: api("header Access-Control-Allow-Origin https://www.example.com"), fixed: api("cors https://app.example.com"),
	},
	{
		section: "Several origins are allowed", cause: "Two layers allow it",
		site: api("header Access-Control-Allow-Origin https://app.example.com"), fixed: api("cors https://app.example.com"),
		response: answer{fields: []string{"Access-Control-Allow-Origin: *"}},
	},
	{
		section: "Several origins are allowed", cause: "Two layers allow it",
		site: bare, fixed: whole, response: answer{fields: []string{"Access-Control-Allow-Origin: https://app.example.com, *"}},
	},
	{
		section: "Several origins are allowed", cause: "Two layers allow it", call: put,
		site: bare, fixed: whole, preflight: answer{204, []string{allowed, allowed}},
	},
	{
		section: "Several origins are allowed", cause: "An error page has headers of its own",
		site:     api("cors https://app.example.com\nerror 500\nhandle_errors {\nreverse_proxy localhost:3000\n}"),
		fixed:    api("cors https://app.example.com\nerror 500\nhandle_errors {\ncors https://app.example.com\nreverse_proxy localhost:3000\n}"),
		response: answer{fields: []string{"Access-Control-Allow-Origin: *"}},
	},
	{
		section: "The allowed origin is not valid",
		site:    bare, fixed: whole, response: answer{fields: []string{"Access-Control-Allow-Origin: app.example.com"}},
	},
	{
		section: "The allowed origin is not valid", call: put,
		site: bare, fixed: whole, preflight: answer{204, []string{"Access-Control-Allow-Origin: https://"}},
	},
	{
		section: "The wildcard, with credentials", cause: "`cors` allows every origin", call: cookies,
		site: api("cors * *"), fixed: cors("allow_credentials"),
	},
	{
		section: "The wildcard, with credentials", cause: "`cors` allows every origin", call: putCookies,
		site: api("cors * * {\nallow_methods PUT\n}"), fixed: cors("allow_methods PUT", "allow_credentials"),
	},
	{
		section: "The wildcard, with credentials", cause: "`cors` allows every origin", call: request{way: "xhr", credentials: true},
		site: api("cors * *"), fixed: cors("allow_credentials"),
	},
	{
		section: "The wildcard, with credentials", cause: "`cors` allows every origin", call: request{way: "xhr", method: "PUT", credentials: true},
		site: api("cors * * {\nallow_methods PUT\n}"), fixed: cors("allow_methods PUT", "allow_credentials"),
	},
	{
		section: "The wildcard, with credentials", cause: "The application does", call: cookies,
		site: bare, fixed: whole, response: answer{fields: []string{"Access-Control-Allow-Origin: *"}},
	},
	{
		section: "Credentials are not allowed", cause: "`allow_credentials` is missing", call: cookies,
		site: cors(), fixed: cors("allow_credentials"),
	},
	{
		section: "Credentials are not allowed", cause: "`allow_credentials` is missing", call: putCookies,
		site: cors("allow_methods PUT"), fixed: cors("allow_methods PUT", "allow_credentials"),
	},
	{
		section: "Credentials are not allowed", cause: "`allow_credentials` is missing", call: request{way: "xhr", credentials: true},
		site: cors(), fixed: cors("allow_credentials"),
	},
	{
		section: "Credentials are not allowed", cause: "`allow_credentials` is missing", call: request{way: "xhr", method: "PUT", credentials: true},
		site: cors("allow_methods PUT"), fixed: cors("allow_methods PUT", "allow_credentials"),
	},
	{
		section: "Credentials are not allowed", cause: "The application says something else", call: cookies,
		site: bare, fixed: whole, response: answer{fields: []string{allowed, "Access-Control-Allow-Credentials: True"}},
	},
	{
		section: "A method is not allowed", cause: "It is not listed", call: put,
		site: cors(), fixed: cors("allow_methods PUT"),
	},
	{
		section: "A method is not allowed", cause: "The page writes `patch`", call: request{method: "patch"},
		site: cors("allow_methods PATCH"), fixedCall: &request{method: "PATCH"},
	},
	{
		section: "A method is not allowed", cause: "The application allows `*`, with credentials", call: putCookies,
		site: bare, fixed: whole, preflight: answer{204, []string{allowed, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: *"}},
	},
	{
		section: "A request header is not allowed", cause: "It is not listed", call: custom,
		site: cors(), fixed: cors("allow_headers X-Custom"),
	},
	{
		section: "A request header is not allowed", cause: "JSON needs `Content-Type`", call: request{method: "POST", fields: map[string]string{"Content-Type": "application/json"}},
		site: cors(), fixed: cors("allow_headers Content-Type"),
	},
	{
		section: "A request header is not allowed", cause: "`*` covers no `Authorization`", call: request{fields: map[string]string{"Authorization": "Bearer a"}, credentials: true},
		site:  cors("allow_headers *", "allow_credentials"),
		fixed: cors("allow_headers * Authorization", "allow_credentials"),
	},
	{
		section: "A request header is not allowed", cause: "The application allows `*`, with credentials", call: customCookies,
		site: bare, fixed: whole, preflight: answer{204, []string{allowed, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Headers: *"}},
	},
	{
		section: "A list is malformed", call: put,
		site: bare, fixed: whole, preflight: answer{204, []string{allowed, "Access-Control-Allow-Methods: GET PUT"}},
	},
	{
		section: "A list is malformed", call: custom,
		site: bare, fixed: whole, preflight: answer{204, []string{allowed, "Access-Control-Allow-Headers: X-Custom X-Other"}},
	},
	{
		section: "A redirect has a password",
		site:    bare, response: answer{302, []string{"Location: http://bob:secret@api.example.com/items", allowed}},
	},
	{
		section: "A redirect leads in a circle",
		site:    api("cors https://app.example.com\nredir /items /items?{query}"),
	},
	{
		section: "A redirect leads to an app",
		site:    bare, response: answer{302, []string{"Location: app://api.example.com/items", allowed}},
	},
	{
		section: "A redirect leads to an app",
		site:    bare, response: answer{302, []string{"Location: ftp://api.example.com/items", allowed}},
	},
	{
		section: "The URL has no `https://`", call: request{way: "xhr", url: "localhost:3000/items"},
		site: cors(), fixedCall: &request{way: "xhr"},
	},
	{
		section: "The URL has no `https://`", call: request{url: "localhost:3000/items"},
		site: cors(), fixedCall: &request{},
	},
	{
		section: "The page is a file", from: "file", call: request{way: "module", url: "app.js"},
		site: cors(),
	},
	{
		section: "The response allows no origin", cause: "The origin is `null`", from: "file",
		site: cors(),
	},
	{
		section: "The page is a file", from: "file", call: request{url: "app.js"},
		site: cors(),
	},
	{
		section: "Mixed content", from: "https", call: request{url: "http://api.example.net/items"},
		site: cors(),
	},
	{
		section: "Mixed content", from: "https", call: request{url: "http://api.example.net/items", way: "xhr"},
		site: cors(),
	},
	{
		section: "No response", cause: "No site has this address", tls: true, call: request{url: "https://api.example.com/items"},
		site: "static.example.com {\ncors https://app.example.com\nreverse_proxy localhost:3000\n}\n", fixed: cors(),
	},
	{
		section: "No response", cause: "Nothing listens", call: request{url: "http://closed.example.com/items"},
		site: cors(),
	},
	{
		section: "No response", cause: "Nothing listens", call: request{url: "http://closed.example.com/items", method: "PUT"},
		site: cors(),
		// Of the library that WebKitGTK uses, and Safari does not.
		besides: map[string]string{"webkit": "Could not connect to localhost: Connection refused"},
	},
	{
		section: "The page itself forbids it", call: request{init: map[string]any{"mode": "same-origin"}},
		site: cors(), fixedCall: &request{},
	},
	{
		section: "Local networks", from: "public",
		site: api("cors * *"), only: "chromium",
	},
	{
		section: "Local networks", from: "public, https",
		site: api("cors * *"), only: "chromium",
		// To WebKit http:// is mixed content on the same machine, too.
		besides: map[string]string{"webkit": "[blocked] The page at "},
	},
	{
		section: "Local networks", from: "public, https", tls: true, call: request{url: "https://api.example.com/items", init: map[string]any{"targetAddressSpace": "local"}},
		site: api("cors * *"), only: "chromium",
	},
}
