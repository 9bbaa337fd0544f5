package caddycors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// answerPreflight answers a preflight.
func (h *Handler) answerPreflight(w http.ResponseWriter, r *http.Request, d *policy.Decision) {
	h.policy.Answer(r, d).Apply(w.Header(), d.Origin, nil)
	w.WriteHeader(h.policy.PreflightStatus(d))
}

// passPreflight has the next handler answer a preflight, and sets the CORS headers
// of its response.
func (h *Handler) passPreflight(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, d *policy.Decision, counted bool) (err error) {
	sw := &statusWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	rw := newResponseWriter(sw, r, h.named(), h.policy.Answer(r, d), d.Origin)
	asked := r
	if h.debug {
		asked = r.Clone(r.Context()) // for the log, since the next handler may change r
	}
	defer func() {
		rw.end()
		if d.Reason == policy.ReasonNone && !isOK(sw.result(err)) {
			d.Reason = policy.ReasonStatus
			setVars(r, d)
		}
		h.record(asked, d, counted)
	}()
	return next.ServeHTTP(rw, r)
}

// isOK reports whether status is an ok status
// (https://fetch.spec.whatwg.org/#ok-status).
func isOK(status int) bool {
	return status >= 200 && status <= 299
}
