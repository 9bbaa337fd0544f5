package origins

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
)

func index(t testing.TB, patterns ...string) *Index {
	t.Helper()
	var parsed []Pattern
	for _, s := range patterns {
		p, err := ParsePattern(s)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, p)
	}
	return NewIndex(parsed)
}

func TestIndex(t *testing.T) {
	for _, tc := range []struct {
		patterns, allowed, denied string
	}{
		{"https://example.com", "https://example.com", "http://example.com https://example.com:8443 https://a.example.com https://example.co https://example.comm https://xexample.com"},
		{"https://*.example.com", "https://a.example.com https://a.b.c.example.com", "https://example.com https://xexample.com https://a.example.com:8443 http://a.example.com https://a.example.com.evil.com https://a.xexample.com"},
		{"https://*.example.com:8443", "https://a.example.com:8443", "https://a.example.com https://a.example.com:844 https://example.com:8443 https://a.example.com:18443"},
		{"https://*.example.com:*", "https://a.example.com https://a.example.com:1 https://a.example.com:65535", "https://example.com https://example.com:1 http://a.example.com"},
		{"http://localhost:*", "http://localhost http://localhost:3000", "https://localhost http://a.localhost http://localhost.evil.com:3000"},
		{"http://[::1]:*", "http://[::1] http://[::1]:3000", "http://[::2]"},
		{"https://10.0.0.1:*", "https://10.0.0.1 https://10.0.0.1:3000", "https://10.0.0.11 https://110.0.0.1"},
		{"moz-extension://*", "moz-extension://a moz-extension://b:99", "chrome-extension://a https://a"},
		{"https://foo.com https://bar.com", "https://foo.com https://bar.com", "https://barfoo.com https://foobar.com https://foo.com.bar.com"},
		{"https://*.foo.com https://*.bar.com", "https://a.foo.com https://a.bar.com", "https://a.barfoo.com https://foo.com https://bar.com"},
		{"https://*.a.example https://*.b.a.example:8443", "https://x.a.example https://b.a.example https://x.b.a.example https://x.b.a.example:8443", "https://b.a.example:8443 https://x.a.example:8443"},
		{"https://*.com http://*.example.com", "https://a.com https://example.com https://a.example.com http://a.example.com", "http://a.com http://example.com"},
		{"https://example.com.", "https://example.com.", "https://example.com https://a.example.com. https://example.com.:8443"},
		{"https://example.com https://*.example.com https://example.com:* https://*.example.com:*", "https://example.com", "https://example.com. https://a.example.com. https://example.com.:8443 https://a.example.com.:8443"},
		{"https://app-*.example.com", "https://app-1.example.com https://app-a-b.example.com https://app--.example.com", "https://app-.example.com https://app-a.b.example.com https://app-a_b.example.com https://xapp-1.example.com https://app-1.example.com:8443 http://app-1.example.com https://app-1.example.com. https://app-1.xexample.com https://app-1 https://app-1.a.example.com"},
		{"https://*-myteam.vercel.app https://app-*-myteam.vercel.app:8443", "https://x-myteam.vercel.app https://app-1-myteam.vercel.app https://app-1-myteam.vercel.app:8443", "https://-myteam.vercel.app https://myteam.vercel.app https://app-myteam.vercel.app:8443 https://app--myteam.vercel.app:8443 https://x-myteam.vercel.app:8443"},
		{"https://app-*.example.com:* https://*x.example.com", "https://app-1.example.com https://app-1.example.com:1 https://ax.example.com", "https://x.example.com https://ax.example.com:1 https://app-.example.com:1"},
		{"", "", "https://example.com http://localhost"},
	} {
		ix := index(t, strings.Fields(tc.patterns)...)
		if n := len(strings.Fields(tc.patterns)); ix.Len() != n {
			t.Errorf("%s: %d patterns", tc.patterns, ix.Len())
		}
		for want, list := range map[bool]string{true: tc.allowed, false: tc.denied} {
			for _, s := range strings.Fields(list) {
				o, ok := Parse(s)
				if !ok {
					t.Fatalf("%q is malformed", s)
				}
				if got := ix.Allows(o); got != want {
					t.Errorf("%s: %s: got %t", tc.patterns, s, got)
				}
				if n := testing.AllocsPerRun(5, func() { ix.Allows(o) }); n != 0 {
					t.Errorf("%s: %s: %v allocations", tc.patterns, s, n)
				}
			}
		}
	}
}

func TestIndexCountsOnce(t *testing.T) {
	if n := index(t, "https://a.b", "https://a.b", "https://*.a.b", "https://*.a.b", "https://a.b:*", "https://a.b:*", "app://*", "app://*").Len(); n != 4 {
		t.Errorf("%d patterns, want 4", n)
	}
}

// admits is what a pattern means, written once more and without any of the
// parsed forms.
func admits(pattern, origin string) bool {
	scheme, host, _ := strings.Cut(pattern, "://")
	oscheme, ohost, _ := strings.Cut(origin, "://")
	if scheme != oscheme {
		return false
	}
	if host == "*" {
		return true
	}
	if h, ok := strings.CutSuffix(host, ":*"); ok {
		host = h
		if i := strings.LastIndex(ohost, ":"); i > strings.LastIndex(ohost, "]") {
			ohost = ohost[:i]
		}
	}
	if before, after, ok := strings.Cut(host, "*"); ok && (before != "" || after[0] != '.') {
		value, begins := strings.CutPrefix(ohost, before)
		value, ends := strings.CutSuffix(value, after)
		return begins && ends && value != "" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
	}
	if tail, ok := strings.CutPrefix(host, "*"); ok {
		return strings.HasSuffix(ohost, tail) && len(ohost) > len(tail)
	}
	return host == ohost
}

// FuzzIndex compares the index with the naive matcher.
func FuzzIndex(f *testing.F) {
	f.Add("https://example.com https://*.example.com", "https://a.example.com")
	f.Add("https://*.a.b:* http://localhost:* app://*", "https://c.a.b:99")
	f.Add("https://foo.com https://bar.com", "https://barfoo.com")
	f.Add("https://a-*.b.c https://*-a.b.c:* https://a-*-b.c:1", "https://a-x-a.b.c")
	f.Add("https://*.a https://*.b.a https://*.c.b.a:8443", "https://d.c.b.a:8443")
	for _, tc := range wellFormed {
		f.Add(tc.s+" https://*.com", tc.s)
	}
	f.Fuzz(func(t *testing.T, list, origin string) {
		o, ok := Parse(origin)
		if !ok {
			return
		}
		var patterns []Pattern
		want := false
		for s := range strings.FieldsSeq(list) {
			if p, err := ParsePattern(s); err == nil {
				patterns = append(patterns, p)
				want = want || admits(s, origin)
			}
		}
		if got := NewIndex(patterns).Allows(o); got != want {
			t.Errorf("%v: %s: got %t, want %t", patterns, origin, got, want)
		}
	})
}

// TestIndexAtRandom compares the index with the naive matcher on many patterns
// of few letters, which collide.
func TestIndexAtRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	for range 2_000 {
		var list []string
		for range 1 + rnd.IntN(20) {
			host := pick("", "*.", "*", "a*", "*b.", "a*b.") + pick("a", "b", "ab") + pick("", ".a", ".b", ".a.b")
			p := pick("https", "http", "app") + "://" + host + pick("", ":*", ":1", ":12")
			if _, ok := parsePattern(p); ok {
				list = append(list, p)
			}
		}
		ix := index(t, list...)
		for range 50 {
			s := pick("https", "http", "app") + "://" + pick("", "a.", "b.", "ab.b.") + pick("a", "b", "ab", "ba") + pick("", ".a", ".b", ".a.b") + pick("", ":1", ":12", ":2")
			o, ok := Parse(s)
			if !ok {
				t.Fatalf("%q is malformed", s)
			}
			want := false
			for _, pattern := range list {
				want = want || admits(pattern, s)
			}
			if got := ix.Allows(o); got != want {
				t.Fatalf("%v: %s: got %t, want %t", list, s, got, want)
			}
		}
	}
}

// many returns n exact origins of 34 bytes and more.
func many(n int) []Pattern {
	patterns := make([]Pattern, n)
	for i := range patterns {
		patterns[i], _ = parsePattern(fmt.Sprintf("https://tenant-%07d.example.com", i))
	}
	return patterns
}

// BenchmarkIndex times lookups in 10 to 1,000,000 exact origins: of 1,000 hot
// ones, of ones that are not there, and of random ones.
func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000, 1_000_000} {
		patterns := many(n)
		ix := NewIndex(patterns)
		parse := func(format string) []Origin {
			rnd := rand.New(rand.NewPCG(1, 2))
			list := make([]Origin, 1<<16)
			for i := range list {
				list[i], _ = Parse(fmt.Sprintf(format, rnd.IntN(n)))
			}
			return list
		}
		for name, list := range map[string][]Origin{
			"hot":    parse("https://tenant-%07d.example.com")[:min(n, 1000)],
			"miss":   parse("https://tenant-%07d.example.net"),
			"random": parse("https://tenant-%07d.example.com"),
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				i := 0
				for b.Loop() {
					if ix.Allows(list[i]) == (name == "miss") {
						b.Fatal(list[i])
					}
					if i++; i == len(list) {
						i = 0
					}
				}
			})
		}
	}
}

// BenchmarkIndexWildcards times a hit and a miss among 1 and 1,000 wildcards,
// and a hostile host of very many labels.
func BenchmarkIndexWildcards(b *testing.B) {
	for _, n := range []int{1, 1_000} {
		var patterns []string
		for i := range n {
			patterns = append(patterns, fmt.Sprintf("https://*.tenant-%04d.example.com", i))
		}
		for i := range n {
			patterns = append(patterns, fmt.Sprintf("https://app-*-%04d.example.net", i))
		}
		ix := index(b, patterns...)
		for name, s := range map[string]string{
			"label hit":  "https://app-x-0000.example.net",
			"label miss": "https://app-x-y.example.net",
			"hit":        "https://app.tenant-0000.example.com",
			"miss":       "https://app.tenant-x.example.com",
			"hostile":    "https://" + strings.Repeat("a.", 126) + "a",
		} {
			o, _ := Parse(s)
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					ix.Allows(o)
				}
			})
		}
	}
}

// BenchmarkNewIndex times the building of an index of a million origins, and
// reports its live heap as a multiple of their text.
func BenchmarkNewIndex(b *testing.B) {
	patterns := many(1_000_000)
	text := 0
	for _, p := range patterns {
		text += len(p.String())
	}
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		ix := NewIndex(patterns)
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(ix)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(text), "heap/text")
}
