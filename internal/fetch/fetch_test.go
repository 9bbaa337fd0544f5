package fetch

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

func TestNamesAreCanonical(t *testing.T) {
	for _, name := range []string{
		Origin, RequestMethod, RequestHeaders, AllowOrigin, AllowCredentials, AllowMethods, AllowHeaders,
		ExposeHeaders, MaxAge, TimingAllowOrigin, Vary, SecFetchSite,
	} {
		if canonical := http.CanonicalHeaderKey(name); name != canonical {
			t.Errorf("%q is not canonical: a header map has it as %q", name, canonical)
		}
	}
}

func TestIsToken(t *testing.T) {
	for s, want := range map[string]bool{
		"GET": true, "x-a": true, "!#$%&'*+-.^_`|~09azAZ": true,
		"": false, " ": false, "a b": false, "a,b": false, "a:": false, "a/b": false, "\"a\"": false, "a\x00": false, "ä": false, "a\x7f": false, "(a)": false, "{a}": false,
	} {
		if got := IsToken(s); got != want {
			t.Errorf("%q: got %t", s, got)
		}
	}
}

func TestCheckMethod(t *testing.T) {
	for m, want := range map[string]string{
		"GET": "", "PUT": "", "PATCH": "", "DELETE": "", "PROPFIND": "", "custom": "", "QUERY": "",
		"put":        `"put": methods are case-sensitive; write PUT`,
		"Patch":      `"Patch": methods are case-sensitive; write PATCH`,
		"TRACE":      `"TRACE": browsers never send this method; remove it`,
		"track":      `"track": browsers never send this method; remove it`,
		"Connect":    `"Connect": browsers never send this method; remove it`,
		"":           `"": not a valid method; write methods such as PUT`,
		"PUT,DELETE": `"PUT,DELETE": is a list; write PUT DELETE, separated by spaces, or as elements in JSON`,
		"P*":         `"P*": a * cannot stand for a part of a method; write the methods, or * for all`,
		"{env.M}":    `"{env.M}": placeholders are not replaced here; write methods such as PUT`,
		",":          `",": not a valid method; write methods such as PUT`,
	} {
		got := ""
		if err := CheckMethod(m); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", m, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for name, want := range map[string]string{
		"*": "", "X-A": "", "X-Amz-*": "", "x*": "",
		"":        "not a valid header name",
		"a b":     "not a valid header name",
		"X-A,X-B": "write X-A X-B, separated by spaces",
		"X-*-A":   "may stand only at the end",
		"**":      "may stand only at the end",
		"{env.H}": "placeholders are not replaced here",
	} {
		err := CheckName(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
	}
}

func TestForbiddenFields(t *testing.T) {
	for name, want := range map[string]bool{
		"Cookie": true, "cookie": true, "HOST": true, "DNT": true, "Origin": true, "Sec-Fetch-Site": true, "sec-": true, "Proxy-Authorization": true,
		"Access-Control-Request-Method": true, "Set-Cookie": true, "Via": true, "Accept-Encoding": true,
		"Content-Type": false, "Authorization": false, "User-Agent": false, "Accept": false, "Second": false, "X-Http-Method-Override": false,
	} {
		if got := IsForbiddenRequestField(name); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
	for name, want := range map[string]bool{"Set-Cookie": true, "set-cookie2": true, "Cookie": false, "ETag": false} {
		if got := IsForbiddenResponseField(name); got != want {
			t.Errorf("%q: got %t", name, got)
		}
	}
}

func TestCovers(t *testing.T) {
	for _, tc := range []struct {
		names string
		lines []string
		want  bool
	}{
		{"", nil, true},
		{"", []string{""}, true},
		{"", []string{"x-a"}, false},
		{"X-A Content-Type", []string{"content-type,x-a"}, true},
		{"X-A Content-Type", []string{"content-type", "x-a"}, true},
		{"X-A Content-Type", []string{" content-type ,\tx-a "}, true},
		{"X-A Content-Type", []string{"Content-Type,X-A"}, true},
		{"X-A Content-Type", []string{"content-type,,x-a,"}, true},
		{"X-A Content-Type", []string{"content-type,x-a,x-b"}, false},
		{"X-A", []string{"x-a-b"}, false},
		{"X-K", []string{"x-\u212a"}, false},
		{"X-A", []string{"x"}, false},
		{"X-A", []string{"x-a x-a"}, false},
		{"X-A", []string{strings.Repeat("x-a,", 1<<10)}, false},
		{"X-A", []string{strings.Repeat(",", 16<<10)}, false},
		{"X-A", slices.Repeat([]string{""}, 1<<10), false},
	} {
		s := NewFieldSet(strings.Fields(tc.names))
		if got := s.Covers(tc.lines); got != tc.want {
			t.Errorf("%q: %.40q: got %t", tc.names, tc.lines, got)
		}
	}
}

// FuzzCovers: what a browser sends, lower-case names, sorted and each once, is
// judged exactly, however many names there are.
func FuzzCovers(f *testing.F) {
	f.Add("Content-Type X-A", "x-a content-type")
	f.Add("Content-Type X-A", "x-b")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, names, asked string) {
		allowed := slices.DeleteFunc(strings.Fields(names), func(s string) bool { return !IsToken(s) })
		fields := slices.DeleteFunc(strings.Fields(strings.ToLower(asked)), func(s string) bool { return !IsToken(s) })
		slices.Sort(fields)
		fields = slices.Compact(fields)
		want := true
		for _, name := range fields {
			want = want && slices.ContainsFunc(allowed, func(s string) bool { return strings.EqualFold(s, name) })
		}
		s := NewFieldSet(allowed)
		if got := s.Covers([]string{strings.Join(fields, ",")}); got != want {
			t.Errorf("%q: %q: got %t", allowed, fields, got)
		}
	})
}

func TestMergeVary(t *testing.T) {
	preflight := []string{Origin, RequestMethod, RequestHeaders}
	for _, tc := range []struct {
		lines, want []string
		merged      string // "" for unchanged
	}{
		{nil, []string{Origin}, "Origin"},
		{[]string{"Origin"}, []string{Origin}, ""},
		{[]string{"origin"}, []string{Origin}, ""},
		{[]string{"Cookie, Origin"}, []string{Origin}, ""},
		{[]string{"Cookie", "Origin"}, []string{Origin}, ""},
		{[]string{"Cookie"}, []string{Origin}, "Cookie, Origin"},
		{[]string{"cookie,,accept ,"}, []string{Origin}, "cookie, accept, Origin"},
		{[]string{"Cookie, cookie, Origin"}, []string{Origin}, "Cookie, Origin"},
		{[]string{"Origin", "Origin"}, []string{Origin}, "Origin"},
		{[]string{"*"}, []string{Origin}, ""},
		{[]string{"*"}, preflight, ""},
		{[]string{" * "}, []string{Origin}, ""},
		{[]string{"*, Origin"}, []string{Origin}, ""},
		{[]string{"Cookie, *"}, []string{Origin}, ""},
		{[]string{"Cookie", "*"}, preflight, ""},
		{[]string{"Cookie, cookie,, *"}, []string{Origin}, ""},
		{[]string{strings.Repeat("a,", 32) + "*"}, []string{Origin}, ""},
		{[]string{"x*"}, []string{Origin}, "x*, Origin"},
		{[]string{"X-Origin"}, []string{Origin}, "X-Origin, Origin"},
		{[]string{"a b"}, []string{Origin}, "a b, Origin"},
		{[]string{"ς, σ, Σ, Origin"}, []string{Origin}, ""},
		{[]string{"k, \u212a, Origin, \xe9, \xea"}, []string{Origin}, ""},
		{[]string{strings.Repeat("a,", 32) + "k, \u212a, \xe9, \xea, \xe9"}, []string{Origin}, "a, k, \u212a, \xe9, \xea, Origin"},
		{[]string{"Acce\u017f\u017f-Control-Request-Headers"}, []string{RequestHeaders}, "Acce\u017f\u017f-Control-Request-Headers, Access-Control-Request-Headers"},
		{[]string{"Origin"}, preflight, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"},
		{[]string{"Access-Control-Request-Headers", "Accept"}, preflight, "Access-Control-Request-Headers, Accept, Origin, Access-Control-Request-Method"},
		{[]string{"Access-Control-Request-Headers, access-control-request-method", "ORIGIN"}, preflight, ""},
	} {
		merged, changed := MergeVary(tc.lines, tc.want)
		if merged != tc.merged || changed != (tc.merged != "") {
			t.Errorf("%q with %q: got %q, %t, want %q", tc.lines, tc.want, merged, changed, tc.merged)
		}
	}
}

// FuzzMergeVary compares with sets: nothing is lost, nothing is added but what is
// wanted, nothing stands twice. Where there is a "*", nothing is changed.
func FuzzMergeVary(f *testing.F) {
	f.Add("Cookie, cookie\nOrigin", false)
	f.Add("*\n,,a b,\t", true)
	f.Add("Cookie, cookie, *", false)
	f.Add("x*,,a b,\t", true)
	f.Add("ς,σ", false)
	f.Add("\xe9,\xea", false)
	f.Add("", true)
	f.Fuzz(func(t *testing.T, text string, preflight bool) {
		lines := strings.Split(text, "\n")
		want := []string{Origin}
		if preflight {
			want = []string{Origin, RequestMethod, RequestHeaders}
		}
		elements := func(lines []string) (list []string) {
			for _, line := range lines {
				for element := range strings.SplitSeq(line, ",") {
					if element = corstest.Lower(strings.Trim(element, " \t")); element != "" {
						list = append(list, element)
					}
				}
			}
			slices.Sort(list)
			return list
		}
		merged, changed := MergeVary(lines, want)
		if slices.Contains(elements(lines), "*") {
			if changed {
				t.Errorf("%q is merged to %q, want it unchanged", lines, merged)
			}
			return
		}
		all := slices.Compact(elements(append(slices.Clone(lines), want...)))
		got := lines
		if changed {
			got = []string{merged}
		}
		if !slices.Equal(elements(got), all) {
			t.Errorf("%q is merged to %q", lines, got)
		}
	})
}

func BenchmarkMergeVary(b *testing.B) {
	for name, lines := range map[string][]string{
		"same":    {"Origin"},
		"other":   {"Accept-Encoding"},
		"both":    {"Accept-Encoding, Origin"},
		"hostile": {strings.Repeat("a,", 8<<10)},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				MergeVary(lines, []string{Origin})
			}
		})
	}
}

func BenchmarkCovers(b *testing.B) {
	s := NewFieldSet([]string{"Authorization", "Content-Type", "X-A"})
	for name, line := range map[string]string{
		"all":    "authorization,content-type,x-a",
		"commas": strings.Repeat(",", 16<<10),
		"names":  strings.Repeat("x-a,", 4<<10),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Covers([]string{line})
			}
		})
	}
}
