package policy

import (
	"net/http"
	"slices"
	"testing"
	"time"
)

const varyAll = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// TestAnswers: each policy with requests, and all that is said in the answer.
func TestAnswers(t *testing.T) {
	hour := time.Hour
	full := Config{
		Origins: []string{"https://a.example", "https://b.example", "https://*.c.example"}, Regexps: []string{`https://d\.example`},
		Methods: []string{"PUT", "GET", "PUT"}, RequestHeaders: []string{"X-A", "x-a", "Cookie"}, ExposeHeaders: []string{"ETag"},
		Credentials: true, Timing: true, MaxAge: &hour,
	}
	echo := Config{Origins: []string{"https://a.example"}, Methods: []string{"*"}, RequestHeaders: []string{"*", "X-A"}, Credentials: true}
	echoMethods := Config{Origins: []string{"https://a.example"}, Methods: []string{"PUT", "*", "POST"}, Credentials: true}
	every := Config{Origins: []string{"*"}, Methods: []string{"*"}, RequestHeaders: []string{"*", "Authorization"}, ExposeHeaders: []string{"*"}, Timing: true}
	for _, tc := range []struct {
		name   string
		config Config
		method string
		header http.Header
		want   http.Header
	}{
		{"no origin", full, "GET", nil, headers("Timing-Allow-Origin: https://a.example, https://b.example, https://d.example", "Vary: Origin")},
		{
			"allowed", full, "GET", headers("Origin: https://a.example"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: ETag", "Timing-Allow-Origin: https://a.example", "Vary: Origin"),
		},
		{"denied", full, "GET", headers("Origin: https://x.example"), headers("Vary: Origin")},
		{
			"preflight", full, "OPTIONS", preflight("https://a.example", "PUT"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, GET", "Access-Control-Allow-Headers: X-A", "Access-Control-Expose-Headers: ETag", "Access-Control-Max-Age: 3600", varyAll),
		},
		{"preflight denied", full, "OPTIONS", preflight("https://x.example", "PUT"), headers("Content-Length: 0", varyAll)},
		{
			"OPTIONS that is not a preflight", full, "OPTIONS", headers("Origin: https://a.example"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: ETag", "Timing-Allow-Origin: https://a.example", varyAll),
		},
		{
			"echo", echo, "OPTIONS", preflight("https://a.example", "PROPFIND", "Access-Control-Request-Headers: authorization,x-a,x-b"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PROPFIND", "Access-Control-Allow-Headers: X-A, x-b", varyAll),
		},
		{
			"echo of a safelisted method", echo, "OPTIONS", preflight("https://a.example", "POST"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: POST", "Access-Control-Allow-Headers: X-A", varyAll),
		},
		{
			"echo besides configured methods", echoMethods, "OPTIONS", preflight("https://a.example", "PATCH"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, POST, PATCH", varyAll),
		},
		{
			"echo of a configured method", echoMethods, "OPTIONS", preflight("https://a.example", "POST"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, POST", varyAll),
		},
		{
			"echo of a forbidden method besides configured methods", echoMethods, "OPTIONS", preflight("https://a.example", "TRACE"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, POST", varyAll),
		},
		{
			"echo of what is malformed", echo, "OPTIONS", preflight("https://a.example", "a b", "Access-Control-Request-Headers: x y,,(z)"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: X-A", varyAll),
		},
		{"every origin, none sent", every, "GET", nil, headers("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *")},
		{
			"every origin, preflight", every, "OPTIONS", preflight("h t", "PUT"),
			headers("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *, Authorization", "Access-Control-Expose-Headers: *", varyAll),
		},
		{
			"every origin reflected",
			Config{Origins: []string{"*"}, Credentials: true, Waivers: []string{WaiverOpen}},
			"GET", headers("Origin: https://a.example"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Vary: Origin"),
		},
		{
			"private network, asked for",
			Config{Origins: []string{"https://a.example"}, PrivateNetwork: true},
			"OPTIONS", preflight("https://a.example", "PUT", "Access-Control-Request-Private-Network: true"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Private-Network: true", varyAll+", Access-Control-Request-Private-Network"),
		},
		{
			"private network, not asked for",
			Config{Origins: []string{"https://a.example"}, PrivateNetwork: true},
			"OPTIONS", preflight("https://a.example", "PUT"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll+", Access-Control-Request-Private-Network"),
		},
		{
			"private network, denied",
			Config{Origins: []string{"https://a.example"}, PrivateNetwork: true},
			"OPTIONS", preflight("https://b.example", "PUT", "Access-Control-Request-Private-Network: true"),
			headers("Content-Length: 0", varyAll+", Access-Control-Request-Private-Network"),
		},
		{
			"private network, not configured",
			Config{Origins: []string{"https://a.example"}},
			"OPTIONS", preflight("https://a.example", "PUT", "Access-Control-Request-Private-Network: true"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
		},
		{
			"another status",
			Config{Origins: []string{"https://a.example"}, PreflightStatus: 200},
			"OPTIONS", preflight("https://a.example", "PUT"),
			headers("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", "Content-Length: 0", varyAll),
		},
		{"passthrough, denied", Config{Origins: []string{"https://a.example"}, PreflightPassthrough: true}, "OPTIONS", preflight("https://x.example", "PUT"), headers(varyAll)},
		{
			"more exact origins than are listed", Config{Origins: manyOrigins(maxTimingOrigins + 1), Timing: true}, "GET", nil, headers("Vary: Origin"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, tc.config)
			if tc.header == nil {
				tc.header = make(http.Header)
			}
			r := &http.Request{Method: tc.method, Header: tc.header}
			d := p.Decide(r)
			for _, memory := range [][]string{nil, make([]string, 1), make([]string, MaxActualValues)} {
				// An upstream has said something of everything.
				got := headers("access-control-allow-origin: x", "Access-Control-Allow-Origin: https://upstream.example", "Access-Control-Max-Age: 1", "Access-Control-Made-Up: x")
				if tc.config.Timing {
					got.Set("Timing-Allow-Origin", "https://upstream.example")
				}
				p.Answer(r, &d).Apply(got, d.Origin, memory)
				checkHeaders(t, got, tc.want)
				for name, values := range got {
					if len(values) != 1 || cap(values) != 1 {
						t.Errorf("%s: %d values with room for %d: whoever appends would write into another header", name, len(values), cap(values))
					}
				}
			}
		})
	}
}

func manyOrigins(n int) (list []string) {
	for i := range n {
		list = append(list, "https://a"+string(rune('a'+i))+".example")
	}
	return list
}

// TestMaxActualValues: the memory of a response writer is enough for all answers
// to requests that are not preflights.
func TestMaxActualValues(t *testing.T) {
	p := compile(t, Config{Origins: []string{"https://a.example"}, ExposeHeaders: []string{"ETag"}, Credentials: true, Timing: true})
	most := 0
	for _, a := range slices.Concat(p.actual[:], p.options[:]) {
		most = max(most, len(a.fields)+1)
	}
	if most != MaxActualValues {
		t.Errorf("an answer has %d values, want %d", most, MaxActualValues)
	}
}

// TestVary: the names that an upstream lists stay, and each stands once. Vary with
// a "*" stays as it is.
func TestVary(t *testing.T) {
	p := compile(t, Config{Origins: []string{"https://a.example"}})
	for _, tc := range []struct {
		method         string
		upstream, want []string
	}{
		{"GET", nil, []string{"Origin"}},
		{"GET", []string{"Accept-Encoding"}, []string{"Accept-Encoding, Origin"}},
		{"GET", []string{"origin, cookie"}, []string{"origin, cookie"}},
		{"GET", []string{"Cookie", "ORIGIN"}, []string{"Cookie", "ORIGIN"}},
		{"GET", []string{"*"}, []string{"*"}},
		{"GET", []string{"Cookie, *"}, []string{"Cookie, *"}},
		{"GET", []string{"Cookie", "cookie", "*"}, []string{"Cookie", "cookie", "*"}},
		{"OPTIONS", []string{"*"}, []string{"*"}},
		{"OPTIONS", []string{"Cookie"}, []string{"Cookie, Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}},
	} {
		r := &http.Request{Method: tc.method, Header: make(http.Header)}
		d := p.Decide(r)
		got := make(http.Header)
		if tc.upstream != nil {
			got["Vary"] = slices.Clone(tc.upstream)
		}
		p.Answer(r, &d).Apply(got, d.Origin, nil)
		checkHeaders(t, got, http.Header{"Vary": tc.want})
	}
}
