package origins

import (
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// Pattern is an origin as it may be configured: an exact origin, or one with a
// wildcard for one or more labels at the left of its host, for its port, or for
// the whole host of an extension's scheme.
type Pattern struct {
	s        string
	scheme   string
	host     string // without the wildcard
	port     string // "" for none
	wildcard bool   // "*." before the host
	anyPort  bool   // ":*" after it
	anyHost  bool   // "*" instead of it
}

// ParsePattern parses a configured origin. It must be spelled as browsers send
// it; the error says how that would be. "*" and "null" are no patterns: they
// stand for themselves.
func ParsePattern(s string) (Pattern, error) {
	p, ok := parsePattern(s)
	if !ok {
		return Pattern{}, explain(s)
	}
	return p, nil
}

func parsePattern(s string) (p Pattern, ok bool) {
	p.s = s
	if o, ok := Parse(s); ok { // without an allocation, as there may be a million
		p.scheme, p.host, p.port = o.Scheme(), o.Host(), o.Port()
		return p, true
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return p, false
	}
	p.scheme = scheme
	if rest == "*" {
		p.anyHost = true
		o, ok := Parse(scheme + "://a")
		return p, ok && o.Scheme() == scheme && scheme != "http" && scheme != "https"
	}
	rest, p.wildcard = strings.CutPrefix(rest, "*.")
	rest, p.anyPort = strings.CutSuffix(rest, ":*")
	o, ok := Parse(scheme + "://" + rest)
	if !ok || o.Scheme() != scheme {
		return p, false
	}
	p.host, p.port = o.Host(), o.Port()
	if p.anyPort && p.port != "" {
		return p, false
	}
	if p.wildcard && (p.host[0] == '[' || isIPv4(p.host) || len(p.host) > maxHost-len("a.")) {
		return p, false
	}
	return p, true
}

// String returns the pattern as it was parsed, which is its only spelling.
func (p Pattern) String() string { return p.s }

// Exact reports whether the pattern is one origin.
func (p Pattern) Exact() bool { return !p.wildcard && !p.anyPort && !p.anyHost }

// tail returns the length of what follows the asterisk of a wildcard, up to a
// wildcard for the port.
func (p Pattern) tail() int {
	n := len(p.s) - len(p.scheme) - len("://*")
	if p.anyPort {
		n -= len(":*")
	}
	return n
}

// Insecure reports whether the pattern admits an insecure origin.
func (p Pattern) Insecure() bool { return p.scheme == "http" && !isLoopback(p.host) }

// Open reports whether strangers can obtain an origin that the pattern admits: any
// of an extension's scheme, or one under a public suffix
// (https://publicsuffix.org) that is its host or lies below it. It returns such an
// origin. Names under no listed suffix, such as localhost, cannot be registered.
func (p Pattern) Open() (witness string, open bool) {
	switch {
	case p.anyHost:
		return p.scheme + "://stranger", true
	case !p.wildcard:
		return "", false
	case p.scheme != "http" && p.scheme != "https":
		return p.scheme + "://stranger." + p.host, true // nobody assigns the hosts of other schemes
	}
	suffix := ""
	if stranger := "stranger." + p.host; suffixes.List().Registrable(stranger) == stranger {
		suffix = p.host
	} else if node := suffixes.List().Find(p.host); node != nil {
		suffix = suffixBelow(node, p.host)
	}
	if suffix == "" {
		return "", false
	}
	port := ""
	if p.port != "" {
		port = ":" + p.port
	}
	return p.scheme + "://stranger." + suffix + port, true
}

// suffixBelow returns a public suffix below a name, whose node is given, or "".
func suffixBelow(node *suffixes.Node, name string) string {
	if node.Wildcard() {
		return "stranger." + name
	}
	for label, child := range node.Children() {
		below := label + "." + name
		if child.Suffix() {
			return below
		}
		if suffix := suffixBelow(child, below); suffix != "" {
			return suffix
		}
	}
	return ""
}
