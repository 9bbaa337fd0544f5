package caddycors

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestWarnings: what is accepted, but not silently.
func TestWarnings(t *testing.T) {
	for _, tc := range []struct {
		directive string
		want      []string // of each warning, a part
	}{
		{"cors https://a.example", nil},
		{"cors {\n allow_origins *\n}", nil},
		{"cors http://a.example", nil},
		{"cors http://localhost:* http://*.localhost http://127.0.0.1:* http://[::1] {\n allow_credentials\n}", nil},
		{"cors https://*.example.com {\n allow_credentials\n}", nil},
		{"cors https://*.internal {\n allow_credentials\n}", nil},
		{"cors null {\n dangerously_allow null_origin\n}", nil},
		{"cors http://a.example {\n allow_credentials\n dangerously_allow insecure_origins\n}", nil},
		{"cors https://*.github.io {\n allow_credentials\n dangerously_allow open_origins\n}", nil},
		{"cors https://*.github.io", []string{`"https://*.github.io" is open`}},
		{"cors https://*.com", []string{`"https://*.com" is open`}},
		{"cors moz-extension://*", []string{`"moz-extension://*" is open`}},
		{"cors {\n allow_origins_regexp [a-z]+\\.example\\.com\n}", []string{`is dead`}},
		{"cors {\n allow_origins_regexp https://.*example\\.com\n}", []string{`"https://.*example\\.com" is open: anyone can obtain an origin that it allows, such as "https://aexample.com"`}},
		{"cors {\n allow_origins_regexp https?://pr-\\d+\\.example\\.com\n}", nil},
		{"cors {\n allow_origins_regexp https://pr-\\d+\\.example\\.(com|org)\n allow_credentials\n}", nil},
		{"cors {\n allow_origins_regexp https?://pr-\\d+\\.example\\.com\n allow_credentials\n dangerously_allow insecure_origins\n}", nil},
		{"cors {\n allow_origins_regexp https://.*\\.github\\.io\n allow_credentials\n dangerously_allow open_origins\n}", nil},
		{"cors https://*.amazonaws.com", []string{`"https://*.amazonaws.com" is open`}},
		{"cors {\n allow_origins_regexp https://A\\.example\n}", []string{`is dead`}},
		{"cors https://a.example {\n allow_headers Cookie X-A Host Sec-Fetch-Site\n}", []string{`"Cookie" is left out`, `"Host" is left out`, `"Sec-Fetch-Site" is left out`}},
		{"cors https://a.example {\n expose_headers Set-Cookie\n}", []string{`"Set-Cookie" is left out`}},
		{"cors https://a.example {\n max_age 25h\n}", []string{`longer than any browser heeds`}},
		{"cors https://a.example {\n preflight_passthrough\n preflight_status 200\n}", []string{`preflight_status 200 has no effect`}},
		{"cors https://a.example {\n dangerously_allow null_origin\n}", []string{`nothing needs the waiver "null_origin"`}},
		{"cors http://a.example {\n dangerously_allow insecure_origins\n}", []string{`nothing needs the waiver "insecure_origins"`}},
		{"cors https://a.example {\n allow_credentials\n dangerously_allow open_origins\n}", []string{`nothing needs the waiver "open_origins"`}},
		{"cors {http.vars.tenant} {\n allow_credentials\n dangerously_allow insecure_origins\n}", nil},
		{"cors {scheme}://a.example {\n allow_credentials\n dangerously_allow insecure_origins\n}", nil},
		{"cors {http.vars.tenant} {\n dangerously_allow insecure_origins\n}", []string{`nothing needs the waiver "insecure_origins"`}},
		{"cors https://{http.vars.tenant} {\n allow_credentials\n dangerously_allow insecure_origins\n}", []string{`nothing needs the waiver "insecure_origins"`}},
		{"cors {http.vars.tenant}:8443 https://[{http.vars.v6}] {x}.example.com", nil},
		{"cors {\n allow_origins_regexp https://[a-z]+\\.example\\.com\n dangerously_allow insecure_origins open_origins\n}", []string{`nothing needs the waiver "insecure_origins"`, `nothing needs the waiver "open_origins"`}},
	} {
		t.Run(tc.directive, func(t *testing.T) {
			h := &Handler{PreflightStatus: 204}
			if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(tc.directive)); err != nil {
				t.Fatal(err)
			}
			_, problems, warnings := h.compile()
			if len(problems) > 0 {
				t.Errorf("problems: %q", problems)
			}
			if !slices.EqualFunc(warnings, tc.want, strings.Contains) {
				t.Errorf("warnings: %q, want %q", warnings, tc.want)
			}
		})
	}
}

// TestEmptyPolicy: JSON, too, must say which origins.
func TestEmptyPolicy(t *testing.T) {
	_, problems, _ := (&Handler{PreflightStatus: 204}).compile()
	if len(problems) != 1 || !strings.HasPrefix(problems[0], "no origins: an empty policy allows nobody") {
		t.Errorf("problems: %q", problems)
	}
}

// TestRefusal: why a browser will refuse a preflight that is answered.
func TestRefusal(t *testing.T) {
	for _, tc := range []struct {
		directive string
		method    string
		fields    string
		want      reason
	}{
		{"cors https://a.example", "GET", "", reasonNone},
		{"cors https://a.example", "PUT", "", reasonMethod},
		{"cors https://a.example", "GET", "x-a", reasonHeaders},
		{"cors https://a.example {\n allow_methods PUT\n allow_headers X-A X-B\n}", "PUT", "x-a,x-b", reasonNone},
		{"cors https://a.example {\n allow_methods PUT\n allow_headers X-A X-B\n}", "put", "", reasonMethod},
		{"cors https://a.example {\n allow_methods PUT\n allow_headers X-A X-B\n}", "PUT", "x-a,x-c", reasonHeaders},
		{"cors https://a.example {\n allow_methods *\n allow_headers *\n}", "PROPFIND", "x-a,x-b", reasonNone},
		{"cors https://a.example {\n allow_methods *\n allow_headers *\n}", "TRACE", "", reasonMethod},
		{"cors https://a.example {\n allow_methods *\n allow_headers *\n}", "PUT", "authorization", reasonHeaders},
		{"cors https://a.example {\n allow_methods *\n allow_headers * Authorization\n}", "PUT", "authorization,x-a", reasonNone},
		{"cors https://a.example {\n allow_headers *\n}", "GET", "x y", reasonHeaders},
		{"cors https://a.example {\n allow_headers *\n}", "GET", strings.Repeat("x-a,", 2<<10), reasonHeaders},
	} {
		t.Run(tc.directive+" "+tc.method+" "+tc.fields[:min(len(tc.fields), 20)], func(t *testing.T) {
			h := provision(t, tc.directive)
			header := preflight("https://a.example", tc.method)
			if tc.fields != "" {
				header.Set("Access-Control-Request-Headers", tc.fields)
			}
			r := &http.Request{Method: http.MethodOptions, Header: header}
			if got := h.policy.decide(r).reason; got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestNotes: with credentials, what a regexp admits of several domains is said.
func TestNotes(t *testing.T) {
	for directive, want := range map[string][]string{
		"cors {\n allow_origins_regexp https://pr-\\d+\\.example\\.(com|org)\n allow_credentials\n}": {`allow_origins_regexp "https://pr-\\d+\\.example\\.(com|org)" admits origins of example.com, example.org`},
		"cors {\n allow_origins_regexp https://pr-\\d+\\.example\\.(com|org)\n}":                     nil,
		"cors {\n allow_origins_regexp https://pr-\\d+\\.example\\.com\n allow_credentials\n}":       nil,
	} {
		if got := provision(t, directive).policy.notes; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", directive, got, want)
		}
	}
}
