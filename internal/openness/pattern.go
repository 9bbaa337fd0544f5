package openness

import (
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// JudgePattern returns the verdict on what a pattern admits. It is open if strangers
// can obtain an origin of it: any of an extension's scheme, or one under a public
// suffix (https://publicsuffix.org) that is its host or lies below it. Names under
// no listed suffix, such as localhost, cannot be registered.
func JudgePattern(p origins.Pattern) (v Verdict) {
	if p.Insecure() {
		v.Insecure = p.String()
	}
	name := stranger(p)
	if name == "" {
		return v
	}
	v.Open, v.Witness = true, p.Sample(name)
	return v
}

// OpenPattern reports whether strangers can obtain an origin that a pattern admits.
func OpenPattern(p origins.Pattern) bool { return stranger(p) != "" }

// stranger returns what the asterisk of a pattern can stand for so that a stranger
// can have the origin, or "".
func stranger(p origins.Pattern) string {
	const name = "stranger"
	before, after, ok := p.Wildcard()
	switch {
	case !ok:
		return ""
	case p.Scheme() != "http" && p.Scheme() != "https":
		return name // nobody assigns the hosts of other schemes
	}
	if host := before + name + after; suffixes.List().Registrable(host) == host {
		return name
	}
	if before != "" || after[0] != '.' {
		return "" // the asterisk stands for a part of a label
	}
	if node, ok := suffixes.List().Find(after[len("."):]); ok {
		if below := suffixBelow(node); below != "" {
			return name + "." + below[:len(below)-len(".")]
		}
	}
	return ""
}

// suffixBelow returns the labels, each with a dot behind, of a public suffix below
// a node, or "".
func suffixBelow(node suffixes.Node) (labels string) {
	if node.Wildcard() {
		return "stranger."
	}
	for label, child := range node.Children {
		if child.Suffix() {
			return label + "."
		}
		if below := suffixBelow(child); below != "" {
			return below + label + "."
		}
	}
	return ""
}
