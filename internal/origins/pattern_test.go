package origins

import (
	"strconv"
	"strings"
	"testing"
)

func TestParsePattern(t *testing.T) {
	for _, tc := range []struct {
		s               string
		exact, insecure bool
	}{
		{"https://example.com", true, false},
		{"http://example.com", true, true},
		{"http://localhost", true, false},
		{"http://localhost.:8080", true, false},
		{"http://a.localhost.", true, false},
		{"https://example.com.", true, false},
		{"http://example.com.", true, true},
		{"https://*.example.com", false, false},
		{"http://*.example.com", false, true},
		{"http://*.localhost", false, false},
		{"http://*.localhost:*", false, false},
		{"https://*.example.com:8443", false, false},
		{"https://*.example.com:*", false, false},
		{"http://localhost:*", false, false},
		{"http://127.0.0.1:*", false, false},
		{"http://10.0.0.1:*", false, true},
		{"http://[::1]:*", false, false},
		{"https://*.com", false, false},
		{"https://app-*.example.com", false, false},
		{"https://*-myteam.vercel.app:*", false, false},
		{"https://app-*-myteam.vercel.app:8443", false, false},
		{"http://app-*.example.com", false, true},
		{"http://app-*.localhost:*", false, false},
		{"http://*x.localhost", false, false},
		{"moz-extension://*", false, false},
		{"capacitor://localhost", true, false},
		{"app://*.host", false, false},
		{"https://*." + longHost(251), false, false},
	} {
		p, err := ParsePattern(tc.s)
		if err != nil {
			t.Error(err)
			continue
		}
		if p.String() != tc.s || p.Exact() != tc.exact || p.Insecure() != tc.insecure {
			t.Errorf("%q: exact %t, insecure %t", p, p.Exact(), p.Insecure())
		}
	}
}

// TestParsePatternErrors: each fault has its own reason, and what to write.
func TestParsePatternErrors(t *testing.T) {
	for _, tc := range []struct{ s, want string }{
		{"", `origin "" is empty: write origins such as https://app.example.com`},
		{"*", `origin "*" stands for itself and is not a pattern: write origins such as https://app.example.com`},
		{"null", `origin "null" stands for itself and is not a pattern: write origins such as https://app.example.com`},
		{"example.com", `origin "example.com" has no scheme, and browsers send one: write "https://example.com"`},
		{"example.com:8443", `origin "example.com:8443" has no scheme, and browsers send one: write "https://example.com:8443"`},
		{"localhost:3000", `origin "localhost:3000" has no scheme, and browsers send one: write "http://localhost:3000"`},
		{"127.0.0.1:3000", `origin "127.0.0.1:3000" has no scheme, and browsers send one: write "http://127.0.0.1:3000"`},
		{"*.example.com", `origin "*.example.com" has no scheme, and browsers send one: write "https://*.example.com"`},
		{"//example.com", `origin "//example.com" has no scheme, and browsers send one: write origins such as https://app.example.com`},
		{"HTTPS://Example.com", `origin "HTTPS://Example.com" has upper-case letters, and browsers send lower case: write "https://example.com"`},
		{"https://example.com:443", `origin "https://example.com:443" has the default port of its scheme, and browsers leave it out: write "https://example.com"`},
		{"http://example.com:80", `origin "http://example.com:80" has the default port of its scheme, and browsers leave it out: write "http://example.com"`},
		{"https://example.com/", `origin "https://example.com/" has a trailing slash, and browsers send none: write "https://example.com"`},
		{"https://example.com/*", `origin "https://example.com/*" has a path, and browsers send none: write "https://example.com"`},
		{"https://example.com?q", `origin "https://example.com?q" has a path, and browsers send none: write "https://example.com"`},
		{"https://u:p@example.com", `origin "https://u:p@example.com" has user information, and browsers send none: write "https://example.com"`},
		{"https://bücher.example", `origin "https://bücher.example" has characters beyond ASCII in the host, which browsers send in Punycode: write "https://xn--bcher-kva.example"`},
		{"https://*.bücher.example:8443", `origin "https://*.bücher.example:8443" has characters beyond ASCII in the host, which browsers send in Punycode: write "https://*.xn--bcher-kva.example:8443"`},
		{"https//app.example.com", `origin "https//app.example.com" has no scheme, and browsers send one: write "https://app.example.com"`},
		{"https:/app.example.com:443/", `origin "https:/app.example.com:443/" has no scheme, and browsers send one: write "https://app.example.com"`},
		{"http:app.example.com", `origin "http:app.example.com" has no scheme, and browsers send one: write "http://app.example.com"`},
		{"http:8080", `origin "http:8080" has no scheme, and browsers send one: write origins such as https://app.example.com`},
		{"NULL", `origin "NULL" has upper-case letters, and browsers send lower case: write "null"`},
		{"a.example, b.example", `origin "a.example, b.example" is a list: write https://a.example https://b.example, each by itself`},
		{",", `origin "," is a list: write origins such as https://app.example.com, each by itself`},
		{"about:blank", `origin "about:blank" has no scheme, and browsers send one: write origins such as https://app.example.com`},
		{"moz-extension://*:*", `origin "moz-extension://*:*" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write "moz-extension://*"`},
		{"https://Example.com.", `origin "https://Example.com." has upper-case letters, and browsers send lower case: write "https://example.com."`},
		{"https://*.example.com.", `origin "https://*.example.com." has a trailing dot, which makes it another host than without and cannot stand beside a *: write "https://*.example.com"`},
		{"http://localhost.:*", `origin "http://localhost.:*" has a trailing dot, which makes it another host than without and cannot stand beside a *: write origins such as https://app.example.com`},
		{"https://10.0.0.1.", `origin "https://10.0.0.1." has a trailing dot, and browsers send none after an IP address: write "https://10.0.0.1"`},
		{"https://example.com..", `origin "https://example.com.." has a malformed host: write origins such as https://app.example.com`},
		{"https://example.com:", `origin "https://example.com:" has an empty port, and browsers send none: write "https://example.com"`},
		{"https://example.com:0", `origin "https://example.com:0" has a port that is not a number from 1 to 65535 without leading zeros: write origins such as https://app.example.com`},
		{"https://example.com:08443", `origin "https://example.com:08443" has a port that is not a number from 1 to 65535 without leading zeros: write "https://example.com:8443"`},
		{"https://example.com:99999", `origin "https://example.com:99999" has a port that is not a number from 1 to 65535 without leading zeros: write origins such as https://app.example.com`},
		{"https://example.com:80*", `origin "https://example.com:80*" has a misplaced *, which stands for a whole port: write :*`},
		{"https://127.1", `origin "https://127.1" has an IP address that is not spelled as browsers spell it: write "https://127.0.0.1"`},
		{"https://0x7f.0.0.1", `origin "https://0x7f.0.0.1" has an IP address that is not spelled as browsers spell it: write "https://127.0.0.1"`},
		{"https://2130706433", `origin "https://2130706433" has an IP address that is not spelled as browsers spell it: write "https://127.0.0.1"`},
		{"https://[0:0:0:0:0:0:0:1]", `origin "https://[0:0:0:0:0:0:0:1]" has an IP address that is not spelled as browsers spell it: write "https://[::1]"`},
		{"https://[2001:DB8::1]", `origin "https://[2001:DB8::1]" has upper-case letters, and browsers send lower case: write "https://[2001:db8::1]"`},
		{"https://[::ffff:1.2.3.4]", `origin "https://[::ffff:1.2.3.4]" has an IP address that is not spelled as browsers spell it: write "https://[::ffff:102:304]"`},
		{"https://*.1.2.3.4", `origin "https://*.1.2.3.4" has a wildcard before an IP address, which has no subdomains: write origins such as https://app.example.com`},
		{"https://*.[::1]", `origin "https://*.[::1]" has a wildcard before an IP address, which has no subdomains: write origins such as https://app.example.com`},
		{"https://*", `origin "https://*" allows every host: write * to allow every origin, or https://*.example.com for the subdomains of a host`},
		{"https://*:*", `origin "https://*:*" allows every host: write * to allow every origin, or https://*.example.com for the subdomains of a host`},
		{"h*", `origin "h*" has no scheme, and browsers send one: write origins such as https://app.example.com`},
		{"*://example.com", `origin "*://example.com" has a wildcard for the scheme: write the scheme, and one origin for each`},
		{"http*://example.com", `origin "http*://example.com" has a wildcard for the scheme: write the scheme, and one origin for each`},
		{"https://foo.*.com", `origin "https://foo.*.com" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write https://*.example.com or https://app-*.example.com`},
		{"https://a*b*.example.com", `origin "https://a*b*.example.com" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write https://*.example.com or https://app-*.example.com`},
		{"https://app-*", `origin "https://app-*" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write https://*.example.com or https://app-*.example.com`},
		{"app://app-*.example.com", `origin "app://app-*.example.com" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write https://*.example.com or https://app-*.example.com`},
		{"https://App-*.example.com/", `origin "https://App-*.example.com/" has a trailing slash, and browsers send none: write "https://app-*.example.com"`},
		{"https://app-*.example.com.", `origin "https://app-*.example.com." has a trailing dot, which makes it another host than without and cannot stand beside a *: write origins such as https://app.example.com`},
		{"https://app-*.example.com:443", `origin "https://app-*.example.com:443" has the default port of its scheme, and browsers leave it out: write "https://app-*.example.com"`},
		{"https://1*.2.3.4", `origin "https://1*.2.3.4" has a malformed host: write origins such as https://app.example.com`},
		{"https://*.*.com", `origin "https://*.*.com" has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label: write https://*.example.com or https://app-*.example.com`},
		{"https://*.", `origin "https://*." has a trailing dot, which makes it another host than without and cannot stand beside a *: write origins such as https://app.example.com`},
		{"https://a.com,https://b.com", `origin "https://a.com,https://b.com" is a list: write https://a.com https://b.com, each by itself`},
		{"https://a.com https://b.com", `origin "https://a.com https://b.com" is a list: write https://a.com https://b.com, each by itself`},
		{"https://a.com,", `origin "https://a.com," is a list: write https://a.com, each by itself`},
		{"file://", `origin "file://" is a file's, whose pages have the origin null: write origins such as https://app.example.com`},
		{"file://*", `origin "file://*" is a file's, whose pages have the origin null: write origins such as https://app.example.com`},
		{"https://", `origin "https://" has no host: write origins such as https://app.example.com`},
		{"://a", `origin "://a" has a malformed scheme: write origins such as https://app.example.com`},
		{"1a://b", `origin "1a://b" has a malformed scheme: write origins such as https://app.example.com`},
		{"https://{host}", `origin "https://{host}" has a placeholder where none is replaced: write origins such as https://app.example.com`},
		{"https://a%2eb", `origin "https://a%2eb" has percent-encoding in the host, and browsers send none: write origins such as https://app.example.com`},
		{"https://a\x00b", `origin "https://a\x00b" has a character that no origin has: write origins such as https://app.example.com`},
		{"https://a\xffb", `origin "https://a\xffb" has a character that no origin has: write origins such as https://app.example.com`},
		{"https://a..b", `origin "https://a..b" has a malformed host: write origins such as https://app.example.com`},
		{"https://a!b", `origin "https://a!b" has a malformed host: write origins such as https://app.example.com`},
		{"https://example.123", `origin "https://example.123" has a malformed host: write origins such as https://app.example.com`},
		{"https://*." + longHost(252), `origin "https://*.` + longHost(252) + `" has a host that is too long: write origins such as https://app.example.com`},
	} {
		_, err := ParsePattern(tc.s)
		if err == nil {
			t.Errorf("%q is accepted", tc.s)
		} else if err.Error() != tc.want {
			t.Errorf("%q:\n got %s\nwant %s", tc.s, err, tc.want)
		}
	}
}

// FuzzParsePattern: an accepted pattern has no other spelling, and admits an
// origin. The error about any other text quotes it, and the correction in it is
// accepted.
func FuzzParsePattern(f *testing.F) {
	for _, tc := range wellFormed {
		f.Add(tc.s)
	}
	for _, s := range malformed {
		f.Add(s)
	}
	for _, s := range []string{"https://*.example.com", "http://localhost:*", "https://*.example.com:*", "app://*", "Example.com:443", "https://BÜCHER.example/", "[::1]:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			// Long texts may be cut.
			if len(s) <= 64 && !strings.Contains(err.Error(), strconv.Quote(s)) && !strings.Contains(err.Error(), Quote(s)) {
				t.Errorf("%q is not quoted: %v", s, err)
			}
			if _, correction, ok := strings.Cut(err.Error(), `: write "`); ok {
				correction = strings.TrimSuffix(correction, `"`)
				if _, err := ParsePattern(correction); err != nil && correction != Null {
					t.Errorf("%q is corrected to %q: %v", s, correction, err)
				}
			}
			return
		}
		if p.String() != s {
			t.Errorf("%q becomes %q", s, p)
		}
		others := []string{strings.ToUpper(s), " " + s, s + "/", strings.Replace(s, "://", "://a@", 1)}
		switch p.scheme {
		case "http":
			others = append(others, s+":80")
		case "https":
			others = append(others, s+":443")
		}
		for _, other := range others {
			if _, err := ParsePattern(other); err == nil {
				t.Errorf("%q is accepted beside %q", other, s)
			}
		}
		sample := strings.Replace(strings.Replace(s, ":*", ":8443", 1), "*", "a", 1)
		if o, ok := Parse(sample); !ok || !NewIndex([]Pattern{p}).Allows(o) {
			t.Errorf("%q does not admit %q", s, sample)
		}
	})
}
