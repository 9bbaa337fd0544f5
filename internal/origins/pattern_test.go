package origins

import (
	"errors"
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
		{"", `"": is empty; write an origin such as https://app.example.com`},
		{"*", `"*": is not a pattern; write an origin such as https://app.example.com`},
		{"null", `"null": is not a pattern; write an origin such as https://app.example.com`},
		{"example.com", `"example.com": has no scheme, but browsers send one; write https://example.com`},
		{"example.com:8443", `"example.com:8443": has no scheme, but browsers send one; write https://example.com:8443`},
		{"localhost:3000", `"localhost:3000": has no scheme, but browsers send one; write http://localhost:3000`},
		{"127.0.0.1:3000", `"127.0.0.1:3000": has no scheme, but browsers send one; write http://127.0.0.1:3000`},
		{"*.example.com", `"*.example.com": has no scheme, but browsers send one; write https://*.example.com`},
		{"//example.com", `"//example.com": has no scheme, but browsers send one; write https://example.com`},
		{"8443", `"8443": has no scheme, but browsers send one; write an origin such as https://app.example.com`},
		{"https", `"https": is not an origin; write an origin such as https://app.example.com`},
		{"undefined", `"undefined": is not an origin; write an origin such as https://app.example.com`},
		{"ALL", `"ALL": is not an origin; write * to allow every origin`},
		{"'self'", `"'self'": is not an origin; remove it, since the pages of the site itself need no permission`},
		{"https://https://a.example.com/", `"https://https://a.example.com/": has two schemes; write https://a.example.com`},
		{"https://http://localhost:3000", `"https://http://localhost:3000": has two schemes; write http://localhost:3000`},
		{"htps://a.example.com", `"htps://a.example.com": has the scheme htps, which browsers do not know; write https://a.example.com`},
		{"HTTSP://*.example.com", `"HTTSP://*.example.com": has the scheme HTTSP, which browsers do not know; write https://*.example.com`},
		{"ttp://localhost:*", `"ttp://localhost:*": has the scheme ttp, which browsers do not know; write http://localhost:*`},
		{"HTTPS://Example.com", `"HTTPS://Example.com": has upper-case letters, but browsers send lower case; write https://example.com`},
		{"https://example.com:443", `"https://example.com:443": has the default port of its scheme, which browsers leave out; write https://example.com`},
		{"http://example.com:80", `"http://example.com:80": has the default port of its scheme, which browsers leave out; write http://example.com`},
		{"https://example.com/", `"https://example.com/": has a trailing slash, which browsers do not send; write https://example.com`},
		{"https://example.com/*", `"https://example.com/*": has a path, which browsers do not send; write https://example.com`},
		{"https://example.com?q", `"https://example.com?q": has a path, which browsers do not send; write https://example.com`},
		{"https://u:p@example.com", `"https://u:p@example.com": has user information, which browsers do not send; write https://example.com`},
		{"https://bücher.example", `"https://bücher.example": has characters beyond ASCII in the host, which browsers send in Punycode; write https://xn--bcher-kva.example`},
		{"https://*.bücher.example:8443", `"https://*.bücher.example:8443": has characters beyond ASCII in the host, which browsers send in Punycode; write https://*.xn--bcher-kva.example:8443`},
		{"https//app.example.com", `"https//app.example.com": has no scheme, but browsers send one; write https://app.example.com`},
		{"https:/app.example.com:443/", `"https:/app.example.com:443/": has no scheme, but browsers send one; write https://app.example.com`},
		{"http:app.example.com", `"http:app.example.com": has no scheme, but browsers send one; write http://app.example.com`},
		{"http:8080", `"http:8080": has no scheme, but browsers send one; write an origin such as https://app.example.com`},
		{"NULL", `"NULL": has upper-case letters, but browsers send lower case; write null`},
		{"a.example, b.example", `"a.example, b.example": is a list; write an entry for each origin: https://a.example https://b.example`},
		{",", `",": is a list; write an origin such as https://app.example.com`},
		{"about:blank", `"about:blank": has the scheme about, whose pages have the origin of the page that opened them, or null; write the origin of that page, such as https://app.example.com`},
		{"moz-extension://*:*", `"moz-extension://*:*": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write moz-extension://*`},
		{"https://Example.com.", `"https://Example.com.": has upper-case letters, but browsers send lower case; write https://example.com.`},
		{"https://*.example.com.", `"https://*.example.com.": has a trailing dot, which makes it another host and cannot be combined with a *; write https://*.example.com`},
		{"http://localhost.:*", `"http://localhost.:*": has a trailing dot, which makes it another host and cannot be combined with a *; write an origin such as https://app.example.com`},
		{"https://10.0.0.1.", `"https://10.0.0.1.": has a trailing dot, which browsers do not send after an IP address; write https://10.0.0.1`},
		{"https://example.com..", `"https://example.com..": has an invalid host; write an origin such as https://app.example.com`},
		{"https://example.com:", `"https://example.com:": has an empty port, which browsers do not send; write https://example.com`},
		{"https://example.com:0", `"https://example.com:0": has a port that is not a number from 1 to 65535 without leading zeros; write an origin such as https://app.example.com`},
		{"https://example.com:08443", `"https://example.com:08443": has a port that is not a number from 1 to 65535 without leading zeros; write https://example.com:8443`},
		{"https://example.com:99999", `"https://example.com:99999": has a port that is not a number from 1 to 65535 without leading zeros; write an origin such as https://app.example.com`},
		{"https://example.com:80*", `"https://example.com:80*": has a misplaced *, which stands for a whole port; write :* for any port`},
		{"https://127.1", `"https://127.1": has an IP address that browsers spell differently; write https://127.0.0.1`},
		{"https://0x7f.0.0.1", `"https://0x7f.0.0.1": has an IP address that browsers spell differently; write https://127.0.0.1`},
		{"https://2130706433", `"https://2130706433": has an IP address that browsers spell differently; write https://127.0.0.1`},
		{"https://[0:0:0:0:0:0:0:1]", `"https://[0:0:0:0:0:0:0:1]": has an IP address that browsers spell differently; write https://[::1]`},
		{"https://[2001:DB8::1]", `"https://[2001:DB8::1]": has upper-case letters, but browsers send lower case; write https://[2001:db8::1]`},
		{"https://[::ffff:1.2.3.4]", `"https://[::ffff:1.2.3.4]": has an IP address that browsers spell differently; write https://[::ffff:102:304]`},
		{"https://*.1.2.3.4", `"https://*.1.2.3.4": has a wildcard before an IP address, which has no subdomains; write an origin such as https://app.example.com`},
		{"https://*.[::1]", `"https://*.[::1]": has a wildcard before an IP address, which has no subdomains; write an origin such as https://app.example.com`},
		{"https://*", `"https://*": allows every host; write * to allow every origin, or https://*.example.com for the subdomains of a host`},
		{"https://*:*", `"https://*:*": allows every host; write * to allow every origin, or https://*.example.com for the subdomains of a host`},
		{"h*", `"h*": has no scheme, but browsers send one; write an origin such as https://app.example.com`},
		{"*://example.com", `"*://example.com": has a wildcard in the scheme; write one origin for each scheme, such as https://app.example.com`},
		{"http*://example.com", `"http*://example.com": has a wildcard in the scheme; write one origin for each scheme, such as https://app.example.com`},
		{"https://foo.*.com", `"https://foo.*.com": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write https://*.example.com or https://app-*.example.com`},
		{"https://a*b*.example.com", `"https://a*b*.example.com": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write https://*.example.com or https://app-*.example.com`},
		{"https://app-*", `"https://app-*": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write https://*.example.com or https://app-*.example.com`},
		{"app://app-*.example.com", `"app://app-*.example.com": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write https://*.example.com or https://app-*.example.com`},
		{"https://App-*.example.com/", `"https://App-*.example.com/": has a trailing slash, which browsers do not send; write https://app-*.example.com`},
		{"https://app-*.example.com.", `"https://app-*.example.com.": has a trailing dot, which makes it another host and cannot be combined with a *; write an origin such as https://app.example.com`},
		{"https://app-*.example.com:443", `"https://app-*.example.com:443": has the default port of its scheme, which browsers leave out; write https://app-*.example.com`},
		{"https://1*.2.3.4", `"https://1*.2.3.4": has an invalid host; write an origin such as https://app.example.com`},
		{"https://*.*.com", `"https://*.*.com": has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label; write https://*.example.com or https://app-*.example.com`},
		{"https://*.", `"https://*.": has a trailing dot, which makes it another host and cannot be combined with a *; write an origin such as https://app.example.com`},
		{"https://a.com,https://b.com", `"https://a.com,https://b.com": is a list; write an entry for each origin: https://a.com https://b.com`},
		{"https://a.com https://b.com", `"https://a.com https://b.com": is a list; write an entry for each origin: https://a.com https://b.com`},
		{"https://a.com,", `"https://a.com,": is a list; write an entry for each origin: https://a.com`},
		{"file://", `"file://": has the scheme file, whose pages have the origin null; serve the page over HTTP, and write that origin, such as http://localhost:8080`},
		{"file://*", `"file://*": has the scheme file, whose pages have the origin null; serve the page over HTTP, and write that origin, such as http://localhost:8080`},
		{"file:///", `"file:///": has the scheme file, whose pages have the origin null; serve the page over HTTP, and write that origin, such as http://localhost:8080`},
		{"wss://app.example.com", `"wss://app.example.com": has the scheme wss, but browsers send the origin of the page that opens the connection; write https://app.example.com`},
		{"WSS://app.example.com:443/socket", `"WSS://app.example.com:443/socket": has the scheme wss, but browsers send the origin of the page that opens the connection; write https://app.example.com`},
		{"ws://localhost:5173", `"ws://localhost:5173": has the scheme ws, but browsers send the origin of the page that opens the connection; write http://localhost:5173`},
		{"ws://*.example.com", `"ws://*.example.com": has the scheme ws, but browsers send the origin of the page that opens the connection; write http://*.example.com`},
		{"wss://app-*.example.com:*", `"wss://app-*.example.com:*": has the scheme wss, but browsers send the origin of the page that opens the connection; write https://app-*.example.com:*`},
		{"ftp://app.example.com", `"ftp://app.example.com": has the scheme ftp, from which browsers load no pages; write https://app.example.com`},
		{"data:text/html,a", `"data:text/html,a": is a list; write an entry for each origin: https://a`},
		{"data:8080", `"data:8080": has no scheme, but browsers send one; write https://data:8080`},
		{"blob:https://app.example.com/x", `"blob:https://app.example.com/x": has the scheme blob, whose pages have the origin of the page that opened them, or null; write https://app.example.com`},
		{"blob://*", `"blob://*": has the scheme blob, whose pages have the origin of the page that opened them, or null; write the origin of that page, such as https://app.example.com`},
		{"javascript://app.example.com", `"javascript://app.example.com": has the scheme javascript, whose pages have the origin of the page that opened them, or null; write the origin of that page, such as https://app.example.com`},
		{"'https://a.example.com'", `"'https://a.example.com'": has quotation marks, which browsers do not send; write https://a.example.com`},
		{"'https://a.example.com", `"'https://a.example.com": has quotation marks, which browsers do not send; write https://a.example.com`},
		{`"https://a.example.com/"`, `"\"https://a.example.com/\"": has quotation marks, which browsers do not send; write https://a.example.com`},
		{"“https://*.example.com”", `"“https://*.example.com”": has quotation marks, which browsers do not send; write https://*.example.com`},
		{"`wss://a.example.com`", "\"`wss://a.example.com`\": has quotation marks, which browsers do not send; write https://a.example.com"},
		{"'a.example.com', 'b.example.com'", `"'a.example.com', 'b.example.com'": is a list; write an entry for each origin: https://a.example.com https://b.example.com`},
		{"''", `"''": has quotation marks, which browsers do not send; write an origin such as https://app.example.com`},
		{"'null'", `"'null'": has quotation marks, which browsers do not send; write an origin such as https://app.example.com`},
		{"https://", `"https://": has no host; write an origin such as https://app.example.com`},
		{"://a", `"://a": has an invalid scheme; write an origin such as https://app.example.com`},
		{"1a://b", `"1a://b": has an invalid scheme; write an origin such as https://app.example.com`},
		{"https://{host}", `"https://{host}": has a placeholder, which is not replaced here; write an origin such as https://app.example.com`},
		{"https://a%2eb", `"https://a%2eb": has percent-encoding in the host, which browsers do not send; write an origin such as https://app.example.com`},
		{"https://a\x00b", `"https://a\x00b": has a character that cannot occur in an origin; write an origin such as https://app.example.com`},
		{"https://a\xffb", `"https://a\xffb": has a character that cannot occur in an origin; write an origin such as https://app.example.com`},
		{"https://a..b", `"https://a..b": has an invalid host; write an origin such as https://app.example.com`},
		{"https://a!b", `"https://a!b": has an invalid host; write an origin such as https://app.example.com`},
		{"https://example.123", `"https://example.123": has an invalid host; write an origin such as https://app.example.com`},
		{"https://*." + longHost(252), Quote("https://*."+longHost(252)) + `: has a host that is too long; write an origin such as https://app.example.com`},
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
			var e *Error
			if !errors.As(err, &e) || e.Reason == "" || e.Correction != "" && !strings.HasSuffix(err.Error(), "; write "+e.Correction) {
				t.Fatalf("%q: %#v", s, err)
			}
			if _, err := ParsePattern(e.Correction); err != nil && e.Correction != Null && e.Correction != "" {
				t.Errorf("%q is corrected to %q: %v", s, e.Correction, err)
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
