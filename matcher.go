package caddycors

import (
	"errors"
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// originSet is a set of allowed origins. It is immutable once built.
type originSet struct {
	index     *origins.Index
	templates []*template
	regexps   []*origins.Regexp
	sources   []OriginSource
}

// allows reports whether o, the origin of r, is in the set, the sources left
// aside. It tries what costs least first; no way of writing an origin outranks
// another.
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

// sourcesAllow reports whether a source allows o, the origin of r. If tight is
// true, what only an open pattern of a list allows is not allowed, and open tells
// that there was such a one. The errors are those of the sources that could not
// tell, where none allows it.
func (s *originSet) sourcesAllow(r *http.Request, o origins.Origin, tight bool) (allowed, open bool, err error) {
	for _, source := range s.sources {
		var yes, isOpen bool
		var e error
		if list, ok := source.(openSource); ok {
			yes, isOpen, e = list.allowsOrigin(r, o)
		} else {
			yes, e = source.AllowsOrigin(r, o.String())
		}
		switch {
		case e != nil:
			err = errors.Join(err, e)
		case yes && isOpen && tight:
			open = true
		case yes:
			return true, false, nil
		}
	}
	return false, open, err
}
