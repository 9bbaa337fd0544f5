// Package suffixes has the names under which strangers can get names of their own, as
// a tree: those of the public suffix list (https://publicsuffix.org), and more that
// this list lacks.
package suffixes

import (
	"cmp"
	_ "embed"
	"iter"
	"slices"
	"sort"
	"strings"
	"sync"
)

//go:generate go run gen.go
//go:embed rules.txt
var rules string

//go:embed own.txt
var own string

// List returns the root of both lists: the public suffix list and our own. It answers
// whether strangers can get a name. The first call reads the lists.
var List = sync.OnceValue(func() Node {
	root := Parse(rules + own)
	// The public list has home.arpa, since each home has one of its own. For the same
	// reason nobody can register a name below it: https://www.rfc-editor.org/rfc/rfc8375
	root.withdraw("home.arpa")
	return root
})

// Public returns the root of the public suffix list alone. It answers what browsers
// make of a name, since they know no other list.
var Public = sync.OnceValue(func() Node { return Parse(rules) })

// ownRules returns the rules of our own list, in order.
var ownRules = sync.OnceValue(func() (list []string) {
	for _, rule := range rulesOf(own) {
		list = append(list, rule)
	}
	return list
})

// Own returns the name under which the registrable domain of a host stands, such as
// zendesk.com for app.stranger.zendesk.com, if that name is of our own list. It
// returns "" if the name is of the public suffix list, and if the host has no
// registrable domain.
func Own(host string) (name string) {
	_, name, _ = strings.Cut(List().Registrable(host), ".")
	_, parent, _ := strings.Cut(name, ".")
	for _, rule := range []string{name, "*." + parent} {
		if _, found := slices.BinarySearch(ownRules(), rule); found {
			return name
		}
	}
	return ""
}

// rulesOf yields the rules of a list in the format of publicsuffix.org: one rule a
// line, and comments. It also yields where they begin.
func rulesOf(text string) iter.Seq2[int, string] {
	return func(yield func(at int, rule string) bool) {
		at := 0
		for line := range strings.Lines(text) {
			rule := strings.TrimSpace(line)
			if rule != "" && !strings.HasPrefix(rule, "//") && !yield(at+strings.Index(line, rule), rule) {
				return
			}
			at += len(line)
		}
	}
}

// A list is the names that rules have, in the order of their bytes from the last
// to the first. The names below a name stand together, right behind it, so that
// the order is a tree.
type list struct {
	text  string
	names []name
}

// name is a name in the text of a list, and the rules that have it.
type name struct {
	start  uint32
	length uint8
	rules  uint8
}

// The rules that a name can have.
const (
	suffix   = 1 << iota // the name itself
	wildcard             // an asterisk below it
	excepted             // an exception to the wildcard of its parent
)

// Parse returns the root of a list in the format of publicsuffix.org: one rule a
// line, and comments. The list keeps the text.
func Parse(text string) Node {
	type entry struct {
		last uint64 // the last eight bytes, the very last one on top
		name
	}
	var entries []entry
	for start, rule := range rulesOf(text) {
		kind := uint8(suffix)
		if rest, ok := strings.CutPrefix(rule, "!"); ok {
			kind, start, rule = excepted, start+len("!"), rest
		} else if rest, ok := strings.CutPrefix(rule, "*."); ok {
			kind, start, rule = wildcard, start+len("*."), rest
		}
		if len(rule) > maxName {
			continue
		}
		e := entry{name: name{uint32(start), uint8(len(rule)), kind}}
		for i := range min(8, len(rule)) {
			e.last |= uint64(rule[len(rule)-1-i]) << (56 - 8*i)
		}
		entries = append(entries, e)
	}
	l := &list{text: text}
	slices.SortFunc(entries, func(a, b entry) int {
		if c := cmp.Compare(a.last, b.last); c != 0 {
			return c
		}
		x, y := l.string(a.name), l.string(b.name)
		for i := 1; i <= min(len(x), len(y)); i++ {
			if c := cmp.Compare(x[len(x)-i], y[len(y)-i]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(x), len(y))
	})
	l.names = make([]name, 0, len(entries))
	for _, e := range entries {
		if n := len(l.names); n > 0 && l.string(l.names[n-1]) == l.string(e.name) {
			l.names[n-1].rules |= e.rules
			continue
		}
		l.names = append(l.names, e.name)
	}
	return Node{list: l, high: len(l.names)}
}

// maxName is the length of the longest name.
const maxName = 253

func (l *list) string(n name) string {
	return l.text[n.start:][:n.length]
}

// byteAt returns the byte of a name that has depth bytes behind it, or 0.
func (l *list) byteAt(i, depth int) byte {
	n := l.names[i]
	if depth >= int(n.length) {
		return 0
	}
	return l.text[int(n.start)+int(n.length)-1-depth]
}

// withdraw takes the rule that is a name out of the list.
func (n Node) withdraw(withdrawn string) {
	for i, name := range n.list.names {
		if n.list.string(name) == withdrawn {
			n.list.names[i].rules &^= suffix
		}
	}
}

// narrow returns, of names that end alike, those that have c before that end.
func (l *list) narrow(low, high, depth int, c byte) (int, int) {
	from := low + sort.Search(high-low, func(i int) bool { return l.byteAt(low+i, depth) >= c })
	if from == high || l.byteAt(from, depth) != c {
		return from, from
	}
	return from, from + sort.Search(high-from, func(i int) bool { return l.byteAt(from+i, depth) > c })
}

// Node is a name in the tree: the root, or a name that a rule has, or that is
// above one. The zero Node has no rule, and nothing below it.
type Node struct {
	list      *list
	rules     uint8
	low, high int // the names below
	depth     int // the length of the end that they have in common, with its dot
}

// Suffix reports whether the name is a public suffix, as far as rules without a
// wildcard say.
func (n Node) Suffix() bool { return n.rules&suffix != 0 }

// Wildcard reports whether every name right below this one is a public suffix,
// but for those that are excepted.
func (n Node) Wildcard() bool { return n.rules&wildcard != 0 }

// Excepted reports whether the name is an exception to a wildcard: it is not a
// public suffix, and was registered.
func (n Node) Excepted() bool { return n.rules&excepted != 0 }

// Child returns the node of the name that has one more label. ok is false if there
// is none.
func (n Node) Child(label string) (child Node, ok bool) {
	low, high := n.low, n.high
	for i := len(label) - 1; i >= 0 && low < high; i-- {
		low, high = n.list.narrow(low, high, n.depth+len(label)-1-i, label[i])
	}
	if low == high || label == "" {
		return Node{}, false
	}
	return n.node(low, high, n.depth+len(label))
}

// node returns the node of a name, given the names that end in it and its length.
func (n Node) node(low, high, depth int) (node Node, ok bool) {
	node = Node{list: n.list, depth: depth + len(".")}
	if int(n.list.names[low].length) == depth {
		node.rules = n.list.names[low].rules
		low++
	}
	node.low, node.high = n.list.narrow(low, high, depth, '.')
	return node, node.rules != 0 || node.low < node.high
}

// Find returns the node of a name below this one.
func (n Node) Find(name string) (node Node, ok bool) {
	for ok = true; ok && name != ""; {
		label := name[strings.LastIndexByte(name, '.')+1:]
		name = strings.TrimSuffix(name[:len(name)-len(label)], ".")
		n, ok = n.Child(label)
	}
	return n, ok
}

// Children yields the nodes right below, by label, in the order of their bytes
// from the last to the first.
func (n Node) Children(yield func(label string, child Node) bool) {
	always := func(int, byte) int { return 1 }
	n.Walk(1, always, func(label string, child Node, _ int) bool { return yield(label, child) })
}

// Walk yields those of the nodes right below whose labels an automaton can read,
// from the last byte to the first, and the automaton's state behind each. state is
// the one to begin with; step returns the next one, or 0 if there is none. Walk
// returns false if yield does, after which it yields nothing more.
func (n Node) Walk(state int, step func(state int, c byte) int, yield func(label string, child Node, state int) bool) bool {
	return n.walk(n.low, n.high, n.depth, state, step, yield)
}

func (n Node) walk(low, high, depth, state int, step func(int, byte) int, yield func(string, Node, int) bool) bool {
	if low < high && depth > n.depth {
		if child, ok := n.node(low, high, depth); ok {
			s := n.list.string(n.list.names[low])
			if !yield(s[len(s)-depth:len(s)-n.depth], child, state) {
				return false
			}
		}
	}
	for low < high {
		c := n.list.byteAt(low, depth)
		if c == 0 || c == '.' { // of the node itself, or of those below it
			_, low = n.list.narrow(low, high, depth, c)
			continue
		}
		from := low
		low, _ = n.list.narrow(from, high, depth, c+1)
		if next := step(state, c); next != 0 && !n.walk(from, low, depth+1, next, step, yield) {
			return false
		}
	}
	return true
}

// Registrable returns the registrable domain of a host: its public suffix and one
// more label. It returns "" for names that cannot be registered: public suffixes,
// and those under no listed suffix. A dot at the end of the host makes no difference.
func (n Node) Registrable(host string) string {
	host = strings.TrimSuffix(host, ".")
	suffix := -1       // where the public suffix begins
	start := len(host) // where the last label that was looked at begins
	for node, ok := n, true; ok && start > 0; {
		end := max(start-1, 0)
		if start == len(host) {
			end = start
		}
		from := strings.LastIndexByte(host[:end], '.') + 1
		wildcard := node.Wildcard()
		if node, ok = node.Child(host[from:end]); ok && node.Excepted() {
			suffix = start
			break
		}
		if wildcard || node.Suffix() {
			suffix = from
		}
		start = from
	}
	if suffix <= 0 {
		return ""
	}
	return host[strings.LastIndexByte(host[:suffix-1], '.')+1:]
}
