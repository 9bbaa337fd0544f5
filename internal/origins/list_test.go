package origins

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// below reports whether a pattern is of the names below github.io.
func below(p Pattern) bool {
	_, after, ok := p.Wildcard()
	return ok && after == ".github.io"
}

func TestParseList(t *testing.T) {
	const text = "\uFEFF# comment\n\nhttps://a.example\r\n  https://*.b.example:*\t# note\n#https://c.example\n" +
		"https://a.example\nhttps://*.github.io#x\n"
	if _, err := ParseList(text, below); err == nil {
		t.Error("a # within an entry begins a comment")
	}
	l, err := ParseList(strings.Replace(text, "#x", " #x", 1)+"http://[::1]:*", below)
	if err != nil {
		t.Fatal(err)
	}
	if l.Len() != 4 || l.Blank() {
		t.Errorf("%d patterns, blank %t", l.Len(), l.Blank())
	}
	for _, tc := range []struct {
		s             string
		allowed, open bool
	}{
		{"https://a.example", true, false},
		{"https://a.example:8443", false, false},
		{"https://x.b.example", true, false},
		{"https://x.y.b.example:8443", true, false},
		{"https://b.example", false, false},
		{"https://c.example", false, false},
		{"https://x.github.io", true, true},
		{"http://[::1]:3000", true, false},
		{"http://[::1]", true, false},
		{"http://[::]", false, false},
	} {
		o, ok := Parse(tc.s)
		if !ok {
			t.Fatalf("%q is malformed", tc.s)
		}
		if allowed, open := l.Allows(o); allowed != tc.allowed || open != tc.open {
			t.Errorf("%q: got %t, %t, want %t, %t", tc.s, allowed, open, tc.allowed, tc.open)
		}
	}
}

func TestListErrors(t *testing.T) {
	for _, tc := range []struct {
		text string
		line int
		want string
	}{
		{"https://a.example\nb.example", 2, `line 2: "b.example": has no scheme, but browsers send one; write https://b.example`},
		{"\n\n*\n", 3, `line 3: "*": allows every origin, which a list cannot; write allow_origins *`},
		{"null", 1, `line 1: "null": is the opaque origin, which every sandboxed page has, and a list cannot allow it; remove it`},
		{"https://a.example https://b.example", 1, `line 1: "https://a.example https://b.example": has more than one entry; write one origin a line, and # before a comment`},
		{"https://a.example,https://b.example", 1, `line 1: "https://a.example,https://b.example": has more than one entry; write one origin a line, and # before a comment`},
		{"moz-extension://*", 1, `line 1: "moz-extension://*": allows a whole scheme, which a list cannot; write it in allow_origins`},
		{"https://a.example\r\nwss://b.example\r\n", 2, `line 2: "wss://b.example": has the scheme wss, but browsers send the origin of the page that opens the connection; write https://b.example`},
		{"'https://b.example'", 1, `line 1: "'https://b.example'": has quotation marks, which browsers do not send; write https://b.example`},
		{"moz-extension://a\nfile://*", 2, `line 2: "file://*": has the scheme file, whose pages have the origin null; serve the page over HTTP, and write that origin, such as http://localhost:8080`},
		{"{env.X}", 1, `line 1: "{env.X}": has a placeholder, which is not replaced here; write an origin such as https://app.example.com`},
		{"https://a.example/" + strings.Repeat("x", 100), 1, `line 1: "https://a.example/` + strings.Repeat("x", 46) + `": is not a valid origin; write an origin such as https://app.example.com`},
		{"\xff\xfe", 1, "line 1: \"\uFFFD\": has a character that cannot occur in an origin; write an origin such as https://app.example.com"},
	} {
		_, err := ParseList(tc.text, below)
		var e *ListError
		if !errors.As(err, &e) || e.Line != tc.line || e.Error() != tc.want {
			t.Errorf("%q:\n got %v\nwant %s", tc.text, err, tc.want)
		}
	}
}

// TestListManyErrors: each bad line is reported, up to a bound.
func TestListManyErrors(t *testing.T) {
	var bad strings.Builder
	for i := range 13 {
		fmt.Fprintf(&bad, "https://a.example\nb%d.example\n", i)
	}
	for _, tc := range []struct {
		text         string
		lines        []int
		more         int
		last, places string
	}{
		{"x", []int{1}, 0, `line 1: "x": has no scheme, but browsers send one; write https://x`, "line 1 is not a valid entry of a list"},
		{"x\n\n*", []int{1, 3}, 0, `line 3: "*": allows every origin, which a list cannot; write allow_origins *`, "lines 1 and 3 are not valid entries of a list"},
		{"x\nhttps://a.example\n*\n# c\nnull", []int{1, 3, 5}, 0, `line 5: "null": is the opaque origin, which every sandboxed page has, and a list cannot allow it; remove it`, "lines 1, 3 and 5 are not valid entries of a list"},
		{bad.String(), []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20}, 3, "and 3 more bad lines", "lines 2, 4, 6, 8, 10, 12, 14, 16, 18, 20 and 3 more are not valid entries of a list"},
	} {
		_, err := ParseList(tc.text, below)
		var e *LinesError
		if !errors.As(err, &e) || e.More != tc.more || e.Places() != tc.places {
			t.Errorf("%q:\n got %v, %s\nwant %s", tc.text, err, e.Places(), tc.places)
			continue
		}
		var lines []int
		for _, line := range e.Lines {
			lines = append(lines, line.Line)
		}
		shown := strings.Split(err.Error(), "\n")
		if !slices.Equal(lines, tc.lines) || shown[len(shown)-1] != tc.last || len(shown) != len(lines)+min(tc.more, 1) {
			t.Errorf("%q: got %s", tc.text, err)
		}
	}
}

// TestRemarks: there is a remark about every line that deserves one.
func TestRemarks(t *testing.T) {
	text := "\uFEFFhttp://a.example\n# *\n\nhttps://*.github.io # x\r\n*\nhttp://*.github.io\nhttps://a.example\nhttps://b.example y\n" + strings.Repeat("x\n", 20)
	want := []string{
		"1 http://a.example 1 <nil>", "4 https://*.github.io 2 <nil>",
		`5  0 line 5: "*": allows every origin, which a list cannot; write allow_origins *`, "6 http://*.github.io 3 <nil>",
		`8  0 line 8: "https://b.example y": has more than one entry; write one origin a line, and # before a comment`,
	}
	for number := 9; number <= 28; number++ {
		want = append(want, fmt.Sprintf(`%d  0 line %d: "x": has no scheme, but browsers send one; write https://x`, number, number))
	}
	var got []string
	for r := range Remarks(text, below) {
		var err error
		if r.Err != nil {
			err = r.Err
		}
		got = append(got, fmt.Sprint(r.Line, " ", r.Entry, " ", r.Risks, " ", err))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for range Remarks(text, below) {
		break // which ends the loop
	}
}

// TestRisky: which lines a policy with credentials may object to.
func TestRisky(t *testing.T) {
	var many strings.Builder
	for range 7 {
		many.WriteString("http://a.example\nhttps://*.github.io # same\nhttp://*.github.io\nhttps://a.example\n")
	}
	for _, tc := range []struct {
		text  string
		risks Risks
		want  string
	}{
		{"https://a.example\nhttp://localhost:*\nhttp://127.0.0.1", RiskInsecure | RiskOpen, ""},
		{"https://a.example\n\n# http://x.example\nhttp://a.example # x", RiskInsecure | RiskOpen, "line 4"},
		{"http://a.example\nhttps://*.github.io", RiskInsecure, "line 1"},
		{"http://a.example\nhttps://*.github.io", RiskOpen, "line 2"},
		{"http://a.example\nhttps://*.github.io", RiskInsecure | RiskOpen, "lines 1 and 2"},
		{"http://a.example\nhttps://*.github.io", 0, ""},
		{"http://*.github.io", RiskInsecure, "line 1"},
		{"http://*.github.io", RiskOpen, "line 1"},
		{"http://*.github.io", RiskInsecure | RiskOpen, "line 1"},
		{many.String(), RiskInsecure | RiskOpen, "lines 1, 2, 3, 5, 6, 7, 9, 10, 11, 13 and 11 more"},
		{many.String(), RiskInsecure, "lines 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 4 more"},
		{many.String(), RiskOpen, "lines 2, 3, 6, 7, 10, 11, 14, 15, 18, 19 and 4 more"},
	} {
		l, err := ParseList(tc.text, below)
		if err != nil {
			t.Fatal(err)
		}
		lines, got := l.Risky(tc.risks), ""
		if lines.Count > 0 {
			got = lines.String()
		}
		if got != tc.want {
			t.Errorf("%q, %d: got %q, want %q", tc.text, tc.risks, got, tc.want)
		}
		if again := l.Risky(tc.risks); !slices.Equal(again.First, lines.First) {
			t.Errorf("%q: then %v", tc.text, again)
		}
	}
}

func TestBlank(t *testing.T) {
	for text, want := range map[string]bool{"": true, "\n \r\n\t": true, "\uFEFF": true, "# none": false, "https://a.example": false} {
		l, err := ParseList(text, below)
		if err != nil {
			t.Fatal(err)
		}
		if l.Blank() != want {
			t.Errorf("%q: got %t", text, l.Blank())
		}
	}
}

// FuzzList: a list allows what its lines, taken one by one, do, whatever stands
// around them; and a bad one is refused with a line that is bad.
func FuzzList(f *testing.F) {
	f.Add("# x\nhttps://*.example.com:* # y\r\n\nhttps://a.example", "https://b.example.com:8443")
	f.Add("https://foo.com\nhttps://bar.com\nhttps://*.github.io", "https://barfoo.com")
	for _, tc := range wellFormed {
		f.Add(tc.s+"\nhttps://*.com", tc.s)
	}
	f.Fuzz(func(t *testing.T, text, origin string) {
		l, err := ParseList(text, below)
		if err != nil {
			var e *ListError
			if !errors.As(err, &e) || len(e.Err.Entry) > 3*maxQuote || len(e.Error()) > 8*maxQuote {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var patterns []Pattern
		for line := range strings.Lines(strings.TrimPrefix(text, "\uFEFF")) {
			entry, _ := splitLine(strings.TrimSuffix(line, "\n"))
			if entry == "" {
				continue
			}
			p, err := ParsePattern(entry)
			if err != nil {
				t.Fatal(err)
			}
			patterns = append(patterns, p)
		}
		ix := NewIndex(patterns)
		if ix.Len() != l.Len() {
			t.Errorf("%d patterns, want %d", l.Len(), ix.Len())
		}
		if o, ok := Parse(origin); ok {
			if allowed, _ := l.Allows(o); allowed != ix.Allows(o) {
				t.Errorf("%q in %q: got %t", origin, text, allowed)
			}
		}
	})
}

// million is the text of a list of n origins of 34 bytes.
func million(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "https://tenant-%07d.example.com\n", i)
	}
	return text.String()
}

// BenchmarkParseList times a list of a million origins, and reports its live heap
// and the peak while another one is replaced, as multiples of the text.
func BenchmarkParseList(b *testing.B) {
	text := million(1_000_000)
	heap := func() float64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			if _, err := ParseList(text, below); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("heap", func(b *testing.B) {
		runtime.GC()
		base := heap() - float64(len(text))
		l, err := ParseList(text, below)
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		live := heap() - base
		next, err := ParseList(strings.Clone(text), below) // as it is read
		if err != nil {
			b.Fatal(err)
		}
		peak := heap() - base
		runtime.KeepAlive(l)
		runtime.KeepAlive(next)
		b.ReportMetric(live/float64(len(text)), "live/text")
		b.ReportMetric(peak/float64(len(text)), "peak/text")
	})
}

// BenchmarkList times lookups in lists of 10 and of 1,000,000 origins: of 1,000
// hot ones, of ones that are not there, and of random ones.
func BenchmarkList(b *testing.B) {
	for _, n := range []int{10, 1_000_000} {
		l, err := ParseList(million(n), below)
		if err != nil {
			b.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		pick := func(format string, count int) []Origin {
			list := make([]Origin, count)
			for i := range list {
				list[i], _ = Parse(fmt.Sprintf(format, rnd.IntN(n)))
			}
			return list
		}
		for _, bc := range []struct {
			name string
			list []Origin
		}{
			{"hot", pick("https://tenant-%07d.example.com", 1000)},
			{"miss", pick("https://tenant-%07d.example.net", 1<<16)},
			{"random", pick("https://tenant-%07d.example.com", 1<<16)},
		} {
			b.Run(fmt.Sprintf("%s/%d", bc.name, n), func(b *testing.B) {
				i := 0
				for b.Loop() {
					if allowed, _ := l.Allows(bc.list[i]); allowed == (bc.name == "miss") {
						b.Fatal(bc.list[i])
					}
					if i++; i == len(bc.list) {
						i = 0
					}
				}
			})
		}
	}
}
