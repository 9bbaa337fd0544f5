package openness

import (
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

func TestAnalyze(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want Verdict
	}{
		{`https://.*example\.com`, Verdict{Open: true, Witness: "https://aexample.com", Meant: "example.com"}},
		{`https://(.+\.)?example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`^https://.*\.example\.com$`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`^https://.*\bexample\.com$`, Verdict{Open: true, Witness: "https://a-example.com", Meant: "example.com"}},
		{`https://.*\.Example\.com`, Verdict{Dead: true}},
		{`https://.*my-?company\.com`, Verdict{Open: true, Witness: "https://mycompany.com"}},
		{`https://[a-z]+_example\.com`, Verdict{Open: true, Witness: "https://a_example.com"}},
		{`https://(.+\.)?mybucket\.s3\.amazonaws\.com`, Verdict{Domains: []string{"mybucket.s3.amazonaws.com"}, Meant: "mybucket.s3.amazonaws.com"}},
		{`https://(.+\.)?b\.a\.kawasaki\.jp`, Verdict{Domains: []string{"b.a.kawasaki.jp"}, Meant: "b.a.kawasaki.jp"}},
		{`https://(.+\.)?x\.amazonaws\.com`, Verdict{Domains: []string{"amazonaws.com"}, Meant: "amazonaws.com"}},
		{`https://([a-z0-9]+\.)?eu\.amazonaws\.com`, Verdict{Domains: []string{"amazonaws.com"}, Meant: "amazonaws.com"}},
		{`http://[0-9.]+`, Verdict{Open: true, Witness: "http://203.0.113.7", Insecure: "http://203.0.113.7"}},
		{`https://[0-9.]+(:\d+)?`, Verdict{Open: true, Witness: "https://203.0.113.7"}},
		{`https://(?:(.+\.)?example\.com|é(?:` + strings.Repeat("a", 57) + `){1000}|.*\.[a-z]+-evil\.net)`, Verdict{Open: true, Witness: "https://example.com"}},
		{`https://([a-z]{62}\.){4}[0-9]{4}\.[a-z]{3,}`, Verdict{Dead: true}},
		{`ftp://[\w.-]+:21`, Verdict{Dead: true}},
		{`ws://[\w.-]+:80|wss://[\w.-]+:443`, Verdict{Dead: true}},
		{`(ws|wss)://[\w.-]+:(80|443)`, Verdict{Dead: true}},
		{`wss?://.*\.example\.com`, Verdict{Dead: true, Meant: "example.com"}},
		{`(about|blob|data|file|ftp|javascript|wss?)://.*`, Verdict{Dead: true}},
		{`(abou|blobs|dat)://a`, Verdict{Domains: []string{"abou://a", "blobs://a", "dat://a"}}},
		{`(w|wsss|ftps)://a:80`, Verdict{Domains: []string{"ftps://a", "w://a", "wsss://a"}}},
		{`ftp://a(:21)?`, Verdict{Dead: true}},
		{`(?i)https://.*\.Example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`https://www.example.com`, Verdict{Open: true, Witness: "https://wwwaexample.com", Meant: "example.com"}},
		{`https://[\w.-]+\.example\.com(:\d{2,5})?`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`https://.*`, Verdict{Open: true, Witness: "https://a.com"}},
		{`.*://.*`, Verdict{Open: true, Witness: "https://a.com", Insecure: "http://a.com"}},
		{`https://www\..*`, Verdict{Open: true, Witness: "https://www.a.com"}},
		{`https://pr-\d+\.preview\.example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`https://app-[a-z0-9]+-myteam\.vercel\.app`, Verdict{Open: true, Witness: "https://app-a-myteam.vercel.app"}},
		{`https://.*\.github\.io`, Verdict{Open: true, Witness: "https://a.github.io"}},
		{`https://.*\.amazonaws\.com`, Verdict{Open: true, Witness: "https://a.s3-1.amazonaws.com", Meant: "amazonaws.com"}},
		{`https://.*\.ck`, Verdict{Open: true, Witness: "https://a.a.ck"}},
		{`https://.*\.www\.ck`, Verdict{Domains: []string{"www.ck"}, Meant: "www.ck"}},
		{`https://example[0-4]\.com`, Verdict{Domains: []string{"example0.com", "example1.com", "example2.com", "example3.com", "example4.com"}}},
		{`https://(example0|example[12]|example(3|4))\.com`, Verdict{Domains: []string{"example0.com", "example1.com", "example2.com", "example3.com", "example4.com"}}},
		{`https://[a-p]\.com`, Verdict{Domains: strings.Fields("a.com b.com c.com d.com e.com f.com g.com h.com i.com j.com k.com l.com m.com n.com o.com p.com")}},
		{`https://[a-q]\.com`, Verdict{Open: true, Witness: "https://a.com"}},
		{`https://example\.(com|org|co\.uk)`, Verdict{Domains: []string{"example.co.uk", "example.com", "example.org"}}},
		{`https?://pr-\d+\.example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com", Insecure: "http://pr-0.example.com"}},
		{`https?://localhost(:\d+)?`, Verdict{}},
		{`http://(.+\.)?localhost:\d+`, Verdict{}},
		{`http://127\.\d+\.\d+\.\d+(:\d+)?`, Verdict{}},
		{`http://\d+\.\d+\.\d+\.\d+`, Verdict{Open: true, Witness: "http://203.0.113.7", Insecure: "http://203.0.113.7"}},
		{`http://\[::1\](:\d+)?`, Verdict{}},
		{`http://\[::[0-9]\]`, Verdict{Insecure: "http://[::2]"}},
		{`https://\d+\.\d+\.\d+\.\d+`, Verdict{Open: true, Witness: "https://203.0.113.7"}},
		{`https://.*\.lan`, Verdict{}},
		{`https://[a-z]+`, Verdict{}},
		{`moz-extension://[0-9a-f-]+`, Verdict{Open: true, Witness: "moz-extension://a"}},
		{`app://(a|b)\.x`, Verdict{Domains: []string{"app://a.x", "app://b.x"}}},
		{`file://.*`, Verdict{Dead: true}},
		{`https://.*\.éxample\.com`, Verdict{Dead: true}},
		{`https://(.+\.)?例え\.jp`, Verdict{Dead: true}},
		{`https://(é|a)+\.example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`[a-z]+\.example\.com`, Verdict{Dead: true, Meant: "example.com"}},
		{`https://.*/`, Verdict{Dead: true}},
		{`https://.+\.example\.com:443`, Verdict{Dead: true}},
		{`https://.+\.example\.com:(443|8443)`, Verdict{Domains: []string{"example.com"}}},
		{`https://.+\.example\.com:6553[6-9]`, Verdict{Dead: true}},
		{`https://\Q.*\E\.example\.com`, Verdict{Dead: true, Meant: "example.com"}},
		{`https://.{1,40}\.example\.com`, Verdict{Domains: []string{"example.com"}, Meant: "example.com"}},
		{`https://(a|b)*a(a|b){20}\.com`, Verdict{Open: true, Unproven: true}},
	} {
		re, err := origins.CompileRegexp(tc.expr)
		if err != nil {
			t.Errorf("%s: %v", tc.expr, err)
			continue
		}
		got, _ := analyze(re, suffixes.List())
		if got.Open != tc.want.Open || got.Unproven != tc.want.Unproven || got.Witness != tc.want.Witness || got.Meant != tc.want.Meant ||
			got.Insecure != tc.want.Insecure || got.Dead != tc.want.Dead || !slices.Equal(got.Domains, tc.want.Domains) {
			t.Errorf("%s:\n got %+v\nwant %+v", tc.expr, got, tc.want)
		}
	}
}

// TestOpenExpressions: the rules that make an expression open, case by case.
func TestOpenExpressions(t *testing.T) {
	for _, tc := range []struct{ rule, open, closed string }{
		{
			"a finite expression is judged as any other", `https://app.example\.com https://foo.co\.uk https://[a-z]example\.com https://.web\.app https://(www.)?example\.com https://shop[a-q]\.com`,
			`https://(app|admin)\.example\.com https://shop[a-p]\.com https://(www\.)?example\.com https://[a-z]\.example\.com https://x\.(a{10}|b\.c\.d\.e\.f\.g\.h)[a-z]{60}\.example\.com`,
		},
		{
			"addresses of anyone", `https://\d+\.\d+\.\d+\.\d+(:\d+)? https://[\d.]+ https://203\.0\.113\.\d+ https://172\.\d+\.0\.1 https://100\.64\.\d+\.\d+ https://(1\d\d|10)\.\d+\.\d+\.\d+ https://1\.2\.3\.(1?\d)`,
			`https://192\.168\.\d+\.\d+ https://10\.[\d.]+ https://172\.(1[6-9]|2\d|3[01])\.\d+\.\d+ https://127\.\d+\.\d+\.\d+ https://169\.254\.\d+\.\d+ https://203\.0\.113\.7 https://0\.\d+\.\d+\.\d+ https://(22[4-9]|2[3-5]\d)\.\d+\.\d+\.\d+ https://1\.2\.3\.(1?[0-7]) http://192\.168\.[\d.]+(:\d+)?`,
		},
		{
			"IPv6 addresses of anyone", `https://\[[0-9a-f:]+\] https://\[[0-9a-f:]+\](:\d+)? https://\[2001:db8:[0-9a-f:]+\] https://\[[23][0-9a-f:]+\] https://\[2001:db8::1?[0-9]\] https://\[[0-9a-f]{4}::1\]`,
			`https://\[fd[0-9a-f]{2}:[0-9a-f:]+\] https://\[fc00:[0-9a-f:]+\](:\d+)? https://\[fe80:[0-9a-f:]+\] https://\[fe[89ab][0-9a-f]:[0-9a-f:]+\] https://\[::1\] https://\[::[0-9a-f]*\] https://\[f[cd][0-9a-f:]+\] https://\[fe[0-9a-f:]+\] https://\[[23][0-9a-f]{2}:[0-9a-f:]+\] https://\[::ffff:a00:[0-9a-f]+\] https://\[2001:db8::1\] https://\[2001:db8::[1-9]\]`,
		},
		{"names that cannot be registered", `https://.*\.[a-z]+`, `https://[a-z]+ https://.*\.lan https://.*\.corp https://.*\.internal https://([a-z]+\.)?localhost`},
		{"hosts of other schemes", `app://[a-z] app://.*\.example\.com moz-extension://[0-9a-f-]+`, `app://[a-p] capacitor://localhost (capacitor|ionic)://(localhost|app)`},
		{"a dot at the end", `https://.*\.com\. https://.*\.com\.? https://app.example\.com\.`, `https://.*\.example\.com\. https://(.*\.)?example\.com\.?(:\d+)? https://.*\.lan\. http://localhost\.?:\d+`},
		{"too complex", `https://(a|b)*a(a|b){20}\.com`, ``},
		{"a scheme that is left open", `.*\.example\.com .+://app\.example\.com [a-z]+://.*\.example\.com`, `https?://.*\.example\.com`},
	} {
		for open, list := range map[bool]string{true: tc.open, false: tc.closed} {
			for expr := range strings.FieldsSeq(list) {
				re, err := origins.CompileRegexp(expr)
				if err != nil {
					t.Errorf("%s: %v", expr, err)
					continue
				}
				v := JudgeRegexp(re)
				if v.Open != open || v.Dead {
					t.Errorf("%s: %s: %+v", tc.rule, expr, v)
				}
				if want := strings.HasPrefix(tc.rule, "a scheme"); open && v.AnyScheme != want {
					t.Errorf("%s: %s: %+v", tc.rule, expr, v)
				}
				if o, ok := origins.Parse(v.Witness); open && !v.Unproven && (!ok || !re.Match(o) || suffixes.List().Registrable(o.Host()) == "example.com" && o.Scheme() == "https") {
					t.Errorf("%s: %s: witness %q", tc.rule, expr, v.Witness)
				}
			}
		}
	}
}

// toyRules has a rule of each kind in letters that are few.
const toyRules = "a\nb.a\n*.b\n!c.b\nc\nx.c\nx.b.c\n*.a.b.c"

var (
	toyList     = suffixes.Parse(toyRules)
	toyRegistry = corstest.NewRegistry(toyRules)
)

// tokens are what the expressions of FuzzAnalyze are made of.
var tokens = []string{
	"https://", "https://", "http://", "https?://", "x://", `\.`, `\.`, ".", "a", "b", "c", "x", "ab", "[ab]", "[^a]", "[a-c]", ".*", ".+", "(", ")", "|", "?", "*", "+",
	"{2}", "{0,3}", "$", "^", `\b`, `\B`, ":1", `(:\d+)?`, ":[18]0", "(?i:A)", `\Qa.b\E`, "()", "[[:word:]]", "(?:", "-",
	`\[`, `\]`, "::", ":", "2001:", "fd00:", "0", "1", "2", `1\.2\.3\.`, `10\.`, `127\.`, `\d+`, "[0-9a-f:]+",
}

// addresses are hosts of the samples that are not names.
var addresses = strings.Fields(`1.2.3.1 1.2.3.12 2.1.0.1 203.0.113.7 100.64.0.1 10.1.2.1 127.0.0.1 127.1.2.1 192.168.1.1 172.16.0.1 169.254.1.1 0.0.0.0 224.0.0.1
	[2001:db8::7] [2001::] [2001::1] [2001:1::a] [2001:a:b:c:1:2:3:1] [20::a] [::1] [::] [::2] [fd00::1] [fd00:a::1] [a::1] [fe80::1] [::ffff:102:301]`)

// FuzzAnalyze compares the analysis with brute force: all hosts of a few letters, and
// some addresses.
func FuzzAnalyze(f *testing.F) {
	index := func(token string) byte { return byte(slices.Index(tokens, token)) }
	for _, expr := range [][]string{
		{"https://", ".*", `\.`, "a"},
		{"https://", ".*", "b", `\.`, "a"},
		{"https?://", "[ab]", `\.`, "(", "a", "|", "b", ")"},
		{"https://", "(", ".+", `\.`, ")", "?", "c", `\.`, "b", `(:\d+)?`},
		{"x://", "[a-c]", ".*"},
		{"https://", ".*", `\b`, "c", `\.`, "c", "$"},
		{"https://", ".*", ":[18]0", "b", "c", ".*"}, // admits only addresses
		{"https://", `\[`, "2001:", ":", "[ab]", `\]`},
		{"http://", `\[`, "fd00:", "[0-9a-f:]+", `\]`},
		{"https?://", `1\.2\.3\.`, "1", "2", "?", `(:\d+)?`},
		{"https?://", "1", `\d+`, `\.`, "0", `\.`, "0", `\.`, "1"},
	} {
		var bytes []byte
		for _, token := range expr {
			bytes = append(bytes, index(token))
		}
		f.Add(bytes)
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		if len(bytes) <= 12 {
			checkAnalysis(t, bytes)
		}
	})
}

// TestAnalyzeAtRandom does the same for expressions of which most are well formed.
func TestAnalyzeAtRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 150 {
		bytes := []byte{byte(rnd.IntN(5))} // a scheme
		for range 1 + rnd.IntN(10) {
			bytes = append(bytes, byte(rnd.IntN(len(tokens))))
		}
		checkAnalysis(t, bytes)
	}
}

// samples are all origins of few letters, with their registrable domains.
var samples = sync.OnceValue(func() map[origins.Origin]string {
	samples := make(map[origins.Origin]string)
	add := func(host string) {
		for _, scheme := range []string{"https", "http", "x", "ws"} {
			for _, port := range []string{"", ":1", ":80", ":443"} {
				if o, ok := origins.Parse(scheme + "://" + host + port); ok {
					samples[o] = toyRegistry.Domain(o.String())
				}
			}
		}
	}
	for _, host := range addresses {
		add(host)
	}
	var grow func(host string)
	grow = func(host string) {
		add(host)
		if len(host) < 5 {
			for _, c := range "abcx." {
				grow(host + string(c))
			}
		}
	}
	grow("")
	return samples
})

func checkAnalysis(t *testing.T, bytes []byte) {
	var expr strings.Builder
	for _, b := range bytes {
		expr.WriteString(tokens[int(b)%len(tokens)])
	}
	re, err := origins.CompileRegexp(expr.String())
	if err != nil {
		return
	}
	got, domains := analyze(re, toyList)
	for domain, origin := range domains {
		o, ok := origins.Parse(origin)
		if !ok || !re.Match(o) {
			t.Errorf("%s: origin %q of %q is malformed or does not match", expr.String(), origin, domain)
		}
		if registered := toyRegistry.Domain(origin); registered != domain {
			t.Errorf("%s: origin %q is of %q, not of %q", expr.String(), origin, registered, domain)
		}
	}
	if got.Unproven {
		return
	}
	if got.Open != (len(domains) > MaxDomains) || !got.Open && !slices.Equal(got.Domains, slices.Sorted(maps.Keys(domains))) {
		t.Errorf("%s: %+v, found %d domains", expr.String(), got, len(domains))
	}
	if got.Open {
		if o, ok := origins.Parse(got.Witness); !ok || !re.Match(o) || strings.HasPrefix(o.Scheme(), "http") && got.Meant != "" && toyList.Registrable(o.Host()) == got.Meant {
			t.Errorf("%s: witness %q", expr.String(), got.Witness)
		}
	}
	for o, domain := range samples() {
		if !re.Match(o) {
			continue
		}
		if got.Dead {
			t.Errorf("%s: dead, but matches %q", expr.String(), o)
		}
		if _, ok := domains[domain]; !got.Open && domain != "" && !ok {
			t.Errorf("%s: %q is of %q, which is not among %v", expr.String(), o, domain, got.Domains)
		}
		if o.Insecure() && got.Insecure == "" && !got.Open {
			t.Errorf("%s: %q is insecure", expr.String(), o)
		}
	}
}

// BenchmarkAnalyze times expressions as people write them, and some that are hard on
// the analysis.
func BenchmarkAnalyze(b *testing.B) {
	for name, expr := range map[string]string{
		"prefix":    `https://pr-\d+\.example\.com`,
		"labels":    `https://([a-z0-9-]+\.)*example\.com`,
		"anything":  `https://.*\.example\.com(:\d+)?`,
		"schemes":   `https?://.*\.example\.com`,
		"closed":    `https://(.+\.)?example\.com`,
		"open":      `https://.*example\.com`,
		"everyone":  `.*` + `://.*`,
		"explosive": `https://(a|b)*a(a|b){20}\.com`,
		"long":      `https://.{1,200}\.example\.com`,
		"nested":    `https://(([a-z]{1,20}-){1,10}[0-9]{1,5}\.){1,5}example\.com`,
		"many":      `https://.*\.(` + strings.Repeat("a|", 300) + `b)\.com`,
	} {
		re, err := origins.CompileRegexp(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				analyze(re, suffixes.List())
			}
		})
	}
}
