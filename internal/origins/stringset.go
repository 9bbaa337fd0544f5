package origins

import (
	"hash/maphash"
	"math"
	"math/bits"
)

// stringSet is a set of strings that stand in a text: a hash table of offsets
// into it. A tag of each string's hash stands apart, so that a miss reads one
// byte of the table, and nothing of the text.
//
// To fill it, set n to how many strings there will be at most, call allocate
// once, and insert them.
type stringSet struct {
	n       int
	seed    maphash.Seed
	text    string
	colon   bool     // whether a colon follows each string in the text, or its end, a newline or a space
	offsets []uint32 // by slot, where the string begins
	tags    []uint8  // by slot, 0 if empty
}

// maxText is the longest text that a set can refer to.
const maxText = math.MaxUint32

func (set *stringSet) allocate(text string, colon bool) {
	if set.n == 0 {
		return
	}
	if uint64(len(text)) > maxText {
		panic("origins: more than 4 GiB of patterns")
	}
	slots := set.n + set.n/2 + 1 // two thirds full, never quite
	*set = stringSet{
		seed:    maphash.MakeSeed(),
		text:    text,
		colon:   colon,
		offsets: make([]uint32, slots),
		tags:    make([]uint8, slots),
	}
}

// insert adds a string of the text.
func (set *stringSet) insert(start, length int) {
	slot, tag, found := set.find(set.text[start : start+length])
	if !found {
		set.offsets[slot], set.tags[slot] = uint32(start), tag
		set.n++
	}
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

// equal reports whether the string of a slot is s: s stands there, and what
// follows it is no more of it.
func (set *stringSet) equal(slot int, s string) bool {
	start := int(set.offsets[slot])
	end := start + len(s)
	if end > len(set.text) || set.text[start:end] != s {
		return false
	}
	if set.colon {
		return end < len(set.text) && set.text[end] == ':'
	}
	return end == len(set.text) || set.text[end] <= ' '
}
