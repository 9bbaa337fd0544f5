package proof

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	rscors "github.com/rs/cors"
	caddycors "github.com/seed-56c1dbac/caddy-cors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// peer is a library that caddy-cors is compared with.
type peer struct {
	name string
	// wrap makes its middleware. An error says what the library cannot express, or
	// refuses.
	wrap func(p *policy, next http.Handler) (http.Handler, error)
	// differences are all that there are, of what browsers do.
	differences []difference
	// stricter are the cases in which it denies what caddy-cors allows, of what no
	// browser does.
	stricter []difference
}

var peers = []peer{{"rs", wrapRS, rsDifferences, rsStricter}}

// newCaddy returns what makes the handler of caddy-cors. All handlers share a
// context, whose logs are discarded.
func newCaddy(t *testing.T) func(p *policy, next http.Handler) (http.Handler, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
		"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return func(p *policy, next http.Handler) (http.Handler, error) {
		h := &caddycors.Handler{
			AllowOrigins:       p.origins,
			AllowOriginsRegexp: p.regexps,
			AllowMethods:       p.methods,
			AllowHeaders:       p.headers,
			ExposeHeaders:      p.expose,
			AllowCredentials:   p.credentials,
			PreflightStatus:    p.status,
			DangerouslyAllow:   p.waivers,
		}
		if p.maxAge >= 0 {
			age := caddy.Duration(time.Duration(p.maxAge) * time.Second)
			h.MaxAge = &age
		}
		if err := h.Provision(ctx); err != nil {
			return nil, err
		}
		if err := h.Validate(); err != nil {
			return nil, err
		}
		inner := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			next.ServeHTTP(w, r)
			return nil
		})
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Servers put this into the context of a request.
			r = r.WithContext(context.WithValue(r.Context(), caddyhttp.VarsCtxKey, make(map[string]any)))
			if err := h.ServeHTTP(w, r, inner); err != nil {
				panic(err)
			}
		}), nil
	}
}

// wrapRS makes the middleware of rs/cors. It accepts everything, so what it has
// no words for is an error here.
func wrapRS(p *policy, next http.Handler) (http.Handler, error) {
	options := rscors.Options{
		AllowedMethods:       append([]string{"GET", "HEAD", "POST"}, p.methods...),
		AllowedHeaders:       slices.Clone(p.headers),
		ExposedHeaders:       p.expose,
		AllowCredentials:     p.credentials,
		MaxAge:               p.maxAge,
		OptionsSuccessStatus: p.status,
	}
	switch {
	case len(p.regexps) > 0:
		return nil, errors.New("regexps")
	case slices.Contains(p.methods, "*"):
		return nil, errors.New("any method")
	}
	for _, o := range p.origins {
		switch {
		case strings.Count(o, "*") > 1:
			return nil, errors.New("two wildcards")
		case strings.HasSuffix(o, ":*"): // for rs/cors there is a port
			options.AllowedOrigins = append(options.AllowedOrigins, o, strings.TrimSuffix(o, ":*"))
		default:
			options.AllowedOrigins = append(options.AllowedOrigins, o)
		}
	}
	if len(p.headers) == 0 {
		options.AllowedHeaders = []string{""} // without any, rs/cors has some of its own
	}
	switch p.maxAge {
	case -1:
		options.MaxAge = 0
	case 0:
		options.MaxAge = -1
	}
	return rscors.New(options).Handler(next), nil
}
