package suffixes

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// TestRules: every name in the list, and names around it, have the registrable
// domain that golang.org/x/net/publicsuffix knows; and the version is the same.
func TestRules(t *testing.T) {
	if !strings.HasPrefix(rules, "// "+publicsuffix.List.String()+"\n") {
		t.Fatalf("the rules are those of another version: run go generate ./internal/suffixes")
	}
	names := 0
	check := func(host string) {
		names++
		want := ""
		suffix, icann := publicsuffix.PublicSuffix(host)
		// A name that no rule is about is one label by the default rule; so is a name that
		// is only above those of rules, such as za.
		listed := icann || strings.Contains(suffix, ".")
		if n, ok := Public().Child(suffix); ok && !n.Suffix() && !n.Wildcard() {
			listed = false
		}
		if listed && suffix != host {
			want = host[strings.LastIndexByte(strings.TrimSuffix(host, "."+suffix), '.')+1:]
		}
		for _, dot := range []string{"", "."} {
			if got := Public().Registrable(host + dot); got != want {
				t.Errorf("%s%s: got %q, want %q", host, dot, got, want)
			}
		}
	}
	var walk func(n Node, name string)
	walk = func(n Node, name string) {
		for label, child := range n.Children {
			host := strings.TrimSuffix(label+"."+name, ".")
			for _, prefix := range []string{"", "a.", "b.a.", "www.", "c.b.a."} {
				check(prefix + host)
			}
			walk(child, host)
		}
	}
	walk(Public(), "")
	for _, host := range []string{"localhost", "a.localhost", "printer.lan", "x.corp", "a.b.internal", "com", "uk"} {
		check(host)
	}
	if names < 50_000 {
		t.Errorf("only %d names", names)
	}
}

// BenchmarkParse times what the first entry pays that needs the list.
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse(rules)
	}
}

// TestWalk: an automaton meets the labels that it can read, and the state behind
// each.
func TestWalk(t *testing.T) {
	root := Parse("com\na.com\nba.com\nb.c.com\n!d.com\n*.e.com\nother")
	com, ok := root.Child("com")
	if !ok || !com.Suffix() {
		t.Fatalf("com: %+v", com)
	}
	var got []string
	step := func(state int, c byte) int { // reads a and b, and counts
		if c > 'b' {
			return 0
		}
		return state + 1
	}
	com.Walk(1, step, func(label string, child Node, state int) bool {
		got = append(got, fmt.Sprint(label, child.Suffix(), state))
		return true
	})
	if want := "[atrue 2 batrue 3]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	got = nil
	for label, child := range com.Children {
		got = append(got, fmt.Sprint(label, child.Suffix(), child.Wildcard(), child.Excepted()))
	}
	if want := "[atrue false false batrue false false cfalse false false dfalse false true efalse true false]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	for range com.Children {
		break
	}
}
