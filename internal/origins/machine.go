package origins

import (
	"encoding/binary"
	"errors"
	"regexp/syntax"
	"slices"
)

// Bounds of the analysis of a regexp. What is beyond them is not proven, and
// taken for open.
const (
	maxStates = 1_000
	maxSteps  = 3_000_000
)

// errBudget ends an analysis that would take too long.
var errBudget = errors.New("over budget")

// machine is a regexp as a deterministic automaton, which is built as far as it
// is looked at. State 0 is dead: nothing that begins so matches.
type machine struct {
	prog   *syntax.Prog
	states []machineState
	index  map[string]int
	steps  int // that may still be taken
}

// spend takes steps off the budget.
func (m *machine) spend(steps int) {
	if m.steps -= steps; m.steps < 0 {
		panic(errBudget)
	}
}

// machineState is a set of positions in the program, before assertions are
// followed, and what is behind it.
type machineState struct {
	pcs    []uint32
	behind rune // -1 at the beginning, otherwise any of its kind
	next   [128]int32
	end    int8 // whether the text may end here: 0 unknown, 1 yes, -1 no
}

// newMachine returns the automaton of a simplified expression, and its initial
// state.
func newMachine(re *syntax.Regexp) (m *machine, start int, err error) {
	prog, err := syntax.Compile(re)
	if err != nil {
		return nil, 0, err
	}
	m = &machine{prog: prog, index: make(map[string]int), steps: maxSteps}
	m.state(nil, -1)
	return m, m.state([]uint32{uint32(prog.Start)}, -1), nil
}

// state returns the number of a state.
func (m *machine) state(pcs []uint32, behind rune) int {
	if len(pcs) == 0 {
		behind = -1
	}
	key := []byte{byte(behind + 1)}
	for _, pc := range pcs {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if i, ok := m.index[string(key)]; ok {
		return i
	}
	if len(m.states) >= maxStates {
		panic(errBudget)
	}
	m.index[string(key)] = len(m.states)
	m.states = append(m.states, machineState{pcs: pcs, behind: behind})
	for c := range m.states[len(m.states)-1].next {
		m.states[len(m.states)-1].next[c] = -1
	}
	return len(m.states) - 1
}

// follow returns the positions that are reached without reading, if ahead comes
// next, or nothing if it is -1.
func (m *machine) follow(s *machineState, ahead rune) []uint32 {
	satisfied := syntax.EmptyOpContext(s.behind, ahead)
	var reached []uint32
	seen := make(map[uint32]bool, len(s.pcs))
	stack := slices.Clone(s.pcs)
	for len(stack) > 0 {
		pc := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[pc] {
			continue
		}
		seen[pc] = true
		m.spend(1)
		switch inst := &m.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			stack = append(stack, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			stack = append(stack, inst.Out)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^satisfied == 0 {
				stack = append(stack, inst.Out)
			}
		case syntax.InstFail:
		default:
			reached = append(reached, pc)
		}
	}
	return reached
}

// step returns the state after reading c, an ASCII character.
func (m *machine) step(state int, c byte) int {
	if next := m.states[state].next[c]; next >= 0 {
		return int(next)
	}
	var pcs []uint32
	for _, pc := range m.follow(&m.states[state], rune(c)) {
		if inst := &m.prog.Inst[pc]; inst.Op != syntax.InstMatch && inst.MatchRune(rune(c)) {
			pcs = append(pcs, inst.Out)
		}
	}
	slices.Sort(pcs)
	behind := '-'
	if syntax.IsWordChar(rune(c)) {
		behind = 'a'
	}
	next := m.state(slices.Compact(pcs), behind)
	m.states[state].next[c] = int32(next)
	return next
}

// read returns the state after reading a text.
func (m *machine) read(state int, text string) int {
	for i := range len(text) {
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

// port returns the shortest port, with its colon, after which what has been read
// matches, for a scheme: "" if it needs none. ok is false if there is none.
func (m *machine) port(state int, scheme string) (port string, ok bool) {
	if m.matches(state) {
		return "", true
	}
	colon := m.step(state, ':')
	if colon == 0 {
		return "", false
	}
	type partial struct {
		state int
		port  string
	}
	queue := []partial{{colon, ":"}}
	// Of those of a length that lead to the same state, the least two will do: one
	// of them is not the default, and if any is valid, the least is.
	seen := make(map[[2]int]int)
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if m.matches(p.state) && validPort(p.port, scheme) {
			return p.port, true
		}
		if len(p.port) == len(":65535") {
			continue
		}
		for c := byte('0'); c <= '9'; c++ {
			if c == '0' && p.port == ":" {
				continue
			}
			next := m.step(p.state, c)
			key := [2]int{next, len(p.port)}
			if next != 0 && seen[key] < 2 {
				seen[key]++
				queue = append(queue, partial{next, p.port + string(c)})
			}
		}
	}
	return "", false
}
