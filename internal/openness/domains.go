package openness

import "github.com/seed-56c1dbac/caddy-cors/internal/suffixes"

// web is what an expression admits of http or https.
type web struct {
	*analysis
	*backward
	scheme string
	start  int
	accept int // the set of the states after which an origin can end
}

// registrable notes the registrable domains of the hosts. It looks only at those
// public suffixes in which the expression can end.
func (w *web) registrable() {
	const likely = "com" // first, since its names are the plainest witnesses
	before := w.accept
	for i := len(likely) - 1; i >= 0; i-- {
		before = w.step(before, likely[i])
	}
	if com, ok := w.list.Child(likely); ok && !w.walk(com, likely, before, false) {
		return
	}
	w.list.Walk(w.accept, w.step, func(label string, node suffixes.Node, before int) bool {
		return label == likely || w.walk(node, label, before, false)
	})
}

// walk notes the registrable domains under the name of a node of the public suffix
// list, and under those below it. before is the set from which reading the name
// leads to a match; implied tells that a wildcard above makes the name a suffix. It
// returns whether more are of interest.
func (w *web) walk(node suffixes.Node, name string, before int, implied bool) bool {
	if before == 0 || w.m.over {
		return !w.m.over
	}
	if node.Excepted() {
		if visit := w.begins(w.sets[before].states, first); visit >= 0 {
			return w.note(name, w.text(visit)+name)
		}
		return true
	}
	under := w.step(before, '.')
	switch {
	case under == 0:
		return true
	case node.Wildcard():
		if !w.registerBelow(under, name, node) {
			return false
		}
	case node.Suffix() || implied:
		if !w.register(under, name, node) {
			return false
		}
	}
	return node.Walk(under, w.step, func(label string, child suffixes.Node, before int) bool {
		return w.walk(child, label+"."+name, before, node.Wildcard())
	})
}

// register notes the registrable domains of a public suffix: those that have one
// more label. under is the set from which reading the name leads to a match.
func (w *web) register(under int, name string, node suffixes.Node) bool {
	return w.labels(under, first, func(label string, before int) bool {
		var host string
		domain := label + "." + name
		child, ok := node.Child(label)
		switch {
		case ok && child.Suffix():
			return true // it is one itself
		case ok:
			// Of the hosts under it, those of suffixes further down are not its.
			if host = w.above(child, domain, before); host == "" {
				return true
			}
		default:
			host = w.text(w.begins(w.sets[before].states, first)) + domain
		}
		return w.note(domain, host)
	}) && !w.m.over
}

// registerBelow is register for all names right below that of a wildcard's node,
// but for those that have nodes of their own.
func (w *web) registerBelow(under int, name string, node suffixes.Node) bool {
	more := true
	w.labels(under, later, func(label string, before int) bool {
		if _, ok := node.Child(label); !ok {
			more = w.register(w.step(before, '.'), label+"."+name, suffixes.Node{})
		}
		return more
	})
	return more && !w.m.over
}

// above returns a host that is, or is under, the name of a node, but under no
// suffix further down, or "". before is the set from which reading the name leads
// to a match.
func (w *web) above(node suffixes.Node, name string, before int) (host string) {
	if before == 0 {
		return ""
	}
	if visit := w.begins(w.sets[before].states, first); visit == 0 {
		return name
	}
	under := w.step(before, '.')
	if node.Wildcard() || under == 0 {
		return ""
	}
	w.labels(under, first, func(label string, before int) bool {
		if _, ok := node.Child(label); !ok {
			host = w.text(w.begins(w.sets[before].states, first)) + label + "." + name
		}
		return host == ""
	})
	if host == "" {
		node.Walk(under, w.step, func(label string, child suffixes.Node, before int) bool {
			if !child.Suffix() && !child.Excepted() {
				host = w.above(child, label+"."+name, before)
			}
			return host == ""
		})
	}
	return host
}

// note notes a registrable domain and a host of it, which matches with some end.
func (w *web) note(domain, host string) bool {
	if len(host) > maxHost {
		return w.m.spend(maxSteps / 1000) // very many that are too long take too long
	}
	end, _ := w.m.webEnd(w.m.read(w.start, host), w.scheme)
	return w.domain(domain, w.scheme+"://"+host+end)
}
