package policy

import (
	"iter"
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// everyOrigin admits every well-formed origin.
type everyOrigin struct{}

// Allows admits the origin.
func (everyOrigin) Allows(*http.Request, origins.Origin) (Admission, error) { return Admitted, nil }

// Claims yields *.
func (everyOrigin) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		yield(Claim{Option: "allow_origins", Entry: "*", Verdict: openness.Anyone})
	}
}

// patternSource admits exact origins and wildcards. A policy looks for exact
// origins before it parses the origin of a request, and asks the source for the rest.
type patternSource struct {
	index   *origins.Index // that of the policy
	entries []patternEntry // until the policy is compiled
}

// patternEntry is a pattern, and where it is from. A pattern that a finite
// expression spells out is judged with that expression.
type patternEntry struct {
	pattern origins.Pattern
	derived bool
}

// Allows reports whether a pattern with a wildcard admits o.
func (s *patternSource) Allows(_ *http.Request, o origins.Origin) (Admission, error) {
	if s.index.AllowsWildcard(o) {
		return Admitted, nil
	}
	return Refused, nil
}

// Claims yields the patterns as they are configured.
func (s *patternSource) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		for _, e := range s.entries {
			if e.derived {
				continue
			}
			claim := Claim{Option: "allow_origins", Entry: e.pattern.String(), Verdict: openness.JudgePattern(e.pattern)}
			if !yield(claim) {
				return
			}
		}
	}
}

// build returns the index of all patterns, and forgets the entries. If secure is
// true, it leaves out exact origins that are insecure: a policy that has them is
// refused, but nothing must hang on that.
func (s *patternSource) build(secure bool) *origins.Index {
	patterns := make([]origins.Pattern, 0, len(s.entries))
	for _, e := range s.entries {
		if !(secure && e.pattern.Exact() && e.pattern.Insecure()) {
			patterns = append(patterns, e.pattern)
		}
	}
	s.index, s.entries = origins.NewIndex(patterns), nil
	return s.index
}

// regexpSource admits the origins that an expression matches. Where the expression
// spells out a few origins, the index has these, and only the claim is the
// expression's.
type regexpSource struct {
	re *origins.Regexp
}

// Allows reports whether the expression matches o.
func (s *regexpSource) Allows(_ *http.Request, o origins.Origin) (Admission, error) {
	if s.re.Match(o) {
		return Admitted, nil
	}
	return Refused, nil
}

// Claims yields the expression.
func (s *regexpSource) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		yield(Claim{Option: "allow_origins_regexp", Entry: s.re.String(), Verdict: openness.JudgeRegexp(s.re)})
	}
}
