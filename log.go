package caddycors

import (
	"net/http"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// The variables of a request that have the decision: {http.vars.cors.result} and
// {http.vars.cors.reason}.
const (
	resultVar = "cors.result"
	reasonVar = "cors.reason"
)

// The values of the variables, made once: making one for a request would cost it
// an allocation.
var (
	resultVars [policy.NumResults]any
	reasonVars [policy.NumReasons]any // that of ReasonNone is nil, which removes the variable
)

func init() {
	for i := range resultVars {
		resultVars[i] = policy.Result(i).String()
	}
	for i := 1; i < policy.NumReasons; i++ {
		reasonVars[i] = policy.Reason(i).String()
	}
}

// setVars sets the variables of a request, for logs and later handlers. It reports
// whether another handler had set them.
func setVars(r *http.Request, d *policy.Decision) (again bool) {
	vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return false
	}
	before := len(vars)
	vars[resultVar] = resultVars[d.Result]
	again = len(vars) == before
	if d.Reason != policy.ReasonNone {
		vars[reasonVar] = reasonVars[d.Reason]
	} else if again {
		delete(vars, reasonVar)
	}
	return again
}

// record counts a decision, unless it has been counted, and logs it.
func (h *Handler) record(r *http.Request, d *policy.Decision, counted bool) {
	if !counted {
		h.counters.count(d)
	}
	h.log(r, d)
}

// log logs a decision at debug level.
func (h *Handler) log(r *http.Request, d *policy.Decision, more ...zap.Field) {
	if h.debug && d.Result != policy.None {
		writeDecision(h.logger.Check(zapcore.DebugLevel, "cors"), h.policy, r, d, more...)
	}
}

// writeDecision writes a decision to the log. It bounds the part that a stranger
// chooses.
func writeDecision(entry *zapcore.CheckedEntry, p *policy.Policy, r *http.Request, d *policy.Decision, more ...zap.Field) {
	if entry == nil {
		return
	}
	origin := strings.Join(r.Header[fetch.Origin], ", ")
	if missing := p.Missing(r, d); len(missing) > 0 {
		more = append(more, zap.Strings("missing", missing))
	}
	entry.Write(append([]zap.Field{
		zap.String("origin", origin[:min(len(origin), origins.MaxLen)]),
		zap.String("kind", d.Kind.String()),
		zap.String("result", d.Result.String()),
		zap.String("reason", d.Reason.String()),
		zap.Error(d.Err),
	}, more...)...)
}

// logFindings logs the warnings and notes about a configuration.
func logFindings(logger *zap.Logger, findings *policy.Findings) {
	for warning := range findings.Warnings.All() {
		logger.Warn(warning.Text)
	}
	for note := range findings.Notes.All() {
		logger.Info(note.Text)
	}
}
