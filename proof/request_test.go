package proof

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

var (
	requestMethods = []string{"GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "POST", "POST", "POST", "POST", "get", "PUT", "put", "PATCH", "patch", "DELETE", "OPTIONS", "PROPFIND", "propfind", "QUERY", "*", "chicken", "TRACE", "GET PUT"}
	requestFields  = [][2]string{
		{"Content-Type", "application/json"},
		{"Content-Type", "text/plain"},
		{"content-type", "multipart/form-data; boundary=a"},
		{"Content-Type", ""},
		{"Content-Type", "text/plain; charset=\"a\""},
		{"Accept", "*/*"},
		{"Accept", "(a)"},
		{"Accept", strings.Repeat("a", 129)},
		{"Accept-Language", "en-US,en;q=0.5"},
		{"Accept-Language", "en_US"},
		{"Range", "bytes=0-99"},
		{"Range", "bytes=0-1,3-4"},
		{"Authorization", "Bearer a"},
		{"authorization", "Bearer b"},
		{"X-A", "1"},
		{"x-a", "2"},
		{"X-B", "1"},
		{"X-C", "1"},
		{"X-Requested-With", "XMLHttpRequest"},
		{"If-None-Match", "\"1\""},
		{"Cache-Control", "no-cache"},
		{"Cookie", "a=b"},
		{"Sec-A", "1"},
		{"X-HTTP-Method-Override", "TRACE"},
		{"*", "1"},
		{"X A", "1"},
	}
)

// newRequest returns a call of fetch() that a browser carries out under a policy
// whose origins it is near to.
func newRequest(rnd *rand.Rand, p *policy) *browser.Request {
	origin := newOrigin(rnd, p)
	for !isSendable(origin) {
		origin = newOrigin(rnd, p)
	}
	fields := http.Header{}
	for range max(0, rnd.IntN(7)-3) {
		if f := pick(rnd, requestFields); len(p.headers) == 0 || oneIn(rnd, 3) {
			fields[f[0]] = append(fields[f[0]], f[1])
		} else {
			fields[pick(rnd, p.headers)] = []string{"1"}
		}
	}
	if oneIn(rnd, 50) { // many
		for i := range 10 + rnd.IntN(40) {
			fields[fmt.Sprintf("X-%d", i)] = []string{"1"}
		}
	}
	if oneIn(rnd, 200) { // more than a server may be willing to echo
		for i := range 5 {
			fields[strings.Repeat("x", 800+rnd.IntN(100))+strconv.Itoa(i)] = []string{"1"}
		}
	}
	if oneIn(rnd, 100) { // safelisted one by one, but not together
		fields["Accept"] = slices.Repeat([]string{strings.Repeat("a", 128)}, 8+rnd.IntN(2))
	}
	method := pick(rnd, requestMethods)
	if len(p.methods) > 0 && oneIn(rnd, 2) {
		method = pick(rnd, p.methods)
	}
	r, err := browser.NewRequest(method, target, origin, fields, p.credentials && oneIn(rnd, 2) || oneIn(rnd, 8))
	if err != nil { // fetch() throws
		return newRequest(rnd, p)
	}
	r.UsePreflight = oneIn(rnd, 8)
	return r
}

// Labels that stand for a wildcard, and such that DNS cannot have but the URL
// standard can.
var (
	labels         = []string{"a", "app", "www", "a.b", "x-y.z_0", "xn--bcher-kva", "1", strings.Repeat("a", 63)}
	oddLabels      = []string{"a!b", "a*b", "*", "", "a~", "$", "a,b", "a..b", "(a)", "a;b", "a'", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a"}
	ports          = []string{"", "", ":8443", ":3000", ":1", ":65535", ":80", ":443", ":8080"}
	hostileOrigins = []string{
		"", "null", "NULL", " https://example.com", "https://example.com ", "https://example.com/", "https://example.com,https://example.com",
		"https://example.com https://evil.example", "https://user@example.com", "https://evil.example#.example.com", "https://evil.example?.example.com", "https://evil.example/.example.com",
		"https://evil.example\\.example.com", "https://evil.example%2eexample.com", "https://example.com:443", "https://example.com:0443", "https://example.com:", "https://example.com:65536",
		"https://EXAMPLE.com", "HTTPS://example.com", "https://bücher.example", "https://app.example.com\x00", "https:/example.com", "//example.com", "example.com", "https://", "://", "file://", "file:///etc",
		"https://[::1", "https://::1", "https://[0:0::1]", "https://[::1%25lo]", "https://1.2.3", "https://0x7f.0.0.1", "https://127.0.0.1.", "https://evil.example:1.example.com", "moz-extension://", "moz-extension://a/b", "*",
		"https://*.example.com", "https://" + strings.Repeat("a", 4000) + ".example.com", "https://" + strings.Repeat("a.", 2000) + "example.com",
	}
)

var (
	hostileMethods = append([]string{"", " PUT", "PUT,GET", "put", strings.Repeat("A", 5000)}, requestMethods...)
	hostileFields  = append([]string{"", "x a", "x-a;", "\"x-a\"", "cookie", strings.Repeat("x", 3000)}, policyHeaders...)
)

// newOrigin returns an origin near to one that a policy allows. It may be none
// that a browser sends.
func newOrigin(rnd *rand.Rand, p *policy) string {
	switch n := rnd.IntN(40); {
	case n == 0:
		return "null"
	case n == 1:
		return api
	case n < 6:
		return strings.ReplaceAll(newPattern(rnd), "*", "a")
	}
	o := "https://app.example.com"
	if len(p.regexps) > 0 && oneIn(rnd, 2) {
		o = pick(rnd, []string{o, "https://pr-7.preview.example.com", "https://admin.example.org", "http://a.test", "app://b"})
	} else if pattern := pick(rnd, p.origins); strings.Contains(pattern, "://") {
		o = pattern
	}
	scheme, rest, _ := strings.Cut(o, "://")
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i:]
	}
	if port == ":*" {
		port = pick(rnd, ports)
	}
	wildcard := strings.HasPrefix(host, "*")
	if wildcard {
		l := pick(rnd, labels)
		if oneIn(rnd, 10) {
			l = pick(rnd, oddLabels)
		}
		host = l + host[1:]
	}
	switch rnd.IntN(24) {
	case 0:
		port = pick(rnd, ports)
	case 1:
		scheme = pick(rnd, []string{"http", "https", "ws", "app", "httpss"})
	case 2:
		host = "evil" + host
	case 3:
		host += ".evil.example"
	case 4:
		host += "x"
	case 5:
		host = pick(rnd, labels) + "." + host
	case 6:
		_, host, _ = strings.Cut(host, ".")
	case 7:
		host = strings.Replace(host, ".", "x", 1)
	case 8:
		host += "."
	case 9:
		host = strings.ToUpper(host)
	case 10:
		host = pick(rnd, oddLabels) + "." + host
	case 11:
		host = host[:max(0, len(host)-1)]
	case 12:
		host = pick(rnd, []string{"127.0.0.1", "127.0.0.2", "192.0.2.70", "[::1]", "[2001:db8::71]", "[::ffff:7f00:1]"})
	case 13:
		host = pick(rnd, []string{"-", "_", ".", "%2e"}) + host
	default: // an allowed one
	}
	return scheme + "://" + host + port
}

// unsent are schemes of which browsers send no origin: their pages have the origin
// null or that of another page, or there are none.
var unsent = []string{"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"}

// isSendable reports whether a browser can send an origin: it is "null", or the
// serialization of a tuple whose host is a URL's
// (https://url.spec.whatwg.org/#host-serializing). A port that is a known scheme's
// default is none of it.
func isSendable(origin string) bool {
	if origin == "null" {
		return true
	}
	scheme, rest, found := strings.Cut(origin, "://")
	if !found || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz-") != "" || slices.Contains(unsent, scheme) {
		return false
	}
	host := rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		port := rest[i+1:]
		host = rest[:i]
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port || n == map[string]int{"http": 80, "https": 443}[scheme] {
			return false
		}
	}
	special := scheme == "http" || scheme == "https"
	if strings.HasPrefix(host, "[") {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		return special && err == nil && (addr.Is4In6() || "["+addr.String()+"]" == host)
	}
	for i := range len(host) {
		// https://url.spec.whatwg.org/#forbidden-domain-code-point
		if c := host[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`#/:<>?@[\]^|%`, c) >= 0 || special && c >= 'A' && c <= 'Z' {
			return false
		}
	}
	if !special {
		return host != ""
	}
	// https://url.spec.whatwg.org/#ends-in-a-number-checker
	parts := strings.Split(strings.TrimSuffix(host, "."), ".")
	last := parts[len(parts)-1]
	if last != "" && (strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == "") {
		addr, err := netip.ParseAddr(host)
		return err == nil && addr.String() == host
	}
	return host != "" && host != "."
}
