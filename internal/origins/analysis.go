package origins

import (
	"errors"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// MaxDomains is how many registrable domains a closed regexp may admit.
const MaxDomains = 16

// Analysis is what an expression admits, beside what its author has in mind.
type Analysis struct {
	// Open says that strangers can obtain an origin that the expression admits:
	// the registrable domains of such origins are more than MaxDomains, where for
	// schemes other than http and https each host counts as one. Names that cannot
	// be registered, and addresses, do not count.
	Open bool
	// Unproven says that the analysis was given up. Then Open is true too.
	Unproven bool
	// Domains are the registrable domains, if the expression is not open.
	Domains []string
	// Witness is an origin that a stranger could have, if the expression is open
	// and that is proven. It is short, and not under Meant if another is known.
	Witness string
	// Meant is the registrable domain in which the expression ends, or "".
	Meant string
	// Insecure is an insecure origin that the expression admits, or "".
	Insecure string
	// Dead says that no well-formed origin matches.
	Dead bool
}

// analyzer is an analysis under way.
type analyzer struct {
	Analysis
	re      *Regexp
	machine *machine
	start   int
	list    *suffixes.Node
	domains map[string]string // with an origin of each
	found   bool              // a well-formed origin matches
}

// Analyze finds out what the expression admits: on its automaton, not on samples.
// list is the public suffix list.
func (re *Regexp) Analyze(list *suffixes.Node) Analysis {
	result, _ := re.analyze(list)
	return result
}

// analyze also returns the domains that were found, with an origin of each.
func (re *Regexp) analyze(list *suffixes.Node) (result Analysis, domains map[string]string) {
	a := &analyzer{re: re, list: list, domains: make(map[string]string)}
	a.Meant = meant(re.parsed, list)
	defer func() {
		if r := recover(); r != nil {
			if err, ok := r.(error); !ok || !errors.Is(err, errBudget) {
				panic(r)
			}
			result, domains = Analysis{Open: true, Unproven: true, Meant: a.Meant, Insecure: a.Insecure}, a.domains
		}
	}()
	var err error
	if a.machine, a.start, err = newMachine(re.parsed.Simplify()); err != nil {
		return Analysis{Open: true, Unproven: true}, nil
	}
	for _, scheme := range []string{"https", "http"} {
		if state := a.machine.read(a.start, scheme+"://"); state != 0 {
			newHostAnalyzer(a, scheme, state).run()
		}
	}
	a.opaqueHosts()
	a.Open = len(a.domains) > MaxDomains
	if a.Open {
		if a.Witness == "" { // of another scheme, but under Meant
			a.Witness = slices.Min(slices.Collect(maps.Values(a.domains)))
		}
		return a.Analysis, a.domains
	}
	a.Witness = ""
	for domain := range a.domains {
		a.Domains = append(a.Domains, domain)
	}
	slices.Sort(a.Domains)
	a.Dead = !a.found
	return a.Analysis, a.domains
}

// domain notes a registrable domain, and an origin of it. It returns whether more
// are of interest.
func (a *analyzer) domain(name, origin string) bool {
	o, ok := Parse(origin)
	if !ok || !a.re.Match(o) {
		return true
	}
	a.domains[name] = origin
	meant := a.Meant != "" && a.list.Registrable(o.Host()) == a.Meant
	if shorter := len(origin) - len(a.Witness); !meant && (a.Witness == "" || shorter < 0 || shorter == 0 && plainer(origin, a.Witness)) {
		a.Witness = origin
	}
	return len(a.domains) <= MaxDomains || a.Witness == "" && len(a.domains) < 10*MaxDomains
}

// admits reports whether an origin is well formed and matches.
func (a *analyzer) admits(origin string) bool {
	o, ok := Parse(origin)
	return ok && a.re.Match(o)
}

// opaqueNode is a position in an origin whose scheme is neither http nor https.
type opaqueNode struct {
	state  int
	where  uint8  // in the scheme, the separator or the host
	scheme string // as far as it could still become one that is told from others
}

const (
	inScheme = iota
	afterColon
	afterSlash
	beforeHost
	inHost
)

// opaqueHosts notes the hosts of schemes other than http, https and file.
func (a *analyzer) opaqueHosts() {
	others := []string{"http", "https", "file"}
	withPort := []string{"ws", "wss", "ftp"} // a default one
	known := slices.Concat(others, withPort)
	g, nodes := build(a.machine.spend, opaqueNode{state: a.start, scheme: "-"}, func(n opaqueNode, yield func(byte, opaqueNode)) {
		step := func(c byte, where uint8, scheme string) {
			if next := a.machine.step(n.state, c); next != 0 {
				yield(c, opaqueNode{next, where, scheme})
			}
		}
		for c := byte('+'); c <= 'z'; c++ {
			switch class := class[c]; n.where {
			case inScheme:
				first := n.scheme == "-"
				if class&lower != 0 || !first && class&(digit|scheme) != 0 {
					prefix := strings.TrimPrefix(n.scheme, "-") + string(c)
					if !first && n.scheme == "" || !slices.ContainsFunc(known, func(s string) bool { return strings.HasPrefix(s, prefix) }) {
						prefix = ""
					}
					step(c, inScheme, prefix)
				} else if c == ':' && !first && !slices.Contains(others, n.scheme) {
					name := ""
					if slices.Contains(withPort, n.scheme) {
						name = n.scheme
					}
					step(c, afterColon, name)
				}
			case afterColon:
				if c == '/' {
					step(c, afterSlash, n.scheme)
				}
			case afterSlash:
				if c == '/' {
					step(c, beforeHost, n.scheme)
				}
			case beforeHost, inHost:
				if class&opaque != 0 {
					step(c, inHost, n.scheme)
				}
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.where == inHost {
			_, accepted[i] = a.machine.port(n.state, n.scheme)
		}
	}
	g.list(accepted, maxScheme+len("://")+maxHost, func(s string) bool {
		scheme, _, _ := strings.Cut(s, "://")
		port, ok := a.machine.port(a.machine.read(a.start, s), scheme)
		if !ok || !a.admits(s+port) {
			return true
		}
		a.found = true
		if a.re.anyBefore && a.admits(anyScheme+strings.TrimPrefix(s, scheme)+port) {
			return false // who leaves the scheme open thinks of web pages
		}
		return a.domain(s, s+port)
	})
}

// anyScheme is a scheme that no expression names.
const anyScheme = "any-scheme-at-all"

// meant returns the registrable domain in which an expression ends, or "". What
// follows an optional part or a class may be the end of a label only.
func meant(re *syntax.Regexp, list *suffixes.Node) string {
	end, whole := trailing(re)
	domain := list.Registrable(strings.TrimPrefix(end, "."))
	if domain == "" || domain != strings.ToLower(domain) || class[domain[0]]&(lower|digit) == 0 || domain == end && !whole {
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
