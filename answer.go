package caddycors

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// answer is what a policy makes of a response's header fields. It is compiled
// once, is never changed, and serves every request of its kind.
type answer struct {
	// fields are the fields to send. One without a value names the request's
	// origin.
	fields []field
	// vary are the field names that Vary must list, and varyLine is Vary where
	// nobody else has set it.
	vary     []string
	varyLine string
	// ownsTiming says that Timing-Allow-Origin is the policy's too, even where
	// it is not among the fields.
	ownsTiming bool
	// size is how many values apply sets at most, and at least one.
	size int
}

// field is a header field with its one value. Its name is in canonical form.
type field struct{ name, value string }

var (
	// A response that depends on Origin says so even to requests without it
	// (https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches).
	varyOrigin = []string{fetch.Origin}
	// OPTIONS responses cannot be cached (RFC 9110, 9.3.7), but some CDNs are
	// made to do it.
	varyPreflight = []string{fetch.Origin, fetch.RequestMethod, fetch.RequestHeaders}
)

func newAnswer(vary []string, ownsTiming bool, fields ...field) *answer {
	size := len(fields)
	if len(vary) > 0 {
		size++
	}
	return &answer{fields: fields, vary: vary, varyLine: strings.Join(vary, ", "), ownsTiming: ownsTiming, size: max(size, 1)}
}

// apply makes h say what the answer says about CORS, and nothing else, whoever
// has written to h before. values is the memory for its values, of at least one,
// which is the request's origin; if it does not suffice, apply allocates. Each
// response needs its own, because other handlers edit the values of a header map
// in place.
func (a *answer) apply(h http.Header, values []string) {
	varied := len(h) > 0 && removeCORS(h)
	if a.ownsTiming {
		delete(h, fetch.TimingAllowOrigin)
	}
	origin := values[0]
	if len(values) < a.size {
		values = make([]string, a.size)
	}
	for i, f := range a.fields {
		values[i] = f.value
		if f.value == "" {
			values[i] = origin
		}
		h[f.name] = values[i : i+1 : i+1]
	}
	if len(a.vary) == 0 {
		return
	}
	line := a.varyLine
	if varied {
		merged, changed := fetch.MergeVary(h[fetch.Vary], a.vary)
		if !changed {
			return
		}
		line = merged
	}
	i := len(a.fields)
	values[i] = line
	h[fetch.Vary] = values[i : i+1 : i+1]
}

// removeCORS removes the CORS response fields, all that there are or may be: a
// handler or an upstream can send any of them. It reports whether it has come
// across Vary.
func removeCORS(h http.Header) (varied bool) {
	for name := range h {
		if isResponseField(name) {
			delete(h, name)
		} else if name == fetch.Vary {
			varied = true
		}
	}
	return varied
}

// isResponseField reports whether name is that of a CORS response field, in any
// case: what an upstream sends is canonical, what a handler sets need not be.
func isResponseField(name string) bool {
	const prefix = fetch.ResponsePrefix
	return len(name) > len(prefix) && name[0]|0x20 == 'a' && name[6] == '-' &&
		strings.EqualFold(name[:len(prefix)], prefix)
}

// compileAnswers composes the answers from what the options came to.
func (c *compiler) compileAnswers() {
	// add appends a field if there is something to say.
	add := func(fields []field, name, value string) []field {
		if value == "" {
			return fields
		}
		return append(fields, field{name, value})
	}
	allowOrigin := []field{{name: fetch.AllowOrigin}} // the request's
	vary, timing := varyOrigin, ""
	if c.any {
		// Nothing about such a response depends on the request.
		allowOrigin, vary, timing = []field{{fetch.AllowOrigin, "*"}}, nil, "*"
	}
	if c.credentials {
		allowOrigin = add(allowOrigin, fetch.AllowCredentials, "true")
	}

	allowed := add(slices.Clip(allowOrigin), fetch.ExposeHeaders, c.exposeHeaders)
	var none []field
	if c.AllowTiming {
		allowed = append(allowed, field{fetch.TimingAllowOrigin, timing})
		none = add(none, fetch.TimingAllowOrigin, c.timingOrigins())
	}
	if c.any {
		none = allowed
	}
	actual := func(vary []string) answers {
		denied := newAnswer(vary, c.AllowTiming)
		return answers{
			resultNone:       newAnswer(vary, c.AllowTiming, none...),
			resultAllowed:    newAnswer(vary, c.AllowTiming, allowed...),
			resultDenied:     denied,
			resultSameOrigin: denied,
		}
	}
	c.actual, c.options = actual(vary), actual(varyPreflight)

	preflight := add(slices.Clip(allowOrigin), fetch.AllowMethods, c.allowMethods())
	preflight = add(preflight, fetch.AllowHeaders, c.allowHeaders)
	preflight = add(preflight, fetch.MaxAge, c.maxAge)
	var denied []field
	if !c.PreflightPassthrough {
		length := field{"Content-Length", "0"}
		denied = append(denied, length)
		if c.PreflightStatus != http.StatusNoContent {
			preflight = append(preflight, length)
		}
	}
	c.preflightAllowed = newAnswer(varyPreflight, c.AllowTiming, preflight...)
	c.preflightDenied = newAnswer(varyPreflight, c.AllowTiming, denied...)
}

// allowMethods returns Access-Control-Allow-Methods, before any echo.
func (c *compiler) allowMethods() string {
	if c.anyMethod && !c.credentials {
		return "*"
	}
	return strings.Join(append([]string{safelistedMethods}, c.methods...), ", ")
}

// timingOrigins returns Timing-Allow-Origin for responses to requests without
// Origin, as images, scripts and styles are fetched: the exact origins, where
// they are few enough to be listed.
func (c *compiler) timingOrigins() string {
	var exact []string
	for _, p := range c.patterns {
		if s := p.String(); p.Exact() && !slices.Contains(exact, s) {
			if exact = append(exact, s); len(exact) > maxTimingOrigins {
				return ""
			}
		}
	}
	return strings.Join(exact, ", ")
}
