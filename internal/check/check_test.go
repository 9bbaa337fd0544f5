package check

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

const page = "https://app.example.com"

// answers is a server: a response for each request, in order.
type answers struct {
	responses []*http.Response
	requests  []*http.Request
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.requests = append(a.requests, r)
	res := a.responses[0]
	a.responses = a.responses[1:]
	res.Body = http.NoBody
	return res, nil
}

func response(status int, lines ...string) *http.Response {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return &http.Response{StatusCode: status, Header: h}
}

// loop returns the responses of two URLs that redirect to each other, or, if the first
// is empty, those of one that redirects to itself and has preflights.
func loop(first, second string, preflight ...string) (responses []*http.Response) {
	const allow = "Access-Control-Allow-Origin: *"
	for i := range 21 {
		switch {
		case first == "":
			responses = append(responses, response(200, append(preflight, allow)...), response(307, allow, "Location: "+second))
		case i%2 == 0:
			responses = append(responses, response(302, allow, "Location: "+first))
		default:
			responses = append(responses, response(302, allow, "Location: "+second))
		}
	}
	return responses
}

// growing returns redirects, each to a longer URL.
func growing() (responses []*http.Response) {
	for i := range 21 {
		responses = append(responses, response(302, "Access-Control-Allow-Origin: *", "Location: /"+strings.Repeat("a", i+1)))
	}
	return responses
}

func play(t *testing.T, c Check, responses ...*http.Response) (*Report, []*http.Request) {
	t.Helper()
	server := &answers{responses: responses}
	c.Transport = server
	report, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report, server.requests
}

func TestPrint(t *testing.T) {
	put := Check{
		Method: "put", URL: "https://api.example.com/items/1", Origin: page, Credentials: true,
		Header: http.Header{"Content-Type": {"application/json"}, "X-A": {"b"}, "Cookie": {"secret=1"}, "Authorization": {"secret"}},
	}
	sending := put
	sending.Send = true
	for _, tc := range []struct {
		name      string
		check     Check
		responses []*http.Response
		want      string
	}{
		{
			"every failure at once", put,
			[]*http.Response{response(405, "Access-Control-Allow-Origin: https://app.example.com/", "Access-Control-Allow-Methods: GET, put", "Access-Control-Allow-Headers: Content-Type", "Allow: GET", "Server: x")},
			`A page of https://app.example.com calls PUT https://api.example.com/items/1 with credentials.

Preflight, for the method PUT and authorization, content-type, x-a:
  > OPTIONS https://api.example.com/items/1
  > Access-Control-Request-Headers: authorization,content-type,x-a
  > Access-Control-Request-Method: PUT
  > Origin: https://app.example.com
  < 405 Method Not Allowed
  < Access-Control-Allow-Headers: Content-Type
  < Access-Control-Allow-Methods: GET, put
  < Access-Control-Allow-Origin: https://app.example.com/
  < Allow: GET
  failed  Access-Control-Allow-Origin is https://app.example.com/, not https://app.example.com
          an origin has no trailing slash
          Caddyfile: cors https://app.example.com {
                     	allow_methods PUT
                     	allow_headers Authorization Content-Type X-A
                     	allow_credentials
                     }
  failed  there is no Access-Control-Allow-Credentials
          Caddyfile: allow_credentials
  failed  the status 405 does not mean success (200 to 299)
          nothing answers OPTIONS at this URL
          Caddyfile: cors https://app.example.com {
                     	allow_methods PUT
                     	allow_headers Authorization Content-Type X-A
                     	allow_credentials
                     }
  failed  Access-Control-Allow-Methods does not allow PUT
          methods are case-sensitive
          Caddyfile: allow_methods PUT
  failed  Access-Control-Allow-Headers does not allow authorization
          Caddyfile: allow_headers Authorization
  failed  Access-Control-Allow-Headers does not allow x-a
          Caddyfile: allow_headers X-A

BAD(Blocked.) Chromium's console says:
  Access to fetch at 'https://api.example.com/items/1' from origin 'https://app.example.com' has been blocked by CORS policy: Response to preflight request doesn't pass access control check: The 'Access-Control-Allow-Origin' header has a value 'https://app.example.com/' that is not equal to the supplied origin. Have the server send the header with a valid value.
`,
		},
		{
			"readable", sending,
			[]*http.Response{
				response(204, "Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: content-type, x-a, authorization", "Access-Control-Max-Age: 60"),
				response(299, "Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: etag", "Etag: a", "Content-Type: b", "X-B: c", "Set-Cookie: d=e"),
			},
			`A page of https://app.example.com calls PUT https://api.example.com/items/1 with credentials.

Preflight, for the method PUT and authorization, content-type, x-a:
  > OPTIONS https://api.example.com/items/1
  > Access-Control-Request-Headers: authorization,content-type,x-a
  > Access-Control-Request-Method: PUT
  > Origin: https://app.example.com
  < 204 No Content
  < Access-Control-Allow-Credentials: true
  < Access-Control-Allow-Headers: content-type, x-a, authorization
  < Access-Control-Allow-Methods: PUT
  < Access-Control-Allow-Origin: https://app.example.com
  < Access-Control-Max-Age: 60
  GOOD(ok)      Access-Control-Allow-Origin is https://app.example.com
  GOOD(ok)      Access-Control-Allow-Credentials is true
  GOOD(ok)      the status 204 means success
  GOOD(ok)      Access-Control-Allow-Methods allows PUT
  GOOD(ok)      Access-Control-Allow-Headers allows authorization, content-type, x-a
  The browser may keep this response for 60 s.

The request itself:
  > PUT https://api.example.com/items/1
  > Authorization: …
  > Content-Type: application/json
  > Cookie: …
  > Origin: https://app.example.com
  > X-A: …
  < 299
  < Access-Control-Allow-Credentials: true
  < Access-Control-Allow-Origin: https://app.example.com
  < Access-Control-Expose-Headers: etag
  GOOD(ok)      Access-Control-Allow-Origin is https://app.example.com
  GOOD(ok)      Access-Control-Allow-Credentials is true

GOOD(Readable.) The page gets the status, the body, and content-type, etag.
It does not get x-b. List them in expose_headers if the page needs them.
WARN(Warning:) Access-Control-Allow-Origin names the origin, but Vary does not name Origin; unless every response is the same, a cache can give one origin's response to another.
`,
		},
		{
			"not sent",
			Check{Method: "DELETE", URL: "https://api.example.com", Origin: page},
			[]*http.Response{response(200, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *")},
			`A page of https://app.example.com calls DELETE https://api.example.com/ without credentials.

Preflight, for the method DELETE:
  > OPTIONS https://api.example.com/
  > Access-Control-Request-Method: DELETE
  > Origin: https://app.example.com
  < 200 OK
  < Access-Control-Allow-Methods: *
  < Access-Control-Allow-Origin: *
  GOOD(ok)      Access-Control-Allow-Origin is *
  GOOD(ok)      the status 200 means success
  GOOD(ok)      Access-Control-Allow-Methods allows DELETE
  The browser may keep this response for 5 s.

GOOD(Allowed.) The preflight permits the request. The request may change something, so it was not sent.
Only its response can tell whether the page may read it. Use caddy cors check --send to send it.
`,
		},
		{
			"same origin",
			Check{Method: "GET", URL: page + "/a", Origin: page},
			[]*http.Response{response(200, "X-A: b")},
			`A page of https://app.example.com calls GET https://app.example.com/a without credentials.

The request itself:
  > GET https://app.example.com/a
  < 200 OK

GOOD(Readable.) The page gets the status, the body, and x-a.
WARN(Warning:) the page and the URL have the same origin, so browsers check nothing.
`,
		},
		{
			"a redirect loop",
			Check{Method: "GET", URL: "https://api.example.com/a", Origin: page},
			loop("/b", "/a"),
			`A page of https://app.example.com calls GET https://api.example.com/a without credentials.

The request itself, 11 times:
  > GET https://api.example.com/a
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /b
  GOOD(ok)      Access-Control-Allow-Origin is *
  failed  there are more than 20 redirects
          the redirects probably form a loop

The request itself, 10 times:
  > GET https://api.example.com/b
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /a
  GOOD(ok)      Access-Control-Allow-Origin is *

BAD(Blocked.) Chromium's console says:
  GET https://api.example.com/a net::ERR_TOO_MANY_REDIRECTS
`,
		},
		{
			"a redirect loop of preflights",
			Check{Method: "PUT", URL: "https://api.example.com/a", Origin: page, Send: true},
			loop("", "/a", "Access-Control-Allow-Methods: PUT"),
			`A page of https://app.example.com calls PUT https://api.example.com/a without credentials.

Preflight, 21 times, for the method PUT:
  > OPTIONS https://api.example.com/a
  > Access-Control-Request-Method: PUT
  > Origin: https://app.example.com
  < 200 OK
  < Access-Control-Allow-Methods: PUT
  < Access-Control-Allow-Origin: *
  GOOD(ok)      Access-Control-Allow-Origin is *
  GOOD(ok)      the status 200 means success
  GOOD(ok)      Access-Control-Allow-Methods allows PUT
  The browser may keep this response for 5 s.

The request itself, 21 times:
  > PUT https://api.example.com/a
  > Origin: https://app.example.com
  < 307 Temporary Redirect
  < Access-Control-Allow-Origin: *
  < Location: /a
  GOOD(ok)      Access-Control-Allow-Origin is *
  failed  there are more than 20 redirects
          the redirects probably form a loop

BAD(Blocked.) Chromium's console says:
  PUT https://api.example.com/a net::ERR_TOO_MANY_REDIRECTS
`,
		},
		{
			"redirects that never repeat",
			Check{Method: "GET", URL: "https://api.example.com/", Origin: page},
			growing(),
			`A page of https://app.example.com calls GET https://api.example.com/ without credentials.

The request itself:
  > GET https://api.example.com/
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /a
  GOOD(ok)      Access-Control-Allow-Origin is *

The request itself:
  > GET https://api.example.com/a
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /aa
  GOOD(ok)      Access-Control-Allow-Origin is *

The request itself:
  > GET https://api.example.com/aa
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /aaa
  GOOD(ok)      Access-Control-Allow-Origin is *

16 more requests follow redirects like these. Use --json to print them all.

The request itself:
  > GET https://api.example.com/aaaaaaaaaaaaaaaaaaa
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /aaaaaaaaaaaaaaaaaaaa
  GOOD(ok)      Access-Control-Allow-Origin is *

The request itself:
  > GET https://api.example.com/aaaaaaaaaaaaaaaaaaaa
  > Origin: https://app.example.com
  < 302 Found
  < Access-Control-Allow-Origin: *
  < Location: /aaaaaaaaaaaaaaaaaaaaa
  GOOD(ok)      Access-Control-Allow-Origin is *
  failed  there are more than 20 redirects
          the redirects probably form a loop

BAD(Blocked.) Chromium's console says:
  GET https://api.example.com/ net::ERR_TOO_MANY_REDIRECTS
`,
		},
		{
			"a preflight that the method does not need",
			Check{Method: "GET", URL: "https://api.example.com/", Origin: page, Preflight: true},
			[]*http.Response{response(200, "Access-Control-Allow-Origin: *"), response(200, "Access-Control-Allow-Origin: *")},
			`A page of https://app.example.com calls GET https://api.example.com/ without credentials.

Preflight, for a request that needs one:
  > OPTIONS https://api.example.com/
  > Access-Control-Request-Method: GET
  > Origin: https://app.example.com
  < 200 OK
  < Access-Control-Allow-Origin: *
  GOOD(ok)      Access-Control-Allow-Origin is *
  GOOD(ok)      the status 200 means success
  The browser may keep this response for 5 s.

The request itself:
  > GET https://api.example.com/
  > Origin: https://app.example.com
  < 200 OK
  < Access-Control-Allow-Origin: *
  GOOD(ok)      Access-Control-Allow-Origin is *

GOOD(Readable.) The page gets the status, the body, and no header.
`,
		},
		{
			"mixed content",
			Check{Method: "GET", URL: "http://api.example.com/", Origin: page},
			[]*http.Response{response(200, "Access-Control-Allow-Origin: *")},
			`A page of https://app.example.com calls GET http://api.example.com/ without credentials.

The request itself:
  > GET http://api.example.com/
  > Origin: https://app.example.com
  < 200 OK
  < Access-Control-Allow-Origin: *
  GOOD(ok)      Access-Control-Allow-Origin is *

GOOD(Readable.) The page gets the status, the body, and no header.
WARN(Warning:) browsers block the call before CORS: an https page cannot call http (mixed content).
`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			report, _ := play(t, tc.check, tc.responses...)
			// Colors that show in the text, and none.
			for _, c := range []Colors{{good: "GOOD(", bad: "BAD(", warning: "WARN(", end: ")"}, {}} {
				want := strings.ReplaceAll(tc.want, "  failed  ", "  BAD(failed)  ")
				if c == (Colors{}) {
					want = strings.NewReplacer("GOOD(ok)", "ok", "BAD(failed)", "failed", "GOOD(Readable.)", "Readable.", "GOOD(Allowed.)", "Allowed.", "BAD(Blocked.)", "Blocked.", "WARN(Warning:)", "Warning:").Replace(want)
				}
				var b strings.Builder
				if err := report.Print(&b, c); err != nil {
					t.Fatal(err)
				}
				if b.String() != want {
					t.Errorf("got\n%s\nwant\n%s", b.String(), want)
				}
			}
		})
	}
}

// TestHostile: whatever a server says, the report is short and does nothing to a
// terminal.
func TestHostile(t *testing.T) {
	evil := "a\x1b[2J\u009b2J\u202e\r\n\x00\xff\u2028" + strings.Repeat("x", 2<<10)
	many := func(name string) (lines []string) {
		for range 100 {
			lines = append(lines, name+": "+evil)
		}
		return lines
	}
	var names []string
	for i := range 5000 {
		names = append(names, "X-"+strings.Repeat("a", i%100)+string(rune('a'+i%26))+": b")
	}
	get := Check{Method: "GET", URL: "https://api.example.com/", Origin: page}
	put := Check{Method: "PUT", URL: "https://api.example.com/", Origin: page}
	allowed := "Access-Control-Allow-Origin: *"
	for name, tc := range map[string]struct {
		check     Check
		responses []*http.Response
	}{
		"origins":      {get, []*http.Response{response(200, many("Access-Control-Allow-Origin")...)}},
		"methods":      {put, []*http.Response{response(200, append(many("Access-Control-Allow-Methods"), allowed)...)}},
		"fields":       {get, []*http.Response{response(200, append(append(many("Vary"), many("Location")...), allowed)...)}},
		"exposed":      {get, []*http.Response{response(200, append(names, allowed, "Access-Control-Expose-Headers: *")...)}},
		"hidden":       {get, []*http.Response{response(200, append(names, allowed)...)}},
		"location":     {get, []*http.Response{response(302, allowed, "Location: https://b.example/"+evil+strings.Repeat("x", 100<<10))}},
		"redirected":   {get, []*http.Response{response(302, allowed, "Location: https://b.example/"+strings.Repeat("x", 100<<10)), response(200)}},
		"of preflight": {put, []*http.Response{response(302, "Location: "+evil)}},
	} {
		t.Run(name, func(t *testing.T) {
			report, _ := play(t, tc.check, tc.responses...)
			var b strings.Builder
			if err := report.Print(&b, Colors{}); err != nil {
				t.Fatal(err)
			}
			if b.Len() > 32<<10 {
				t.Errorf("%d bytes are printed", b.Len())
			}
			encoded, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			if len(encoded) > 64<<10 {
				t.Errorf("%d bytes of JSON", len(encoded))
			}
			for _, text := range []string{b.String(), string(encoded)} {
				if i := strings.IndexFunc(text, func(c rune) bool {
					return c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 || c == '\u202e' || c == '\u2028' || c == '\uFFFD'
				}); i >= 0 {
					t.Errorf("%q", text[i:min(i+20, len(text))])
				}
			}
		})
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"https://app.example.com, é 日 😀": "https://app.example.com, é 日 😀",
		"a\x1b[31mb\x7f":                 `a\x1b[31mb\x7f`,
		"\r\n\t\x00":                     `\r\n\t\x00`,
		"\u0085\u200b\u202e\ufeff":       `\u0085\u200b\u202e\ufeff`,
		"a\xffb\xc3":                     `a\xffb\xc3`,
		"'\"\\":                          `'"\`,
		"\U000e0001":                     `\U000e0001`,
		"\ufffd":                         "\ufffd",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if got, want := limited(strings.Repeat("a", 9)+"é", 10), "aaaaaaaaa… (11 bytes)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestRequests: what a browser sends, and to whom.
func TestRequests(t *testing.T) {
	c := Check{
		Method: "GET", URL: "https://api.example.com/a", Origin: page, Credentials: true,
		Header: http.Header{"Cookie": {"a=b"}, "x-a": {"1"}, "X-A": {"2"}, "Authorization": {"c"}, "Host": {"evil.example"}},
	}
	allow := func(origin string) []string {
		return []string{"Access-Control-Allow-Origin: " + origin, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Headers: x-a, authorization"}
	}
	_, requests := play(t, c,
		response(204, allow(page)...), response(302, append(allow(page), "Location: /b")...),
		response(204, allow(page)...), response(302, append(allow(page), "Location: https://b.example/")...),
		response(204, allow("null")...), response(200, allow("null")...),
	)
	var got []string
	for _, r := range requests {
		fields := []string{r.Method, r.URL.String()}
		for _, name := range []string{"Origin", "Sec-Fetch-Site", "Cookie", "Authorization", "X-A", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Host"} {
			fields = append(fields, strings.Join(r.Header.Values(name), "+"))
		}
		got = append(got, strings.Join(fields, "|"))
	}
	want := []string{
		"OPTIONS|https://api.example.com/a|https://app.example.com|same-site||||GET|authorization,x-a|",
		"GET|https://api.example.com/a|https://app.example.com|same-site|a=b|c|2+1|||",
		"OPTIONS|https://api.example.com/b|https://app.example.com|same-site||||GET|authorization,x-a|",
		"GET|https://api.example.com/b|https://app.example.com|same-site|a=b|c|2+1|||",
		"OPTIONS|https://b.example/|null|cross-site||||GET|x-a|",
		"GET|https://b.example/|null|cross-site|||2+1|||",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestSite(t *testing.T) {
	for _, tc := range []struct {
		origin, url string
		want        site
	}{
		{page, page, sameOrigin},
		{page, "https://app.example.com:443/a", sameOrigin},
		{page, "https://app.example.com:8443/", sameSite},
		{page, "https://example.com/", sameSite},
		{page, "https://api.example.com/", sameSite},
		{page, "http://app.example.com/", crossSite},
		{page, "https://example.net/", crossSite},
		{"https://a.github.io", "https://b.github.io/", crossSite},
		{"https://a.internal", "https://b.internal/", crossSite},
		{"http://localhost:1", "http://localhost:2/", sameSite},
		{"http://[::1]:1", "http://[::1]:2/", sameSite},
		{"http://127.0.0.1", "http://127.0.0.2/", crossSite},
		{"null", page, crossSite},
		{"app://example.com", "https://example.com", crossSite},
	} {
		r, err := browser.NewRequest("GET", tc.url, tc.origin, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := siteOf(r); got != tc.want {
			t.Errorf("%s to %s: got %s, want %s", tc.origin, tc.url, got, tc.want)
		}
	}
}

func TestParseResolve(t *testing.T) {
	for entry, want := range map[string]string{
		"Example.com:443:127.0.0.1": "example.com:443 127.0.0.1:443",
		"a:1:::1":                   "a:1 [::1]:1",
		"a:1:[::1]":                 "a:1 [::1]:1",
		"bücher.example:443:::1":    "xn--bcher-kva.example:443 [::1]:443",
		"*:1:127.0.0.1":             "", "*.example.com:1:127.0.0.1": "",
		"a:1": "", "a": "", "": "", ":1:127.0.0.1": "", "a::127.0.0.1": "", "a:1:b": "", "a:1:127.0.0.1,127.0.0.2": "",
	} {
		from, to, err := parseResolve(entry)
		if got := strings.TrimSpace(from + " " + to); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", entry, got, err)
		}
	}
}

// TestTransport: the body of a response is not waited for, nor its end.
func TestTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	transport, err := (&Connection{}).Transport()
	if err != nil {
		t.Fatal(err)
	}
	report, err := (&Check{Method: "GET", URL: server.URL, Origin: page, Transport: transport}).Run(t.Context())
	if err != nil || report.Verdict != Readable {
		t.Errorf("%v, %v", report, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	report, err = (&Check{Method: "GET", URL: server.URL, Origin: page, Transport: transport}).Run(ctx)
	if err != nil || report.Verdict != Unknown || report.Error != "context canceled" {
		t.Errorf("%v, %v", report, err)
	}
}
