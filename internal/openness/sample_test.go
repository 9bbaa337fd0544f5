package openness

import (
	"flag"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

var (
	sampleRounds = flag.Int("rounds", 150, "how many expressions TestSamples judges")
	sampleSeed   = flag.Uint64("seed", 1, "the seed of TestSamples")
)

var registry = sync.OnceValue(func() *corstest.Registry {
	return corstest.ReadRegistry(new(testing.T), "../suffixes/rules.txt", "../suffixes/own.txt")
})

// TestSamples: of the strings that an expression matches, taken from its own syntax
// and bent into shape, none contradicts the verdict. More expressions:
//
//	go test ./internal/openness -run TestSamples -args -rounds 100000 -seed 7
func TestSamples(t *testing.T) {
	t.Logf("seed %d, %d expressions", *sampleSeed, *sampleRounds)
	rnd := rand.New(rand.NewPCG(*sampleSeed, 0))
	counts := make(map[string]int)
	for i := range *sampleRounds {
		checkSamples(t, randomExpr(rnd), counts)
		if i%20_000 == 19_999 {
			t.Log(i+1, counts)
		}
	}
	t.Log(counts)
	for _, kind := range []string{"open", "closed", "several domains", "dead", "matches"} {
		if counts[kind] < *sampleRounds/75 {
			t.Errorf("%s: only %d", kind, counts[kind])
		}
	}
}

// FuzzSamples is TestSamples for expressions that a fuzzer finds.
func FuzzSamples(f *testing.F) {
	for _, expr := range []string{
		`^https://(.+\.)?example\.com$`, `https://.*example\.com`, `https?://[\w.-]+\.co\.uk(:\d+)?`, `(?i)https://[^.]+\.example\.com`,
		`https://(a|b)*a(a|b){4}\.com`, `https://\[[0-9a-f:]+\]`, `https://10\.[\d.]+`, `(app|tauri)://localhost`, `https://(|www\.)example\.(com|org)\.?`,
		`https://\p{Ll}+\.example\.com`, `https://.*\.éxample\.com`, `https://.*\bexample\.com\b`, `https://[[:alnum:]]{1,3}\.io`, `https://.*\.com\.`, `(https://a\.com$|^https://b\.com)`,
	} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if len(expr) < 200 {
			checkSamples(t, expr, make(map[string]int))
		}
	})
}

// randomExpr returns an expression such as people write, with the slips that they
// make.
func randomExpr(rnd *rand.Rand) string {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	label := func() string {
		return pick("app", "www", "a", "x-y", "[a-z]", "[a-z0-9-]+", ".*", ".+", `\w+`, `[^.]+`, `[^/]*`, `\d{1,3}`, "pr-[0-9]+", "(app|www|api)", "[a-c]", ".", "s3", "(?i:App)", `\p{L}+`, "[[:alpha:]]{2}",
			"(?:[a-z]{1,2}|)", `\S+`, "(a|b)*", "((a|b)+c)*", "[^a-y]", "eu-west-1", "[a-q]", "[a-p]", "(a|)", "x??", `\x61`, `\Qa-b\E`, "[^\\x{80}-\\x{10ffff}]+", "a{0,3}", "city", "-", "[_-]")
	}
	dot := func() string {
		return pick(`\.`, `\.`, `\.`, `\.`, `\.`, ".", "[.]", `\.?`, `\.+`, "", `\b`, `(\.|-)`, `\.*`, `\x2e`)
	}
	var expr strings.Builder
	expr.WriteString(pick("", "", "^", `\A`, "(?i)", "(?s)", "(?U)", "(?m)^", "(^|x)"))
	expr.WriteString(pick("https://", "https://", "https://", "https://", "https?://", "http://", ".*://", "(https|app)://", "(?:https:)?//", `[a-z-]+://`, "http.*://", "app://", `\w+://`, "https:..", "https://.*@?", ""))
	for range rnd.IntN(3) {
		if rnd.IntN(2) == 0 {
			expr.WriteString("(" + pick("", "?:", "?P<x>") + label() + dot() + ")" + pick("?", "*", "+", "", "{1,2}", "??"))
			continue
		}
		expr.WriteString(label() + dot())
	}
	name := func() string {
		return pick("example", "acme", label()) + dot() + pick("com", "com", "co"+dot()+"uk", "io", "github"+dot()+"io", "vercel"+dot()+"app", "[a-z]+", "(com|org|net)", "lan", "nip"+dot()+"io", "amazonaws"+dot()+"com", "kawasaki"+dot()+"jp", "ck", "(com|co"+dot()+"uk)",
			".*", "[a-z]{2,3}", "c.m", "(?i:COM)", "windows"+dot()+"net", "s3"+dot()+"amazonaws"+dot()+"com", regexp.QuoteMeta(registry().Name(rnd)))
	}
	switch rnd.IntN(12) {
	case 0:
		expr.WriteString("(" + name() + "|" + name() + ")")
	case 1:
		expr.WriteString(pick("localhost", `127\.0\.0\.\d+`, `10\.\d+\.\d+\.\d+`, `192\.168\.[\d.]+`, `\[::1\]`, `\[fd[0-9a-f:]+\]`, `\[[0-9a-f:]+\]`, `\[2001:db8::[0-9]\]`, `1\d+\.\d+\.0\.[0-9]`, `\d+`+dot()+`\d+`+dot()+`\d+`+dot()+`\d+`, `[0-9.]+`, `\[(fe80|2a0[0-3]):.*\]`, `(\d{1,3}\.){3}\d{1,3}`, `203\.0\.113\.(\d|1\d)`))
	case 2:
		expr.WriteString(name() + "|" + pick("", "^") + "https://" + name())
	default:
		expr.WriteString(name())
	}
	expr.WriteString(pick("", "", "", "", `\.?`, `\.`, ".?", ".*"))
	expr.WriteString(pick("", "", "", `(:\d+)?`, ":[0-9]+", ":8443", "(:.*)?", `:\d{2,4}`, ":(443|8443)", `[:\d]*`, ":443", "(:80)?", `/?`))
	expr.WriteString(pick("", "", "$", `\z`, "(?m:$)", "($|/)", `\b`))
	return expr.String()
}

// checkSamples compares the verdict on an expression with samples.
func checkSamples(t *testing.T, expr string, counts map[string]int) {
	re, err := origins.CompileRegexp(expr)
	if err != nil {
		return
	}
	plain, err := regexp.Compile(`\A(?:` + expr + `)\z`)
	if err != nil {
		return
	}
	v := JudgeRegexp(re)
	switch {
	case v.Unproven:
		counts["unproven"]++
	case v.Open:
		counts["open"]++
	case v.Dead:
		counts["dead"]++
	default:
		counts["closed"]++
	}
	if len(v.Domains) > 1 {
		counts["several domains"]++
	}
	admits := func(s string) (origins.Origin, bool) {
		o, ok := origins.Parse(s)
		if !ok {
			return o, false
		}
		if re.Match(o) != plain.MatchString(s) {
			t.Fatalf("%s: whether %q matches depends on the way to ask", expr, s)
		}
		return o, re.Match(o)
	}
	if v.Open && !v.Unproven {
		o, ok := admits(v.Witness)
		switch domain := registry().Domain(v.Witness); {
		case !ok:
			t.Errorf("%s: the witness %q is malformed or does not match", expr, v.Witness)
		case domain == "":
			t.Errorf("%s: nobody can obtain the witness %q", expr, v.Witness)
		case domain == v.Meant && strings.HasPrefix(o.Scheme(), "http"):
			t.Errorf("%s: the witness %q is of the domain that is meant", expr, v.Witness)
		}
	}
	if o, ok := admits(v.Insecure); v.Insecure != "" && (!ok || !o.Insecure()) {
		t.Errorf("%s: %q is malformed, not admitted or not insecure", expr, v.Insecure)
	}
	hash := fnv.New64a()
	hash.Write([]byte(expr))
	rnd := rand.New(rand.NewPCG(hash.Sum64(), 0))
	parsed := re.Syntax()
	domains := make(map[string]string)
	last := "https://example.com"
	for i := range 1_000 {
		s := corstest.Sample(rnd, parsed)
		switch i % 4 {
		case 1:
			s = strings.ToLower(s)
		case 2:
			s = corstest.Mutate(rnd, registry(), last)
		case 3:
			s = corstest.Mutate(rnd, registry(), s)
		}
		o, ok := admits(s)
		if !ok {
			continue
		}
		counts["matches"]++
		last = s
		if v.Dead {
			t.Fatalf("%s: dead, but matches %q", expr, s)
		}
		if o.Insecure() && v.Insecure == "" && !v.Unproven {
			t.Fatalf("%s: %q is insecure, but the verdict is %+v", expr, s, v)
		}
		domain := registry().Domain(s)
		if domain == "" || v.Open {
			continue
		}
		domains[domain] = s
		if listed := v.Domains; strings.HasPrefix(o.Scheme(), "http") && !slices.Contains(listed, domain) {
			t.Fatalf("%s: admits %q, but its domains are %q", expr, s, listed)
		}
	}
	if len(domains) > MaxDomains {
		t.Errorf("%s: closed, but admits %v", expr, domains)
	}
}
