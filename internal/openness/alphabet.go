package openness

import (
	"regexp/syntax"
	"slices"
)

// Kinds of the characters of which origins consist.
var (
	letters  = chars("abcdefghijklmnopqrstuvwxyz")
	capitals = chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	digits   = chars("0123456789")
	// labelChars are those of which the labels of hosts consist.
	labelChars = letters.or(digits).or(chars("-_"))
	// opaqueChars stand in the hosts of unknown schemes.
	opaqueChars = labelChars.or(capitals).or(chars("."))
	schemeChars = letters.or(digits).or(chars("+-."))
	wordChars   = letters.or(capitals).or(digits).or(chars("_"))
	originChars = opaqueChars.or(chars("+:/[]"))
)

func chars(s string) (set charSet) {
	for i := range len(s) {
		set.add(s[i])
	}
	return set
}

// alphabet divides the characters of origins into classes. An expression treats
// those of a class alike, and so does whatever else asks for the classes: hosts,
// addresses, schemes and ports.
type alphabet struct {
	class   [128]uint8 // by character, 0 for those that no origin has
	members []charSet  // by class
	plain   []byte     // by class, the plainest of its characters
	// words and others have one character of each class, of those that are word
	// characters (\w), and of those that are not.
	words, others charSet

	sets map[*rune]charSet // by the ranges of an instruction
}

// build makes the classes for a program.
func (a *alphabet) build(prog *syntax.Prog) {
	a.sets = make(map[*rune]charSet)
	a.members = []charSet{{}, letters, capitals, digits}
	for _, c := range []byte("-_.:/[]+") {
		a.members = append(a.members, chars(string(c)))
	}
	var known []charSet
	var single charSet
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		if inst.Op == syntax.InstRune1 {
			single = single.or(a.set(inst))
		} else if set := a.set(inst); !slices.Contains(known, set) {
			known = append(known, set)
			a.split(set)
		}
	}
	for c := range single.all {
		a.split(chars(string(c)))
	}
	a.plain = make([]byte, len(a.members))
	for class, set := range a.members {
		for c := range set.all {
			a.class[c] = uint8(class)
			if a.plain[class] == 0 || rank(c) < rank(a.plain[class]) {
				a.plain[class] = c
			}
		}
		if c := a.plain[class]; c != 0 && wordChars.has(c) {
			a.words.add(c)
		} else if c != 0 {
			a.others.add(c)
		}
	}
}

// split divides the classes of which only a part is in a set.
func (a *alphabet) split(set charSet) {
	for class, members := range a.members {
		in, out := members.and(set), members.less(set)
		if in != (charSet{}) && out != (charSet{}) {
			a.members[class] = in
			a.members = append(a.members, out)
		}
	}
}

// set returns the characters that an instruction reads.
func (a *alphabet) set(inst *syntax.Inst) (set charSet) {
	switch inst.Op {
	case syntax.InstRune1:
		if c := inst.Rune[0]; c < 0x80 && originChars.has(byte(c)) {
			set.add(byte(c))
		}
		return set
	case syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return originChars
	case syntax.InstRune:
	default:
		return set
	}
	if len(inst.Rune) == 0 {
		return set
	}
	set, ok := a.sets[&inst.Rune[0]]
	if !ok {
		for c := range originChars.all {
			if inst.MatchRune(rune(c)) {
				set.add(c)
			}
		}
		a.sets[&inst.Rune[0]] = set
	}
	return set
}

// rank orders characters: letters come before digits, and all else behind, since
// no name that begins with a hyphen can be registered in practice.
func rank(c byte) int {
	switch {
	case letters.has(c):
		return int(c)
	case digits.has(c):
		return int(c) | 0x100
	}
	return int(c) | 0x200
}

// plainer reports whether a comes before b in the order of the ranks.
func plainer(a, b string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return rank(a[i]) < rank(b[i])
		}
	}
	return len(a) < len(b)
}
