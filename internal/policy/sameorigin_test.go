package policy

import (
	"crypto/tls"
	"net/http"
	"testing"
)

func TestSameOrigin(t *testing.T) {
	for _, tc := range []struct {
		name    string
		host    string
		tls     bool
		trusted bool
		header  []string
		want    bool
	}{
		{name: "http", host: "a.example", header: []string{"Origin: http://a.example"}, want: true},
		{name: "https", host: "a.example", tls: true, header: []string{"Origin: https://a.example"}, want: true},
		{name: "explicit default port", host: "a.example:443", tls: true, header: []string{"Origin: https://a.example"}, want: true},
		{name: "port", host: "a.example:8443", tls: true, header: []string{"Origin: https://a.example:8443"}, want: true},
		{name: "IPv6", host: "[::1]:8080", header: []string{"Origin: http://[::1]:8080"}, want: true},
		{name: "IPv6 without port", host: "[::1]", header: []string{"Origin: http://[::1]"}, want: true},
		{name: "host in upper case", host: "A.Example", header: []string{"Origin: http://a.example"}, want: true},
		{name: "http origin, https request", host: "a.example", tls: true, header: []string{"Origin: http://a.example"}},
		{name: "https origin, http request", host: "a.example", header: []string{"Origin: https://a.example"}},
		{name: "other port", host: "a.example:8443", tls: true, header: []string{"Origin: https://a.example"}},
		{name: "other host", host: "a.example", header: []string{"Origin: http://b.example"}},
		{name: "trailing dot", host: "a.example.", header: []string{"Origin: http://a.example."}, want: true},
		{name: "trailing dot and port", host: "localhost.:8080", header: []string{"Origin: http://localhost.:8080"}, want: true},
		{name: "trailing dot of the host alone", host: "a.example.", header: []string{"Origin: http://a.example"}},
		{name: "trailing dot of the origin alone", host: "a.example", header: []string{"Origin: http://a.example."}},
		{name: "two trailing dots", host: "a.example..", header: []string{"Origin: http://a.example.."}},
		{name: "trailing dot behind a proxy", host: "inner", trusted: true, header: []string{"Origin: https://a.example.", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example."}, want: true},
		{name: "no host", host: "", header: []string{"Origin: http://a.example"}},
		{name: "null", host: "a.example", header: []string{"Origin: null"}},
		{name: "no origin", host: "a.example"},
		{name: "two origins", host: "a.example", header: []string{"Origin: http://a.example", "Origin: http://a.example"}},

		{name: "Sec-Fetch-Site precedes the shape", host: "a.example", header: []string{"Origin: null", "Sec-Fetch-Site: same-origin"}, want: true},
		{name: "Sec-Fetch-Site same-site", host: "a.example", header: []string{"Origin: http://a.example", "Sec-Fetch-Site: same-site"}},
		{name: "Sec-Fetch-Site cross-site", host: "a.example", header: []string{"Origin: http://a.example", "Sec-Fetch-Site: cross-site"}},
		{name: "Sec-Fetch-Site none", host: "a.example", header: []string{"Origin: http://a.example", "Sec-Fetch-Site: none"}},
		{name: "Sec-Fetch-Site empty", host: "a.example", header: []string{"Origin: http://a.example", "Sec-Fetch-Site: "}},
		{name: "Sec-Fetch-Site twice", host: "a.example", header: []string{"Origin: http://a.example", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin"}},

		{name: "trusted proxy", host: "inner:80", trusted: true, header: []string{"Origin: https://a.example", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"}, want: true},
		{name: "trusted proxy without host", host: "a.example", trusted: true, header: []string{"Origin: https://a.example", "X-Forwarded-Proto: https"}, want: true},
		{name: "last of a list", host: "inner", trusted: true, header: []string{"Origin: https://a.example", "X-Forwarded-Proto: http, https", "X-Forwarded-Host: b.example", "X-Forwarded-Host: c.example, a.example"}, want: true},
		{name: "first of a list", host: "inner", trusted: true, header: []string{"Origin: https://b.example", "X-Forwarded-Proto: https", "X-Forwarded-Host: b.example, a.example"}},
		{name: "untrusted proxy", host: "inner", header: []string{"Origin: https://a.example", "X-Forwarded-Proto: https", "X-Forwarded-Host: a.example"}},
		{name: "http origin behind a proxy", host: "a.example", trusted: true, header: []string{"Origin: http://a.example", "X-Forwarded-Proto: https"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &http.Request{Method: "POST", Host: tc.host, Header: headers(tc.header...)}
			if tc.tls {
				r.TLS = new(tls.ConnectionState)
			}
			trusted := func(*http.Request) bool { return tc.trusted }
			if got := IsSameOrigin(r, trusted); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
