package openness

import (
	"slices"
	"strings"
)

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

const maxScheme = 64

// Schemes that are told from others: those of otherOrigins are not, and those that
// have a default port.
var (
	notOpaque = []string{"http", "https", "file"}
	withPort  = []string{"ws", "wss", "ftp"}
)

// otherOrigins notes the hosts of schemes other than http, https and file.
func (a *analysis) otherOrigins() {
	a.likelyOrigins()
	if !a.more() {
		return
	}
	known := slices.Concat(notOpaque, withPort)
	g, nodes := build(a.m, opaqueNode{state: a.start, scheme: "-"}, func(n opaqueNode, yield func(byte, opaqueNode)) {
		for _, e := range a.m.edges(n.state) {
			for c := range a.m.alphabet.members[e.class].all {
				if next, ok := n.read(c, known); ok {
					next.state = e.to
					yield(c, next)
				}
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.where == inHost {
			_, accepted[i] = a.m.end(n.state, schemeOr(n.scheme))
		}
	}
	g.list(accepted, maxScheme+len("://")+maxHost, func(s string) bool {
		scheme, _, _ := strings.Cut(s, "://")
		end, ok := a.m.end(a.m.read(a.start, s), scheme)
		if _, admitted := a.admits(s + end); !ok || !admitted {
			return true
		}
		a.found = true
		return a.domain(s, s+end)
	})
}

// likelySchemes are those of apps and extensions that are well known.
var likelySchemes = []string{"app", "capacitor", "ionic", "tauri", "chrome-extension", "moz-extension", "safari-web-extension"}

// likelyOrigins looks for origins of those schemes that have a plain host.
func (a *analysis) likelyOrigins() {
	for _, scheme := range likelySchemes {
		start := a.m.read(a.start, scheme+"://")
		if start == dead || !a.more() {
			continue
		}
		g, nodes := build(a.m, start, func(state int, yield func(byte, int)) {
			for _, e := range a.m.edges(state) {
				for c := range a.m.alphabet.members[e.class].and(opaqueChars).all {
					yield(c, e.to)
				}
			}
		})
		accepted := make([]bool, len(nodes))
		for i, state := range nodes {
			_, accepted[i] = a.m.end(state, scheme)
		}
		g.list(accepted, maxHost, func(host string) bool {
			end, _ := a.m.end(a.m.read(start, host), scheme)
			if isLikely(host) {
				a.domain(scheme+"://"+host, scheme+"://"+host+end)
			}
			a.m.spend(1_000)
			return !isLikely(host)
		})
	}
}

// isLikely reports whether a host looks like one.
func isLikely(host string) bool {
	plain := func(c byte) bool { return letters.or(digits).has(c) }
	return host != "" && plain(host[0]) && plain(host[len(host)-1]) && !strings.Contains(host, "..")
}

// schemeOr returns a scheme that is told from others, or one that is not.
func schemeOr(scheme string) string {
	if scheme == "" {
		return anyScheme
	}
	return scheme
}

// anyScheme is a scheme that no expression names.
const anyScheme = "anyscheme"

// read returns the position after c.
func (n opaqueNode) read(c byte, known []string) (opaqueNode, bool) {
	switch n.where {
	case inScheme:
		begins := n.scheme == "-"
		switch {
		case c == ':' && !begins && !slices.Contains(notOpaque, n.scheme):
			n.where = afterColon
			if !slices.Contains(withPort, n.scheme) {
				n.scheme = ""
			}
		case letters.has(c) || !begins && schemeChars.has(c):
			prefix := strings.TrimPrefix(n.scheme, "-") + string(c)
			if !begins && n.scheme == "" || !slices.ContainsFunc(known, func(s string) bool { return strings.HasPrefix(s, prefix) }) {
				prefix = ""
			}
			n.scheme = prefix
		default:
			return n, false
		}
		return n, true
	case afterColon, afterSlash:
		n.where++
		return n, c == '/'
	default:
		n.where = inHost
		return n, opaqueChars.has(c)
	}
}
