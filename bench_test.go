package caddycors

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// BenchmarkServeHTTP times what the module adds to a request: no origin,
// allowed (exactly, by wildcard, by regexp), denied, preflights allowed and
// denied, and a policy for every origin. The header map is reused.
func BenchmarkServeHTTP(b *testing.B) {
	const directive = `cors https://app.example.com https://*.example.org {
		allow_origins_regexp https://pr-\d+\.example\.net
		allow_methods PUT PATCH DELETE
		allow_headers Content-Type Authorization
		expose_headers X-Total
		allow_credentials
		max_age 1h
	}`
	h := provision(b, directive)
	everyone := provision(b, "cors {\n allow_origins *\n}")
	for _, bc := range []struct {
		name string
		h    *Handler
		r    *http.Request
	}{
		{"no origin", h, &http.Request{Method: "GET", Header: fields()}},
		{"allowed", h, &http.Request{Method: "GET", Header: fields("Origin: https://app.example.com")}},
		{"allowed by wildcard", h, &http.Request{Method: "GET", Header: fields("Origin: https://a.b.example.org")}},
		{"allowed by regexp", h, &http.Request{Method: "GET", Header: fields("Origin: https://pr-42.example.net")}},
		{"denied", h, &http.Request{Method: "GET", Header: fields("Origin: https://app.example.com.evil.example", "Sec-Fetch-Site: cross-site")}},
		{"preflight allowed", h, &http.Request{Method: "OPTIONS", Header: preflight("https://app.example.com", "PUT", "Access-Control-Request-Headers: content-type")}},
		{"preflight denied", h, &http.Request{Method: "OPTIONS", Header: preflight("https://evil.example", "PUT", "Access-Control-Request-Headers: content-type")}},
		{"every origin", everyone, &http.Request{Method: "GET", Header: fields("Origin: https://app.example.com")}},
	} {
		b.Run(bc.name, func(b *testing.B) { benchmark(b, bc.h, bc.r) })
	}
}

// BenchmarkRequestHeaders times preflights with ever longer request headers: the
// answer is the whole list, so it costs the same.
func BenchmarkRequestHeaders(b *testing.B) {
	h := provision(b, "cors https://app.example.com {\n allow_headers Content-Type\n}")
	for _, size := range []int{10, 100, 1 << 10, 16 << 10} {
		for name, unit := range map[string]string{"commas": ",", "names": "x-a,", "one name": "x"} {
			r := &http.Request{Method: "OPTIONS", Header: preflight("https://app.example.com", "PUT",
				"Access-Control-Request-Headers: "+strings.Repeat(unit, size/len(unit)))}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) { benchmark(b, h, r) })
		}
	}
}

// BenchmarkOrigins times lists of 10 to 1,000,000 origins.
func BenchmarkOrigins(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000, 1_000_000} {
		h := &Handler{logger: zap.NewNop()}
		for i := range n {
			h.AllowOrigins = append(h.AllowOrigins, fmt.Sprintf("https://tenant-%07d.example.com", i))
		}
		h.policy, _ = policy.Compile(h.config(nil))
		for name, origin := range map[string]string{"hit": h.AllowOrigins[n/2], "miss": "https://tenant-x.example.com"} {
			r := &http.Request{Method: "GET", Header: fields("Origin: "+origin, "Sec-Fetch-Site: cross-site")}
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) { benchmark(b, h, r) })
		}
	}
}

// BenchmarkHeaderSize times responses with more and more fields of other
// handlers, which the hand-over has to look at.
func BenchmarkHeaderSize(b *testing.B) {
	h := provision(b, "cors https://app.example.com")
	r := &http.Request{Method: "GET", Header: fields("Origin: https://app.example.com")}
	for _, n := range []int{0, 4, 8, 16, 32} {
		names := make([]string, n)
		for i := range names {
			names[i] = http.CanonicalHeaderKey(fmt.Sprintf("x-field-%d", i))
		}
		value := []string{"value"}
		for _, module := range []*Handler{nil, h} {
			name := "with"
			if module == nil {
				name = "without"
			}
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
					for _, name := range names {
						w.Header()[name] = value
					}
					w.WriteHeader(http.StatusOK)
					return nil
				})
				w := &discard{header: make(http.Header)}
				for b.Loop() {
					clear(w.header)
					if module == nil {
						_ = next(w, r)
					} else {
						_ = module.ServeHTTP(w, r, next)
					}
				}
			})
		}
	}
}

func benchmark(b *testing.B, h *Handler, r *http.Request) {
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	})
	w := &discard{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		if err := h.ServeHTTP(w, r, next); err != nil {
			b.Fatal(err)
		}
	}
}
