package policy

import (
	"net/http"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// trailer is the header that announces trailers. Go's servers send a trailer that
// it announces, or one under a key with its name and a colon, http.TrailerPrefix.
const trailer = "Trailer"

// removeTrailers removes the trailers that the policy owns from the header called
// name, if that is a Trailer, and the whole header if it is such a trailer itself.
//
// An announced trailer has to go before the header is sent. A server of HTTP/3
// takes its name out of the headers, along with the value that the answer has set.
func (a *Answer) removeTrailers(h http.Header, name string) {
	switch {
	case len(name) == len(trailer):
		if strings.EqualFold(name, trailer) {
			a.removeAnnounced(h, name)
		}
	case name[len(trailer)] == ':' && strings.EqualFold(name[:len(trailer)], trailer):
		if a.owns(name[len(trailer)+1:]) {
			delete(h, name)
		}
	}
}

// removeAnnounced removes the names that the policy owns from the lists of the
// header called name, and the header if no other remains.
func (a *Answer) removeAnnounced(h http.Header, name string) {
	var others []string
	removed := false
	for element := range fetch.Elements(h[name]) {
		if a.owns(element) {
			removed = true
		} else {
			others = append(others, element)
		}
	}
	switch {
	case !removed:
	case len(others) == 0:
		delete(h, name)
	default:
		h[name] = []string{strings.Join(others, ", ")}
	}
}

// owns reports whether the policy owns the trailer called name, in any case. That
// includes Vary, where the policy sets it: caches look for it in the header.
func (a *Answer) owns(name string) bool {
	return IsResponseHeader(name) ||
		a.ownsTiming && strings.EqualFold(name, fetch.TimingAllowOrigin) ||
		len(a.vary) > 0 && strings.EqualFold(name, fetch.Vary)
}
