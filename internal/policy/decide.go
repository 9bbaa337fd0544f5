package policy

import (
	"errors"
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// Kind is what a request is to CORS.
type Kind uint8

// The kinds of requests.
const (
	Actual Kind = iota
	Preflight
	numKinds
)

// NumKinds is how many kinds there are.
const NumKinds = int(numKinds)

func (k Kind) String() string {
	return [...]string{"actual", "preflight"}[k]
}

// Result is the outcome of a decision about the origin of a request.
type Result uint8

// The results.
const (
	None       Result = iota // no Origin, nothing to decide
	Allowed                  // the page may read the response
	Denied                   // the page may not
	SameOrigin               // not allowed, but the page is of the request's own origin
	numResults
)

// NumResults is how many results there are.
const NumResults = int(numResults)

func (r Result) String() string {
	return [...]string{"none", "allowed", "denied", "same_origin"}[r]
}

// Reason says why an origin is denied, or why the browser will refuse the answer
// to a preflight from an allowed origin. The set is closed: a reason never
// contains anything of the request.
type Reason uint8

// The reasons.
const (
	ReasonNone      Reason = iota // allowed
	ReasonOrigin                  // nothing admits the origin
	ReasonMalformed               // not one serialized origin
	ReasonNull                    // an opaque origin
	ReasonInsecure                // an insecure origin, with credentials
	ReasonOpen                    // only an open entry admits the origin, with credentials
	ReasonSource                  // no source admits the origin, and one could not tell
	ReasonMethod                  // the preflight asks for a method that is not allowed
	ReasonHeaders                 // the preflight asks for a header that is not allowed
	ReasonStatus                  // the next handler answers the preflight with a status that is not ok
	numReasons
)

// NumReasons is how many reasons there are.
const NumReasons = int(numReasons)

func (r Reason) String() string {
	return [...]string{
		"", "origin", "malformed_origin", "null_origin", "insecure_origin", "open_origin",
		"source_error", "method", "headers", "status",
	}[r]
}

// Decision is what a policy decides about a request. It is handed on by
// reference, since copies of it would be a good part of what a decision costs.
type Decision struct {
	Origin string // where allowed, as the browser sent it
	Kind   Kind
	Result Result
	Reason Reason
	Err    error // of the sources that could not tell
}

func (d *Decision) allow(origin string) { d.Origin, d.Result = origin, Allowed }

func (d *Decision) deny(reason Reason) { d.Result, d.Reason = Denied, reason }

// Decide decides about r. Its cost does not depend on what a stranger sends.
func (p *Policy) Decide(r *http.Request) (d Decision) {
	lines := r.Header[fetch.Origin]
	if len(lines) == 0 {
		return d // nothing to decide: None
	}
	p.decideOrigin(&d, r, lines)
	method := preflightMethod(r)
	switch {
	case len(method) > 0:
		d.Kind = Preflight
		if d.Result == Allowed {
			d.Reason = p.refusal(method, r.Header[fetch.RequestHeaders])
		}
	case d.Result == Denied && IsSameOrigin(r, p.trustedProxy):
		return Decision{Result: SameOrigin}
	}
	return d
}

// decideOrigin decides about the origin of r, given the lines of the header
// Origin, of which there is at least one. The length and the shape of an origin
// come before anything that looks into the policy.
func (p *Policy) decideOrigin(d *Decision, r *http.Request, lines []string) {
	switch {
	case p.any:
		d.allow("")
	case len(lines) > 1:
		d.deny(ReasonMalformed)
	case lines[0] != origins.Null:
		p.decideTuple(d, r, lines[0])
	case p.null:
		d.allow(origins.Null)
	default:
		d.deny(ReasonNull)
	}
}

// decideTuple decides about the origin of r, which is not opaque.
func (p *Policy) decideTuple(d *Decision, r *http.Request, origin string) {
	if p.patterns.AllowsExact(origin) { // and so well formed
		d.allow(origin)
		return
	}
	o, ok := origins.Parse(origin)
	if !ok {
		d.deny(ReasonMalformed)
		return
	}
	admission, err := ask(p.sources[:p.numStatic], r, o, p.overrulesOpen)
	if admission == Refused && p.numStatic == len(p.sources) {
		d.deny(ReasonOrigin)
		return
	}
	if p.overrulesInsecure && o.Insecure() {
		// Whatever admits it: with credentials, anyone on the network path of a
		// plain http page could read the responses.
		d.deny(ReasonInsecure)
		return
	}
	if admission == Refused {
		admission, err = ask(p.sources[p.numStatic:], r, o, p.overrulesOpen)
	}
	switch {
	case admission == Admitted:
		d.allow(origin)
	case admission == AdmittedOpen:
		d.deny(ReasonOpen)
	case err != nil:
		d.deny(ReasonSource)
		d.Err = err
	default:
		d.deny(ReasonOrigin)
	}
}

// ask asks sources in order about o, the origin of r; the first that admits it
// decides. If strict is true, an open entry does not admit it, but another source
// still may. The error is that of all sources that could not tell, where none
// admits the origin.
func ask(sources []Source, r *http.Request, o origins.Origin, strict bool) (Admission, error) {
	var errs error
	result := Refused
	for _, source := range sources {
		switch admission, err := source.Allows(r, o); {
		case err != nil:
			errs = errors.Join(errs, err)
		case admission == AdmittedOpen && strict:
			result = AdmittedOpen
		case admission != Refused:
			return Admitted, nil
		}
	}
	return result, errs
}

// Admits reports whether the policy admits the origin of r, for a policy that is
// nested in a source of another one: that one denies what only an open entry
// admits. It is safe to call without an Origin.
func (p *Policy) Admits(r *http.Request) (Admission, error) {
	lines := r.Header[fetch.Origin]
	if len(lines) != 1 {
		return Refused, nil
	}
	o, ok := origins.Parse(lines[0])
	null := lines[0] == origins.Null
	switch {
	case p.patterns.AllowsExact(lines[0]):
		return Admitted, nil
	case p.any && (ok || null), p.null && null:
		return AdmittedOpen, nil
	case !ok:
		return Refused, nil
	}
	return ask(p.sources, r, o, true)
}
