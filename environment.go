package caddycors

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// environment returns what a policy needs to know of Caddy.
func environment() policy.Environment {
	return policy.Environment{
		Global:       globalPlaceholder(),
		Placeholder:  requestPlaceholder,
		TrustedProxy: isTrustedProxy,
	}
}

// globalPlaceholder returns a function that returns the value of {env.*} or
// {file.*}, or "".
func globalPlaceholder() func(name string) string {
	repl := caddy.NewReplacer()
	return func(name string) string {
		value, _ := repl.GetString(name)
		return value
	}
}

// requestPlaceholder returns the value of a placeholder for r, or "".
func requestPlaceholder(r *http.Request, name string) string {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	value, _ := repl.GetString(name)
	return value
}

// isTrustedProxy reports whether the peer of r is in trusted_proxies.
func isTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}
