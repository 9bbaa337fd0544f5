// Package bench times caddy-cors beside other CORS libraries for Go, on the
// same requests in one run. See README.md.
package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	chicors "github.com/go-chi/cors"
	"github.com/gorilla/handlers"
	rscors "github.com/rs/cors"
	caddycors "github.com/seed-56c1dbac/caddy-cors"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// policy is what every library is configured with.
type policy struct {
	origins         []string
	methods         []string
	requestHeaders  []string
	responseHeaders []string
	credentials     bool
	maxAge          int // seconds
}

// library makes the middleware of a library.
type library struct {
	name  string
	wrap  func(tb testing.TB, p policy, next http.Handler) http.Handler
	lacks func(pattern string) bool // nil if it has every pattern
}

var libraries = []library{
	{name: "caddy-cors", wrap: wrapCaddy},
	{name: "rs", wrap: wrapRS},
	{name: "chi", wrap: wrapChi},
	{name: "gorilla", wrap: wrapGorilla, lacks: func(p string) bool { return strings.Contains(p, "*.") }},
}

// file is caddy-cors with a list in a file, where there are very many origins.
var file = library{name: "caddy-cors-file", wrap: wrapCaddyFile, lacks: func(p string) bool { return p == "*" }}

// expresses reports whether the library can be configured with the policy.
func (l library) expresses(p policy) bool {
	return l.lacks == nil || !slices.ContainsFunc(p.origins, l.lacks)
}

func wrapCaddy(tb testing.TB, p policy, next http.Handler) http.Handler {
	tb.Helper()
	return wrapHandler(tb, p, &caddycors.Handler{AllowOrigins: p.origins}, next)
}

// wrapCaddyFile keeps the origins in a file.
func wrapCaddyFile(tb testing.TB, p policy, next http.Handler) http.Handler {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "origins")
	if err := os.WriteFile(path, []byte(strings.Join(p.origins, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	source, err := json.Marshal(map[string]string{"source": "file", "path": path, "refresh": "1h"})
	if err != nil {
		tb.Fatal(err)
	}
	return wrapHandler(tb, p, &caddycors.Handler{DynamicOriginsRaw: []json.RawMessage{source}}, next)
}

func wrapHandler(tb testing.TB, p policy, h *caddycors.Handler, next http.Handler) http.Handler {
	tb.Helper()
	h.AllowMethods = p.methods
	h.AllowHeaders = p.requestHeaders
	h.ExposeHeaders = p.responseHeaders
	h.AllowCredentials = p.credentials
	if p.maxAge > 0 {
		age := caddy.Duration(p.maxAge * 1e9)
		h.MaxAge = &age
	}
	// The context of a whole configuration has the logger that servers have.
	ctx, err := caddy.ProvisionContext(&caddy.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	if err := h.Provision(ctx); err != nil {
		tb.Fatal(err)
	}
	if err := h.Validate(); err != nil {
		tb.Fatal(err)
	}
	inner := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		next.ServeHTTP(w, r)
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h.ServeHTTP(w, r, inner); err != nil {
			tb.Error(err)
		}
	})
}

func wrapRS(_ testing.TB, p policy, next http.Handler) http.Handler {
	return rscors.New(rscors.Options{
		AllowedOrigins:   p.origins,
		AllowedMethods:   append([]string{"GET", "HEAD", "POST"}, p.methods...),
		AllowedHeaders:   p.requestHeaders,
		ExposedHeaders:   p.responseHeaders,
		AllowCredentials: p.credentials,
		MaxAge:           p.maxAge,
	}).Handler(next)
}

func wrapChi(_ testing.TB, p policy, next http.Handler) http.Handler {
	return chicors.New(chicors.Options{
		AllowedOrigins:   p.origins,
		AllowedMethods:   append([]string{"GET", "HEAD", "POST"}, p.methods...),
		AllowedHeaders:   p.requestHeaders,
		ExposedHeaders:   p.responseHeaders,
		AllowCredentials: p.credentials,
		MaxAge:           p.maxAge,
	}).Handler(next)
}

func wrapGorilla(_ testing.TB, p policy, next http.Handler) http.Handler {
	options := []handlers.CORSOption{
		handlers.AllowedOrigins(p.origins),
		handlers.AllowedMethods(append([]string{"GET", "HEAD", "POST"}, p.methods...)),
		handlers.AllowedHeaders(p.requestHeaders),
		handlers.ExposedHeaders(p.responseHeaders),
		handlers.MaxAge(p.maxAge),
	}
	if p.credentials {
		options = append(options, handlers.AllowCredentials())
	}
	return handlers.CORS(options...)(next)
}

// typical is the policy of an API with cookies, and wildcard the same with a
// pattern.
var typical, wildcard = api("https://admin.example.com"), api("https://*.example.org")

var everyOrigin = policy{origins: []string{"*"}}

func api(second string) policy {
	return policy{
		origins:         []string{"https://app.example.com", second},
		methods:         []string{"PUT", "PATCH", "DELETE"},
		requestHeaders:  []string{"Authorization", "Content-Type"},
		responseHeaders: []string{"X-Total"},
		credentials:     true,
		maxAge:          3600,
	}
}

func actual(origin string) *http.Request {
	r := &http.Request{Method: http.MethodGet, Header: http.Header{"Sec-Fetch-Site": {"cross-site"}}}
	if origin != "" {
		r.Header["Origin"] = []string{origin}
	}
	return r
}

func preflight(origin string, fields ...string) *http.Request {
	return &http.Request{Method: http.MethodOptions, Header: http.Header{
		"Origin":                         {origin},
		"Access-Control-Request-Method":  {"PUT"},
		"Access-Control-Request-Headers": fields,
		"Sec-Fetch-Site":                 {"cross-site"},
	}}
}

// kindsOfRequests are the kinds of requests under a typical policy.
var kindsOfRequests = []struct {
	name string
	p    policy
	r    *http.Request
}{
	{"no-origin", typical, actual("")},
	{"allowed", typical, actual("https://app.example.com")},
	{"wildcard", wildcard, actual("https://a.example.org")},
	{"denied", typical, actual("https://evil.example")},
	{"preflight-allowed", typical, preflight("https://app.example.com", "content-type")},
	{"preflight-denied", typical, preflight("https://evil.example", "content-type")},
	{"every-origin", everyOrigin, actual("https://app.example.com")},
}

// BenchmarkRequest times the kinds of requests.
func BenchmarkRequest(b *testing.B) {
	for _, bc := range kindsOfRequests {
		compare(b, bc.name, bc.p, bc.r, floor)
	}
}

// BenchmarkRequestHeaders times preflights with a hostile list of request
// fields, of 10 B to 16 KiB, in one line and in many.
func BenchmarkRequestHeaders(b *testing.B) {
	origin := typical.origins[0]
	for _, size := range []int{10, 100, 1 << 10, 16 << 10} {
		for _, bc := range []struct{ name, unit string }{{"commas", ","}, {"names", "x-a,"}, {"one-name", "x"}} {
			compare(b, fmt.Sprintf("%s/%d", bc.name, size), typical, preflight(origin, strings.Repeat(bc.unit, size/len(bc.unit))))
		}
		compare(b, fmt.Sprintf("lines/%d", size), typical, preflight(origin, slices.Repeat([]string{"content-type"}, max(size/len("content-type"), 1))...))
	}
}

// tenants returns n exact origins of 34 bytes and more.
func tenants(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("https://tenant-%07d.example.com", i)
	}
	return list
}

// BenchmarkOrigins times lists of 10 to 1,000,000 origins.
func BenchmarkOrigins(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000, 1_000_000} {
		p := policy{origins: tenants(n)}
		compare(b, fmt.Sprintf("%d/hit", n), p, actual(p.origins[n/2]), file)
		compare(b, fmt.Sprintf("%d/miss", n), p, actual("https://tenant-x.example.com"), file)
	}
}

// BenchmarkWildcards times 1 and 1,000 wildcard patterns.
func BenchmarkWildcards(b *testing.B) {
	for _, n := range []int{1, 1_000} {
		var p policy
		for i := range n {
			p.origins = append(p.origins, fmt.Sprintf("https://*.tenant-%04d.example.com", i))
		}
		compare(b, fmt.Sprintf("%d/hit", n), p, actual(fmt.Sprintf("https://app.tenant-%04d.example.com", n/2)))
		compare(b, fmt.Sprintf("%d/miss", n), p, actual("https://app.tenant-x.example.com"))
	}
}

// BenchmarkBuild times the making of a middleware with a million origins, and
// reports the heap that it keeps for each byte of their text.
func BenchmarkBuild(b *testing.B) {
	p := policy{origins: tenants(1_000_000)}
	text := 0
	for _, s := range p.origins {
		text += len(s)
	}
	for _, lib := range append(libraries, file) {
		b.Run("lib="+lib.name, func(b *testing.B) {
			var before, after runtime.MemStats
			for b.Loop() {
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&before)
				b.StartTimer()
				h := lib.wrap(b, p, http.NotFoundHandler())
				b.StopTimer()
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(h)
				b.StartTimer()
			}
			heap := float64(after.HeapAlloc) - float64(before.HeapAlloc)
			b.ReportMetric(heap/float64(len(p.origins)), "heap-B/origin")
			b.ReportMetric(heap/float64(text), "heap/text")
		})
	}
}

// compare times a request under a policy, with each library. The response's
// header map is reused, so that it is not what is measured.
func compare(b *testing.B, name string, p policy, r *http.Request, more ...library) {
	b.Helper()
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	for _, lib := range append(libraries, more...) {
		if !lib.expresses(p) {
			continue
		}
		b.Run(name+"/lib="+lib.name, func(b *testing.B) {
			h := lib.wrap(b, p, next)
			w := &discard{header: make(http.Header)}
			b.ReportAllocs()
			before := cpuTime(b)
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
			b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpuTime returns what the process has spent on processors, which is the same
// whatever else the machine does, and includes the collection of garbage.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// discard is a writer that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header                 { return d.header }
func (d *discard) WriteHeader(int)                     {}
func (d *discard) Write(p []byte) (int, error)         { return len(p), nil }
func (d *discard) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }

// TestLibraries checks that what is timed does what it should: every library
// allows and denies the same origins.
func TestLibraries(t *testing.T) {
	for _, lib := range append(libraries, file) {
		for _, tc := range []struct {
			p    policy
			r    *http.Request
			want string
		}{
			{typical, actual(""), ""},
			{typical, actual("https://app.example.com"), "https://app.example.com"},
			{typical, actual("https://evil.example"), ""},
			{typical, preflight("https://app.example.com", "content-type"), "https://app.example.com"},
			{typical, preflight("https://evil.example", "content-type"), ""},
			{wildcard, actual("https://a.example.org"), "https://a.example.org"},
			{wildcard, actual("https://evil.example"), ""},
			{everyOrigin, actual("https://app.example.com"), "*"},
		} {
			if !lib.expresses(tc.p) {
				continue
			}
			w := &discard{header: make(http.Header)}
			lib.wrap(t, tc.p, http.NotFoundHandler()).ServeHTTP(w, tc.r)
			if got := w.header.Get("Access-Control-Allow-Origin"); got != tc.want {
				t.Errorf("%s: %s %v: got %q, want %q", lib.name, tc.r.Method, tc.r.Header, got, tc.want)
			}
		}
	}
}
