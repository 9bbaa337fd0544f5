package caddycors

import (
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// echoLimit is the most bytes of Access-Control-Request-Headers that are looked
// at where any field is allowed. Browsers send what a script asks for; no script
// has use for more.
const echoLimit = 4 << 10

// preflightMethod returns the lines of Access-Control-Request-Method if r, which
// has an Origin, is a CORS-preflight request
// (https://fetch.spec.whatwg.org/#cors-preflight-request). The fields need only
// be there: whether their values are any good is for the policy to say.
func preflightMethod(r *http.Request) []string {
	if r.Method != http.MethodOptions {
		return nil
	}
	return r.Header[fetch.RequestMethod]
}

// preflightAnswer returns what is said in the answer to r, a preflight.
func (p *policy) preflightAnswer(r *http.Request, d *decision) *answer {
	switch {
	case d.result != resultAllowed:
		return p.preflightDenied
	case p.echoes():
		return p.echo(r)
	}
	return p.preflightAllowed
}

// answerPreflight answers a preflight.
func (h *Handler) answerPreflight(w http.ResponseWriter, r *http.Request, d *decision) {
	a := h.policy.preflightAnswer(r, d)
	values := make([]string, a.size)
	values[0] = d.origin
	a.apply(w.Header(), values)
	w.WriteHeader(h.preflightStatus(d))
}

// preflightStatus returns the status of the answer to a preflight.
func (h *Handler) preflightStatus(d *decision) int {
	if d.result == resultAllowed {
		return h.PreflightStatus
	}
	return http.StatusForbidden
}

// passPreflight has the next handler answer a preflight, and hands the answer's
// fields over to its response.
func (h *Handler) passPreflight(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, d *decision) (err error) {
	sw := &statusWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	rw := newResponseWriter(sw, h.policy.preflightAnswer(r, d), d.origin)
	asked := r
	if h.debug {
		asked = r.Clone(r.Context()) // what is logged, as the next handler may change r
	}
	defer func() {
		rw.commit()
		if d.reason == reasonNone && !isOK(sw.result(err)) {
			d.reason = reasonStatus
			setVars(r, d)
		}
		h.record(asked, d)
	}()
	return next.ServeHTTP(rw, r)
}

// isOK reports whether status is an ok status
// (https://fetch.spec.whatwg.org/#ok-status).
func isOK(status int) bool {
	return status >= 200 && status <= 299
}

// refusal returns what the browser will find missing in the answer to a preflight
// from an allowed origin, which asks for a method and for request fields, or
// reasonNone.
func (p *policy) refusal(method, fields []string) reason {
	if len(method) != 1 || !p.allowsMethod(method[0]) {
		return reasonMethod
	}
	if !p.allowsFields(fields) {
		return reasonHeaders
	}
	return reasonNone
}

func (p *policy) allowsMethod(m string) bool {
	if p.anyMethod {
		return fetch.IsToken(m) && !fetch.IsForbiddenMethod(m)
	}
	return fetch.IsSafelistedMethod(m) || slices.Contains(p.methods, m)
}

func (p *policy) allowsFields(lines []string) bool {
	if !p.anyField {
		return p.fields.Covers(lines)
	}
	for name := range requestedFields(lines) {
		if !p.allowsAnyField(name) {
			return false
		}
	}
	return true
}

// allowsAnyField reports whether allow_headers * covers a field: all that can
// be one, but for Authorization, which has to be named
// (https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).
func (p *policy) allowsAnyField(name string) bool {
	return fetch.IsToken(name) && (p.authorization || !strings.EqualFold(name, "Authorization"))
}

// echoes reports whether preflights are answered with what they ask for: the
// standard takes * literally where a request has credentials.
func (p *policy) echoes() bool {
	return p.credentials && (p.anyMethod || p.anyField)
}

// echo returns the answer to a preflight from an allowed origin, under a policy
// that echoes: what is named in the policy, and what r asks for besides. What of
// that is not well formed is left out.
func (p *policy) echo(r *http.Request) *answer {
	fields := slices.Clone(p.preflightAllowed.fields)
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
	if m := r.Header[fetch.RequestMethod]; p.anyMethod && len(m) == 1 &&
		p.allowsMethod(m[0]) && !fetch.IsSafelistedMethod(m[0]) && !slices.Contains(p.methods, m[0]) {
		add(fetch.AllowMethods, m[0])
	}
	if p.anyField {
		var names []string
		for name := range requestedFields(r.Header[fetch.RequestHeaders]) {
			if p.allowsAnyField(name) && !p.fields.Has(name) {
				names = append(names, name)
			}
		}
		if len(names) > 0 {
			add(fetch.AllowHeaders, names...)
		}
	}
	return newAnswer(p.preflightAllowed.vary, p.preflightAllowed.ownsTiming, fields...)
}

// requestedFields yields the elements of Access-Control-Request-Headers, the
// empty ones left out (RFC 9110, 5.6.1). Beyond echoLimit it yields what cannot
// be the name of a field, and stops.
func requestedFields(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		budget := echoLimit
		for _, line := range lines {
			if budget -= len(line); budget < 0 {
				yield("")
				return
			}
			for name := range strings.SplitSeq(line, ",") {
				if name = strings.Trim(name, " \t"); name != "" && !yield(name) {
					return
				}
			}
		}
	}
}
