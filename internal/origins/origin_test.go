package origins

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

var wellFormed = []struct{ s, scheme, host, port string }{
	{"https://example.com", "https", "example.com", ""},
	{"http://example.com", "http", "example.com", ""},
	{"https://example.com:8443", "https", "example.com", "8443"},
	{"https://example.com:80", "https", "example.com", "80"},
	{"https://example.com.", "https", "example.com.", ""},
	{"http://localhost.:8080", "http", "localhost.", "8080"},
	{"https://" + longHost(253) + ".:65535", "https", longHost(253) + ".", "65535"},
	{"http://example.com:443", "http", "example.com", "443"},
	{"https://example.com:1", "https", "example.com", "1"},
	{"https://example.com:65535", "https", "example.com", "65535"},
	{"http://localhost", "http", "localhost", ""},
	{"http://localhost:5173", "http", "localhost", "5173"},
	{"https://a_b.example.com", "https", "a_b.example.com", ""},
	{"https://-a-.example.com", "https", "-a-.example.com", ""},
	{"https://xn--bcher-kva.example", "https", "xn--bcher-kva.example", ""},
	{"https://1.example.com", "https", "1.example.com", ""},
	{"https://example.1a", "https", "example.1a", ""},
	{"https://127.0.0.1", "https", "127.0.0.1", ""},
	{"http://255.255.255.255:8080", "http", "255.255.255.255", "8080"},
	{"http://[::1]", "http", "[::1]", ""},
	{"http://[::1]:8080", "http", "[::1]", "8080"},
	{"https://[2001:db8::1]", "https", "[2001:db8::1]", ""},
	{"https://[::ffff:102:304]", "https", "[::ffff:102:304]", ""},
	{"https://[::ffff:0:0]", "https", "[::ffff:0:0]", ""},
	{"https://[1:2:3:4:5:6:7:8]", "https", "[1:2:3:4:5:6:7:8]", ""},
	{"capacitor://localhost", "capacitor", "localhost", ""},
	{"app://obsidian.md", "app", "obsidian.md", ""},
	{"chrome-extension://abcdefghijklmnopabcdefghijklmnop", "chrome-extension", "abcdefghijklmnopabcdefghijklmnop", ""},
	{"moz-extension://0f0e0d0c-1111-2222-3333-444455556666", "moz-extension", "0f0e0d0c-1111-2222-3333-444455556666", ""},
	{"safari-web-extension://ABCDEF01-1111-2222-3333-444455556666", "safari-web-extension", "ABCDEF01-1111-2222-3333-444455556666", ""},
	{"app+v1.0://host:99", "app+v1.0", "host", "99"},
	{"https://" + strings.Repeat("a", 63) + ".com", "https", strings.Repeat("a", 63) + ".com", ""},
	{strings.Repeat("s", 64) + "://h", strings.Repeat("s", 64), "h", ""},
	{"https://" + longHost(253), "https", longHost(253), ""},
	{strings.Repeat("s", 64) + "://" + longHost(253) + ":65535", strings.Repeat("s", 64), longHost(253), "65535"},
}

// longHost returns a host of n bytes, in labels of at most 63.
func longHost(n int) string {
	return strings.Repeat(strings.Repeat("a", 60)+".", 5)[:n-2] + "bc"
}

var malformed = []string{
	"", "null", "NULL", "*", "https", "https:", "https:/", "https://", "://example.com", "//example.com", "example.com",
	"https//example.com", "https:/example.com", "https:///example.com",
	"HTTPS://example.com", "Https://example.com", "https://Example.com", "https://EXAMPLE.COM",
	"https://example.com/", "https://example.com/path", "https://example.com?q", "https://example.com#f", "https://example.com\\",
	"https://user@example.com", "https://user:pass@example.com", "https://example.com:443@evil.com",
	"https://example.com:443", "http://example.com:80", "ws://example.com", "ws://example.com:81", "wss://example.com", "wss://example.com:443", "ftp://example.com", "ftp://example.com:21",
	"data://a", "blob://a", "about://blank", "javascript://a",
	"https://example.com:", "https://example.com:0", "https://example.com:08443", "https://example.com:65536", "https://example.com:100000",
	"https://example.com:-1", "https://example.com:+1", "https://example.com:8a", "https://example.com:*", "https://example.com:8443:8443",
	"https://example.com..", "https://example.com..:8443", "https://10.0.0.1.", "https://example.1.", "https://example.0x.", "https://[::1].", "https://.example.com", "https://example..com", "https://.", "https://..",
	"https://*.example.com", "https://*", "https://ex*mple.com",
	"https://bücher.example", "https://example.com\x80", "https://example.com\x00", "https://exam\nple.com", "https://exam\tple.com", "https://example.com ",
	" https://example.com", "https://example.com\r\nX: y", "https://a.com,https://b.com", "https://a.com, https://b.com", "https://a.com https://b.com",
	"https://example.com%00.evil.com", "https://example%2ecom", "https://example.com`evil.com", "https://example.com!.evil.com", "https://example.com{.evil.com",
	"https://example.com}.evil.com", "https://example.com|.evil.com", "https://example.com'.evil.com", "https://example.com\".evil.com", "https://example.com$.evil.com",
	"https://example.com&.evil.com", "https://example.com(.evil.com", "https://example.com+.evil.com", "https://example.com=.evil.com", "https://example.com~.evil.com", "https://example.com;.evil.com",
	"https://1.2.3", "https://1.2.3.4.5", "https://01.2.3.4", "https://1.2.3.256", "https://1.2.3.04", "https://0x7f.1", "https://0x7f.0.0.0x1", "https://2130706433", "https://example.1", "https://example.0x1f", "https://example.0x", "https://1.2.3.4.",
	"https://[", "https://[]", "https://[::1", "https://::1", "https://[::1]a", "https://[::1]:443", "https://[::1]:", "https://[0:0:0:0:0:0:0:1]", "https://[::0001]", "https://[2001:DB8::1]", "https://[fe80::1%25eth0]", "https://[fe80::1%eth0]",
	"https://[::ffff:1.2.3.4]", "https://[1::2::3]", "https://[::1.2.3.4]", "https://[127.0.0.1]", "https://[v1.a]", "https://[2001:db8:0:0::1]", "https://[1:2:3:4:5:6:7::]",
	"file://", "file://localhost", "file://host", "1http://a", "-a://a", "a b://c", "h_p://c", "app://", "app://ho st", "app://host/", "app://h%20", "app://h@x", "app://[::1]", "app://host:0", "app://host:x",
	"https://" + strings.Repeat("a", 64) + ".com", "https://a." + strings.Repeat("b", 64),
	"https://" + longHost(254), "https://" + longHost(254) + ".", "app://" + strings.Repeat("a", 254), strings.Repeat("s", 65) + "://h",
	strings.Repeat("s", 64) + "://" + longHost(254) + ":65535", "https://" + strings.Repeat("a.", 8<<10) + "a",
}

func TestParse(t *testing.T) {
	for _, tc := range wellFormed {
		o, ok := Parse(tc.s)
		if !ok {
			t.Errorf("%q is refused", tc.s)
			continue
		}
		if o.String() != tc.s || o.Scheme() != tc.scheme || o.Host() != tc.host || o.Port() != tc.port {
			t.Errorf("%q is %q, %q, %q", tc.s, o.Scheme(), o.Host(), o.Port())
		}
	}
	for _, s := range malformed {
		if _, ok := Parse(s); ok {
			t.Errorf("%q is accepted", s)
		}
	}
}

func TestMaxLen(t *testing.T) {
	longest := strings.Repeat("s", 64) + "://" + longHost(253) + ":65535"
	if len(longest) != MaxLen || MaxLen != 326 {
		t.Errorf("the longest origin has %d bytes, MaxLen is %d", len(longest), MaxLen)
	}
}

func TestInsecure(t *testing.T) {
	for s, want := range map[string]bool{
		"http://example.com": true, "http://10.0.0.1": true, "http://128.0.0.1": true, "http://localhost.example.com": true,
		"http://notlocalhost": true, "http://127.example.com": true, "http://[::2]": true, "http://[::ffff:7f00:1]": true,
		"https://example.com": false, "http://localhost": false, "http://localhost:3000": false, "http://a.b.localhost": false,
		"http://127.0.0.1": false, "http://127.1.2.3:8080": false, "http://[::1]:8080": false, "capacitor://localhost": false, "app://x": false,
	} {
		o, ok := Parse(s)
		if !ok || o.Insecure() != want {
			t.Errorf("%q: well-formed %t, insecure %t, want %t", s, ok, o.Insecure(), want)
		}
	}
}

// FuzzParse checks what is accepted against net/url and netip, which know
// nothing of origins but agree on what an authority is.
func FuzzParse(f *testing.F) {
	for _, tc := range wellFormed {
		f.Add(tc.s)
	}
	for _, s := range malformed {
		f.Add(s)
	}
	f.Add("ttp://0")
	f.Fuzz(func(t *testing.T, s string) {
		o, ok := Parse(s)
		if !ok {
			if o != (Origin{}) {
				t.Errorf("%q is refused with %v", s, o)
			}
			return
		}
		rebuilt := o.Scheme() + "://" + o.Host()
		if o.Port() != "" {
			rebuilt += ":" + o.Port()
		}
		if rebuilt != s || len(s) > MaxLen || o.Scheme() == "file" {
			t.Errorf("%q is taken for %q", s, rebuilt)
		}
		u, err := url.Parse(s)
		if err != nil {
			t.Fatalf("%q is no URL: %v", s, err)
		}
		if u.Scheme != o.Scheme() || u.Host != strings.TrimPrefix(s, o.Scheme()+"://") || u.Port() != o.Port() ||
			u.Hostname() != strings.Trim(o.Host(), "[]") || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
			t.Errorf("%q is %+v as a URL", s, u)
		}
		if strings.HasPrefix(o.Host(), "[") {
			if addr, err := netip.ParseAddr(u.Hostname()); err != nil || addr.Zone() != "" {
				t.Errorf("%q has no IPv6 address: %v", s, err)
			}
		}
		p, err := ParsePattern(s)
		if misspelledSchemes[o.Scheme()] != "" {
			if err == nil {
				t.Errorf("%q is taken for a pattern", s)
			}
			return
		}
		if err != nil || !p.Exact() || p.Insecure() != o.Insecure() {
			t.Errorf("%q is no exact pattern: %+v, %v", s, p, err)
		}
		ix := NewIndex([]Pattern{p})
		if !ix.Allows(o) {
			t.Errorf("%q is not in its own set", s)
		}
		for i := range len(s) {
			if other, ok := Parse(s[:i] + s[i+1:]); ok && ix.Allows(other) {
				t.Errorf("%q without byte %d is in its set", s, i)
			}
		}
	})
}

func TestParseDoesNotAllocate(t *testing.T) {
	for _, tc := range wellFormed {
		if n := testing.AllocsPerRun(10, func() { Parse(tc.s) }); n != 0 {
			t.Errorf("%q: %v allocations", tc.s, n)
		}
	}
	for _, s := range malformed {
		// Of a malformed IPv6 address, netip returns an allocated error.
		if n := testing.AllocsPerRun(10, func() { Parse(s) }); n != 0 && !strings.Contains(s, "[") {
			t.Errorf("%q: %v allocations", s, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"https://app.example.com", "http://localhost:5173", "https://[2001:db8::1]:8443", "https://EXAMPLE.com", malformed[len(malformed)-1]} {
		b.Run(s[:min(len(s), 30)], func(b *testing.B) {
			for b.Loop() {
				Parse(s)
			}
		})
	}
}
