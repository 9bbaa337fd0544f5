package fetch

import "strings"

// FieldSet is the set of request headers that a policy allows. It is read-only, and safe
// for concurrent use.
type FieldSet struct {
	names map[string]bool // in lower case
	total int             // bytes of all names, with a comma after each
}

// slack is how many bytes the lines of Access-Control-Request-Headers may have apart
// from names and commas. Browsers need none, but intermediaries add spaces, split the
// line and repeat names.
const slack = 64

// NewFieldSet returns the set of the named headers. Case does not matter.
func NewFieldSet(names []string) FieldSet {
	s := FieldSet{names: make(map[string]bool, len(names))}
	for _, name := range names {
		if name = lower(name); !s.names[name] {
			s.names[name] = true
			s.total += len(name) + 1
		}
	}
	return s
}

// Has reports whether the set has a header. Case does not matter.
func (s *FieldSet) Has(name string) bool { return s.names[lower(name)] }

// Covers reports whether the lines of Access-Control-Request-Headers ask for allowed
// headers only. Browsers send one line of lower-case names, sorted, each once
// (https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names). So they never send
// more than all names together, and Covers does not read further, however long the
// lines are.
func (s *FieldSet) Covers(lines []string) bool {
	budget := s.total + slack
	for _, line := range lines {
		if budget -= len(line) + 1; budget < 0 {
			return false
		}
		for line != "" {
			var name string
			name, line, _ = strings.Cut(line, ",")
			if s.names[name] { // as browsers spell it
				continue
			}
			if name = strings.Trim(name, " \t"); name != "" && !s.Has(name) {
				return false
			}
		}
	}
	return true
}
