// Package policy decides about CORS: a [Config] is compiled into a [Policy], which
// makes a [Decision] about each request, and an [Answer] for its response. It
// knows nothing of Caddy.
//
// The words that this module uses, each with one meaning:
//
//   - origin: scheme, host and port of a page, as a browser serializes them
//     (RFC 6454, section 6.2).
//   - policy: a compiled configuration. It is immutable.
//   - decision: the outcome for one request, with the reason for a denial.
//   - answer: the CORS headers and Vary that a policy gives to a response.
//   - source: a way to admit origins. See [Source].
//   - open: strangers can obtain an origin that an entry admits.
//   - insecure: whoever is on the network path of an origin's pages can forge
//     them, since its scheme is http.
//   - waiver: a risk that dangerously_allow accepts.
package policy

import (
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// Policy is a compiled configuration. It is immutable, and so safe for concurrent
// use.
type Policy struct {
	any, null bool // allow_origins has "*", "null"
	reflects  bool // allow_origins has "*", with credentials
	patterns  *origins.Index
	// sources are tried in order: first numStatic that cost little, patterns
	// before templates before expressions, then those of dynamic_origins.
	sources   []Source
	numStatic int

	credentials       bool
	overrulesInsecure bool // with credentials, insecure origins are denied
	overrulesOpen     bool // with credentials, origins that only an open entry admits are denied

	anyMethod bool
	methods   []string // as they are configured: safelisted ones need not be

	anyHeader     bool
	authorization bool // named, since anyHeader does not cover it
	headers       fetch.FieldSet
	prefixes      prefixes // of allow_headers

	trustedProxy func(*http.Request) bool

	preflightStatus int // of the answer to a preflight from an allowed origin

	// The answers to preflights, and to all other requests.
	preflightAllowed, preflightDenied *Answer
	preflightPrivate                  *Answer // from an allowed origin into a private network, or nil
	actual, options                   answers
}

// answers are the answers to requests that are not preflights, by the result of
// the decision.
type answers [numResults]*Answer

// Any reports whether the policy allows every origin.
func (p *Policy) Any() bool { return p.any }

// PreflightStatus returns the status of the answer to a preflight, about which d
// was decided.
func (p *Policy) PreflightStatus(d *Decision) int {
	if d.Result == Allowed {
		return p.preflightStatus
	}
	return http.StatusForbidden
}

// Answer returns the answer to r, about which d was decided.
func (p *Policy) Answer(r *http.Request, d *Decision) *Answer {
	switch {
	case d.Kind == Preflight:
		return p.preflightAnswer(r, d)
	case r.Method == http.MethodOptions:
		return p.options[d.Result]
	}
	return p.actual[d.Result]
}
