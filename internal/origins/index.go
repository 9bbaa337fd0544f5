package origins

import "strings"

// Index is a set of patterns. The cost of a lookup does not grow with their number,
// since exact origins and the texts around a wildcard are found by hash. The zero
// Index is empty. An Index is safe for concurrent use once it is built.
type Index struct {
	n       int
	exact   stringSet // whole origins
	schemes map[string]*schemeIndex
}

// schemeIndex holds the patterns of a scheme that are not exact.
type schemeIndex struct {
	anyHost       bool
	anyPort       stringSet // hosts: of https://a.example:*, "a.example"
	tails         tailSet   // of https://*.a.example:8443, ".a.example:8443"
	anyPortTails  tailSet   // of https://*.a.example:*, ".a.example"
	labels        labelSet  // of https://x-*.a.example:8443
	anyPortLabels labelSet  // of https://x-*.a.example:*
}

// NewIndex returns the set of the patterns.
func NewIndex(patterns []Pattern) *Index {
	size := 0
	for _, p := range patterns {
		size += len(p.s) + 1
	}
	var text strings.Builder
	text.Grow(size)
	for _, p := range patterns {
		text.WriteString(p.s)
		text.WriteByte('\n')
	}
	ix := new(Index)
	ix.build(text.String(), func(yield func(Pattern, int)) {
		at := 0
		for _, p := range patterns {
			yield(p, at)
			at += len(p.s) + 1
		}
	})
	return ix
}

// build fills the index with patterns that stand in a text, which each yields
// with their positions, every time it is called. The index keeps the text, and
// besides it only hash tables: a million origins take little more memory than
// their text.
func (ix *Index) build(text string, each func(yield func(Pattern, int))) {
	each(func(p Pattern, _ int) { ix.count(p) })
	ix.exact.allocate(text, false)
	for _, s := range ix.schemes {
		s.anyPort.allocate(text, true)
		s.tails.set.allocate(text, false)
		s.anyPortTails.set.allocate(text, true)
	}
	each(ix.insert)
	ix.n = ix.exact.n
	for _, s := range ix.schemes {
		ix.n += s.anyPort.n + s.tails.set.n + s.anyPortTails.set.n + len(s.labels.patterns) + len(s.anyPortLabels.patterns)
		if s.anyHost {
			ix.n++
		}
	}
}

// count makes room for a pattern.
func (ix *Index) count(p Pattern) {
	if p.Exact() {
		ix.exact.n++
		return
	}
	s := ix.schemes[p.scheme]
	if s == nil {
		if ix.schemes == nil {
			ix.schemes = make(map[string]*schemeIndex)
		}
		s = new(schemeIndex)
		ix.schemes[p.scheme] = s
	}
	switch {
	case p.anyHost:
		s.anyHost = true
	case p.inLabel: // has room as it grows
	case p.wildcard && p.anyPort:
		s.anyPortTails.count(p.tail())
	case p.wildcard:
		s.tails.count(p.tail())
	default:
		s.anyPort.n++
	}
}

// insert adds a pattern that begins at a position of the text.
func (ix *Index) insert(p Pattern, at int) {
	if p.Exact() {
		ix.exact.insert(at, len(p.s))
		return
	}
	s := ix.schemes[p.scheme]
	host := at + len(p.scheme) + len("://")
	switch {
	case p.anyHost:
	case p.inLabel && p.anyPort:
		s.anyPortLabels.insert(p)
	case p.inLabel:
		s.labels.insert(p)
	case p.wildcard && p.anyPort:
		s.anyPortTails.set.insert(host+len("*"), p.tail())
	case p.wildcard:
		s.tails.set.insert(host+len("*"), p.tail())
	default:
		s.anyPort.insert(host, len(p.host))
	}
}

// Len returns how many different patterns are in the set.
func (ix *Index) Len() int { return ix.n }

// Allows reports whether a pattern of the set admits o. It does not allocate.
func (ix *Index) Allows(o Origin) bool {
	return ix.AllowsExact(o.s) || ix.AllowsWildcard(o)
}

// AllowsExact reports whether s is an exact origin of the set, and so a well-formed
// one. It does not allocate.
func (ix *Index) AllowsExact(s string) bool {
	return len(s) <= MaxLen && ix.exact.has(s)
}

// HasWildcards reports whether the set has a pattern with a wildcard.
func (ix *Index) HasWildcards() bool { return len(ix.schemes) > 0 }

// AllowsWildcard reports whether a pattern with a wildcard admits o. It does not
// allocate.
func (ix *Index) AllowsWildcard(o Origin) bool {
	if !ix.HasWildcards() {
		return false
	}
	s := ix.schemes[o.Scheme()]
	if s == nil {
		return false
	}
	host, authority := o.Host(), o.s[int(o.schemeEnd)+len("://"):]
	return s.anyHost || s.anyPort.has(host) ||
		s.tails.hasTailOf(authority) || s.anyPortTails.hasTailOf(host) ||
		s.labels.admits(authority) || s.anyPortLabels.admits(host)
}

// tailSet is a set of tails of hosts, each beginning with a dot.
type tailSet struct {
	set               stringSet
	shortest, longest int
}

// count makes room for a tail of the given length.
func (t *tailSet) count(length int) {
	if t.set.n == 0 {
		t.shortest = length
	}
	t.set.n++
	t.shortest, t.longest = min(t.shortest, length), max(t.longest, length)
}

// hasTailOf reports whether what follows one or more labels of s is in the set.
// It looks only at tails as long as some in the set, so that a host of very many
// labels costs little.
func (t *tailSet) hasTailOf(s string) bool {
	if t.set.n == 0 {
		return false
	}
	for i := max(1, len(s)-t.longest); i <= len(s)-t.shortest; i++ {
		dot := strings.IndexByte(s[i:], '.')
		if dot < 0 {
			return false
		}
		if i += dot; i <= len(s)-t.shortest && t.set.has(s[i:]) {
			return true
		}
	}
	return false
}
