package policy

import (
	"errors"
	"iter"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// fixedSource admits some origins, and claims what it is told to.
type fixedSource struct {
	admissions map[string]Admission
	err        error
	claim      Claim
}

func (s *fixedSource) Allows(_ *http.Request, o origins.Origin) (Admission, error) {
	return s.admissions[o.String()], s.err
}

func (s *fixedSource) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) { yield(s.claim) }
}

func source(admission Admission, list ...string) *fixedSource {
	s := &fixedSource{admissions: make(map[string]Admission), claim: Claim{Option: "dynamic_origins", Runtime: true}}
	for _, origin := range list {
		s.admissions[origin] = admission
	}
	return s
}

// TestDecide: each policy with origins, and what is decided about each of them.
func TestDecide(t *testing.T) {
	broken := &fixedSource{err: errors.New("could not tell"), claim: Claim{Runtime: true}}
	for _, tc := range []struct {
		name   string
		config Config
		want   map[string]string // by origin, the result and the reason
	}{
		{
			"patterns",
			Config{Origins: []string{"https://a.example", "https://*.b.example:*", "moz-extension://*"}},
			map[string]string{
				"": "none", "https://a.example": "allowed", "https://x.b.example:8443": "allowed", "moz-extension://abc": "allowed",
				"https://c.example": "denied origin", "null": "denied null_origin", "HTTPS://A.EXAMPLE": "denied malformed_origin",
				"https://a.example https://a.example": "denied malformed_origin", " ": "denied malformed_origin",
				"https://" + strings.Repeat("a", 16<<10): "denied malformed_origin",
			},
		},
		{
			"expressions, finite or not",
			Config{Regexps: []string{`https://(a|b)\.example\.com`, `https://pr-\d+\.example\.com`}},
			map[string]string{
				"https://a.example.com": "allowed", "https://b.example.com": "allowed", "https://pr-17.example.com": "allowed",
				"https://c.example.com": "denied origin", "https://pr-17.example.com.evil.example": "denied origin",
			},
		},
		{
			"every origin",
			Config{Origins: []string{"*"}},
			map[string]string{"": "none", "https://a.example": "allowed", "null": "allowed", "h t": "allowed"},
		},
		{
			"null",
			Config{Origins: []string{"null"}, Waivers: []string{WaiverNull}},
			map[string]string{"null": "allowed", "https://a.example": "denied origin"},
		},
		{
			"credentials",
			Config{Origins: []string{"https://a.example", "http://localhost:*"}, Credentials: true, Sources: []Source{
				source(Admitted, "http://b.example", "https://b.example", "http://127.0.0.1:8080"),
				source(AdmittedOpen, "https://evil.github.io", "https://c.example"), source(Admitted, "https://c.example"),
			}},
			map[string]string{
				"http://localhost:5173": "allowed", "https://b.example": "allowed", "http://127.0.0.1:8080": "allowed", "https://c.example": "allowed",
				"http://b.example": "denied insecure_origin", "http://d.example": "denied insecure_origin",
				"https://evil.github.io": "denied open_origin", "https://d.example": "denied origin",
			},
		},
		{
			"credentials, and the waivers",
			Config{
				Origins: []string{"http://a.example"}, Credentials: true, Waivers: []string{WaiverInsecure, WaiverOpen},
				Sources: []Source{source(AdmittedOpen, "https://evil.github.io", "http://b.example")},
			},
			map[string]string{"http://a.example": "allowed", "http://b.example": "allowed", "https://evil.github.io": "allowed"},
		},
		{
			"every origin with credentials, waived",
			Config{Origins: []string{"*"}, Credentials: true, Waivers: []string{WaiverOpen}, RejectDisallowed: true},
			map[string]string{
				"": "none", "https://a.example": "allowed", "chrome-extension://abc": "allowed", "http://localhost:1": "allowed",
				"http://a.example": "denied insecure_origin", "null": "denied null_origin", "h t": "denied malformed_origin", "HTTPS://a.example": "denied malformed_origin",
			},
		},
		{
			"every origin with credentials, both waived",
			Config{Origins: []string{"*"}, Credentials: true, Waivers: []string{WaiverOpen, WaiverInsecure}},
			map[string]string{"https://a.example": "allowed", "http://a.example": "allowed", "null": "denied null_origin"},
		},
		{
			"no credentials",
			Config{Sources: []Source{source(AdmittedOpen, "https://evil.github.io", "http://b.example")}},
			map[string]string{"http://b.example": "allowed", "https://evil.github.io": "allowed"},
		},
		{
			"a source that fails before one that does not",
			Config{Sources: []Source{broken, source(Admitted, "https://a.example")}},
			map[string]string{"https://a.example": "allowed", "https://b.example": "denied source_error"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, tc.config)
			for origin, want := range tc.want {
				r := &http.Request{Method: http.MethodGet, Header: headers("Sec-Fetch-Site: cross-site")}
				if origin != "" {
					r.Header["Origin"] = strings.Split(origin, " ")
				}
				d := p.Decide(r)
				if got := strings.TrimSpace(d.Result.String() + " " + d.Reason.String()); got != want {
					t.Errorf("%.60q: got %s, want %s", origin, got, want)
				}
				if allowed := d.Result == Allowed && !p.Any(); allowed && d.Origin != origin || !allowed && d.Origin != "" {
					t.Errorf("%.60q: the answer would name %q", origin, d.Origin)
				}
				if (d.Err != nil) != (d.Reason == ReasonSource) {
					t.Errorf("%.60q: %v with the reason %s", origin, d.Err, d.Reason)
				}
			}
		})
	}
}

// TestRefusal: why a browser will refuse the answer to a preflight.
func TestRefusal(t *testing.T) {
	some := Config{Origins: []string{"https://a.example"}, Methods: []string{"PUT"}, RequestHeaders: []string{"X-A", "X-B"}}
	every := Config{Origins: []string{"https://a.example"}, Methods: []string{"*"}, RequestHeaders: []string{"*"}}
	named := Config{Origins: []string{"https://a.example"}, Methods: []string{"*"}, RequestHeaders: []string{"*", "Authorization"}}
	for _, tc := range []struct {
		config          Config
		method, headers string
		want            Reason
	}{
		{Config{Origins: []string{"https://a.example"}}, "GET", "", ReasonNone},
		{Config{Origins: []string{"https://a.example"}}, "PUT", "", ReasonMethod},
		{Config{Origins: []string{"https://a.example"}}, "GET", "x-a", ReasonHeaders},
		{some, "PUT", "x-a,x-b", ReasonNone},
		{some, "put", "", ReasonMethod},
		{some, "POST", "x-a", ReasonNone}, // without being listed
		{some, "PUT", "x-a,x-c", ReasonHeaders},
		{every, "PROPFIND", "x-a,x-b", ReasonNone},
		{every, "TRACE", "", ReasonMethod},
		{every, "PUT", "authorization", ReasonHeaders},
		{named, "PUT", "authorization,x-a", ReasonNone},
		{every, "GET", "x y", ReasonHeaders},
		{every, "GET", strings.Repeat("x-a,", 2<<10), ReasonHeaders},
	} {
		r := &http.Request{Method: http.MethodOptions, Header: preflight("https://a.example", tc.method)}
		if tc.headers != "" {
			r.Header.Set("Access-Control-Request-Headers", tc.headers)
		}
		d := compile(t, tc.config).Decide(r)
		if d.Kind != Preflight || d.Result != Allowed || d.Reason != tc.want {
			t.Errorf("%v, %s %.20q: got %+v, want %s", tc.config, tc.method, tc.headers, d, tc.want)
		}
	}
}

// TestAdmits: a policy nested in a source of another one says what is open.
func TestAdmits(t *testing.T) {
	for _, tc := range []struct {
		config Config
		want   map[string]Admission
	}{
		{Config{Origins: []string{"*"}}, map[string]Admission{"https://a.example": AdmittedOpen, "null": AdmittedOpen, "h t": Refused, "": Refused}},
		{Config{Origins: []string{"null"}, Accepted: []string{WaiverNull}}, map[string]Admission{"https://a.example": Refused, "null": AdmittedOpen}},
		{
			Config{Origins: []string{"https://a.example"}, Sources: []Source{source(AdmittedOpen, "https://a.example", "https://evil.github.io"), source(Admitted, "https://b.example")}},
			map[string]Admission{"https://a.example": Admitted, "https://b.example": Admitted, "https://evil.github.io": AdmittedOpen, "https://c.example": Refused, "null": Refused},
		},
	} {
		p := compile(t, tc.config)
		for origin, want := range tc.want {
			r := &http.Request{Header: make(http.Header)}
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
			if got, err := p.Admits(r); got != want || err != nil {
				t.Errorf("%v: %q: got %d, %v, want %d", tc.config.Origins, origin, got, err, want)
			}
		}
	}
}

// TestSameOriginDecision: a page of the request's own origin is not denied.
func TestSameOriginDecision(t *testing.T) {
	p := compile(t, Config{Origins: []string{"https://a.example"}})
	for _, tc := range []struct {
		method string
		header http.Header
		want   Result
	}{
		{"POST", headers("Origin: http://host.example"), SameOrigin},
		{"POST", headers("Origin: null", "Sec-Fetch-Site: same-origin"), SameOrigin},
		{"POST", headers("Origin: http://host.example", "Sec-Fetch-Site: cross-site"), Denied},
		{"OPTIONS", preflight("http://host.example", "PUT"), Denied},
		{"POST", headers("Origin: https://a.example", "Sec-Fetch-Site: same-origin"), Allowed},
	} {
		d := p.Decide(&http.Request{Method: tc.method, Host: "host.example", Header: tc.header})
		if d.Result != tc.want {
			t.Errorf("%s %v: got %s, want %s", tc.method, tc.header, d.Result, tc.want)
		}
	}
}

// TestClaims: the judge hears of every entry of each source, and the first open
// one is told.
func TestClaims(t *testing.T) {
	open := Claim{Option: "dynamic test", Entry: "x", Verdict: openness.Anyone}
	_, findings := Compile(complete(Config{
		Origins: []string{"https://a.example"}, Credentials: true, Sources: []Source{&fixedSource{claim: open}},
	}))
	want := `dynamic test "x": strangers can obtain an origin that it allows, such as "https://stranger.example", and with allow_credentials strangers could read your users' data; write the exact origins, or accept the risk with dangerously_allow open_origins`
	if err := findings.Err(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if findings.Open == nil || findings.Open.Option != "dynamic test" {
		t.Errorf("open: %+v", findings.Open)
	}
}

// TestInsecureAnyway: an insecure origin that is listed is a problem of the policy.
// Should such a policy ever decide, it denies all the same.
func TestInsecureAnyway(t *testing.T) {
	p, findings := Compile(&Config{Origins: []string{"http://app.example.com", "http://localhost:8080"}, Credentials: true})
	if findings.Problems.Len() == 0 {
		t.Error("the policy has no problems")
	}
	for origin, want := range map[string]Result{"http://app.example.com": Denied, "http://localhost:8080": Allowed} {
		r := &http.Request{Method: http.MethodGet, Header: http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"}}}
		if d := p.Decide(r); d.Result != want {
			t.Errorf("%s: got %v, want %v", origin, d.Result, want)
		}
	}
}
