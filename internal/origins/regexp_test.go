package origins

import (
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"
)

func TestRegexp(t *testing.T) {
	for _, tc := range []struct{ expr, allowed, denied string }{
		{`https://pr-\d+\.example\.com`, "https://pr-1.example.com https://pr-42.example.com", "https://pr-.example.com https://pr-1.example.com.evil.com https://xpr-1.example.com https://pr-1xexample.com"},
		{`^https://a\.com|https://b\.com$`, "https://a.com https://b.com", "https://a.com.evil.com https://evil.com:8443"},
		{`https://a\.com`, "https://a.com", "https://a.com.evil.com https://xa.com https://aacom"},
		{`(?i)https://A\.com`, "https://a.com", "https://b.com"},
		{`(?m)^https://a\.com$`, "https://a.com", "https://a.com.evil.com"},
		{`\Ahttps://a\.com\z`, "https://a.com", "https://a.com.evil.com"},
		{`https://[a-z]+\.example\.com(:\d+)?`, "https://app.example.com https://app.example.com:8443", "https://app1.example.com"},
		{`[a-z]+://.+`, "https://a.com app://b", ""},
		{`(?i)^HTTPS://(App)-[a-z]+\.K\.Example\.com$`, "https://app-x.k.example.com", "https://app-.k.example.com https://app-x.k.example.org http://app-x.k.example.com https://app-x.k.example.com:8443"},
		{`(?i:https)://A\.com`, "", "https://a.com"},
		{`(https://((a)|b\.)c)\.com`, "https://ac.com https://b.c.com", "https://c.com https://abc.com"},
		{`https://[^./]+\.example\.com`, "https://a-1.example.com", "https://a.b.example.com https://a.example.com:8443"},
		{`https://[\pL-]+\.example\.com`, "https://a-b.example.com", "https://a1.example.com"},
		{`https://(\p{Greek}|[é]|b+|ü)\.example\.com`, "https://bb.example.com", "https://a.example.com"},
	} {
		re, err := CompileRegexp(tc.expr)
		if err != nil {
			t.Error(err)
			continue
		}
		if re.String() != tc.expr {
			t.Errorf("%q is %q", tc.expr, re)
		}
		for want, list := range map[bool]string{true: tc.allowed, false: tc.denied} {
			for _, s := range strings.Fields(list) {
				o, ok := Parse(s)
				if !ok {
					t.Fatalf("%q is malformed", s)
				}
				if got := re.Match(o); got != want {
					t.Errorf("%q: %s: got %t", tc.expr, s, got)
				}
			}
		}
	}
}

func TestRegexpErrors(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		{`https://(a`, `"https://(a": has a syntax error at "https://(a", missing closing ); write the syntax of https://pkg.go.dev/regexp/syntax`},
		{`x)|(?:.*`, `"x)|(?:.*": has a syntax error at "x)|(?:.*", unexpected ); write the syntax of https://pkg.go.dev/regexp/syntax`},
		{`(?=a)`, "\"(?=a)\": has a syntax error at \"(?=\", invalid or unsupported Perl syntax; write the syntax of https://pkg.go.dev/regexp/syntax"},
		{`null`, `"null": matches "null", the opaque origin, which every sandboxed page has; begin every alternative with https://`},
		{`https://a|null`, `"https://a|null": matches "null", the opaque origin, which every sandboxed page has; begin every alternative with https://`},
		{`[a-z]+`, `"[a-z]+": matches "null", the opaque origin, which every sandboxed page has; begin every alternative with https://`},
		{``, `"": matches the empty string, which is not an origin; begin every alternative with https://`},
		{`.*`, `".*": matches "null", the opaque origin, which every sandboxed page has; begin every alternative with https://`},
		{`(https://a)?`, `"(https://a)?": matches the empty string, which is not an origin; begin every alternative with https://`},
		{strings.Repeat("a", 1025), `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"…: has 1025 bytes, but at most 1024 are allowed; write several regexps, or list the origins`},
	} {
		_, err := CompileRegexp(tc.expr)
		if err == nil {
			t.Errorf("%q is accepted", tc.expr)
		} else if err.Error() != tc.want {
			t.Errorf("%q:\n got %s\nwant %s", tc.expr, err, tc.want)
		}
	}
	if _, err := CompileRegexp("https://" + strings.Repeat("a", 1016)); err != nil {
		t.Error(err)
	}
}

func TestFinite(t *testing.T) {
	for _, tc := range []struct {
		expr string
		want string // "infinite", or the origins
	}{
		{`https://a\.com`, "https://a.com"},
		{`https://(app|admin)\.example\.com`, "https://admin.example.com https://app.example.com"},
		{`https://(app1|app2)\.a\.b`, "https://app1.a.b https://app2.a.b"},
		{`https://app[12]\.a\.b`, "https://app1.a.b https://app2.a.b"},
		{`https://app(1|2)\.a\.b`, "https://app1.a.b https://app2.a.b"},
		{`https?://a\.b`, "http://a.b https://a.b"},
		{`https://(a|)b\.c`, "https://ab.c https://b.c"},
		{`https://a{2,3}?\.c`, "https://aa.c https://aaa.c"},
		{`^https://a\.b$`, "https://a.b"},
		{`\Qhttps://a.b\E`, "https://a.b"},
		{`(?i)HTTPS://A\.B`, "https://a.b"},
		{`https://[^a-y]\.b`, "https://0.b https://1.b https://2.b https://3.b https://4.b https://5.b https://6.b https://7.b https://8.b https://9.b https://-.b https://_.b https://z.b"},
		{`https://a\.b(:8443|:443)?`, "https://a.b https://a.b:8443"},
		{`https://a\.b(x^)*`, "infinite"},
		{`https://a\.b()*`, "https://a.b"},
		{`https://A\.b`, ""},
		{`https://a b`, ""},
		{`a\bb`, ""},
		{`[^\x00-\x{10FFFF}]`, ""},
		{`https://a.\.com`, "https://a-.com https://a0.com https://a1.com https://a2.com https://a3.com https://a4.com https://a5.com https://a6.com https://a7.com https://a8.com https://a9.com https://a_.com https://aa.com https://ab.com https://ac.com https://ad.com https://ae.com https://af.com https://ag.com https://ah.com https://ai.com https://aj.com https://ak.com https://al.com https://am.com https://an.com https://ao.com https://ap.com https://aq.com https://ar.com https://as.com https://at.com https://au.com https://av.com https://aw.com https://ax.com https://ay.com https://az.com"},
		{`https://a+\.com`, "infinite"},
		{`https://.*\.com`, "infinite"},
		{`https://[a-z]{2}\.com`, "infinite"},
	} {
		re, err := CompileRegexp(tc.expr)
		if err != nil {
			t.Error(err)
			continue
		}
		patterns, ok := re.Finite()
		var got []string
		for _, p := range patterns {
			got = append(got, p.String())
		}
		if !ok {
			got = []string{"infinite"}
		}
		want := strings.Fields(tc.want)
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", tc.expr, got, want)
		}
	}
}

// FuzzFinite: a finite regexp admits an origin just if it is in its list.
func FuzzFinite(f *testing.F) {
	for _, expr := range []string{`https://(app|admin)\.a\.b`, `(?i)https?://a[bc]d?\.e(:8443)?`, `https://a\b-b|https://c`, `^https://a$|b`, `(https://(x{1,3}){2}\.y)+`} {
		f.Add(expr, "https://app.a.b")
		f.Add(expr, "https://a-b")
		f.Add(expr, "https://a")
	}
	f.Fuzz(func(t *testing.T, expr, origin string) {
		re, err := CompileRegexp(expr)
		if err != nil {
			return
		}
		patterns, ok := re.Finite()
		if !ok {
			return
		}
		listed := func(s string) bool {
			return slices.ContainsFunc(patterns, func(p Pattern) bool { return p.String() == s })
		}
		if o, ok := Parse(origin); ok && re.Match(o) != listed(origin) {
			t.Errorf("%q: %q: matches %t, listed %t", expr, origin, re.Match(o), listed(origin))
		}
		for _, p := range patterns {
			if o, ok := Parse(p.String()); !ok || !re.Match(o) {
				t.Errorf("%q does not match %q", expr, p)
			}
		}
		if len(patterns) > maxFinite {
			t.Errorf("%q: %d origins", expr, len(patterns))
		}
	})
}

// FuzzMatch: of ASCII texts, an expression matches those that package regexp says.
func FuzzMatch(f *testing.F) {
	for _, expr := range []string{`https://pr-\d+\.example\.com`, `^https://(a|b)\.c$`, `(?i)https://a.*b`, `https://aa+a`, `https://\ba\b.*`, `(?m)^a$|b^`, `a(?i:b)c`, `https://.*$`, `^^a.*b$$`, `ab?a`, `^$`, `(?i)^K[^.]+(s\pL)*(é|a)S$`} {
		for _, s := range []string{"https://pr-1.example.com", "https://a.c", "https://AB", "https://aaa", "https://aa", "aba", "aa", "a", "kkas"} {
			f.Add(expr, s)
		}
	}
	f.Fuzz(func(t *testing.T, expr, s string) {
		re, err := compile(expr)
		if err != nil {
			return
		}
		s = strings.Map(func(r rune) rune { return r & unicode.MaxASCII }, s)
		want, err := regexp.Compile(`\A(?:` + expr + `)\z`)
		if err == nil && re.matches(s) != want.MatchString(s) {
			t.Errorf("%q: %q: matches %t", expr, s, !want.MatchString(s))
		}
	})
}

// BenchmarkRegexp times a regexp, and one that became an exact origin.
func BenchmarkRegexp(b *testing.B) {
	re, _ := CompileRegexp(`https://pr-\d+\.example\.com`)
	finite, _ := CompileRegexp(`https://(app|admin)\.example\.com`)
	patterns, _ := finite.Finite()
	ix := NewIndex(patterns)
	o, _ := Parse("https://pr-42.example.com")
	long, _ := Parse("https://pr-" + strings.Repeat("1", 60) + ".example.com")
	app, _ := Parse("https://app.example.com")
	for name, match := range map[string]func() bool{
		"infinite":      func() bool { return re.Match(o) },
		"infinite/long": func() bool { return re.Match(long) },
		"finite":        func() bool { return ix.Allows(app) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				match()
			}
		})
	}
}

// BenchmarkRegexpSize tells how many bytes a regexp keeps.
func BenchmarkRegexpSize(b *testing.B) {
	for _, expr := range []string{
		`https://pr-\d+\.example\.com`, `https://([a-z0-9-]+\.)*example\.com`, `https://.*\.example\.com(:\d+)?`,
		`(?i)^https://app-[a-z]+\.example\.com$`, `https://[\pL\pN-]+\.example\.com`, `https://[^./]+\.example\.com`,
	} {
		b.Run(expr, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				kept := make([]*Regexp, 1_000)
				runtime.GC()
				runtime.ReadMemStats(&before)
				for i := range kept {
					kept[i], _ = CompileRegexp(expr)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(kept)), "bytes/regexp")
				runtime.KeepAlive(kept)
			}
		})
	}
}
