package policy

import (
	"net/http"
	"slices"
	"testing"
)

// TestExposed: each policy with the headers of a response, and which of them the
// answer names.
func TestExposed(t *testing.T) {
	response := headers("Cache-Control: no-store", "Content-Type: text/plain", "Set-Cookie: a=b", "ETag: x", "X-Amz-Meta-B: 1", "X-Amz-Meta-A: 1", "X-Amz-Request-Id: 1", "Trailer:X-Amz-Meta-C: 1")
	for _, tc := range []struct {
		name        string
		expose      []string
		credentials bool
		want        string // "" for no header
	}{
		{"* with credentials", []string{"*"}, true, "Etag, X-Amz-Meta-A, X-Amz-Meta-B, X-Amz-Request-Id"},
		{"* with credentials, and a name that the response has not", []string{"X-Total", "*", "etag"}, true, "X-Total, etag, X-Amz-Meta-A, X-Amz-Meta-B, X-Amz-Request-Id"},
		{"* without credentials", []string{"*", "X-Total"}, false, "*"},
		{"a beginning", []string{"X-Amz-Meta-*"}, false, "X-Amz-Meta-A, X-Amz-Meta-B"},
		{"a beginning in lower case, with credentials", []string{"x-amz-meta-*"}, true, "X-Amz-Meta-A, X-Amz-Meta-B"},
		{"a beginning and a name", []string{"X-Total", "X-Amz-Meta-*"}, false, "X-Total, X-Amz-Meta-A, X-Amz-Meta-B"},
		{"a beginning that no header has", []string{"X-Other-*"}, false, ""},
		{"a beginning of forbidden and safelisted ones", []string{"Set-*", "Cache-*"}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, Config{Origins: []string{"https://a.example"}, ExposeHeaders: tc.expose, Credentials: tc.credentials})
			r := &http.Request{Method: "GET", Header: headers("Origin: https://a.example")}
			d := p.Decide(r)
			got := response.Clone()
			got.Set("Access-Control-Expose-Headers", "X-Upstream")
			p.Answer(r, &d).Apply(got, d.Origin, make([]string, MaxActualValues))
			if value := got.Get("Access-Control-Expose-Headers"); value != tc.want || (value == "") != (got["Access-Control-Expose-Headers"] == nil) {
				t.Errorf("got %q, want %q", got["Access-Control-Expose-Headers"], tc.want)
			}
			denied := &http.Request{Method: "GET", Header: headers("Origin: https://b.example")}
			d = p.Decide(denied)
			got = response.Clone()
			p.Answer(denied, &d).Apply(got, d.Origin, nil)
			if value, ok := got["Access-Control-Expose-Headers"]; ok {
				t.Errorf("denied: got %q", value)
			}
		})
	}
}

// TestOneMoreAllocation: names that a response has cost one allocation, and
// nothing where no policy wants them.
func TestOneMoreAllocation(t *testing.T) {
	for _, tc := range []struct {
		expose []string
		want   float64
	}{{nil, 0}, {[]string{"ETag"}, 0}, {[]string{"*"}, 1}, {[]string{"X-Amz-*"}, 1}} {
		p := compile(t, Config{Origins: []string{"https://a.example"}, ExposeHeaders: tc.expose, Credentials: true})
		r := &http.Request{Method: "GET", Header: headers("Origin: https://a.example")}
		h := headers("ETag: x", "X-Amz-A: 1", "X-Amz-B: 1")
		memory := make([]string, MaxActualValues)
		got := testing.AllocsPerRun(100, func() {
			d := p.Decide(r)
			p.Answer(r, &d).Apply(h, d.Origin, memory)
		})
		if got != tc.want {
			t.Errorf("%q: %g allocations, want %g", tc.expose, got, tc.want)
		}
	}
}

// TestRequestHeaderPrefixes: the answer names the headers that begin so, and no
// others.
func TestRequestHeaderPrefixes(t *testing.T) {
	for _, tc := range []struct {
		allow []string
		asked string
		want  string // "" for no header
		ok    bool   // nothing is missing
	}{
		{[]string{"X-Amz-*"}, "x-amz-a,x-amz-b", "x-amz-a, x-amz-b", true},
		{[]string{"Content-Type", "X-Amz-*"}, "content-type,x-amz-a", "Content-Type, x-amz-a", true},
		{[]string{"X-Amz-*"}, "x-amz-a,x-other", "x-amz-a", false},
		{[]string{"X-Amz-*"}, "x-am", "", false},
		{[]string{"X-Amz-*"}, "x-amz-(,x-amz-a", "x-amz-a", false},
		{[]string{"X-Amz-*"}, "", "", true},
		{[]string{"A*"}, "authorization", "", false},
		{[]string{"A*", "Authorization"}, "authorization,a", "Authorization, a", true},
		{[]string{"X-Amz-*", "*"}, "x-other", "*", true},
	} {
		p := compile(t, Config{Origins: []string{"https://a.example"}, RequestHeaders: tc.allow})
		r := &http.Request{Method: "OPTIONS", Header: preflight("https://a.example", "GET")}
		if tc.asked != "" {
			r.Header.Set("Access-Control-Request-Headers", tc.asked)
		}
		d := p.Decide(r)
		if (d.Reason == ReasonNone) != tc.ok {
			t.Errorf("%q, asked for %q: reason %q", tc.allow, tc.asked, d.Reason)
		}
		got := make(http.Header)
		p.Answer(r, &d).Apply(got, d.Origin, nil)
		if value := got.Get("Access-Control-Allow-Headers"); value != tc.want {
			t.Errorf("%q, asked for %q: got %q, want %q", tc.allow, tc.asked, value, tc.want)
		}
	}
}

// TestMissing: the names that a preflight asks for in vain, a few of them.
func TestMissing(t *testing.T) {
	config := Config{Origins: []string{"https://a.example"}, Methods: []string{"PUT"}, RequestHeaders: []string{"X-A"}}
	for _, tc := range []struct {
		method, asked string
		want          []string
	}{
		{"PUT", "x-a", nil},
		{"DELETE", "x-b", []string{"DELETE"}},
		{"a b", "", nil},
		{"PUT", "x-a,x-b,x-c,(", []string{"x-b", "x-c"}},
		{"PUT", "a,b,c,d,e,f", []string{"a", "b", "c", "d"}},
	} {
		p := compile(t, config)
		r := &http.Request{Method: "OPTIONS", Header: preflight("https://a.example", tc.method, "Access-Control-Request-Headers: "+tc.asked)}
		d := p.Decide(r)
		if got := p.Missing(r, &d); !slices.Equal(got, tc.want) {
			t.Errorf("%s %s: got %q, want %q", tc.method, tc.asked, got, tc.want)
		}
	}
}
