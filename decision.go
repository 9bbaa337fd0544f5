package caddycors

import (
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// kind is what a request is to CORS.
type kind uint8

const (
	kindActual kind = iota
	kindPreflight
	kinds
)

func (k kind) String() string {
	return [...]string{"actual", "preflight"}[k]
}

// result is the outcome of a decision about a request's origin.
type result uint8

const (
	resultNone result = iota // no Origin, nothing to decide
	resultAllowed
	resultDenied
	resultSameOrigin // not allowed, but no page of another origin
	results
)

func (r result) String() string {
	return [...]string{"none", "allowed", "denied", "same_origin"}[r]
}

// reason says why an origin is denied, or why the browser will take a preflight
// for failed that is from an allowed one. The set is closed: a reason never
// contains anything of the request.
type reason uint8

const (
	reasonNone      reason = iota // allowed
	reasonOrigin                  // not in the set
	reasonMalformed               // not one serialized origin
	reasonNull                    // opaque
	reasonInsecure                // http, and with credentials
	reasonOpen                    // with credentials, and allowed only by an open pattern of a list
	reasonSource                  // no source allows it, and one could not tell
	reasonMethod                  // the preflight asks for a method that is not allowed
	reasonHeaders                 // or for a request field that is not
	reasonStatus                  // or was answered, by the next handler, with a status that is not ok
	reasons
)

func (r reason) String() string {
	return [...]string{"", "origin", "malformed_origin", "null_origin", "insecure_origin", "open_origin", "source_error", "method", "headers", "status"}[r]
}

// decision is what a policy decides about a request.
type decision struct {
	origin string // where allowed, as the browser sent it
	kind   kind
	result result
	reason reason
	// counted says that the request has been counted already.
	counted bool
	err     error // of the sources that could not tell
}

// decide decides about r. What it costs does not depend on what a stranger sends.
func (p *policy) decide(r *http.Request) (d decision) {
	lines := r.Header[fetch.Origin]
	if len(lines) == 0 {
		return d // nothing to decide: resultNone
	}
	d = p.judge(r, lines)
	switch {
	case isPreflight(r):
		d.kind = kindPreflight
		if d.result == resultAllowed {
			d.reason = p.refusal(r)
		}
	case d.result == resultDenied && sameOrigin(r):
		return decision{result: resultSameOrigin}
	}
	return d
}

// judge judges the origin of r, of which lines are the field Origin. The length
// and the shape of an origin come before anything that looks into the policy.
func (p *policy) judge(r *http.Request, lines []string) decision {
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
	case p.origins.allows(r, o):
		if p.overrulesInsecure && o.Insecure() {
			// However it got into the set: with credentials, anyone on the network
			// path of a plain http page could read the responses.
			return decision{result: resultDenied, reason: reasonInsecure}
		}
		return decision{origin: o.String(), result: resultAllowed}
	case len(p.origins.sources) == 0:
		return decision{result: resultDenied, reason: reasonOrigin}
	case p.overrulesInsecure && o.Insecure():
		return decision{result: resultDenied, reason: reasonInsecure}
	}
	return p.judgeBySources(r, o)
}

// judgeBySources judges o, the origin of r, which nothing but a source can
// allow.
func (p *policy) judgeBySources(r *http.Request, o origins.Origin) decision {
	allowed, open, err := p.origins.sourcesAllow(r, o, p.overrulesOpen)
	switch {
	case allowed:
		return decision{origin: o.String(), result: resultAllowed}
	case open:
		return decision{result: resultDenied, reason: reasonOpen}
	case err != nil:
		return decision{result: resultDenied, reason: reasonSource, err: err}
	}
	return decision{result: resultDenied, reason: reasonOrigin}
}
