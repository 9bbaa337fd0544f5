package policy

import (
	"net/http"
	"strings"
	"testing"
)

// TestReach: parts in order, and whether the last can ever decide.
func TestReach(t *testing.T) {
	for _, tc := range []struct {
		name  string
		parts []Config
		want  string // of the problem of the last, "" for none
	}{
		{"others", []Config{{Origins: []string{"https://a.example"}}, {Origins: []string{"https://b.example"}}}, ""},
		{"one more", []Config{{Origins: []string{"https://a.example"}}, {Origins: []string{"https://a.example", "https://b.example"}}}, ""},
		{"every origin last", []Config{{Origins: []string{"https://a.example"}, Credentials: true}, {Origins: []string{"*"}}}, ""},
		{"every origin first", []Config{{Origins: []string{"*"}}, {Origins: []string{"https://a.example"}}}, `an earlier one allows every origin ("*")`},
		{"every origin twice", []Config{{Origins: []string{"*"}}, {Origins: []string{"*"}}}, `an earlier one allows every origin ("*")`},
		{"every origin reflected first", []Config{{Origins: []string{"*"}, Credentials: true, Waivers: []string{WaiverOpen}}, {Origins: []string{"https://a.example"}}}, `an earlier one allows every origin ("*")`},
		{"the same", []Config{{Origins: []string{"https://a.example"}}, {Origins: []string{"https://a.example"}, Credentials: true}}, "earlier ones allow each of its origins"},
		{"spread", []Config{{Origins: []string{"https://a.example"}}, {Origins: []string{"https://*.b.example"}}, {Origins: []string{"https://*.b.example", "https://a.example"}}}, "earlier ones allow each of its origins"},
		{"covered", []Config{{Origins: []string{"https://*.a.example"}}, {Origins: []string{"https://b.a.example"}}}, "earlier ones allow each of its origins"},
		{"a finite expression, covered", []Config{{Origins: []string{"https://*.a.example"}}, {Regexps: []string{`https://(b|c)\.a\.example`}}}, "earlier ones allow each of its origins"},
		{"the same expression", []Config{{Regexps: []string{`https://[a-z]+\.a\.example`}}, {Regexps: []string{`https://[a-z]+\.a\.example`}}}, "earlier ones allow each of its origins"},
		{"another expression", []Config{{Regexps: []string{`https://[a-z]+\.a\.example`}}, {Regexps: []string{`https://\d+\.a\.example`}}}, ""},
		{"the same template", []Config{{Origins: []string{"{tenant}"}}, {Origins: []string{"{tenant}"}}}, "earlier ones allow each of its origins"},
		{"another template", []Config{{Origins: []string{"{tenant}"}}, {Origins: []string{"{other}"}}}, ""},
		{"a source", []Config{{Origins: []string{"https://a.example"}}, {Origins: []string{"https://a.example"}, Sources: []Source{source(Admitted)}}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var earlier []Part
			var findings *Findings
			for _, part := range tc.parts {
				config := complete(part)
				config.Shared, config.Earlier = true, earlier
				var p *Policy
				p, findings = Compile(config)
				earlier = append(earlier, Part{config, p})
			}
			err := findings.Err()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestShared: a part of a policy with several varies by Origin, and says nothing
// else without one.
func TestShared(t *testing.T) {
	for _, tc := range []struct {
		name   string
		config Config
		method string
		header http.Header
		want   http.Header
	}{
		{"every origin, none sent", Config{Origins: []string{"*"}, ExposeHeaders: []string{"*"}, Timing: true}, "GET", nil, headers("Vary: Origin")},
		{"every origin, one sent", Config{Origins: []string{"*"}, ExposeHeaders: []string{"ETag"}}, "GET", headers("Origin: https://a.example"), headers("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: ETag", "Vary: Origin")},
		{"every origin, preflight", Config{Origins: []string{"*"}}, "OPTIONS", preflight("https://a.example", "PUT"), headers("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)},
		{"some, none sent", Config{Origins: []string{"https://a.example"}, Timing: true}, "GET", nil, headers("Vary: Origin")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := complete(tc.config)
			config.Shared = true
			p, findings := Compile(config)
			if err := findings.Err(); err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: tc.method, Header: tc.header}
			if r.Header == nil {
				r.Header = make(http.Header)
			}
			d := p.Decide(r)
			got := make(http.Header)
			p.Answer(r, &d).Apply(got, d.Origin, nil)
			checkHeaders(t, got, tc.want)
		})
	}
}
