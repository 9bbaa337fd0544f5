package openness

import (
	"container/heap"
	"encoding/binary"
	"slices"
)

// backward reads hosts from the last character to the first, deterministically:
// its states are sets of those of hosts. State 0 is the empty set.
type backward struct {
	*hosts
	sets  []backSet
	index map[string]int
	key   []byte
}

type backSet struct {
	states   []int32
	explored bool
	edges    []edge
}

func readBackward(h *hosts) *backward {
	return &backward{hosts: h, index: make(map[string]int), sets: []backSet{{explored: true}}}
}

// set returns the number of a set, which must be in order.
func (b *backward) set(states []int32) int {
	if len(states) == 0 || b.m.over {
		return 0
	}
	b.key = b.key[:0]
	for _, state := range states {
		b.key = binary.LittleEndian.AppendUint16(b.key, uint16(state))
	}
	if i, ok := b.index[string(b.key)]; ok {
		return i
	}
	if len(b.sets) >= 4*maxStates {
		b.m.over = true
		return 0
	}
	b.index[string(b.key)] = len(b.sets)
	b.sets = append(b.sets, backSet{states: states})
	return len(b.sets) - 1
}

// edges returns the edges of a set, by class.
func (b *backward) edges(set int) []edge {
	if s := b.sets[set]; !s.explored {
		var from []backEdge
		for _, state := range s.states {
			from = append(from, b.states[state].back...)
		}
		b.m.spend(1 + len(from)/4)
		slices.SortFunc(from, func(x, y backEdge) int {
			if x.class != y.class {
				return int(x.class) - int(y.class)
			}
			return int(x.from - y.from)
		})
		var edges []edge
		for len(from) > 0 {
			n := 1
			for n < len(from) && from[n].class == from[0].class {
				n++
			}
			states := make([]int32, 0, n)
			for _, e := range slices.Compact(from[:n]) {
				states = append(states, e.from)
			}
			class := from[0].class
			from = from[n:]
			if to := b.set(states); to != 0 {
				edges = append(edges, edge{class, to})
			}
		}
		b.sets[set].explored, b.sets[set].edges = true, edges
	}
	return b.sets[set].edges
}

// step returns the set before reading c.
func (b *backward) step(set int, c byte) int {
	class := b.m.alphabet.class[c&0x7f]
	for _, e := range b.edges(set) {
		if e.class == class {
			return e.to
		}
	}
	return 0
}

// labels yields the labels from which reading leads into a set, the shortest first,
// each once, with the set before it. With the place later, only labels that follow
// another one count. It yields until there are no more, and then returns true, or
// until yield returns false, or the budget is used up.
func (b *backward) labels(set, place int, yield func(label string, before int) bool) bool {
	least := func(set int) int { return b.least(b.sets[set].states, place) }
	q := labelQueue{paths: []labelPath{{set: set, total: least(set), parent: -1}}, open: []int32{0}}
	if q.paths[0].total == never {
		return true
	}
	var classes []byte
	for len(q.open) > 0 {
		i := heap.Pop(&q).(int32)
		p := q.paths[i]
		if p.length > 0 && b.begins(b.sets[p.set].states, place) >= 0 && !yield(q.text(i), p.set) {
			return false
		}
		dot := b.m.alphabet.class['.']
		classes = classes[:0]
		for _, e := range b.edges(p.set) {
			if total := p.length + 1 + least(e.to); e.class != dot && total <= maxLabel {
				classes = append(classes, e.class)
			}
		}
		// In the order of the characters, so that the plainest labels come first.
		var readable charSet
		for _, class := range classes {
			readable = readable.or(b.m.alphabet.members[class])
		}
		for _, kind := range []charSet{letters, digits, chars("-_")} {
			for c := range readable.and(kind).all {
				if !b.m.spend(10) { // with what the path takes
					return false
				}
				to := b.step(p.set, c)
				q.paths = append(q.paths, labelPath{set: to, length: p.length + 1, total: p.length + 1 + least(to), parent: i, c: c})
				heap.Push(&q, int32(len(q.paths)-1))
			}
		}
	}
	return true
}

// labelPath is the end of a label.
type labelPath struct {
	set    int // before it
	length int
	total  int // the least length of a label that ends so
	parent int32
	c      byte
}

// labelQueue is a heap of paths, those in front whose labels are shortest, and then
// those that are nearest to their beginnings.
type labelQueue struct {
	paths []labelPath
	open  []int32
}

// text returns the characters of a path.
func (q *labelQueue) text(i int32) string {
	text := make([]byte, 0, q.paths[i].length)
	for ; q.paths[i].parent >= 0; i = q.paths[i].parent {
		text = append(text, q.paths[i].c)
	}
	return string(text)
}

func (q *labelQueue) Len() int      { return len(q.open) }
func (q *labelQueue) Swap(i, j int) { q.open[i], q.open[j] = q.open[j], q.open[i] }
func (q *labelQueue) Push(i any)    { q.open = append(q.open, i.(int32)) }

func (q *labelQueue) Less(i, j int) bool {
	x, y := &q.paths[q.open[i]], &q.paths[q.open[j]]
	switch {
	case x.total != y.total:
		return x.total < y.total
	case x.length != y.length:
		return x.length > y.length
	}
	return q.open[i] < q.open[j]
}

func (q *labelQueue) Pop() any {
	last := len(q.open) - 1
	i := q.open[last]
	q.open = q.open[:last]
	return i
}
