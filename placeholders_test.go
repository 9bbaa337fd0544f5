package caddycors

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestPlaceholders(t *testing.T) {
	t.Setenv("CORS_TEST_HOST", "env.example")
	for _, tc := range []struct {
		pattern string
		host    string
		vars    map[string]string
		allowed []string
		denied  []string
	}{
		{pattern: "https://{env.CORS_TEST_HOST}", allowed: []string{"https://env.example"}, denied: []string{"https://a.example"}},
		{pattern: "https://*.{env.CORS_TEST_HOST}:8443", allowed: []string{"https://x.env.example:8443"}, denied: []string{"https://env.example:8443", "https://x.env.example"}},
		{pattern: "https://{http.request.host}", host: "a.example:8443", allowed: []string{"https://a.example"}, denied: []string{"https://b.example", "https://a.example:8443", "http://a.example"}},
		{pattern: "https://app.{http.request.host}", host: "a.example", allowed: []string{"https://app.a.example"}, denied: []string{"https://a.example", "https://app.b.example"}},
		{pattern: "https://{http.request.host.labels.2}.app.example", host: "tenant.api.example", allowed: []string{"https://tenant.app.example"}, denied: []string{"https://api.app.example"}},
		{pattern: "https://{http.request.host.labels.9}app.example", host: "a.example", denied: []string{"https://app.example"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "https://t.example"}, allowed: []string{"https://t.example"}, denied: []string{"https://t.example:444", "https://x.t.example"}},
		{pattern: "{http.vars.tenant}", denied: []string{"https://t.example"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "*"}, denied: []string{"https://t.example", "null"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "null"}, denied: []string{"null"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "https://*.example"}, denied: []string{"https://t.example"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "https://t.example https://u.example"}, denied: []string{"https://t.example", "https://u.example"}},
		{pattern: "{http.vars.tenant}", vars: map[string]string{"tenant": "{http.request.header.Origin}"}, denied: []string{"https://t.example"}},
		{pattern: "https://{http.vars.tenant}", vars: map[string]string{"tenant": "t.example"}, allowed: []string{"https://t.example"}, denied: []string{"https://t.example.evil.example"}},
		{pattern: "https://{http.vars.a}{http.vars.b}", vars: map[string]string{"a": "t.", "b": "example"}, allowed: []string{"https://t.example"}},
		{pattern: "https://a.example:{http.vars.port}", vars: map[string]string{"port": "8443"}, allowed: []string{"https://a.example:8443"}, denied: []string{"https://a.example"}},
	} {
		t.Run(tc.pattern, func(t *testing.T) {
			h := provision(t, "cors "+tc.pattern)
			check := func(origin string, want http.Header) {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				if tc.host != "" {
					r.Host = tc.host
				}
				r.Header.Set("Origin", origin)
				r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
				for name, value := range tc.vars {
					caddyhttp.SetVar(r.Context(), name, value)
				}
				if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
					t.Fatal(err)
				}
				e := exchange{want: want}
				e.check(t, w.Result())
			}
			for _, origin := range tc.allowed {
				check(origin, fields("Access-Control-Allow-Origin: "+origin, "Vary: Origin"))
			}
			for _, origin := range tc.denied {
				check(origin, fields("Vary: Origin"))
			}
		})
	}
}
