package caddycors

import (
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// originSet is a set of allowed origins. It is immutable once built.
type originSet struct {
	index     *origins.Index
	templates []*template
	regexps   []*origins.Regexp
}

// allows reports whether o, the origin of r, is in the set. It tries what
// costs least first; no way of writing an origin outranks another.
func (s *originSet) allows(r *http.Request, o origins.Origin) bool {
	if s.index.Allows(o) {
		return true
	}
	for _, t := range s.templates {
		if t.matches(r, o) {
			return true
		}
	}
	for _, re := range s.regexps {
		if re.Match(o) {
			return true
		}
	}
	return false
}
