package origins

import "strings"

// Pattern is an origin as it may be configured: an exact origin, or one with a
// wildcard for one or more labels at the left of its host, for a part of the first
// of them, for its port, or for the whole host of an extension's scheme.
type Pattern struct {
	s        string
	scheme   string
	host     string // without the wildcard, and what is before it
	port     string // "" for none
	wildcard bool   // "*." before the host
	inLabel  bool   // "*" before it, which stands for a part of a label
	before   uint8  // how much of the label is before that
	anyPort  bool   // ":*" after it
	anyHost  bool   // "*" instead of it
}

// ParsePattern parses a configured origin, which must be spelled as browsers send
// it. Otherwise it returns an *Error with the right spelling. "*" and "null" are not
// patterns, but have meanings of their own.
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
		return p, isWeb(p.scheme) || misspelledSchemes[p.scheme] == ""
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok || misspelledSchemes[scheme] != "" {
		return p, false
	}
	p.scheme = scheme
	if before, after, ok := cutLabel(rest); ok && isWeb(scheme) {
		return p.within(before, after)
	}
	if rest == "*" {
		p.anyHost = true
		o, ok := Parse(scheme + "://a")
		return p, ok && o.Scheme() == scheme && !isWeb(scheme)
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
	if isWeb(scheme) && strings.HasSuffix(p.host, ".") { // a host of its own, which only an exact pattern can name
		return p, false
	}
	if p.wildcard && (p.host[0] == '[' || isIPv4(p.host) || len(p.host) > maxHost-len("a.")) {
		return p, false
	}
	return p, true
}

// cutLabel cuts what follows a scheme around the asterisk that stands for a part of
// the first label.
func cutLabel(s string) (before, after string, ok bool) {
	before, after, _ = strings.Cut(s, "*")
	dot := strings.IndexByte(after, '.')
	return before, after, dot >= 0 && dot+len(before) > 0 && !strings.ContainsAny(before, ".:")
}

// within parses a pattern whose asterisk stands for a part of a label.
func (p Pattern) within(before, after string) (Pattern, bool) {
	after, p.anyPort = strings.CutSuffix(after, ":*")
	o, ok := Parse(p.scheme + "://" + before + "a" + after)
	if !ok || o.Scheme() != p.scheme || strings.HasSuffix(o.Host(), ".") || p.anyPort && o.Port() != "" {
		return p, false
	}
	p.inLabel, p.before = true, uint8(len(before))
	p.host, p.port = o.Host()[len(before)+len("a"):], o.Port()
	return p, true
}

// String returns the pattern as it was parsed, which is its only spelling.
func (p Pattern) String() string { return p.s }

// Exact reports whether the pattern is one origin.
func (p Pattern) Exact() bool { return !p.wildcard && !p.inLabel && !p.anyPort && !p.anyHost }

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

// Scheme returns the scheme.
func (p Pattern) Scheme() string { return p.scheme }

// Wildcard returns what stands before and after the asterisk of the host. ok is
// false if there is none.
func (p Pattern) Wildcard() (before, after string, ok bool) {
	switch {
	case p.anyHost:
		return "", "", true
	case p.inLabel:
		host := p.s[len(p.scheme)+len("://"):]
		return host[:p.before], p.host, true
	case p.wildcard:
		return "", p.s[len(p.scheme)+len("://*"):][:len(".")+len(p.host)], true
	}
	return "", "", false
}

// Sample returns an origin that the pattern admits: the one for whose host s stands
// in the place of the asterisk, without a port if that can be any.
func (p Pattern) Sample(s string) string {
	if p.Exact() {
		return p.s
	}
	origin := p.scheme + "://" + p.host
	if before, after, ok := p.Wildcard(); ok {
		origin = p.scheme + "://" + before + s + after
	}
	if p.port != "" {
		origin += ":" + p.port
	}
	return origin
}
