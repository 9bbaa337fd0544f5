package caddycors

import (
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// result is the outcome of a decision about a request's origin.
type result string

const (
	resultNone       result = "none" // no Origin, nothing to decide
	resultAllowed    result = "allowed"
	resultDenied     result = "denied"
	resultSameOrigin result = "same_origin" // not allowed, but no page of another origin
)

// reason says why an origin is denied, or what of a preflight the browser will
// refuse. The set is closed: a reason never contains anything of the request.
type reason string

const (
	reasonOrigin    reason = "origin"           // not in the set
	reasonMalformed reason = "malformed_origin" // not one serialized origin
	reasonNull      reason = "null_origin"      // opaque
	reasonInsecure  reason = "insecure_origin"  // in the set, but http and with credentials
	reasonMethod    reason = "method"           // the preflight asks for a method that is not allowed
	reasonHeaders   reason = "headers"          // or for a request field that is not
)

// decision is what a policy decides about a request's origin.
type decision struct {
	origin string // where allowed, as the browser sent it
	result result
	reason reason // "" where allowed
}

// decide judges the origin of r. What it costs does not depend on what a
// stranger sends: the length and the shape of an origin come before anything
// that looks into the policy.
func (p *policy) decide(r *http.Request) decision {
	lines := r.Header[fetch.Origin]
	switch {
	case len(lines) == 0:
		return decision{result: resultNone}
	case p.any:
		return decision{result: resultAllowed}
	case len(lines) > 1:
		return decision{result: resultDenied, reason: reasonMalformed}
	case lines[0] == origins.Null:
		if p.null {
			return decision{origin: origins.Null, result: resultAllowed}
		}
		return decision{result: resultDenied, reason: reasonNull}
	}
	o, ok := origins.Parse(lines[0])
	switch {
	case !ok:
		return decision{result: resultDenied, reason: reasonMalformed}
	case !p.origins.allows(r, o):
		return decision{result: resultDenied, reason: reasonOrigin}
	case p.overrulesInsecure && o.Insecure():
		// However it got into the set: with credentials, anyone on the network
		// path of a plain http page could read the responses.
		return decision{result: resultDenied, reason: reasonInsecure}
	}
	return decision{origin: o.String(), result: resultAllowed}
}
