// Package suffixes has the names under which strangers can get names of their own, as
// a tree: those of the public suffix list (https://publicsuffix.org), and more that
// this list lacks.
package suffixes

import (
	_ "embed"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:generate go run gen.go
//go:embed rules.txt
var rules string

//go:embed own.txt
var own string

// Node is a name in the tree: the root, or a name that a rule has, or that is
// above one.
type Node struct {
	children map[string]*Node
	suffix   bool // a rule is this name
	wildcard bool // a rule is an asterisk below it
	excepted bool // an exception to the wildcard of its parent
}

// List returns the root of both lists: the public suffix list and our own. It answers
// whether strangers can get a name.
var List = sync.OnceValue(func() *Node {
	root := new(Node)
	root.add(rules)
	root.add(own)
	// The public list has home.arpa, since each home has one of its own. For the same
	// reason nobody can register a name below it: https://www.rfc-editor.org/rfc/rfc8375
	root.Find("home.arpa").suffix = false
	return root
})

// Public returns the root of the public suffix list alone. It answers what browsers
// make of a name, since they know no other list.
var Public = sync.OnceValue(func() *Node { return Parse(rules) })

// ownRules returns the rules of our own list, in order.
var ownRules = sync.OnceValue(func() []string { return slices.Collect(rulesOf(own)) })

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
// line, and comments.
func rulesOf(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			rule := strings.TrimSpace(line)
			if rule != "" && !strings.HasPrefix(rule, "//") && !yield(rule) {
				return
			}
		}
	}
}

// Parse returns the root of a list in the format of publicsuffix.org.
func Parse(text string) *Node {
	root := new(Node)
	root.add(text)
	return root
}

// add adds the rules of a list to the tree.
func (n *Node) add(text string) {
	for rule := range rulesOf(text) {
		rule, excepted := strings.CutPrefix(rule, "!")
		rule, wildcard := strings.CutPrefix(rule, "*.")
		node := n
		labels := strings.Split(rule, ".")
		for _, label := range slices.Backward(labels) {
			child := node.children[label]
			if child == nil {
				if node.children == nil {
					node.children = make(map[string]*Node)
				}
				child = new(Node)
				node.children[label] = child
			}
			node = child
		}
		node.excepted = node.excepted || excepted
		node.wildcard = node.wildcard || wildcard
		node.suffix = node.suffix || !excepted && !wildcard
	}
}

// Suffix reports whether the name is a public suffix, as far as rules without a
// wildcard say.
func (n *Node) Suffix() bool { return n.suffix }

// Wildcard reports whether every name right below this one is a public suffix,
// but for those that are excepted.
func (n *Node) Wildcard() bool { return n.wildcard }

// Excepted reports whether the name is an exception to a wildcard: it is no public
// suffix, and was registered.
func (n *Node) Excepted() bool { return n.excepted }

// Child returns the node of the name that has one more label, or nil.
func (n *Node) Child(label string) *Node { return n.children[label] }

// Find returns the node of a name below this one, or nil.
func (n *Node) Find(name string) *Node {
	labels := strings.Split(name, ".")
	for i := len(labels) - 1; i >= 0 && n != nil; i-- {
		n = n.children[labels[i]]
	}
	return n
}

// Children yields the nodes right below, by label, in order.
func (n *Node) Children() iter.Seq2[string, *Node] {
	return func(yield func(string, *Node) bool) {
		for _, label := range slices.Sorted(maps.Keys(n.children)) {
			if !yield(label, n.children[label]) {
				return
			}
		}
	}
}

// Registrable returns the registrable domain of a host: its public suffix and one
// more label. It returns "" for names that cannot be registered: public suffixes,
// and those under no listed suffix.
func (n *Node) Registrable(host string) string {
	labels := strings.Split(host, ".")
	suffix := 0 // how many labels the public suffix has
	node := n
	for i := 1; i <= len(labels); i++ {
		child := node.children[labels[len(labels)-i]]
		if child != nil && child.excepted {
			suffix = i - 1
			break
		}
		if node.wildcard || child != nil && child.suffix {
			suffix = i
		}
		if child == nil {
			break
		}
		node = child
	}
	if suffix == 0 || suffix >= len(labels) {
		return ""
	}
	return strings.Join(labels[len(labels)-suffix-1:], ".")
}
