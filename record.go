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

// setVars tells the logs and the handlers to come what was decided. It reports
// whether another handler had done so.
func setVars(r *http.Request, d *decision) (again bool) {
	vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any)
	if !ok {
		return false
	}
	before := len(vars)
	vars[resultVar] = resultVars[d.result]
	again = len(vars) == before
	if d.reason != reasonNone {
		vars[reasonVar] = reasonVars[d.reason]
	} else if again {
		delete(vars, reasonVar)
	}
	return again
}

// record counts and logs what was decided.
func (h *Handler) record(r *http.Request, d *decision) {
	h.counters.count(d)
	h.log(r, d)
}

// log logs what was decided, for whoever debugs.
func (h *Handler) log(r *http.Request, d *decision, more ...zap.Field) {
	if h.debug && d.result != resultNone {
		writeDecision(h.logger.Check(zapcore.DebugLevel, "cors"), r, d, more...)
	}
}

// writeDecision writes a decision to the log. What a stranger can put there is bounded.
func writeDecision(entry *zapcore.CheckedEntry, r *http.Request, d *decision, more ...zap.Field) {
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
