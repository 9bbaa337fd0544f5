package openness

import (
	"net/netip"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// analysis finds out what an expression admits: on its automaton, not on samples.
type analysis struct {
	Verdict
	re      *origins.Regexp
	m       *machine
	start   int
	list    suffixes.Node
	domains map[string]string // with an origin of each
	worth   int               // of the witness
	found   bool              // a well-formed origin matches
	// anyScheme says that the scheme is left open, and that the expression would be
	// closed if it were https.
	anyScheme bool
}

// analyze also returns the domains that were found, with an origin of each. list is
// the public suffix list.
func analyze(re *origins.Regexp, list suffixes.Node) (Verdict, map[string]string) {
	unproven := Verdict{Open: true, Unproven: true}
	parsed := re.Syntax()
	m, start, err := newMachine(parsed)
	if err != nil {
		return unproven, nil
	}
	a := &analysis{re: re, m: m, start: start, list: list, domains: make(map[string]string)}
	a.Meant = meant(parsed, list)
	a.webOrigins()
	a.anyScheme = !m.over && len(a.domains) <= MaxDomains && m.read(start, anyScheme+"://") != dead
	a.otherOrigins()
	if m.over {
		unproven.Meant, unproven.Insecure = a.Meant, a.Insecure
		return unproven, a.domains
	}
	a.AnyScheme = a.anyScheme && len(a.domains) > MaxDomains
	if a.Open = len(a.domains) > MaxDomains; !a.Open {
		a.Witness = ""
		a.Dead = !a.found
		for domain := range a.domains {
			a.Domains = append(a.Domains, domain)
		}
		slices.Sort(a.Domains)
	}
	return a.Verdict, a.domains
}

// webOrigins looks at the origins of http and https.
func (a *analysis) webOrigins() {
	var read *backward
	var start int
	accepted := make(map[int]bool) // the sets that are done
	for _, scheme := range []string{"https", "http"} {
		state := a.m.read(a.start, scheme+"://")
		if state == dead {
			continue
		}
		if read == nil || state != start {
			read, start = readBackward(readHosts(a.m, state)), state
			clear(accepted)
		}
		w := &web{analysis: a, backward: read, scheme: scheme, start: state}
		w.accept = read.set(read.hosts.set(func(state int) bool {
			_, ok := a.m.webEnd(state, scheme)
			return ok
		}))
		if !accepted[w.accept] { // otherwise both schemes have the same hosts
			w.registrable()
		}
		accepted[w.accept] = true
		w.insecure()
		w.addresses4()
		w.addresses6()
		w.anyHost()
	}
}

// domain notes a registrable domain, and an origin of it. It returns whether more
// are of interest.
func (a *analysis) domain(name, origin string) bool {
	o, ok := a.admits(origin)
	if !ok || a.m.over {
		return !a.m.over
	}
	a.found = true
	a.domains[name] = origin
	worth := a.worthOf(o)
	better := len(origin) < len(a.Witness) || len(origin) == len(a.Witness) && plainer(origin, a.Witness)
	if worth > a.worth || worth == a.worth && better && !isAddress(o) { // of addresses, the likely ones come first
		a.worth, a.Witness = worth, origin
	}
	return a.more()
}

// more reports whether more domains are of interest: until it is clear that the
// expression is open, and then for a better witness.
func (a *analysis) more() bool {
	const best = 3
	return !a.m.over && (len(a.domains) <= MaxDomains || a.worth < best && len(a.domains) < 10*MaxDomains)
}

// worthOf tells how good a witness an origin is. The best are of https, not of what
// is meant, and have a name that can be registered in practice.
func (a *analysis) worthOf(o origins.Origin) int {
	domain := a.list.Registrable(o.Host())
	label, _, _ := strings.Cut(domain, ".")
	switch scheme := o.Scheme(); {
	case scheme != "http" && scheme != "https":
		if slices.Contains(likelySchemes, scheme) && isLikely(o.Host()) {
			return 2
		}
		return 1
	case domain != "" && domain == a.Meant:
		return 0
	case label != strings.Trim(label, "-") || strings.Contains(label, "_"):
		return 1
	case scheme == "http":
		return 2
	}
	return 3
}

func isAddress(o origins.Origin) bool {
	_, err := netip.ParseAddr(strings.Trim(o.Host(), "[]"))
	return err == nil
}

// admits reports whether an origin is well formed and matches.
func (a *analysis) admits(origin string) (origins.Origin, bool) {
	o, ok := origins.Parse(origin)
	return o, ok && a.re.Match(o)
}

// meant returns the registrable domain in which an expression ends, or "". What
// follows an optional part or a class may be the end of a label only.
func meant(re *syntax.Regexp, list suffixes.Node) string {
	end, whole := trailing(re)
	domain := list.Registrable(strings.TrimPrefix(end, "."))
	if domain == "" || domain != strings.ToLower(domain) || !letters.or(digits).has(domain[0]) || domain == end && !whole {
		return ""
	}
	return domain
}

// trailing returns the literal in which a host ends that matches, and whether
// something is before it that can be other labels as well as more of its own.
func trailing(re *syntax.Regexp) (text string, whole bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return strings.ToLower(string(re.Rune)), false
		}
		return string(re.Rune), false
	case syntax.OpCapture:
		return trailing(re.Sub[0])
	case syntax.OpConcat:
		for _, sub := range slices.Backward(re.Sub) {
			for sub.Op == syntax.OpCapture {
				sub = sub.Sub[0]
			}
			switch {
			case slices.Contains([]syntax.Op{syntax.OpEndText, syntax.OpEndLine, syntax.OpEmptyMatch, syntax.OpWordBoundary, syntax.OpNoWordBoundary}, sub.Op):
				continue
			case text == "" && (sub.Op == syntax.OpQuest || sub.Op == syntax.OpStar) && strings.HasPrefix(leading(sub.Sub[0]), ":"):
				continue // a port
			}
			if sub.Op == syntax.OpAnyChar || sub.Op == syntax.OpAnyCharNotNL {
				text = "." + text // a dot that was not escaped
				continue
			}
			more, _ := trailing(sub)
			text = more + text
			switch sub.Op {
			case syntax.OpLiteral:
			case syntax.OpStar, syntax.OpPlus:
				return text, true
			case syntax.OpQuest: // of labels, not of a part of one
				before, _ := trailing(sub.Sub[0])
				return text, strings.HasSuffix(before, ".")
			default:
				return text, false
			}
		}
		return text, false
	default:
		return "", false
	}
}

// leading returns the literal in which an expression begins.
func leading(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCapture, syntax.OpConcat:
		return leading(re.Sub[0])
	default:
		return ""
	}
}
