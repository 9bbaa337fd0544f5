package origins

import (
	"hash/maphash"
	"math/bits"
	"strings"
)

// Index is a set of patterns. What a lookup costs does not grow with their
// number: exact origins and the tails of wildcards are found by hash.
type Index struct {
	n       int
	exact   stringSet // whole origins
	schemes map[string]*schemeIndex
}

// schemeIndex holds the patterns of a scheme that are not exact.
type schemeIndex struct {
	anyHost      bool
	anyPort      stringSet // hosts: of https://a.example:*, "a.example"
	tails        tailSet   // of https://*.a.example:8443, ".a.example:8443"
	anyPortTails tailSet   // of https://*.a.example:*, ".a.example"
}

// NewIndex returns the set of the patterns.
func NewIndex(patterns []Pattern) *Index {
	type lists struct{ anyPort, tails, anyPortTails []string }
	var exact []string
	schemes := make(map[string]*lists)
	ix := &Index{schemes: make(map[string]*schemeIndex)}
	for _, p := range patterns {
		if p.Exact() {
			exact = append(exact, p.s)
			continue
		}
		if ix.schemes[p.scheme] == nil {
			ix.schemes[p.scheme], schemes[p.scheme] = new(schemeIndex), new(lists)
		}
		list := schemes[p.scheme]
		switch {
		case p.anyHost:
			ix.schemes[p.scheme].anyHost = true
		case p.wildcard && p.anyPort:
			list.anyPortTails = append(list.anyPortTails, "."+p.host)
		case p.wildcard && p.port != "":
			list.tails = append(list.tails, "."+p.host+":"+p.port)
		case p.wildcard:
			list.tails = append(list.tails, "."+p.host)
		default:
			list.anyPort = append(list.anyPort, p.host)
		}
	}
	ix.exact = newStringSet(exact)
	ix.n = ix.exact.n
	for scheme, list := range schemes {
		s := ix.schemes[scheme]
		s.anyPort = newStringSet(list.anyPort)
		s.tails = newTailSet(list.tails)
		s.anyPortTails = newTailSet(list.anyPortTails)
		ix.n += s.anyPort.n + s.tails.set.n + s.anyPortTails.set.n
		if s.anyHost {
			ix.n++
		}
	}
	return ix
}

// Len returns how many different patterns are in the set.
func (ix *Index) Len() int { return ix.n }

// Allows reports whether a pattern of the set admits o. It does not allocate.
func (ix *Index) Allows(o Origin) bool {
	if ix.exact.has(o.s) {
		return true
	}
	if len(ix.schemes) == 0 {
		return false
	}
	s := ix.schemes[o.Scheme()]
	if s == nil {
		return false
	}
	host := o.Host()
	return s.anyHost || s.anyPort.has(host) ||
		s.tails.hasTailOf(o.s[int(o.schemeEnd)+len("://"):]) || s.anyPortTails.hasTailOf(host)
}

// tailSet is a set of tails of hosts, each beginning with a dot.
type tailSet struct {
	set               stringSet
	shortest, longest int
}

func newTailSet(tails []string) tailSet {
	t := tailSet{set: newStringSet(tails), shortest: MaxLen}
	for _, tail := range tails {
		t.shortest, t.longest = min(t.shortest, len(tail)), max(t.longest, len(tail))
	}
	return t
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

// stringSet is an immutable set of strings in little more memory than their
// text, for lists of a million origins: the text in one piece, and a hash table
// of offsets into it. A tag of each string's hash stands apart, so that a miss
// reads one byte of the table, and nothing of the text.
type stringSet struct {
	n       int
	seed    maphash.Seed
	text    string   // the strings, each followed by a newline
	offsets []uint32 // by slot, where the string begins
	tags    []uint8  // by slot, 0 if empty
}

// terminator follows each string in the text; no origin contains it.
const terminator = '\n'

// newStringSet returns the set of the strings, which must not contain newlines,
// nor be more than 4 GiB together.
func newStringSet(list []string) stringSet {
	if len(list) == 0 {
		return stringSet{}
	}
	size := 0
	for _, s := range list {
		size += len(s) + 1
	}
	if uint64(size) > 1<<32 {
		panic("origins: more than 4 GiB of patterns")
	}
	slots := len(list) + len(list)/2 + 1 // two thirds full, never quite
	set := stringSet{
		seed:    maphash.MakeSeed(),
		offsets: make([]uint32, slots),
		tags:    make([]uint8, slots),
	}
	var text strings.Builder
	text.Grow(size)
	for _, s := range list {
		set.text = text.String() // the same memory, which only grows
		slot, tag, found := set.find(s)
		if found {
			continue
		}
		set.offsets[slot], set.tags[slot] = uint32(text.Len()), tag
		text.WriteString(s)
		text.WriteByte(terminator)
		set.n++
	}
	set.text = text.String()
	return set
}

func (set *stringSet) has(s string) bool {
	if set.n == 0 {
		return false
	}
	_, _, found := set.find(s)
	return found
}

// find returns the slot of s, or the empty slot where it belongs. It probes
// linearly from a slot that the upper bits of the hash choose
// (https://lemire.me/blog/2016/06/27/a-fast-alternative-to-the-modulo-reduction/);
// the tag is made of the lower ones.
func (set *stringSet) find(s string) (slot int, tag uint8, found bool) {
	hash := maphash.String(set.seed, s)
	high, _ := bits.Mul64(hash, uint64(len(set.tags)))
	slot, tag = int(high), uint8(hash)|1
	for set.tags[slot] != 0 {
		if set.tags[slot] == tag && set.equal(slot, s) {
			return slot, tag, true
		}
		if slot++; slot == len(set.tags) {
			slot = 0
		}
	}
	return slot, tag, false
}

func (set *stringSet) equal(slot int, s string) bool {
	start := int(set.offsets[slot])
	end := start + len(s)
	return end < len(set.text) && set.text[end] == terminator && set.text[start:end] == s
}
