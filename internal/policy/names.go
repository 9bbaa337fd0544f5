package policy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// prefixes are the beginnings of header names, in lower case.
type prefixes []string

// cover reports whether name begins with one of the prefixes, in any case.
func (p prefixes) cover(name string) bool {
	return slices.ContainsFunc(p, func(prefix string) bool {
		return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
	})
}

// exposed names the headers that a response has, for Access-Control-Expose-Headers.
type exposed struct {
	always   []string // the configured names
	list     string   // of them
	every    bool
	prefixes prefixes
}

// names returns the configured names, and those of h that are covered. It leaves
// out the headers that every page may read, and those that no page may read.
func (e *exposed) names(h http.Header) string {
	var memory [32]string
	found := memory[:0]
	size := len(e.list)
	for name := range h {
		if e.covers(name) {
			found = append(found, name)
			size += len(", ") + len(name)
		}
	}
	if len(found) == 0 {
		return e.list
	}
	slices.Sort(found)
	var b strings.Builder
	b.Grow(size)
	b.WriteString(e.list)
	for _, name := range found {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}

func (e *exposed) covers(name string) bool {
	switch {
	case !e.every && !e.prefixes.cover(name):
		return false
	case !fetch.IsToken(name), IsResponseHeader(name), strings.EqualFold(name, fetch.TimingAllowOrigin):
		return false
	}
	return !fetch.IsSafelistedResponseHeader(name) && !fetch.IsForbiddenResponseField(name) &&
		!slices.ContainsFunc(e.always, func(s string) bool { return strings.EqualFold(s, name) })
}
