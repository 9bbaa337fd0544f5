package openness

import "slices"

const (
	maxHost  = 253
	maxLabel = 63
)

// hosts is what an automaton can read as the host of an origin: dotted labels. Its
// states are those of the automaton, under numbers of their own.
type hosts struct {
	m      *machine
	states []hostState
	index  map[int]int32 // by number in the automaton
	visits []visit
}

type hostState struct {
	number int // in the automaton
	// least is how much of a label is behind at least, if not nothing: of the first
	// label of a host, and of one that follows another. It is never if none is.
	least [2]uint8
	// begins is the visit with the least text behind it after which a label can
	// begin, the first one and one that follows another, -1 if there is none.
	begins [2]int32
	back   []backEdge // by which edges it is reached
}

// The places of a label.
const (
	first = iota
	later
)

const never = 255

type backEdge struct {
	class uint8
	from  int32
}

// visit is an arrival in a state.
type visit struct {
	state  int32
	parent int32 // the visit before, -1 at the beginning
	length int16 // of the text behind
	label  uint8 // of the label behind
	place  uint8 // of the label
	c      byte
}

// readHosts finds all states that reading a host leads through, the shortest texts
// first.
func readHosts(m *machine, start int) *hosts {
	h := &hosts{m: m, index: make(map[int]int32)}
	h.number(start)
	h.arrive(visit{parent: -1})
	dot := m.alphabet.class['.']
	for i := 0; i < len(h.visits) && !m.over; i++ {
		v := h.visits[i]
		if v.length == maxHost {
			continue
		}
		edges := m.edges(h.states[v.state].number)
		m.spend(1 + len(edges))
		for _, e := range edges {
			next := visit{parent: int32(i), length: v.length + 1, label: v.label + 1, place: v.place, c: m.alphabet.plain[e.class]}
			switch {
			case e.class == dot && v.label > 0:
				next.label, next.place = 0, later
			case e.class == dot || v.label == maxLabel || !labelChars.has(next.c):
				continue
			}
			next.state = h.number(e.to)
			h.arrive(next)
		}
	}
	for i := range h.states {
		for _, e := range m.edges(h.states[i].number) {
			if to, ok := h.index[e.to]; ok && (e.class == dot || labelChars.has(m.alphabet.plain[e.class])) {
				h.states[to].back = append(h.states[to].back, backEdge{e.class, int32(i)})
			}
		}
	}
	return h
}

// number returns the number of a state of the automaton.
func (h *hosts) number(state int) int32 {
	i, ok := h.index[state]
	if !ok {
		i = int32(len(h.states))
		h.index[state] = i
		h.states = append(h.states, hostState{number: state, least: [2]uint8{never, never}, begins: [2]int32{-1, -1}})
	}
	return i
}

// arrive notes a visit, unless one before can lead to all that this one can: it has
// no more of a label behind. After nothing of a label, no dot can come.
func (h *hosts) arrive(v visit) {
	switch s := &h.states[v.state]; {
	case v.label == 0 && s.begins[v.place] < 0:
		s.begins[v.place] = int32(len(h.visits))
	case v.label > 0 && v.label < s.least[v.place]:
		s.least[v.place] = v.label
	default:
		return
	}
	h.visits = append(h.visits, v)
}

// text returns what is behind a visit.
func (h *hosts) text(visit int32) string {
	text := make([]byte, h.visits[visit].length)
	for v := h.visits[visit]; v.length > 0; v = h.visits[v.parent] {
		text[v.length-1] = v.c
	}
	return string(text)
}

// set returns the states that have a property, in order.
func (h *hosts) set(has func(state int) bool) (set []int32) {
	for i, s := range h.states {
		if has(s.number) {
			set = append(set, int32(i))
		}
	}
	return set
}

// least returns how much of a label is behind a set of states at least, for places
// from place on.
func (h *hosts) least(set []int32, place int) int {
	least := uint8(never)
	for _, i := range set {
		s := &h.states[i]
		if slices.Max(s.begins[place:]) >= 0 {
			return 0
		}
		least = min(least, slices.Min(s.least[place:]))
	}
	return int(least)
}

// begins returns the visit with the least text behind it after which a label can
// begin, in a set of states and for places from place on, -1 if there is none.
func (h *hosts) begins(set []int32, place int) int32 {
	best := int32(-1)
	for _, i := range set {
		for _, visit := range h.states[i].begins[place:] {
			if visit >= 0 && (best < 0 || visit < best) { // earlier visits have shorter texts
				best = visit
			}
		}
	}
	return best
}
