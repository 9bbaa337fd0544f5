package origins

import (
	"slices"
	"strings"
)

// labelSet is a set of patterns in which an asterisk stands for a part of the first
// label. A host of which no pattern has the other labels costs one look-up; any
// other one costs a look-up for each shape.
type labelSet struct {
	patterns map[sides]struct{}
	others   map[string]struct{} // what follows the first label
	shapes   []shape
}

// sides is what surrounds the asterisk: of x-*-y.a.example:8443, "x-" and
// "-y.a.example:8443".
type sides struct{ before, after string }

// shape is how much of the first label is before and behind the asterisk. A label
// has at most 63 bytes, so that there are not many shapes, however many patterns.
type shape struct{ before, after uint8 }

func (set *labelSet) insert(p Pattern) {
	if set.patterns == nil {
		set.patterns, set.others = make(map[sides]struct{}), make(map[string]struct{})
	}
	before, after, _ := p.Wildcard()
	if p.port != "" {
		after = p.s[len(p.s)-len(after)-len(":")-len(p.port):]
	}
	set.patterns[sides{before, after}] = struct{}{}
	dot := strings.IndexByte(after, '.')
	set.others[after[dot:]] = struct{}{}
	if s := (shape{uint8(len(before)), uint8(dot)}); !slices.Contains(set.shapes, s) {
		set.shapes = append(set.shapes, s)
	}
}

// admits reports whether a pattern of the set is s, with one or more letters, digits
// and hyphens in the place of its asterisk. It does not allocate.
func (set *labelSet) admits(s string) bool {
	if len(set.patterns) == 0 {
		return false
	}
	dot := strings.IndexByte(s, '.')
	if dot < 0 {
		return false
	}
	if _, ok := set.others[s[dot:]]; !ok {
		return false
	}
	for _, shape := range set.shapes {
		from, to := int(shape.before), dot-int(shape.after)
		if from >= to {
			continue
		}
		if _, ok := set.patterns[sides{s[:from], s[to:]}]; ok && !strings.Contains(s[from:to], "_") {
			return true
		}
	}
	return false
}
