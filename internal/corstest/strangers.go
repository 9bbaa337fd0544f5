package corstest

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"regexp/syntax"
	"strings"
	"testing"
)

// Registry tells which origins strangers can obtain, from the lists of suffixes and
// by plain string operations. It shares no code with the judge of policies, which it
// is there to judge.
type Registry struct {
	rules map[string]bool
	names []string // the rules without their marks, in the order of the lists
	above map[string]bool
}

// ReadRegistry reads lists in the format of publicsuffix.org.
func ReadRegistry(t testing.TB, files ...string) *Registry {
	t.Helper()
	var lists []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, string(text))
	}
	r := NewRegistry(lists...)
	if len(r.names) < 10_000 {
		t.Fatalf("only %d rules", len(r.names))
	}
	return r
}

// NewRegistry returns the registry of lists in the format of publicsuffix.org.
func NewRegistry(lists ...string) *Registry {
	r := &Registry{rules: make(map[string]bool), above: make(map[string]bool)}
	for _, list := range lists {
		for line := range strings.Lines(list) {
			rule := strings.TrimSpace(line)
			// Each home has a home.arpa of its own.
			if rule != "" && !strings.HasPrefix(rule, "//") && rule != "home.arpa" {
				r.rules[rule] = true
				r.names = append(r.names, strings.TrimPrefix(strings.TrimPrefix(rule, "!"), "*."))
			}
		}
	}
	for _, name := range r.names {
		for _, parent, ok := strings.Cut(name, "."); ok; _, parent, ok = strings.Cut(parent, ".") {
			r.above[parent] = true
		}
	}
	return r
}

// Name returns a name that a rule has.
func (r *Registry) Name(rnd *rand.Rand) string { return r.names[rnd.IntN(len(r.names))] }

// Above reports whether a rule has a name below another one.
func (r *Registry) Above(name string) bool { return r.above[name] }

// Domain returns the domain that somebody has to register to obtain an origin, or the
// address to rent, or the scheme and host to choose. It returns "" if nobody can
// obtain the origin by that: it is of a private network or of the machine itself, is
// a suffix itself, or is under no suffix that is listed.
func (r *Registry) Domain(origin string) string {
	scheme, rest, _ := strings.Cut(origin, "://")
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		rest = rest[:i]
	}
	if scheme != "https" && scheme != "http" {
		return scheme + "://" + rest
	}
	if addr, err := netip.ParseAddr(strings.Trim(rest, "[]")); err == nil {
		switch global := netip.MustParsePrefix("2000::/3"); {
		case addr.IsPrivate(), addr.IsLoopback(), addr.IsLinkLocalUnicast(), addr.Is6() && !global.Contains(addr):
			return ""
		case addr.Is4() && (addr.As4()[0] == 0 || addr.As4()[0] >= 224):
			return ""
		}
		return rest
	}
	labels := strings.Split(strings.TrimSuffix(rest, "."), ".")
	from := func(i int) string { return strings.Join(labels[i:], ".") }
	for i := range labels {
		switch {
		case r.rules["!"+from(i)]:
			return from(i)
		case !r.rules[from(i)] && !r.rules["*."+from(i+1)]:
		case i == 0:
			return ""
		default:
			return from(i - 1)
		}
	}
	return ""
}

// Sample returns a string that an expression matches, as far as it looks at no
// boundaries. It prefers the characters of origins.
func Sample(rnd *rand.Rand, re *syntax.Regexp) string {
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789abcxyz.-_.."
	repeat := func(low, high int) string {
		if high < 0 || high > low+12 {
			high = low + 1 + rnd.IntN(12)
		}
		var text strings.Builder
		for range low + rnd.IntN(high-low+1) {
			text.WriteString(Sample(rnd, re.Sub[0]))
		}
		return text.String()
	}
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return strings.ToLower(string(re.Rune))
		}
		return string(re.Rune)
	case syntax.OpCharClass:
		class := func(c rune) bool {
			for i := 0; i < len(re.Rune); i += 2 {
				if re.Rune[i] <= c && c <= re.Rune[i+1] {
					return true
				}
			}
			return false
		}
		for range 20 {
			if c := rune(plain[rnd.IntN(len(plain))]); class(c) {
				return string(c)
			}
		}
		if len(re.Rune) == 0 {
			return ""
		}
		i := 2 * rnd.IntN(len(re.Rune)/2)
		return string(re.Rune[i] + rnd.Int32N(min(re.Rune[i+1]-re.Rune[i], 30)+1))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return string(plain[rnd.IntN(len(plain))])
	case syntax.OpCapture:
		return Sample(rnd, re.Sub[0])
	case syntax.OpStar:
		return repeat(0, -1)
	case syntax.OpPlus:
		return repeat(1, -1)
	case syntax.OpQuest:
		return repeat(0, 1)
	case syntax.OpRepeat:
		return repeat(re.Min, re.Max)
	case syntax.OpConcat:
		var text strings.Builder
		for _, sub := range re.Sub {
			text.WriteString(Sample(rnd, sub))
		}
		return text.String()
	case syntax.OpAlternate:
		return Sample(rnd, re.Sub[rnd.IntN(len(re.Sub))])
	default:
		return ""
	}
}

// Mutate returns an origin that looks like another one: what a stranger would try.
func Mutate(rnd *rand.Rand, r *Registry, origin string) string {
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	scheme, rest, ok := strings.Cut(origin, "://")
	if !ok || rest == "" {
		return origin
	}
	const plain = "abcdefghijklmnopqrstuvwxyz0123456789-_."
	at := rnd.IntN(len(rest))
	c := string(plain[rnd.IntN(len(plain))])
	host, port := rest, ""
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		host, port = rest[:i], rest[i:]
	}
	kind := rnd.IntN(14)
	if rest[0] == '[' && rnd.IntN(3) > 0 {
		kind = 12 // few bytes that are changed make another address
	}
	switch kind {
	case 0: // one byte more
		rest = rest[:at] + c + rest[at:]
	case 1: // one less
		rest = rest[:at] + rest[at+1:]
	case 2: // another one
		rest = rest[:at] + c + rest[at+1:]
	case 3: // a dot that is none
		if dot := strings.IndexByte(rest[at:], '.'); dot >= 0 {
			rest = rest[:at+dot] + c + rest[at+dot+1:]
		}
	case 4: // in front
		rest = pick("evil", "evil-", "evil.", "a.b.", "x") + rest
	case 5: // behind
		rest = host + pick("evil.com", ".evil.com", "-evil.com", ".evil.github.io", "."+r.Name(rnd)) + port
	case 6: // without the first label
		if _, after, ok := strings.Cut(rest, "."); ok {
			rest = after
		}
	case 7:
		rest = host + "." + port
	case 8:
		rest = host + pick(":8443", ":1", ":443", ":80")
	case 9:
		scheme = pick("http", "https", "app", "moz-extension", "capacitor")
	case 10: // another first label
		if _, after, ok := strings.Cut(rest, "."); ok {
			rest = pick("evil", "stranger", "a", "www", "evil.a") + "." + after
		}
	case 11: // a name that a stranger has, anywhere
		rest = "evil." + r.Name(rnd) + port
	case 12:
		rest = pick("203.0.113.7", "8.8.8.8", fmt.Sprintf("203.0.113.%d", rnd.IntN(256)), fmt.Sprintf("[2001:db8::%x]", 1+rnd.IntN(65_535))) + port
	case 13: // another suffix
		if label, _, ok := strings.Cut(rest, "."); ok {
			rest = label + "." + r.Name(rnd) + port
		}
	}
	return scheme + "://" + rest
}
