package policy

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// echoLimit is the most bytes of Access-Control-Request-Headers that are looked
// at where any header is allowed, and of the method where any method is. Browsers
// send the names that a script asks for, and no script needs more.
const echoLimit = 4 << 10

// preflightMethod returns the lines of Access-Control-Request-Method if r, which
// has an Origin, is a CORS-preflight request
// (https://fetch.spec.whatwg.org/#cors-preflight-request). The values may be
// malformed: the policy judges them.
func preflightMethod(r *http.Request) []string {
	if r.Method != http.MethodOptions {
		return nil
	}
	return r.Header[fetch.RequestMethod]
}

// preflightAnswer returns the answer to r, a preflight.
func (p *Policy) preflightAnswer(r *http.Request, d *Decision) *Answer {
	if d.Result != Allowed {
		return p.preflightDenied
	}
	a := p.preflightAllowed
	if p.preflightPrivate != nil && isTrue(r.Header[fetch.RequestPrivateNetwork]) {
		a = p.preflightPrivate
	}
	if p.echoes() {
		return p.echo(a, r)
	}
	return a
}

func isTrue(lines []string) bool { return len(lines) == 1 && lines[0] == "true" }

// refusal returns what the browser will find missing in the answer to a preflight
// from an allowed origin, which asks for a method and for request headers, or
// ReasonNone.
func (p *Policy) refusal(method, headers []string) Reason {
	if len(method) != 1 || !p.allowsMethod(method[0]) {
		return ReasonMethod
	}
	if !p.allowsHeaders(headers) {
		return ReasonHeaders
	}
	return ReasonNone
}

func (p *Policy) allowsMethod(m string) bool {
	if p.anyMethod {
		return len(m) <= echoLimit && fetch.IsToken(m) && !fetch.IsForbiddenMethod(m)
	}
	return fetch.IsSafelistedMethod(m) || slices.Contains(p.methods, m)
}

func (p *Policy) allowsHeaders(lines []string) bool {
	if !p.anyHeader && len(p.prefixes) == 0 {
		return p.headers.Covers(lines)
	}
	for name := range RequestedHeaders(lines) {
		if !p.headers.Has(name) && !p.allowsUnnamed(name) {
			return false
		}
	}
	return true
}

// allowsUnnamed reports whether a header is allowed that the policy does not name:
// by * or by a name that ends in *. Neither covers Authorization, which has to be
// named (https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).
func (p *Policy) allowsUnnamed(name string) bool {
	return fetch.IsToken(name) && (p.anyHeader || p.prefixes.cover(name)) &&
		(p.authorization || !strings.EqualFold(name, "Authorization"))
}

// maxMissing is how many names Missing returns at most.
const maxMissing = 4

// Missing returns the names that r, a preflight about which d was decided, asks for
// in vain: its method, or some of its headers, those that are well formed.
func (p *Policy) Missing(r *http.Request, d *Decision) (names []string) {
	switch d.Reason {
	case ReasonMethod:
		for _, m := range r.Header[fetch.RequestMethod] {
			if fetch.IsToken(m) && !p.allowsMethod(m) {
				names = append(names, bounded(m))
			}
		}
	case ReasonHeaders:
		for name := range RequestedHeaders(r.Header[fetch.RequestHeaders]) {
			if fetch.IsToken(name) && !p.headers.Has(name) && !p.allowsUnnamed(name) {
				names = append(names, bounded(name))
			}
			if len(names) == maxMissing {
				break
			}
		}
	default: // nothing is missing
	}
	return names[:min(len(names), maxMissing)]
}

// bounded cuts a name that a stranger has chosen.
func bounded(name string) string { return name[:min(len(name), 64)] }

// echoes reports whether the answer to a preflight names what it asks for. The
// standard takes * literally where a request has credentials, and knows no names
// that end in *.
func (p *Policy) echoes() bool {
	return p.credentials && (p.anyMethod || p.anyHeader) || len(p.prefixes) > 0
}

// echo adds to the answer to a preflight the names that r asks for and that the
// policy allows without naming them. It leaves out malformed ones.
func (p *Policy) echo(a *Answer, r *http.Request) *Answer {
	fields := slices.Clone(a.fields)
	add := func(name string, elements ...string) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if i < 0 {
			i = len(fields)
			fields = append(fields, field{name: name})
		} else {
			elements = append([]string{fields[i].value}, elements...)
		}
		fields[i].value = strings.Join(elements, ", ")
	}
	if p.anyMethod {
		m := r.Header[fetch.RequestMethod]
		switch valid := len(m) == 1 && p.allowsMethod(m[0]); {
		case valid && !slices.Contains(p.methods, m[0]):
			add(fetch.AllowMethods, m[0])
		case !valid && len(p.methods) == 0:
			add(fetch.AllowMethods, safelistedMethods)
		}
	}
	if p.credentials && p.anyHeader || len(p.prefixes) > 0 {
		var names []string
		for name := range RequestedHeaders(r.Header[fetch.RequestHeaders]) {
			if !p.headers.Has(name) && p.allowsUnnamed(name) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			add(fetch.AllowHeaders, names...)
		}
	}
	return newAnswer(a.vary, a.ownsTiming, fields...)
}

// RequestedHeaders yields the elements of Access-Control-Request-Headers, without
// empty ones (RFC 9110, section 5.6.1). Beyond 4 KiB it yields "", which is not a
// valid name, and stops.
func RequestedHeaders(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		budget := echoLimit
		for i, line := range lines {
			if budget -= len(line); budget < 0 {
				yield("")
				return
			}
			for name := range fetch.Elements(lines[i : i+1]) {
				if !yield(name) {
					return
				}
			}
		}
	}
}
