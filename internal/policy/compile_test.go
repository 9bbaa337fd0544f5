package policy

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFindings: every problem, warning and note of each configuration.
func TestFindings(t *testing.T) {
	a := []string{"https://a.example"}
	second, fraction, unitless, long := -time.Second, 1500*time.Millisecond, 3600*time.Nanosecond, 25*time.Hour
	for _, tc := range []struct {
		name                      string
		config                    Config
		problems, warnings, notes []string // of each message, a part
	}{
		{"nothing at all", Config{}, []string{"no origins: an empty policy allows nobody"}, nil, nil},
		{"good", Config{Origins: a}, nil, nil, nil},
		{"every origin", Config{Origins: []string{"*"}}, nil, nil, nil},
		{"every origin, from outside", Config{Origins: []string{"{env.EVERY}"}}, nil, nil, nil},
		{"loopback", Config{Origins: []string{"http://localhost:*", "http://*.localhost", "http://127.0.0.1:*", "http://[::1]"}, Credentials: true}, nil, nil, nil},
		{"a domain of one's own", Config{Origins: []string{"https://*.example.com", "https://*.internal"}, Credentials: true}, nil, nil, nil},
		{"insecure", Config{Origins: []string{"http://a.example"}}, nil, nil, nil},
		{
			"insecure with credentials",
			Config{Origins: []string{"http://a.example", "http://a.example"}, Regexps: []string{`https?://b\.example`}, Credentials: true},
			[]string{`allow_origins "http://a.example": is insecure`, `allow_origins_regexp "https?://b\.example": admits "http://b.example", which is insecure`},
			nil, nil,
		},
		{"insecure, waived", Config{Origins: []string{"http://a.example"}, Credentials: true, Waivers: []string{WaiverInsecure}}, nil, nil, nil},
		{
			"open",
			Config{Origins: []string{"https://*.github.io", "moz-extension://*"}, Regexps: []string{`https://.*example\.com`}},
			nil,
			[]string{
				`allow_origins "https://*.github.io": strangers can obtain an origin that it allows, such as "https://stranger.github.io"`,
				`allow_origins "moz-extension://*": strangers can obtain`,
				`allow_origins_regexp "https://.*example\.com": strangers can obtain an origin that it allows, such as "https://aexample.com"`,
			},
			nil,
		},
		{
			"open with credentials",
			Config{Origins: []string{"https://*.github.io"}, Regexps: []string{`https://.*example\.com`, `https://.*`}, Credentials: true},
			[]string{
				`; write the exact origins, or accept the risk with dangerously_allow open_origins`,
				`; write https://(.+\.)?example\.com for that domain and all below it, or the exact origins, or accept the risk`,
				`; write an expression that ends in a domain of your own, such as https://(.+\.)?example\.com`,
			},
			nil, nil,
		},
		{"open, waived", Config{Origins: []string{"https://*.github.io"}, Credentials: true, Waivers: []string{WaiverOpen}}, nil, nil, nil},
		{
			"not proven",
			Config{Regexps: []string{`https://(a|b)*a(a|b){20}\.example\.com`}, Credentials: true},
			[]string{`it is too complex to find out which origins it allows, and with allow_credentials strangers could`},
			nil, nil,
		},
		{
			"open by a name of a service",
			Config{Origins: []string{"https://*.zendesk.com"}, Credentials: true},
			[]string{`such as "https://stranger.zendesk.com", since anyone can get a name below zendesk.com, and with allow_credentials strangers could read`},
			nil, nil,
		},
		{
			"an open template",
			Config{Origins: []string{"https://{http.request.host.labels.3}.vercel.app", "https://{http.request.host.labels.3}.example.com", "{tenant}"}, Credentials: true},
			[]string{`allow_origins "https://{http.request.host.labels.3}.vercel.app": strangers can obtain an origin that it allows, such as "https://evil.vercel.app", and with allow_credentials strangers could read your users' data; write a domain of your own after the placeholder`},
			nil, nil,
		},
		{"an open template, waived", Config{Origins: []string{"https://{http.vars.x}.vercel.app"}, Credentials: true, Waivers: []string{WaiverOpen}}, nil, nil, nil},
		{
			"a scheme that is left open",
			Config{Regexps: []string{`.*\.example\.com`}, Credentials: true},
			[]string{`admits "http://a.example.com", which is insecure`, `such as "app://a.example.com", and with allow_credentials strangers could read your users' data; begin with https://, as in https://.*\.example\.com`},
			nil, nil,
		},
		{
			"a finite expression with more domains than are closed",
			Config{Regexps: []string{`https://app.example\.com`}, Credentials: true},
			[]string{`allow_origins_regexp "https://app.example\.com": strangers can obtain`},
			nil, nil,
		},
		{"several domains", Config{Regexps: []string{`https://pr-\d+\.example\.(com|org)`}, Credentials: true}, nil, nil, []string{`admits origins of example.com, example.org`}},
		{"null", Config{Origins: []string{"null"}}, []string{`allow_origins "null": every sandboxed frame`}, nil, nil},
		{"null with credentials", Config{Origins: []string{"null"}, Credentials: true, Waivers: []string{WaiverNull}}, []string{"no waiver allows both"}, nil, nil},
		{
			"every origin beside others",
			Config{Origins: []string{"*", "https://a.example"}, RejectDisallowed: true},
			[]string{`allow_origins "*" beside "https://a.example"`, `reject_disallowed with allow_origins "*"`},
			nil, nil,
		},
		{"every origin beside a template", Config{Origins: []string{"*", "{tenant}"}}, []string{`allow_origins "*" beside "{tenant}"`}, nil, nil},
		{"every origin beside a source", Config{Origins: []string{"*"}, Sources: []Source{source(Admitted)}}, []string{`allow_origins "*" beside "dynamic_origins"`}, nil, nil},
		{"every origin with credentials", Config{Origins: []string{"*"}, Credentials: true}, []string{"must not be the wildcard '*' when the request's credentials mode is 'include'"}, nil, nil},
		{
			"every origin with credentials, waived",
			Config{Origins: []string{"*"}, Credentials: true, Waivers: []string{WaiverOpen, WaiverInsecure}},
			nil,
			[]string{`allow_origins "*" with allow_credentials: every site on the web can act as the users of this one`},
			nil,
		},
		{"every origin into a private network", Config{Origins: []string{"*"}, PrivateNetwork: true}, []string{`allow_private_network with allow_origins "*"`}, nil, nil},
		{"names with a *", Config{Origins: a, Methods: []string{"P*"}, RequestHeaders: []string{"X-*-A", "Sec-*", "X-Amz-*"}, ExposeHeaders: []string{"**"}}, []string{`"P*"`, `allow_headers "X-*-A": a * may stand only at the end`, `expose_headers "**"`}, []string{`allow_headers "Sec-*": ignored`}, nil},
		{
			"methods",
			Config{Origins: a, Methods: []string{"put", "TRACE", "a b"}},
			[]string{`"put"`, `"TRACE"`, `"a b"`},
			nil, nil,
		},
		{
			"headers",
			Config{Origins: a, RequestHeaders: []string{"Cookie", "a b"}, ExposeHeaders: []string{"Set-Cookie", "*"}, Credentials: true},
			[]string{`allow_headers "a b": not a valid header name`},
			[]string{`allow_headers "Cookie": ignored`, `expose_headers "Set-Cookie": ignored`},
			nil,
		},
		{"max age, negative", Config{Origins: a, MaxAge: &second}, []string{"max_age -1s: must not be negative"}, nil, nil},
		{"max age, a fraction", Config{Origins: a, MaxAge: &fraction}, []string{"max_age 1.5s: must be a number of whole seconds"}, nil, nil},
		{"max age, without a unit", Config{Origins: a, MaxAge: &unitless}, []string{`max_age 3600: has no unit, and so is a number of nanoseconds; write "3600s"`}, nil, nil},
		{"max age, long", Config{Origins: a, MaxAge: &long}, nil, []string{"max_age 25h0m0s: browsers keep a preflight for less"}, nil},
		{"status 302", Config{Origins: a, PreflightStatus: 302}, []string{"preflight_status 302: browsers accept"}, nil, nil},
		{"status 205", Config{Origins: a, PreflightStatus: 205}, []string{"preflight_status 205: this status describes a body"}, nil, nil},
		{"status without effect", Config{Origins: a, PreflightStatus: 200, PreflightPassthrough: true}, nil, []string{"preflight_status 200: has no effect"}, nil},
		{"a waiver beside a mistake", Config{Origins: []string{"https://*"}, Credentials: true, Waivers: []string{WaiverOpen}}, []string{"allows every host"}, nil, nil},
		{"a placeholder in an expression", Config{Regexps: []string{`https://.+\.{env.DOMAIN}`, `{$ORIGINS}`}}, []string{`placeholders are not replaced in it`, `"{$ORIGINS}": never matches`}, nil, nil},
		{"insecure, nothing known to write", Config{Regexps: []string{`(^|^[^:]+://|[^.]+\.)example\.com`}, Credentials: true}, []string{`write an expression that begins with https://`, `; begin with https://, as in https://(.+\.)?example\.com`}, nil, nil},
		{"waivers", Config{Origins: a, Waivers: []string{"all", WaiverOpen}}, []string{`dangerously_allow "all": not a known waiver`}, []string{"dangerously_allow open_origins: nothing needs this waiver"}, nil},
		{"waivers that a source may need", Config{Sources: []Source{source(Admitted)}, Credentials: true, Waivers: []string{WaiverOpen, WaiverInsecure}}, nil, nil, nil},
		{
			"dead expressions",
			Config{Regexps: []string{`\.acme\.test$`, `/^https:\/\/app\.acme\.test$/`, `wss://app\.acme\.test`, `https://.+/`, `moz-extension://.*:0`}},
			[]string{
				`; write an expression for whole origins, such as https://(.+\.)?example\.com`, `"moz-extension://.*:0"`,
				`"\.acme\.test$": never matches, since it must match the whole of an origin as browsers send it; write https://(.+\.)?acme\.test`,
				`; write https://app\.acme\.test`, `; write https://app\.acme\.test`,
			},
			nil, nil,
		},
		{
			"expressions with a scheme left open",
			Config{Regexps: []string{`.*\.example\.com`, `.*://app\.example\.com`}, Credentials: true, Waivers: []string{WaiverInsecure}},
			[]string{
				`".*\.example\.com": leaves the scheme open, so that strangers can obtain an origin that it allows, such as "app://a.example.com", and with allow_credentials strangers could read your users' data; begin with https://, as in https://.*\.example\.com, or accept`,
				`; begin with https://, as in https://app\.example\.com, or accept`,
			},
			nil, nil,
		},
		{
			"insecure, with what to write",
			Config{Origins: []string{"http://a.example:8080", "http://*.a.example:443"}, Regexps: []string{`^https?://([a-z0-9-]+\.)*acme\.dev$`, `http://(.+\.)?[a-z]+`}, Credentials: true, Waivers: []string{WaiverOpen}},
			[]string{`; write https://a.example:8080, or`, `; write https://*.a.example, or`, `; write https://([a-z0-9-]+\.)*acme\.dev, or`, `; write https:// in place of http://, or`},
			nil, nil,
		},
		{"an expression that is a pattern", Config{Regexps: []string{`*.example.com`}}, []string{`"*.example.com": has a syntax error at "*", missing argument to repetition operator; write https://.+\.example\.com`}, nil, nil},
		{"malformed", Config{Origins: []string{"app.example.com", "https://a.example/"}, Regexps: []string{"(", "("}}, []string{`write https://app.example.com`, `write https://a.example`, `missing closing )`}, nil, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, findings := Compile(complete(tc.config))
			for _, kind := range []struct {
				name     string
				messages *Messages
				want     []string
			}{{"problems", &findings.Problems, tc.problems}, {"warnings", &findings.Warnings, tc.warnings}, {"notes", &findings.Notes, tc.notes}} {
				var got []string
				for message := range kind.messages.All() {
					got = append(got, message.Text)
					if prefix := strings.TrimSpace(message.Option); !strings.HasPrefix(message.Text, prefix) {
						t.Errorf("%q does not begin with %q", message.Text, prefix)
					}
				}
				if !slices.EqualFunc(got, kind.want, strings.Contains) {
					t.Errorf("%s:\n%s\nwant\n%s", kind.name, strings.Join(got, "\n"), strings.Join(kind.want, "\n"))
				}
			}
			if err := findings.Err(); (err != nil) != (len(tc.problems) > 0) {
				t.Errorf("error: %v", err)
			}
		})
	}
}

// TestManyProblems: a bounded number is told, and how many there are.
func TestManyProblems(t *testing.T) {
	var config Config
	for i := range 10_000 {
		config.Origins = append(config.Origins, fmt.Sprintf("https://a%d.example/", i))
	}
	_, findings := Compile(complete(config))
	lines := strings.Split(findings.Err().Error(), "\n")
	if len(lines) != maxMessages+1 || lines[maxMessages] != fmt.Sprintf("and %d more like these", 10_000-maxMessages) {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

// TestTemplates: each entry with the host and the variables of a request.
func TestTemplates(t *testing.T) {
	for _, tc := range []struct {
		entry           string
		host            string
		vars            map[string]string
		allowed, denied []string
	}{
		{"https://{env.HOST}", "", nil, []string{"https://env.example"}, []string{"https://a.example"}},
		{"{file.origin}", "", nil, []string{"https://file.example"}, []string{"https://a.example"}},
		{"{env.MARKED}", "", nil, []string{"https://a.example"}, []string{"https://b.example"}},
		{"{env.LIST}", "", nil, []string{"https://a.example", "https://x.b.example", "http://localhost:5173"}, []string{"https://c.example"}},
		{"https://{http.request.host}", "a.example", nil, []string{"https://a.example"}, []string{"https://b.example", "http://a.example", "https://a.example:8443"}},
		{"https://app.{http.request.host}", "a.example", nil, []string{"https://app.a.example"}, []string{"https://a.example", "https://app.b.example"}},
		{"https://app.{http.request.host}", "", nil, nil, []string{"https://app."}},
		{"{tenant}", "", map[string]string{"tenant": "https://t.example"}, []string{"https://t.example"}, []string{"https://t.example:444"}},
		{"{tenant}", "", map[string]string{"tenant": "null"}, nil, []string{"null", "https://t.example"}},
		{"{tenant}", "", map[string]string{"tenant": "{http.request.host}"}, nil, []string{"https://t.example"}},
		{"https://a.example:{port}", "", map[string]string{"port": "8443"}, []string{"https://a.example:8443"}, []string{"https://a.example"}},
		{"https://[{v6}]", "", map[string]string{"v6": "::1"}, []string{"https://[::1]"}, []string{"https://[::2]"}},
	} {
		p := compile(t, Config{Origins: []string{tc.entry}})
		check := func(origin string, want Result) {
			r := &http.Request{Method: "GET", Host: tc.host, Header: headers("Origin: "+origin, "Sec-Fetch-Site: cross-site")}
			for name, value := range tc.vars {
				r.Header.Set("X-"+name, value)
			}
			if d := p.Decide(r); d.Result != want {
				t.Errorf("%s: %s: got %s, want %s", tc.entry, origin, d.Result, want)
			}
		}
		for _, origin := range tc.allowed {
			check(origin, Allowed)
		}
		for _, origin := range tc.denied {
			check(origin, Denied)
		}
	}
}

// TestTemplatesThatFollowTheHost: with credentials, labels of the request's host may
// not make an origin of another registrable domain than that of the host.
func TestTemplatesThatFollowTheHost(t *testing.T) {
	const labels = "http.request.host.labels."
	for _, tc := range []struct {
		entry, host, origin string
		want                string // the result and the reason
		waived              string // the same with open_origins
	}{
		{"https://app.{" + labels + "1}.{" + labels + "0}", "api.example.com", "https://app.example.com", "allowed ", "allowed "},
		{"https://app.{" + labels + "1}.{" + labels + "0}", "api.example.co.uk", "https://app.co.uk", "denied open_origin", "allowed "},
		{"https://{" + labels + "4}.{" + labels + "1}.{" + labels + "0}", "evil.api.example.co.uk", "https://evil.co.uk", "denied open_origin", "allowed "},
		{"https://{" + labels + "4}.{" + labels + "1}.{" + labels + "0}.", "evil.api.example.co.uk", "https://evil.co.uk.", "denied open_origin", "allowed "},
		{"https://app.{" + labels + "2}.{" + labels + "1}.{" + labels + "0}", "api.example.co.uk", "https://app.example.co.uk", "allowed ", "allowed "},
		{"https://app.{" + labels + "1}.{" + labels + "0}", "api.nas.lan", "https://app.nas.lan", "allowed ", "allowed "},
	} {
		for _, waivers := range [][]string{nil, {WaiverOpen}} {
			config := complete(Config{Origins: []string{tc.entry}, Credentials: true, Waivers: waivers})
			values := map[string]string{"http.request.host": tc.host}
			list := strings.Split(tc.host, ".")
			for i, label := range list {
				values[fmt.Sprint(labels, len(list)-1-i)] = label
			}
			config.Placeholder = func(_ *http.Request, name string) string { return values[name] }
			p, findings := Compile(config)
			if findings.Problems.Len()+findings.Warnings.Len() > 0 {
				t.Errorf("%s: %s %s", tc.entry, findings.Problems.String(), findings.Warnings.String())
			}
			want := tc.want
			if waivers != nil {
				want = tc.waived
			}
			d := p.Decide(&http.Request{Method: "GET", Host: tc.host, Header: headers("Origin: " + tc.origin)})
			if got := d.Result.String() + " " + d.Reason.String(); got != want {
				t.Errorf("%s at %s, waived %q: %s: got %s, want %s", tc.entry, tc.host, waivers, tc.origin, got, want)
			}
		}
	}
}

// TestRefusedTemplates: entries with placeholders that cannot be right.
func TestRefusedTemplates(t *testing.T) {
	for entry, want := range map[string]string{
		"https://{host":                "an opening brace has no closing one",
		"https://host}":                "a closing brace has no opening one",
		"https://{}":                   "a placeholder has no name",
		"{host}":                       "write {http.request.host}",
		"https://{labels.1}.example":   "write {http.request.host.labels.1}",
		"{vars.x}":                     "write {http.vars.x}",
		"{http.request.header.Origin}": "a page could choose the value",
		"{http.request.uri}":           "a page could choose the value",
		"https://*.{tenant}":           "has both a wildcard and a placeholder",
		"https://{tenant}/":            "cannot be an origin, whatever its placeholders stand for",
		"{env.NOT_SET}":                "{env.NOT_SET} is empty or not set",
		"{env.BRACES}":                 "contains a brace",
		"{env.HOST}":                   "does not resolve to an origin",
		"{$ORIGIN}":                    "write {env.ORIGIN}",
		"{$ORIGIN:https://a.example}":  "write {env.ORIGIN}",
		"https://{evn.HOST}":           "write {env.HOST}",
		"{envs.HOST}":                  "write {env.HOST}",
		"{env:HOST}":                   "write {env.HOST}",
		"{environnement.HOST}":         "write {env.HOST}",
		"https://{env}":                "write {env.CORS_ORIGINS}",
		"{$}":                          "write {env.CORS_ORIGINS}",
		"{file:/run/origin}":           "write {file./run/origin}",
		"{file}":                       "write {file./run/secrets/cors_origins}",
		"https://{http.request.host.labels.*}.a.example": "write {http.request.host.labels.1}",
		"https://{http.request.host.labels.x}.a.example": "write {http.request.host.labels.1}",
		"https://{http.request.host.labels.}.a.example":  "write {http.request.host.labels.1}",
		"{http.vars.*}":                          "write {http.vars.tenant}",
		"{http.request.host}":                    "has no scheme, but browsers send one; write https://{http.request.host}",
		"{http.request.host}:8443":               "write https://{http.request.host}:8443",
		"{http.request.host.labels.1}.a.example": "write https://{http.request.host.labels.1}.a.example",
		"{header.Origin}":                        "a page could choose the value",
		"https://{query.tenant}":                 "a page could choose the value",
		"{re.tenant.1}":                          "a page could choose the value",
		"{ENV.HOST}":                             "write {env.HOST}",
		"{environ.HOST}":                         "write {env.HOST}",
		"{flie./run/origin}":                     "write {file./run/origin}",
		"{env.SEPARATORS}":                       "has no origins in its value",
		"{env.SECRET}":                           "does not resolve to an origin: has 80 bytes that are not a valid origin",
		"{env.BAD_LIST}":                         `"b.example"`,
		"https://a.example,b.example":            `write ["https://a.example", "https://b.example"]`,
		"https://{env.LIST}":                     "does not resolve to an origin",
	} {
		_, findings := Compile(complete(Config{Origins: []string{entry}}))
		if err := findings.Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "allow_origins ") {
			t.Errorf("%s: got %v, want %s", entry, err, want)
		}
	}
}
