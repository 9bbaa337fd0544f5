package fetch

import "strings"

// FieldSet is the set of request fields that a policy allows.
type FieldSet struct {
	names map[string]bool // in lower case
	total int             // bytes of all names, and a comma after each
}

// slack is how many bytes the lines of Access-Control-Request-Headers may have
// besides names and one comma each: browsers send none, but intermediaries add
// spaces, split the line and repeat names.
const slack = 64

// NewFieldSet returns the set of the named fields. Case does not matter.
func NewFieldSet(names []string) FieldSet {
	s := FieldSet{names: make(map[string]bool, len(names))}
	for _, name := range names {
		if name = strings.ToLower(name); !s.names[name] {
			s.names[name] = true
			s.total += len(name) + 1
		}
	}
	return s
}

// Has reports whether the set has a field. Case does not matter.
func (s *FieldSet) Has(name string) bool { return s.names[strings.ToLower(name)] }

// Covers reports whether the lines of Access-Control-Request-Headers ask for
// allowed fields only. Browsers send one line of lower-case names, sorted, each
// once (https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names), so what
// is much longer than all names together is not theirs. The work is bounded by
// that length, however long the lines are.
func (s *FieldSet) Covers(lines []string) bool {
	budget := s.total + slack
	for _, line := range lines {
		if budget -= len(line) + 1; budget < 0 {
			return false
		}
		for line != "" {
			var name string
			name, line, _ = strings.Cut(line, ",")
			if s.names[name] { // as browsers write it
				continue
			}
			if name = strings.Trim(name, " \t"); name != "" && !s.Has(name) {
				return false
			}
		}
	}
	return true
}
