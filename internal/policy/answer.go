package policy

import (
	"net/http"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// Answer is what a policy makes of the headers of a response. It is compiled once,
// is never changed, and serves every request of its kind.
type Answer struct {
	// fields are the headers to send. One without a value names the origin of the
	// request.
	fields []field
	// vary are the names that Vary must list, and varyLine is Vary where nobody
	// else has set it.
	vary     []string
	varyLine string
	// ownsTiming says that the policy owns Timing-Allow-Origin, even where it is
	// not among the fields.
	ownsTiming bool
	// exposed are the headers that Access-Control-Expose-Headers names as far as
	// the response has them, or nil.
	exposed *exposed
	values  int // how many values Apply sets at most
}

// field is a header with its one value. Its name is in canonical form.
type field struct{ name, value string }

// MaxActualValues is how many values an answer to a request that is not a
// preflight sets at most.
const MaxActualValues = 5

var (
	// A response that depends on Origin says so even to requests without it
	// (https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches).
	varyOrigin = []string{fetch.Origin}
	// Responses to OPTIONS cannot be cached (RFC 9110, section 9.3.7), but some
	// CDNs are made to cache them.
	varyPreflight = []string{fetch.Origin, fetch.RequestMethod, fetch.RequestHeaders}
)

func newAnswer(vary []string, ownsTiming bool, fields ...field) *Answer {
	a := &Answer{fields: fields, vary: vary, varyLine: strings.Join(vary, ", "), ownsTiming: ownsTiming, values: len(fields)}
	if len(vary) > 0 {
		a.values++
	}
	return a
}

// exposing makes the answer name headers that a response has.
func (a *Answer) exposing(e *exposed) *Answer {
	if a.exposed = e; e != nil {
		a.values++
	}
	return a
}

// Values returns how many values Apply sets at most.
func (a *Answer) Values() int { return a.values }

// Apply replaces the CORS headers of h by those of the answer, whoever has set
// them, and adds to Vary. It leaves no CORS header as a trailer. origin is that of the
// decision. memory is for the values: each response needs its own, since other
// handlers edit the values of a header map in place. Apply allocates where the
// memory is too short, or nil. It may be called again.
func (a *Answer) Apply(h http.Header, origin string, memory []string) {
	varied := len(h) > 0 && a.removeOwned(h)
	if len(memory) < a.values {
		memory = make([]string, a.values)
	}
	for i := range a.fields {
		f := &a.fields[i]
		if memory[i] = f.value; f.value == "" {
			memory[i] = origin
		}
		h[f.name] = memory[i : i+1 : i+1]
	}
	n := len(a.fields)
	if a.exposed != nil {
		if memory[n] = a.exposed.names(h); memory[n] != "" {
			h[fetch.ExposeHeaders] = memory[n : n+1 : n+1]
		}
		n++
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
	memory[n] = line
	h[fetch.Vary] = memory[n : n+1 : n+1]
}

// removeOwned removes all headers and trailers that the policy owns: a handler or
// an upstream can send any of them. It leaves Vary among the headers, and reports
// whether there is one.
func (a *Answer) removeOwned(h http.Header) (varied bool) {
	for name := range h {
		switch {
		case IsResponseHeader(name):
			delete(h, name)
		case name == fetch.Vary:
			varied = true
		case len(name) >= len(trailer) && name[0]|0x20 == 't':
			a.removeTiming(h, name)
			a.removeTrailers(h, name)
		}
	}
	return varied
}

// removeTiming removes the header called name if it is a Timing-Allow-Origin that
// the policy owns.
func (a *Answer) removeTiming(h http.Header, name string) {
	if a.ownsTiming && strings.EqualFold(name, fetch.TimingAllowOrigin) {
		delete(h, name)
	}
}

// IsResponseHeader reports whether name is that of a CORS response header, in any
// case: names from an upstream are canonical, names from a handler need not be.
func IsResponseHeader(name string) bool {
	const prefix = fetch.ResponsePrefix
	return len(name) > len(prefix) && name[0]|0x20 == 'a' && name[6] == '-' &&
		strings.EqualFold(name[:len(prefix)], prefix)
}

// compileAnswers composes the answers from the compiled options.
func (c *compiler) compileAnswers() {
	// add appends a header unless its value is empty.
	add := func(fields []field, name, value string) []field {
		if value == "" {
			return fields
		}
		return append(fields, field{name, value})
	}
	allowOrigin := []field{{name: fetch.AllowOrigin}} // the request's
	vary, timing := varyOrigin, ""
	if c.any {
		allowOrigin, timing = []field{{fetch.AllowOrigin, "*"}}, "*"
		if !c.config.Shared { // nothing about such a response depends on the request
			vary = nil
		}
	}
	if c.credentials {
		allowOrigin = add(allowOrigin, fetch.AllowCredentials, "true")
	}

	allowed := slices.Clip(allowOrigin)
	if c.exposed == nil {
		allowed = add(allowed, fetch.ExposeHeaders, c.exposeHeaders)
	}
	var none []field
	if c.config.Timing {
		allowed = append(allowed, field{fetch.TimingAllowOrigin, timing})
		none = add(none, fetch.TimingAllowOrigin, c.timingOrigins())
	}
	var exposedWithout *exposed // an Origin
	switch {
	case c.config.Shared:
		none = nil
	case c.any:
		none, exposedWithout = allowed, c.exposed
	}
	actual := func(vary []string) answers {
		denied := newAnswer(vary, c.config.Timing)
		return answers{
			None:       newAnswer(vary, c.config.Timing, none...).exposing(exposedWithout),
			Allowed:    newAnswer(vary, c.config.Timing, allowed...).exposing(c.exposed),
			Denied:     denied,
			SameOrigin: denied,
		}
	}
	varyPreflight := varyPreflight
	if c.config.PrivateNetwork {
		varyPreflight = append(slices.Clip(varyPreflight), fetch.RequestPrivateNetwork)
	}
	c.actual, c.options = actual(vary), actual(varyPreflight)

	preflight := add(slices.Clip(allowOrigin), fetch.AllowMethods, c.allowMethods())
	preflight = add(preflight, fetch.AllowHeaders, c.allowHeaders)
	// Browsers do not look for it there, but the Kubernetes Gateway API does.
	preflight = add(preflight, fetch.ExposeHeaders, c.exposeHeaders)
	preflight = add(preflight, fetch.MaxAge, c.maxAge)
	var denied []field
	if !c.config.PreflightPassthrough {
		length := field{"Content-Length", "0"}
		denied = append(denied, length)
		if c.preflightStatus != http.StatusNoContent {
			preflight = append(preflight, length)
		}
	}
	c.preflightAllowed = newAnswer(varyPreflight, c.config.Timing, preflight...)
	c.preflightDenied = newAnswer(varyPreflight, c.config.Timing, denied...)
	if c.config.PrivateNetwork {
		preflight = append(slices.Clip(preflight), field{fetch.AllowPrivateNetwork, "true"})
		c.preflightPrivate = newAnswer(varyPreflight, c.config.Timing, preflight...)
	}
}

// allowMethods returns Access-Control-Allow-Methods: the methods as they are
// configured, as the Kubernetes Gateway API has it. It returns "" where the answer
// echoes the method, and no other is configured.
func (c *compiler) allowMethods() string {
	switch {
	case c.anyMethod && !c.credentials:
		return "*"
	case c.anyMethod || len(c.methods) > 0:
		return strings.Join(c.methods, ", ")
	}
	return safelistedMethods
}

// timingOrigins returns Timing-Allow-Origin for responses to requests without
// Origin, such as those for images, scripts and styles: the exact origins, where
// they are few enough to be listed.
func (c *compiler) timingOrigins() string {
	var exact []string
	for _, e := range c.patterns.entries {
		if s := e.pattern.String(); e.pattern.Exact() && !slices.Contains(exact, s) {
			if exact = append(exact, s); len(exact) > maxTimingOrigins {
				return ""
			}
		}
	}
	return strings.Join(exact, ", ")
}
