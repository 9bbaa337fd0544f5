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

// decision is what a policy decides about a request. It is handed on by
// reference, since copies of it would be a good part of what a decision costs.
type decision struct {
	origin string // where allowed, as the browser sent it
	kind   kind
	result result
	reason reason
	// counted says that the request has been counted already.
	counted bool
	err     error // of the sources that could not tell
}

func (d *decision) allow(origin string) { d.origin, d.result = origin, resultAllowed }

func (d *decision) deny(reason reason) { d.result, d.reason = resultDenied, reason }

// decide decides about r. What it costs does not depend on what a stranger sends.
func (p *policy) decide(r *http.Request) (d decision) {
	lines := r.Header[fetch.Origin]
	if len(lines) == 0 {
		return d // nothing to decide: resultNone
	}
	p.judge(&d, r, lines)
	method := preflightMethod(r)
	switch {
	case len(method) > 0:
		d.kind = kindPreflight
		if d.result == resultAllowed {
			d.reason = p.refusal(method, r.Header[fetch.RequestHeaders])
		}
	case d.result == resultDenied && sameOrigin(r):
		return decision{result: resultSameOrigin}
	}
	return d
}

// judge decides about the origin of r, of which lines are the field Origin, of
// one line at least. The length and the shape of an origin come before anything
// that looks into the policy.
func (p *policy) judge(d *decision, r *http.Request, lines []string) {
	switch {
	case p.any:
		d.allow("")
	case len(lines) > 1:
		d.deny(reasonMalformed)
	case lines[0] != origins.Null:
		p.judgeTuple(d, r, lines[0])
	case p.null:
		d.allow(origins.Null)
	default:
		d.deny(reasonNull)
	}
}

// judgeTuple decides about the origin of r, which is not opaque.
func (p *policy) judgeTuple(d *decision, r *http.Request, origin string) {
	o, ok := origins.Parse(origin)
	if !ok {
		d.deny(reasonMalformed)
		return
	}
	allowed := p.origins.allows(r, o)
	switch {
	case !allowed && len(p.origins.sources) == 0:
		d.deny(reasonOrigin)
	case p.overrulesInsecure && o.Insecure():
		// However it got into the set: with credentials, anyone on the network
		// path of a plain http page could read the responses.
		d.deny(reasonInsecure)
	case allowed:
		d.allow(origin)
	default:
		p.askSources(d, r, o)
	}
}

// askSources decides about o, the origin of r, which nothing but a source can
// allow.
func (p *policy) askSources(d *decision, r *http.Request, o origins.Origin) {
	allowed, open, err := p.origins.sourcesAllow(r, o, p.overrulesOpen)
	switch {
	case allowed:
		d.allow(o.String())
	case open:
		d.deny(reasonOpen)
	case err != nil:
		d.deny(reasonSource)
		d.err = err
	default:
		d.deny(reasonOrigin)
	}
}
