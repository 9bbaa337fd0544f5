package proof

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
)

// policy is what the libraries are configured with, in the language of
// caddy-cors.
type policy struct {
	origins     []string
	regexps     []string
	methods     []string
	headers     []string
	expose      []string
	waivers     []string
	credentials bool
	maxAge      int // seconds; -1 for unset
	status      int // of preflights; 0 for the default

	shapes []*regexp.Regexp // what origins and regexps allow, for the oracle
}

func (p *policy) String() string {
	return fmt.Sprintf("origins %q, regexps %q, methods %q, headers %q, expose %q, waivers %q, credentials %t, max-age %d, status %d",
		p.origins, p.regexps, p.methods, p.headers, p.expose, p.waivers, p.credentials, p.maxAge, p.status)
}

// Policies are made of these. Entries that are listed several times are likelier.
var (
	policySchemes = []string{"https", "https", "https", "https", "http"}
	policyHosts   = []string{
		"example.com", "example.com", "app.example.com", "a.b.example.org", "example.org", "xn--bcher-kva.example", "a_b.example.com", "x--y.example",
		"localhost", "dev.localhost", "127.0.0.1", "192.0.2.7", "[::1]", "[2001:db8::7]", "github.io", "co.uk", "co.jp", "1.example.com",
	}
	policyPorts  = []string{"", "", "", "", ":8443", ":3000", ":*", ":*", ":65535", ":80", ":1"}
	otherOrigins = []string{
		"capacitor://localhost", "ionic://localhost:*", "app://obsidian.md", "app://*.obsidian.md", "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
		"moz-extension://*", "moz-extension://2ab7a2a4-6a1f-4c3c-9d2f-6f1c2f4b8a11", "tauri://localhost", "app://Main", "https://app-*.example.com", "https://*-x.example.org:*",
	}
	badOrigins    = []string{"https://example.com:443", "HTTPS://example.com", "example.com", "https://example.com/", "", "https://*", "https://a.*.example.com", "https://example.com:0", "file://x", "https://1.2.3", "*"}
	policyRegexps = []string{`https://(.+\.)?example\.com`, `https://pr-\d+\.preview\.example\.com`, `https://(app|admin)\.example\.org(:\d+)?`, `https?://[a-z]+\.test`, `app://.*`}
	policyMethods = []string{"PUT", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "chicken", "GET", "POST", "*"}
	badMethods    = []string{"put", "TRACE", "PUT,GET", "Patch"}
	policyHeaders = []string{"Authorization", "Authorization", "Content-Type", "content-type", "X-A", "X-B", "x-c", "X-Requested-With", "Accept", "Range", "If-None-Match", "Cache-Control", "X-7", "*"}
	badHeaders    = []string{"Cookie", "Sec-A", "Access-Control-Allow-Origin", "X A", "Content-Type, X-A"}
	policyExpose  = []string{"X-Total", "x-total", "ETag", "Link", "Link", "Content-Type", "X-Missing", "*"}
	badExpose     = []string{"Set-Cookie", "X A", "Origin"}
	waivers       = []string{"insecure_origins", "open_origins", "null_origin"}
)

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }

func oneIn(rnd *rand.Rand, n int) bool { return rnd.IntN(n) == 0 }

// some picks up to n elements, and rarely a bad one.
func some(rnd *rand.Rand, n int, good, bad []string) []string {
	var list []string
	for range rnd.IntN(n + 1) {
		if oneIn(rnd, 300) {
			list = append(list, pick(rnd, bad))
		} else {
			list = append(list, pick(rnd, good))
		}
	}
	return list
}

func newPolicy(rnd *rand.Rand) *policy {
	p := &policy{
		methods:     some(rnd, 4, policyMethods, badMethods),
		headers:     some(rnd, 5, policyHeaders, badHeaders),
		expose:      some(rnd, 3, policyExpose, badExpose),
		credentials: oneIn(rnd, 2),
		maxAge:      pick(rnd, []int{-1, -1, 0, 1, 600, 86400, 86401}),
		status:      pick(rnd, []int{0, 0, 0, 0, 0, 0, 0, 0, 200, 200, 200, 200, 204, 299, 206}),
	}
	if oneIn(rnd, 8) && !p.credentials {
		p.origins = []string{"*"}
	} else {
		for range 1 + rnd.IntN(6) {
			p.origins = append(p.origins, newPattern(rnd))
		}
	}
	if oneIn(rnd, 10) {
		p.regexps = append(p.regexps, pick(rnd, policyRegexps))
	}
	for _, w := range waivers {
		if !oneIn(rnd, 4) {
			p.waivers = append(p.waivers, w)
		}
	}
	p.compile()
	return p
}

func newPattern(rnd *rand.Rand) string {
	switch n := rnd.IntN(300); {
	case n == 0:
		return pick(rnd, badOrigins)
	case n < 4:
		return "null"
	case n < 45:
		return pick(rnd, otherOrigins)
	}
	host := pick(rnd, policyHosts)
	if oneIn(rnd, 3) && (host[0] > '9' || host == "1.example.com") && host[0] != '[' {
		host = "*." + host
	}
	scheme, port := pick(rnd, policySchemes), pick(rnd, policyPorts)
	if scheme == "http" && port == ":80" {
		port = ""
	}
	return scheme + "://" + host + port
}

// wants reports whether a list of the policy has an entry, in any case.
func wants(list []string, entry string) bool {
	for _, e := range list {
		if strings.EqualFold(e, entry) {
			return true
		}
	}
	return false
}
