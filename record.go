package caddycors

import (
	"net/http"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// The variables of a request that say what was decided:
// {http.vars.cors.result} and {http.vars.cors.reason}.
const (
	resultVar = "cors.result"
	reasonVar = "cors.reason"
)

// The values of the variables, made once: making one for a request would cost it
// an allocation.
var (
	resultVars [results]any
	reasonVars [reasons]any // that of no reason is nil, which removes the variable
)

func init() {
	for r := range results {
		resultVars[r] = r.String()
	}
	for r := reasonNone + 1; r < reasons; r++ {
		reasonVars[r] = r.String()
	}
}

// setVars tells the logs and the handlers to come what was decided.
func setVars(r *http.Request, d decision) {
	vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return
	}
	vars[resultVar] = resultVars[d.result]
	if d.reason == reasonNone {
		delete(vars, reasonVar) // of another handler, where this is an error route
		return
	}
	vars[reasonVar] = reasonVars[d.reason]
}

// record counts and logs what was decided.
func (h *Handler) record(r *http.Request, d decision, more ...zap.Field) {
	h.counters.count(d)
	if h.debug && d.result != resultNone {
		h.log(zapcore.DebugLevel, "cors", r, d, more...)
	}
}

// log logs a decision. What a stranger can put into the log is bounded.
func (h *Handler) log(level zapcore.Level, message string, r *http.Request, d decision, more ...zap.Field) {
	entry := h.logger.Check(level, message)
	if entry == nil {
		return
	}
	origin := strings.Join(r.Header[fetch.Origin], ", ")
	entry.Write(append([]zap.Field{
		zap.String("origin", origin[:min(len(origin), origins.MaxLen)]),
		zap.String("kind", d.kind.String()),
		zap.String("result", d.result.String()),
		zap.String("reason", d.reason.String()),
		zap.Error(d.err),
	}, more...)...)
}
