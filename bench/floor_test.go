package bench

import (
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// floor is no library, but the least that caddy-cors could take: it has the last
// word on the response, gives each response values of its own, names its decision
// in the variables of the request, with the reason for a denial, and counts. It
// parses no origin and knows exact ones only, removes and merges nothing, looks at
// nothing that a preflight asks for, and logs nothing.
var floor = library{
	name: "floor", wrap: wrapFloor,
	lacks: func(pattern string) bool { return strings.Contains(pattern, "*") },
}

var floorResult, floorReason any = "allowed", "origin"

type floorHandler struct {
	allowed map[string]bool
	counter prometheus.Counter
}

func wrapFloor(_ testing.TB, p policy, next http.Handler) http.Handler {
	f := floorHandler{make(map[string]bool), prometheus.NewCounter(prometheus.CounterOpts{Name: "requests_total", Help: "Counter of requests."})}
	for _, o := range p.origins {
		f.allowed[o] = true
	}
	inner := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		next.ServeHTTP(w, r)
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _ = f.ServeHTTP(w, r, inner) })
}

// floorFields are what a response has: only the first without an allowed origin,
// and without the last two if it is not one to a preflight.
var floorFields = [6]struct{ name, value string }{
	{"Vary", "Origin"},
	{"Access-Control-Allow-Origin", ""},
	{"Access-Control-Allow-Credentials", "true"},
	{"Access-Control-Expose-Headers", "X-Total"},
	{"Access-Control-Allow-Headers", "Authorization, Content-Type"},
	{"Access-Control-Max-Age", "3600"},
}

func (f *floorHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	f.counter.Inc()
	origin := r.Header["Origin"]
	allowed := len(origin) == 1 && f.allowed[origin[0]]
	if vars, ok := r.Context().Value(caddyhttp.VarsCtxKey).(map[string]any); ok {
		vars["cors.result"] = floorResult
		if len(origin) > 0 && !allowed {
			vars["cors.reason"] = floorReason
		}
	}
	switch {
	case !allowed:
		return next.ServeHTTP(&floorOther{ResponseWriter: w}, r)
	case r.Method == http.MethodOptions && len(r.Header["Access-Control-Request-Method"]) > 0:
		setFloorFields(w.Header(), make([]string, 6), origin[0])
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return next.ServeHTTP(&floorAllowed{ResponseWriter: w, origin: origin[0]}, r)
}

// floorAllowed sets the fields when the header is written, where the origin is
// allowed.
type floorAllowed struct {
	http.ResponseWriter
	origin string
	memory [4]string
}

func (w *floorAllowed) WriteHeader(status int) {
	setFloorFields(w.Header(), w.memory[:], w.origin)
	w.ResponseWriter.WriteHeader(status)
}

// floorOther sets the one field of all other responses.
type floorOther struct {
	http.ResponseWriter
	memory [1]string
}

func (w *floorOther) WriteHeader(status int) {
	setFloorFields(w.Header(), w.memory[:], "")
	w.ResponseWriter.WriteHeader(status)
}

func setFloorFields(h http.Header, values []string, origin string) {
	for i := range values {
		values[i] = floorFields[i].value
		if i == 1 {
			values[i] = origin
		}
		h[floorFields[i].name] = values[i : i+1 : i+1]
	}
}
