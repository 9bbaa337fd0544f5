package explain

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

const (
	anURL    = "https://api.example.com/items"
	anOrigin = "https://app.example.com"
	accessTo = "Access to fetch at '" + anURL + "' from origin '" + anOrigin + "' has been blocked by CORS policy: "
	blocked  = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " + anURL + ". (Reason: "
)

// TestRecognize: texts that docs/errors.md does not have.
func TestRecognize(t *testing.T) {
	chromium := Message{Browser: Chromium, Origin: anOrigin, URL: anURL}
	with := func(m Message, change func(*Message)) Message {
		change(&m)
		return m
	}
	for name, tc := range map[string]struct {
		text string
		want Message // without Text
	}{
		"Chromium 80": {
			accessTo + "No 'Access-Control-Allow-Origin' header is present on the requested resource. If an opaque response serves your needs, set the request's mode to 'no-cors' to fetch the resource with CORS disabled.",
			with(chromium, func(m *Message) { m.Code = browser.MissingAllowOrigin }),
		},
		"Chromium 65": {
			"Failed to load " + anURL + ": No 'Access-Control-Allow-Origin' header is present on the requested resource. Origin '" + anOrigin + "' is therefore not allowed access. The response had HTTP status code 404.",
			with(chromium, func(m *Message) { m.Code = browser.MissingAllowOrigin }),
		},
		"Chromium 40": {
			"XMLHttpRequest cannot load " + anURL + ". A wildcard '*' cannot be used in the 'Access-Control-Allow-Origin' header when the credentials flag is true. Origin '" + anOrigin + "' is therefore not allowed access.",
			with(chromium, func(m *Message) { m.Code = browser.WildcardWithCredentials }),
		},
		"Chromium 110, private network": {
			accessTo + "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Private-Network' header was present in the preflight response for this private network request targeting the `local` address space.",
			with(chromium, func(m *Message) { m.Code, m.Preflight = PrivateNetwork, true }),
		},
		"a stylesheet": {
			"Access to CSS stylesheet at 'https://cdn.example.com/a.css' from origin 'null' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			Message{Browser: Chromium, Code: browser.MissingAllowOrigin, Origin: "null", URL: "https://cdn.example.com/a.css"},
		},
		"a reason alone": {
			"No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			Message{Browser: Chromium, Code: browser.MissingAllowOrigin},
		},
		"a reason and its call": {
			"no access-control-allow-origin header is present on the requested resource\nGET " + anURL + " net::ERR_FAILED 200 (OK)",
			Message{Browser: Chromium, Code: browser.MissingAllowOrigin, URL: anURL},
		},
		"a head without a reason that is known": {
			accessTo + "Something new.",
			with(chromium, func(m *Message) { m.Code = Unspecified }),
		},
		"a head that is cut off": {
			"Access to fetch at '" + anURL + "' from origin 'https://app.exa",
			Message{Browser: Chromium, Code: Unspecified, URL: anURL},
		},
		"a URL that is cut off": {
			"Access to fetch at 'https://api.example.com/ite",
			Message{Browser: Chromium, Code: Unspecified},
		},
		"Firefox 60": {
			"Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " + anURL + ". (Reason: missing token ‘x-a’ in CORS header ‘Access-Control-Allow-Headers’ from CORS preflight channel).",
			Message{Browser: Firefox, Code: browser.HeaderNotAllowed, URL: anURL, Header: "x-a", Preflight: true},
		},
		"Firefox, with what follows": {
			blocked + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 404.\n" + blocked + "CORS request did not succeed). Status code: (null).\nTypeError: NetworkError when attempting to fetch resource.",
			Message{Browser: Firefox, Code: browser.MissingAllowOrigin, URL: anURL, Status: 404},
		},
		"Firefox without a response": {
			blocked + "CORS request did not succeed). Status code: (null).",
			Message{Browser: Firefox, Code: NoResponse, URL: anURL},
		},
		"Safari": {
			"[Error] Origin " + anOrigin + " is not allowed by Access-Control-Allow-Origin. Status code: 200\n[Error] Fetch API cannot load " + anURL + " due to access control checks.\n[Error] Failed to load resource: Origin " + anOrigin + " is not allowed by Access-Control-Allow-Origin. Status code: 200 (items, line 0)",
			Message{Browser: WebKit, Code: browser.MissingAllowOrigin, Origin: anOrigin, URL: anURL, Status: 200},
		},
		"Safari, the other way round": {
			"XMLHttpRequest cannot load " + anURL + " due to access control checks.\nMethod PUT is not allowed by Access-Control-Allow-Methods.",
			Message{Browser: WebKit, Code: browser.MethodNotAllowed, URL: anURL, Method: "PUT", Preflight: true},
		},
		"Safari, a redirect": {
			"Cross-origin redirection to https://login.example.com/ denied by Cross-Origin Resource Sharing policy: Origin " + anOrigin + " is not allowed by Access-Control-Allow-Origin. Status code: 302\nFetch API cannot load " + anURL + " due to access control checks.",
			Message{Browser: WebKit, Code: browser.MissingAllowOrigin, Origin: anOrigin, URL: anURL, RedirectTo: "https://login.example.com/", Status: 302},
		},
		"MiniBrowser": {
			"CONSOLE SECURITY ERROR Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.\nCONSOLE JS ERROR Fetch API cannot load " + anURL + " due to access control checks.",
			Message{Browser: WebKit, Code: browser.WildcardWithCredentials, URL: anURL},
		},
		"the vague message of Safari alone": {
			"Fetch API cannot load " + anURL + " due to access control checks.",
			Message{Browser: WebKit, Code: Unspecified, URL: anURL},
		},
		"two messages": {
			accessTo + "No 'Access-Control-Allow-Origin' header is present on the requested resource.\n" + strings.Replace(accessTo, "items", "users", 1) + "Response to preflight request doesn't pass access control check: It does not have HTTP ok status.",
			with(chromium, func(m *Message) { m.Code, m.More = browser.MissingAllowOrigin, 1 }),
		},
		"a vague message and one of another call": {
			"GET https://other.example.com/ net::ERR_CONNECTION_REFUSED\n" + accessTo + "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
			with(chromium, func(m *Message) { m.Code, m.Header, m.Preflight = browser.HeaderNotAllowed, "x-a", true }),
		},
		"a header that is not valid": {
			accessTo + "Request header field x-a{ is not allowed by Access-Control-Allow-Headers in preflight response.",
			with(chromium, func(m *Message) { m.Code, m.Preflight = browser.HeaderNotAllowed, true }),
		},
		"a value that is not printable": {
			accessTo + "The 'Access-Control-Allow-Origin' header has a value 'a\ue000b' that is not equal to the supplied origin. Have the server send the header with a valid value.",
			with(chromium, func(m *Message) { m.Code, m.Value = browser.AllowOriginMismatch, `a\ue000b` }),
		},
		"values that are not valid": {
			"Access to fetch at 'javascript' from origin 'https://app.example.com/a' has been blocked by CORS policy: Method {\tis not allowed by Access-Control-Allow-Methods in preflight response.",
			Message{Browser: Chromium, Code: browser.MethodNotAllowed, Preflight: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := Recognize(tc.text)
			if m == nil {
				t.Fatal("not recognized")
			}
			got := *m
			if got.Text == "" {
				t.Error("no text")
			}
			got.Text = ""
			if got != tc.want {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
		})
	}
}

// TestUnrecognized: texts that are not messages about CORS, and the nearest message.
func TestUnrecognized(t *testing.T) {
	for text, want := range map[string]string{
		"":            "",
		"hello world": "",
		"Uncaught ReferenceError: fetsh is not defined":                                    "",
		"SecurityError: The operation is insecure.":                                        "",
		"the header Access-Control-Allow-Origin is not present on the resource, they said": "No 'Access-Control-Allow-Origin' header is present on the requested resource",
		"Methods PUT and DELETE are not allowed by Access-Control-Allow-Methods":           "Method {method} is not allowed by Access-Control-Allow-Methods",
	} {
		if m := Recognize(text); m != nil {
			t.Errorf("%q: got %+v", text, m)
		}
		if got := NewUnrecognized(text); got.Nearest != want {
			t.Errorf("%q: the nearest is %q, want %q", text, got.Nearest, want)
		}
	}
}

// TestWays: the lines to write have the origin, the method and the header of the message.
func TestWays(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []Fix
	}{
		"the wildcard": {
			accessTo + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
			[]Fix{omit, {"If the page needs credentials, replace * in the cors directive of the site api.example.com by the origins of your pages, and allow credentials", "cors https://app.example.com {\n\tallow_credentials\n}", ""}},
		},
		"the wildcard, of an origin without TLS": {
			strings.ReplaceAll(accessTo, anOrigin, "http://app.example.com") + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
			[]Fix{omit, {"If the page needs credentials, replace * in the cors directive of the site api.example.com by the origins of your pages, and allow credentials", "cors http://app.example.com {\n\tallow_credentials\n\tdangerously_allow insecure_origins\n}", ""}},
		},
		"the wildcard, of a file": {
			strings.ReplaceAll(accessTo, anOrigin, "null") + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
			[]Fix{omit, ownOrigin},
		},
		"no credentials": {
			accessTo + "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
			[]Fix{{"If the page needs credentials, add allow_credentials to the cors directive of the site api.example.com", "cors https://app.example.com {\n\tallow_credentials\n}", ""}, omit},
		},
		"no credentials for a file": {
			strings.ReplaceAll(accessTo, anOrigin, "null") + "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
			[]Fix{ownOrigin},
		},
		"a redirect between foreign origins": {
			strings.Replace(accessTo, "' from", "' (redirected from 'https://old.example.com/') from", 1) + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			[]Fix{{"Let the page call the last URL itself", "", anURL}},
		},
		"a redirect within an origin": {
			strings.Replace(accessTo, "' from", "' (redirected from 'https://api.example.com/') from", 1) + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			[]Fix{{"Add the origin to the cors directive of the site api.example.com, or write one", "cors https://app.example.com", ""}},
		},
		"a redirect from the page's own origin": {
			strings.Replace(accessTo, "' from", "' (redirected from 'https://app.example.com/') from", 1) + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			[]Fix{{"Add the origin to the cors directive of the site api.example.com, or write one", "cors https://app.example.com", ""}},
		},
		"a method in lower case": {
			accessTo + "Method patch is not allowed by Access-Control-Allow-Methods in preflight response.",
			[]Fix{{"Methods are case-sensitive; let the page write", "", `method: "PATCH"`}, {"Add this to the block of the cors directive of the site api.example.com", "allow_methods PATCH", ""}},
		},
		"a header": {
			accessTo + "Request header field x-request-id is not allowed by Access-Control-Allow-Headers in preflight response.",
			[]Fix{{"Add this to the block of the cors directive of the site api.example.com", "allow_headers X-Request-Id", ""}},
		},
		"a preflight from http": {
			strings.Replace(accessTo, anURL, "http://api.example.com/items", 1) + "Response to preflight request doesn't pass access control check: Redirect is not allowed for a preflight request.",
			[]Fix{{"If the server redirects http to https, let the page call https", "", anURL}, {"Let cors answer preflights before anything redirects of the site api.example.com", "cors https://app.example.com", ""}},
		},
		"no origin": {
			blocked + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
			[]Fix{{"Add the origin to the cors directive of the site api.example.com, or write one", "cors https://app.example.com", ""}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := Recognize(tc.text)
			if m == nil {
				t.Fatal("not recognized")
			}
			got := m.Explain().Fixes
			if len(got) != len(tc.want) {
				t.Fatalf("got %+v", got)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("got  %+v\nwant %+v", got[i], tc.want[i])
				}
			}
		})
	}
}

// TestCall: what the message tells is what the server is asked.
func TestCall(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		given check.Check
		want  string // method, URL, origin, credentials, preflight, headers
	}{
		"an origin": {
			accessTo + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			check.Check{},
			"GET " + anURL + " " + anOrigin + " false false",
		},
		"a preflight": {
			accessTo + "Response to preflight request doesn't pass access control check: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			check.Check{},
			"GET " + anURL + " " + anOrigin + " false true",
		},
		"a redirect": {
			strings.Replace(accessTo, "' from", "' (redirected from 'https://api.example.com/old') from", 1) + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			check.Check{},
			"GET https://api.example.com/old " + anOrigin + " false false",
		},
		"credentials": {
			accessTo + "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
			check.Check{},
			"GET " + anURL + " " + anOrigin + " true false",
		},
		"a method": {
			accessTo + "Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
			check.Check{},
			"PUT " + anURL + " " + anOrigin + " false false",
		},
		"a header": {
			accessTo + "Request header field content-type is not allowed by Access-Control-Allow-Headers in preflight response.",
			check.Check{},
			"GET " + anURL + " " + anOrigin + " false true Content-Type: application/json",
		},
		"options that win": {
			accessTo + "Request header field x-a is not allowed by Access-Control-Allow-Headers in preflight response.",
			check.Check{Method: "POST", URL: "https://b.example/", Origin: "https://c.example", Credentials: true, Header: http.Header{"X-A": {"b"}}},
			"POST https://b.example/ https://c.example true true X-A: b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := tc.given
			if c.Header == nil {
				c.Header = http.Header{}
			}
			Recognize(tc.text).complete(&c)
			got := strings.Join([]string{c.Method, c.URL, c.Origin, map[bool]string{true: "true", false: "false"}[c.Credentials], map[bool]string{true: "true", false: "false"}[c.Preflight]}, " ")
			for name, values := range c.Header {
				got += " " + name + ": " + strings.Join(values, ", ")
			}
			if got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// long are the parts of long texts that many patterns start to match.
var long = map[string]string{
	"heads":     accessTo,
	"reasons":   "The 'Access-Control-Allow-Origin' header has a value '",
	"urls":      "cannot load https://",
	"words":     "Method ",
	"redirects": "Cross-origin redirection to x denied by Cross-Origin Resource Sharing policy: ",
	"quotes":    "'",
	"one word":  "a",
	"origins":   "Origin x is not allowed by Access-Control-Allow-Origin",
	"networks":  "GET https://a net::ERR_X ",
}

// TestLong: what is said about a long text is short.
func TestLong(t *testing.T) {
	for name, part := range long {
		size := MaxText / 8
		if name == "heads" {
			size = 2 * MaxText
		}
		m := Recognize(strings.Repeat(part, size/len(part)))
		if m == nil {
			continue
		}
		var b strings.Builder
		if err := m.Explain().Print(&b, check.Colors{}); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 8<<10 {
			t.Errorf("%s: %d bytes are printed", name, b.Len())
		}
	}
}

// BenchmarkRecognize: the time grows with the length of the text, not faster.
func BenchmarkRecognize(b *testing.B) {
	for name, part := range long {
		for _, size := range []int{MaxText / 16, MaxText} {
			text := strings.Repeat(part, size/len(part))
			b.Run(name+"/"+strconv.Itoa(size), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					Recognize(text)
					Nearest(text)
				}
			})
		}
	}
}

func FuzzRecognize(f *testing.F) {
	f.Add(accessTo + "No 'Access-Control-Allow-Origin' header is present on the requested resource.")
	f.Add(blocked + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘\x1b[2J\u202e’).")
	f.Add("Origin null is not allowed by Access-Control-Allow-Origin. Status code: 0\nFetch API cannot load https://a/\xff due to access control checks.")
	f.Add("Method \x00{ is not allowed by Access-Control-Allow-Methods in preflight response.")
	for i := range messages() {
		f.Add(accessTo + messages()[i].text)
		f.Add(messages()[i].text[:len(messages()[i].text)/2])
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := Recognize(text)
		var b strings.Builder
		if m == nil {
			if err := NewUnrecognized(text).Print(&b, check.Colors{}); err != nil {
				t.Fatal(err)
			}
		} else {
			e := m.Explain()
			if err := e.Print(&b, check.Colors{}); err != nil {
				t.Fatal(err)
			}
			for _, fix := range e.Fixes {
				if strings.Count(fix.Caddyfile, "{") != strings.Count(fix.Caddyfile, "}") || strings.Contains(fix.Page, "\n") {
					t.Errorf("%q: %+v", text, fix)
				}
			}
		}
		for _, c := range b.String() {
			if c != '\n' && c != '\t' && !unicode.IsPrint(c) {
				t.Errorf("%q: prints %q", text, c)
			}
		}
	})
}
