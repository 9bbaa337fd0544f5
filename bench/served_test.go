package bench

import (
	"context"
	"net/http"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// BenchmarkServed times the kinds of requests as a server hands them on: with a
// header map of their own, and with what Caddy keeps in the context of a request.
func BenchmarkServed(b *testing.B) {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, bc := range kindsOfRequests {
		for _, lib := range append(libraries, floor) {
			if !lib.expresses(bc.p) {
				continue
			}
			b.Run(bc.name+"/lib="+lib.name, func(b *testing.B) {
				h := lib.wrap(b, bc.p, next)
				r, vars := served(bc.r)
				w := new(discard)
				b.ReportAllocs()
				before := cpuTime(b)
				for b.Loop() {
					w.header = make(http.Header)
					clear(vars)
					vars[caddyhttp.TrustedProxyVarKey], vars[caddyhttp.ClientIPVarKey] = false, "192.0.2.1"
					h.ServeHTTP(w, r)
				}
				b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// served returns r with the context that Caddy's server gives a request, and the
// variables in it.
func served(r *http.Request) (*http.Request, map[string]any) {
	vars := make(map[string]any)
	ctx := context.Background()
	for _, v := range []struct{ key, value any }{
		{caddy.ReplacerCtxKey, caddy.NewReplacer()},
		{caddyhttp.ServerCtxKey, new(caddyhttp.Server)},
		{caddyhttp.VarsCtxKey, vars},
		{caddy.CtxKey("route_group"), map[string]struct{}{}},
		{caddyhttp.OriginalRequestCtxKey, *r},
		{caddyhttp.ExtraLogFieldsCtxKey, new(caddyhttp.ExtraLogFields)},
	} {
		ctx = context.WithValue(ctx, v.key, v.value) //nolint:fatcontext // as the server does
	}
	return r.WithContext(ctx), vars
}
