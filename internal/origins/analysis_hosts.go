package origins

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// hostAnalyzer analyzes the hosts of http or https that an expression admits.
// Its sets of the machine's states are indexed by their numbers.
type hostAnalyzer struct {
	*analyzer
	scheme string
	start  int
	states []int // that reading part of a host leads to
	// labels are the states where a label can begin, with what is shortest to
	// read before.
	labels map[int]string
	inner  map[int]string // those where one can begin that follows another
	// the graphs of the labels that begin there, once they are needed
	all, following *endGraph
}

func newHostAnalyzer(a *analyzer, scheme string, state int) *hostAnalyzer {
	return &hostAnalyzer{analyzer: a, scheme: scheme, start: state, labels: make(map[int]string), inner: make(map[int]string)}
}

// labelBytes are those of which labels consist.
const labelBytes = "-0123456789_abcdefghijklmnopqrstuvwxyz"

func (h *hostAnalyzer) run() {
	h.explore()
	if !h.found || h.scheme == "http" && h.Insecure == "" {
		h.hosts()
	}
	last := h.set(func(state int) bool {
		_, ok := h.machine.port(state, h.scheme)
		return ok
	})
	for label, child := range h.list.Children() {
		if !h.walk(child, label, h.before(last, label), false) {
			return
		}
	}
}

// explore finds the states, and those where labels begin.
func (h *hostAnalyzer) explore() {
	type position struct{ state, length int }
	type visit struct {
		position
		text string
	}
	seen := map[position]bool{{h.start, 0}: true}
	queue := []visit{{position{h.start, 0}, ""}}
	known := make(map[int]bool)
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		if !known[v.state] {
			known[v.state] = true
			h.states = append(h.states, v.state)
		}
		if _, ok := h.labels[v.state]; !ok && v.length == 0 {
			h.labels[v.state] = v.text
		}
		read := func(c byte, length int) {
			next := position{h.machine.step(v.state, c), length}
			if _, ok := h.inner[next.state]; c == '.' && !ok && next.state != 0 {
				h.inner[next.state] = v.text + "."
			}
			if next.state != 0 && !seen[next] {
				seen[next] = true
				queue = append(queue, visit{next, v.text + string(c)})
			}
		}
		if v.length > 0 {
			read('.', 0)
		}
		if v.length < maxLabel {
			for i := range len(labelBytes) {
				read(labelBytes[i], v.length+1)
			}
		}
	}
}

// hosts looks for a host that matches, and for one that is insecure.
func (h *hostAnalyzer) hosts() {
	// What is behind tells loopback hosts, which count as secure, from others.
	type node struct {
		state  int
		behind int  // how much of ".localhost" is behind
		named  bool // the label so far is no number, as those of addresses are
	}
	const local = ".localhost"
	g, nodes := build(h.machine.spend, node{state: h.start, behind: 1}, func(n node, yield func(byte, node)) {
		for i := range len(labelBytes) + 1 {
			c := byte('.')
			if i < len(labelBytes) {
				c = labelBytes[i]
			}
			next := node{state: h.machine.step(n.state, c), named: c != '.' && (n.named || class[c]&digit == 0)}
			if next.state == 0 {
				continue
			}
			behind := local[:n.behind] + string(c)
			for !strings.HasPrefix(local, behind) {
				behind = behind[1:]
			}
			next.behind = len(behind)
			yield(c, next)
		}
	})
	find := func(secure bool) (origin string) {
		accepted := make([]bool, len(nodes))
		for i, n := range nodes {
			if n.named && (secure || n.behind < len(local)) {
				_, accepted[i] = h.machine.port(n.state, h.scheme)
			}
		}
		tries := 0
		g.list(accepted, maxHost, func(host string) bool {
			port, _ := h.machine.port(h.machine.read(h.start, host), h.scheme)
			if h.admits(h.scheme + "://" + host + port) {
				origin = h.scheme + "://" + host + port
			}
			if tries++; tries > maxSteps/1000 {
				panic(errBudget) // very many that are malformed
			}
			return origin == ""
		})
		return origin
	}
	if h.scheme == "http" {
		h.Insecure = find(false)
	}
	h.found = h.found || h.Insecure != "" || find(true) != ""
	h.address4()
	h.address()
}

// address4 looks for an IPv4 address that matches.
func (h *hostAnalyzer) address4() {
	type node struct {
		state, part, value int // the value of the part so far, -1 before its first digit
		loopback           bool
	}
	g, nodes := build(h.machine.spend, node{state: h.start, value: -1}, func(n node, yield func(byte, node)) {
		if next := h.machine.step(n.state, '.'); n.value >= 0 && n.part < 3 && next != 0 {
			yield('.', node{next, n.part + 1, -1, n.loopback || n.part == 0 && n.value == 127})
		}
		for c := byte('0'); c <= '9' && n.value != 0; c++ {
			value := max(n.value, 0)*10 + int(c-'0')
			if next := h.machine.step(n.state, c); next != 0 && value <= 255 {
				yield(c, node{next, n.part, value, n.loopback})
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.part == 3 && n.value >= 0 && (!n.loopback || h.scheme == "https" || h.Insecure != "") {
			_, accepted[i] = h.machine.port(n.state, h.scheme)
		}
	}
	g.list(accepted, len("255.255.255.255"), func(host string) bool {
		port, _ := h.machine.port(h.machine.read(h.start, host), h.scheme)
		o, ok := Parse(h.scheme + "://" + host + port)
		if !ok || !h.re.Match(o) {
			return true
		}
		h.found = true
		if o.Insecure() && h.Insecure == "" {
			h.Insecure = o.String()
		}
		return false
	})
	if !h.found { // only loopback
		for i, n := range nodes {
			accepted[i] = false
			if n.part == 3 && n.value >= 0 {
				_, accepted[i] = h.machine.port(n.state, h.scheme)
			}
		}
		g.list(accepted, len("255.255.255.255"), func(string) bool {
			h.found = true
			return false
		})
	}
}

// address looks for an IPv6 address that matches.
func (h *hostAnalyzer) address() {
	bracket := h.machine.step(h.start, '[')
	if bracket == 0 || h.found && (h.scheme == "https" || h.Insecure != "") {
		return
	}
	g, nodes := build(h.machine.spend, [2]int{bracket, 0}, func(n [2]int, yield func(byte, [2]int)) {
		if n[1] > 0 {
			return
		}
		for _, c := range []byte("0123456789:]abcdef") {
			if next := h.machine.step(n[0], c); next != 0 {
				closed := 0
				if c == ']' {
					closed = 1
				}
				yield(c, [2]int{next, closed})
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n[1] > 0 {
			_, accepted[i] = h.machine.port(n[0], h.scheme)
		}
	}
	tries := 0
	g.list(accepted, len("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"), func(rest string) bool {
		port, _ := h.machine.port(h.machine.read(bracket, rest), h.scheme)
		o, ok := Parse(h.scheme + "://[" + rest + port)
		if ok && h.re.Match(o) {
			h.found = true
			if o.Insecure() {
				h.Insecure = o.String()
			}
		}
		if tries++; tries > maxSteps/100 {
			panic(errBudget)
		}
		return !h.found || h.scheme == "http" && h.Insecure == ""
	})
}

// set returns the states that have a property.
func (h *hostAnalyzer) set(has func(state int) bool) []bool {
	set := make([]bool, maxStates)
	for _, state := range h.states {
		set[state] = has(state)
	}
	return set
}

// before returns the states from which reading a text leads into a set, nil if
// there are none, as it is if there are none to begin with.
func (h *hostAnalyzer) before(set []bool, text string) []bool {
	if set == nil {
		return nil
	}
	for i := len(text) - 1; i >= 0; i-- {
		h.machine.spend(1)
		some := false
		next := make([]bool, maxStates)
		for _, state := range h.states {
			if set[h.machine.step(state, text[i])] {
				next[state], some = true, true
			}
		}
		if !some {
			return nil
		}
		set = next
	}
	return set
}

// walk notes the registrable domains under the name of a node of the public
// suffix list, and under those below it. from are the states from which reading
// the name leads to a match; implied tells that a wildcard above makes the name a
// suffix. It returns whether more are of interest.
func (h *hostAnalyzer) walk(node *suffixes.Node, name string, from []bool, implied bool) bool {
	if from == nil {
		return true
	}
	if node.Excepted() {
		for _, state := range h.states {
			if before, ok := h.labels[state]; ok && from[state] {
				return h.note(name, before+name)
			}
		}
		return true
	}
	under := h.before(from, ".")
	if under == nil {
		return true
	}
	switch {
	case node.Wildcard():
		if !h.registerBelow(under, name, node) {
			return false
		}
	case node.Suffix() || implied:
		isSuffix := func(label string) bool { return node.Child(label) != nil && node.Child(label).Suffix() }
		if !h.register(under, node, name, isSuffix) {
			return false
		}
	}
	for label, child := range node.Children() {
		if !h.walk(child, label+"."+name, h.before(under, label), node.Wildcard()) {
			return false
		}
	}
	return true
}

// register notes the registrable domains of a public suffix: those that have one
// more label. under are the states from which reading a dot and the name leads to
// a match. node is that of the name. Labels for which skip is true make suffixes
// themselves.
func (h *hostAnalyzer) register(under []bool, node *suffixes.Node, name string, skip func(label string) bool) bool {
	if under == nil {
		return true
	}
	more := true
	h.end(false).list(under, func(label string) bool {
		if skip(label) {
			return true
		}
		h.machine.spend(len(h.states))
		host, domain := "", label+"."+name
		if child := node.Child(label); child != nil {
			// Of the hosts under it, those of suffixes further down are not its.
			if host = h.above(child, domain, h.before(under, label)); host != "" {
				more = h.note(domain, host)
			}
			return more
		}
		for _, state := range h.states {
			before, ok := h.labels[state]
			if !ok || host != "" && len(before)+len(domain) >= len(host) {
				continue
			}
			if under[h.machine.read(state, label)] {
				host = before + domain
			}
		}
		more = h.note(domain, host)
		return more
	})
	return more
}

// above returns a host that matches and is, or is under, the name of a node, but
// under no suffix further down, or "". from are the states from which reading the
// name leads to a match.
func (h *hostAnalyzer) above(node *suffixes.Node, name string, from []bool) (host string) {
	switch {
	case from == nil:
		return ""
	case from[h.start]:
		return name
	case node.Wildcard():
		return ""
	}
	under := h.before(from, ".")
	if under == nil {
		return ""
	}
	h.end(false).list(under, func(label string) bool {
		if node.Child(label) != nil {
			return true
		}
		h.machine.spend(len(h.states))
		for _, state := range h.states {
			if before, ok := h.labels[state]; ok && under[h.machine.read(state, label)] {
				host = before + label + "." + name
				break
			}
		}
		return host == ""
	})
	if host != "" {
		return host
	}
	for label, child := range node.Children() {
		if !child.Suffix() && !child.Excepted() {
			if host = h.above(child, label+"."+name, h.before(under, label)); host != "" {
				return host
			}
		}
	}
	return ""
}

// registerBelow is register for all names right below that of a wildcard's node,
// but for those that have nodes of their own.
func (h *hostAnalyzer) registerBelow(under []bool, name string, node *suffixes.Node) bool {
	more := true
	h.end(true).list(under, func(label string) bool {
		if node.Child(label) == nil {
			below := h.before(h.before(under, label), ".")
			more = h.register(below, new(suffixes.Node), label+"."+name, func(string) bool { return false })
		}
		return more
	})
	return more
}

// note notes a registrable domain and a host of it, which matches with some port.
func (h *hostAnalyzer) note(domain, host string) bool {
	if len(host) > maxHost {
		return true
	}
	port, _ := h.machine.port(h.machine.read(h.start, host), h.scheme)
	return h.domain(domain, h.scheme+"://"+host+port)
}

// endGraph is the graph of the labels of hosts. It is deterministic: its nodes have
// sets of states.
type endGraph struct {
	*graph
	nodes []endNode
	sets  [][]int
}

type endNode struct{ set, length int }

// list yields the labels after which the machine can be in one of some states, as
// graph.list does.
func (e *endGraph) list(states []bool, yield func(label string) bool) {
	accepted := make([]bool, len(e.nodes))
	for i, n := range e.nodes {
		accepted[i] = n.length > 0 && slices.ContainsFunc(e.sets[n.set], func(state int) bool { return states[state] })
	}
	e.graph.list(accepted, maxLabel, yield)
}

// end returns the graph of the labels, or of those that follow others.
func (h *hostAnalyzer) end(inner bool) *endGraph {
	kept, starts := &h.all, h.labels
	if inner {
		kept, starts = &h.following, h.inner
	}
	if *kept != nil {
		return *kept
	}
	e := new(endGraph)
	numbers := make(map[string]int)
	number := func(set []int) int {
		slices.Sort(set)
		set = slices.Compact(set)
		var key []byte
		for _, state := range set {
			key = binary.LittleEndian.AppendUint32(key, uint32(state))
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = len(e.sets)
			numbers[string(key)] = n
			e.sets = append(e.sets, set)
		}
		return n
	}
	start := endNode{set: number(slices.Collect(maps.Keys(starts)))}
	e.graph, e.nodes = build(h.machine.spend, start, func(n endNode, yield func(byte, endNode)) {
		if n.length == maxLabel {
			return
		}
		for i := range len(labelBytes) {
			h.machine.spend(1 + len(e.sets[n.set])/8)
			var set []int
			for _, state := range e.sets[n.set] {
				if next := h.machine.step(state, labelBytes[i]); next != 0 {
					set = append(set, next)
				}
			}
			if len(set) > 0 {
				yield(labelBytes[i], endNode{number(set), n.length + 1})
			}
		}
	})
	*kept = e
	return e
}
