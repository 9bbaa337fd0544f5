package suffixes

import (
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
		// What no rule is about is one label by the default rule; so is a name that
		// is only above those of rules, such as za.
		listed := icann || strings.Contains(suffix, ".")
		if n := Public().Child(suffix); n != nil && !n.Suffix() && !n.Wildcard() {
			listed = false
		}
		if listed && suffix != host {
			want = host[strings.LastIndexByte(strings.TrimSuffix(host, "."+suffix), '.')+1:]
		}
		if got := Public().Registrable(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
	var walk func(n *Node, name string)
	walk = func(n *Node, name string) {
		for label, child := range n.Children() {
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
