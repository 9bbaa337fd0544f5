package openness

import (
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// opaqueNode is a position in an origin whose scheme is neither http nor https.
type opaqueNode struct {
	state  int
	where  uint8  // in the scheme, the separator or the host
	scheme string // the part that has been read, if it may become a known one
}

const (
	inScheme = iota
	afterColon
	afterSlash
	beforeHost
	inHost
)

const maxScheme = 64

// notOpaque are the schemes that otherOrigins leaves out: those of the web, and those
// of which browsers send no origin.
var notOpaque = append(origins.NeverSent(), "http", "https")

// otherOrigins notes the hosts of schemes that are not in notOpaque.
func (a *analysis) otherOrigins() {
	a.likelyOrigins()
	if !a.more() {
		return
	}
	g, nodes := build(a.m, opaqueNode{state: a.start, scheme: "-"}, func(n opaqueNode, yield func(byte, opaqueNode)) {
		for _, e := range a.m.edges(n.state) {
			for c := range a.m.alphabet.members[e.class].all {
				if next, ok := n.read(c); ok {
					next.state = e.to
					yield(c, next)
				}
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.where == inHost {
			_, accepted[i] = a.m.end(n.state, anyScheme)
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

// anyScheme is a scheme that no expression names.
const anyScheme = "anyscheme"

// read returns the position after c.
func (n opaqueNode) read(c byte) (opaqueNode, bool) {
	switch n.where {
	case inScheme:
		begins := n.scheme == "-"
		switch {
		case c == ':' && !begins && !slices.Contains(notOpaque, n.scheme):
			n.where, n.scheme = afterColon, ""
		case letters.has(c) || !begins && schemeChars.has(c):
			prefix := strings.TrimPrefix(n.scheme, "-") + string(c)
			if !begins && n.scheme == "" || !slices.ContainsFunc(notOpaque, func(s string) bool { return strings.HasPrefix(s, prefix) }) {
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
