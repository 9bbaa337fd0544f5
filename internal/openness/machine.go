package openness

import (
	"encoding/binary"
	"math/bits"
	"regexp/syntax"
	"slices"
)

// Bounds of an analysis. An expression that is beyond them counts as open.
const (
	maxStates = 1_000
	maxSteps  = 3_000_000
)

// dead is the state from which nothing matches.
const dead = 0

// machine is a regexp as a deterministic automaton, which is built as far as it is
// looked at.
type machine struct {
	prog     *syntax.Prog
	alphabet alphabet
	assertsW bool // whether the program asks for word boundaries
	states   []machineState
	index    map[string]int
	ends     map[endOf]string // the ports that are known
	left     int              // how many steps may still be taken
	over     bool             // the analysis has taken too many steps, or states

	stack, reached, outs []uint32 // of follow and of explore, to be used again
	seen                 []uint32 // by instruction, when follow has last met it
	round                uint32
	key                  []byte
}

// machineState is a set of positions in the program, before assertions are
// followed, and what is behind it.
type machineState struct {
	pcs      []uint32
	behind   rune // -1 at the beginning, otherwise any of its kind
	explored bool
	edges    []edge // by class, those to dead are left out
	end      int8   // whether the text may end here: 0 unknown, 1 yes, -1 no
}

// edge leads to the state after any character of a class.
type edge struct {
	class uint8
	to    int
}

// newMachine returns the automaton of an expression, and its initial state.
func newMachine(re *syntax.Regexp) (m *machine, start int, err error) {
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, dead, err
	}
	m = &machine{prog: prog, index: make(map[string]int), ends: make(map[endOf]string), left: maxSteps, seen: make([]uint32, len(prog.Inst))}
	m.alphabet.build(prog)
	const boundaries = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	m.assertsW = slices.ContainsFunc(prog.Inst, func(i syntax.Inst) bool {
		return i.Op == syntax.InstEmptyWidth && syntax.EmptyOp(i.Arg)&boundaries != 0
	})
	m.states = append(m.states, machineState{explored: true, end: -1})
	return m, m.state([]uint32{uint32(prog.Start)}, -1), nil
}

// spend takes steps off the budget. It returns false if that is used up; then
// what the machine says is not to be relied on, and m.over is set.
func (m *machine) spend(steps int) bool {
	if m.left -= steps; m.left < 0 {
		m.over = true
	}
	return !m.over
}

// state returns the number of a state.
func (m *machine) state(pcs []uint32, behind rune) int {
	if len(pcs) == 0 || m.over {
		return dead
	}
	m.key = append(m.key[:0], byte(behind+1))
	for _, pc := range pcs {
		m.key = binary.LittleEndian.AppendUint32(m.key, pc)
	}
	if i, ok := m.index[string(m.key)]; ok {
		return i
	}
	if len(m.states) >= maxStates {
		m.over = true
		return dead
	}
	m.index[string(m.key)] = len(m.states)
	m.states = append(m.states, machineState{pcs: slices.Clone(pcs), behind: behind})
	return len(m.states) - 1
}

// follow returns the positions that are reached without reading, if ahead comes
// next, or nothing if it is -1. The result is valid until the next call.
func (m *machine) follow(s *machineState, ahead rune) []uint32 {
	satisfied := syntax.EmptyOpContext(s.behind, ahead)
	m.round++
	m.reached = m.reached[:0]
	m.stack = append(m.stack[:0], s.pcs...)
	for len(m.stack) > 0 {
		pc := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
		if m.seen[pc] == m.round {
			continue
		}
		m.seen[pc] = m.round
		if !m.spend(1) {
			return nil
		}
		switch inst := &m.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			m.stack = append(m.stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			m.stack = append(m.stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^satisfied == 0 {
				m.stack = append(m.stack, inst.Out)
			}
		case syntax.InstFail:
		default:
			m.reached = append(m.reached, pc)
		}
	}
	return m.reached
}

// edges returns the edges of a state.
func (m *machine) edges(state int) []edge {
	if !m.states[state].explored {
		m.states[state].explored = true
		if m.assertsW {
			m.explore(state, '-', m.alphabet.others)
			m.explore(state, 'a', m.alphabet.words)
		} else {
			m.explore(state, '-', m.alphabet.others.or(m.alphabet.words))
		}
	}
	return m.states[state].edges
}

// explore finds the edges of a state for those classes that are among some, by
// what represents them. Ahead is one of their characters.
func (m *machine) explore(state int, ahead rune, representatives charSet) {
	pcs := m.follow(&m.states[state], ahead)
	var read charSet // what can be read
	for _, pc := range pcs {
		read = read.or(m.alphabet.set(&m.prog.Inst[pc]))
	}
	behind := ahead
	if !m.assertsW {
		behind = 'a' // any but the beginning
	}
	// Characters that the same instructions read lead to the same state.
	type known struct {
		readers uint64
		to      int
	}
	var targets [8]known
	n := 0
	var edges []edge
	read = read.and(representatives)
	for _, kind := range []charSet{letters, digits, originChars.less(letters.or(digits))} { // the plainest texts first
		for c := range read.and(kind).all {
			readers := uint64(0)
			m.outs = m.outs[:0]
			for i, pc := range pcs {
				if inst := &m.prog.Inst[pc]; m.alphabet.set(inst).has(c) {
					m.outs = append(m.outs, inst.Out)
					readers |= 1 << (i % 64)
				}
			}
			m.spend(1 + len(pcs)/8)
			to := -1
			for _, t := range targets[:n] {
				if len(pcs) <= 64 && t.readers == readers {
					to = t.to
				}
			}
			if to < 0 {
				slices.Sort(m.outs)
				to = m.state(slices.Compact(m.outs), behind)
				if n < len(targets) {
					targets[n] = known{readers, to}
					n++
				}
			}
			if to != dead {
				edges = append(edges, edge{m.alphabet.class[c], to})
			}
		}
	}
	m.states[state].edges = append(m.states[state].edges, edges...)
}

// step returns the state after reading c.
func (m *machine) step(state int, c byte) int {
	if class := m.alphabet.class[c&0x7f]; class != 0 && c < 0x80 {
		for _, e := range m.edges(state) {
			if e.class == class {
				return e.to
			}
		}
	}
	return dead
}

// read returns the state after reading a text.
func (m *machine) read(state int, text string) int {
	for i := 0; i < len(text) && state != dead; i++ {
		state = m.step(state, text[i])
	}
	return state
}

// matches reports whether what has been read matches as a whole.
func (m *machine) matches(state int) bool {
	s := &m.states[state]
	if s.end == 0 {
		s.end = -1
		if slices.ContainsFunc(m.follow(s, -1), func(pc uint32) bool { return m.prog.Inst[pc].Op == syntax.InstMatch }) {
			s.end = 1
		}
	}
	return s.end > 0
}

// charSet is a set of ASCII characters. Only such can be added.
type charSet [2]uint64

func (s charSet) has(c byte) bool        { return c < 0x80 && s[c>>6]>>(c&63)&1 != 0 }
func (s charSet) or(t charSet) charSet   { return charSet{s[0] | t[0], s[1] | t[1]} }
func (s charSet) and(t charSet) charSet  { return charSet{s[0] & t[0], s[1] & t[1]} }
func (s charSet) less(t charSet) charSet { return charSet{s[0] &^ t[0], s[1] &^ t[1]} }
func (s *charSet) add(c byte)            { s[c>>6] |= 1 << (c & 63) }

// all yields the characters in order.
func (s charSet) all(yield func(byte) bool) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(byte(i<<6 + bits.TrailingZeros64(word))) {
				return
			}
		}
	}
}
