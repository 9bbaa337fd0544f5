package caddycors

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// provisionIn is provision within a configuration.
func provisionIn(t testing.TB, ctx caddy.Context, directive string) *Handler {
	t.Helper()
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		t.Fatal(err)
	}
	if err := h.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	if err := h.Validate(); err != nil {
		t.Fatal(err)
	}
	observe(h)
	return h
}

// gather returns the samples of this module's metrics that are not 0, as
// "name{label,label} value".
func gather(t testing.TB, registry *prometheus.Registry) (samples []string, series int) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), metricsPrefix)
		if !ours {
			continue
		}
		for _, m := range family.GetMetric() {
			series++
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			if value := m.GetCounter().GetValue() + m.GetGauge().GetValue(); value != 0 {
				samples = append(samples, fmt.Sprintf("%s{%s} %g", name, strings.Join(labels, ","), value))
			}
		}
	}
	slices.Sort(samples)
	return samples, series
}

// TestDecisionsAreCounted checks that each decision of the response table is
// counted once: none is missing among the outcomes.
func TestDecisionsAreCounted(t *testing.T) {
	for _, p := range policies {
		t.Run(p.name, func(t *testing.T) {
			ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
			defer cancel()
			server := serve(t, provisionIn(t, ctx, p.caddyfile), func(w http.ResponseWriter, _ *http.Request) error {
				w.WriteHeader(http.StatusOK)
				return nil
			})
			for _, e := range p.exchanges {
				e.send(t, server)
			}
			total := 0.0
			samples, _ := gather(t, ctx.GetMetricsRegistry())
			for _, s := range samples {
				var n float64
				if _, err := fmt.Sscan(s[strings.LastIndexByte(s, ' ')+1:], &n); err != nil {
					t.Fatal(err)
				}
				total += n
			}
			if total != float64(len(p.exchanges)) {
				t.Errorf("%g decisions counted, want %d: %q", total, len(p.exchanges), samples)
			}
		})
	}
}

// TestMetrics checks what is counted, of handlers that share a configuration.
func TestMetrics(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusNotFound)
		return nil
	})
	enforcing := provisionIn(t, ctx, "cors https://a.example {\nallow_credentials\n}")
	reporting := provisionIn(t, ctx, "cors https://a.example {\nreport_only\n}")
	passing := provisionIn(t, ctx, "cors https://a.example {\npreflight_passthrough\n}")
	for _, call := range []struct {
		h      *Handler
		method string
		header http.Header
	}{
		{enforcing, "GET", nil},
		{enforcing, "GET", fields("Origin: https://a.example")},
		{enforcing, "GET", fields("Origin: https://a.example")},
		{enforcing, "GET", fields("Origin: https://b.example")},
		{enforcing, "POST", fields("Origin: https://b.example", "Sec-Fetch-Site: same-origin")},
		{enforcing, "GET", fields("Origin: null")},
		{enforcing, "GET", fields("Origin: not an origin")},
		{enforcing, "OPTIONS", preflight("https://a.example", "GET")},
		{enforcing, "OPTIONS", preflight("https://a.example", "DELETE")},
		{enforcing, "OPTIONS", preflight("https://a.example", "GET", "Access-Control-Request-Headers: x-a")},
		{enforcing, "OPTIONS", preflight("https://b.example", "GET")},
		{passing, "OPTIONS", preflight("https://a.example", "GET")},
		{reporting, "GET", nil},
		{reporting, "GET", fields("Origin: https://a.example")},
		{reporting, "OPTIONS", preflight("https://b.example", "GET")},
	} {
		r := httptest.NewRequest(call.method, "https://host.example/", nil)
		r.Header = call.header
		if err := call.h.ServeHTTP(httptest.NewRecorder(), r, next); err != nil {
			t.Fatal(err)
		}
	}
	got, series := gather(t, ctx.GetMetricsRegistry())
	want := []string{
		"report_only_total{kind=actual,server=UNKNOWN,upstream=different} 1",
		"report_only_total{kind=preflight,server=UNKNOWN,upstream=same} 1",
		"requests_total{kind=actual,reason=,result=allowed,server=UNKNOWN} 3",
		"requests_total{kind=actual,reason=,result=none,server=UNKNOWN} 2",
		"requests_total{kind=actual,reason=,result=same_origin,server=UNKNOWN} 1",
		"requests_total{kind=actual,reason=malformed_origin,result=denied,server=UNKNOWN} 1",
		"requests_total{kind=actual,reason=null_origin,result=denied,server=UNKNOWN} 1",
		"requests_total{kind=actual,reason=origin,result=denied,server=UNKNOWN} 1",
		"requests_total{kind=preflight,reason=,result=allowed,server=UNKNOWN} 1",
		"requests_total{kind=preflight,reason=headers,result=allowed,server=UNKNOWN} 1",
		"requests_total{kind=preflight,reason=method,result=allowed,server=UNKNOWN} 1",
		"requests_total{kind=preflight,reason=origin,result=denied,server=UNKNOWN} 2",
		"requests_total{kind=preflight,reason=status,result=allowed,server=UNKNOWN} 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := len(outcomes) + policy.NumKinds*int(numAgreements); series != want {
		t.Errorf("%d series, want %d", series, want)
	}
}

// TestMetricsBounded checks that a stranger adds no series, whatever the origin.
func TestMetricsBounded(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	h := provisionIn(t, ctx, "cors https://*.a.example")
	h.debug = false
	_, before := gather(t, ctx.GetMetricsRegistry())
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
	r := httptest.NewRequest(http.MethodGet, "https://host.example/", nil)
	w := httptest.NewRecorder()
	const origins = 10_000
	for i := range origins {
		r.Header["Origin"] = []string{fmt.Sprintf("https://o%d.%c.example", i, "ab"[i%2])}
		if err := h.ServeHTTP(w, r, next); err != nil {
			t.Fatal(err)
		}
	}
	got, after := gather(t, ctx.GetMetricsRegistry())
	want := []string{
		"requests_total{kind=actual,reason=,result=allowed,server=UNKNOWN} 5000",
		"requests_total{kind=actual,reason=origin,result=denied,server=UNKNOWN} 5000",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if after != before {
		t.Errorf("%d series, %d before", after, before)
	}
}

// TestPassedPreflightStatus checks the reason of a preflight whose status, by the
// next handler, no browser accepts.
func TestPassedPreflightStatus(t *testing.T) {
	tests := []struct {
		name   string
		next   caddyhttp.HandlerFunc
		header http.Header
		reason string
	}{
		{"ok", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(200); return nil }, preflight("https://a.example", "GET"), ""},
		{"nothing written", func(http.ResponseWriter, *http.Request) error { return nil }, preflight("https://a.example", "GET"), ""},
		{"early hints", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(103); w.WriteHeader(204); return nil }, preflight("https://a.example", "GET"), ""},
		{"not found", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(404); return nil }, preflight("https://a.example", "GET"), "status"},
		{"error", func(http.ResponseWriter, *http.Request) error { return caddyhttp.Error(502, nil) }, preflight("https://a.example", "GET"), "status"},
		{"method", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(404); return nil }, preflight("https://a.example", "PUT"), "method"},
		{"denied", func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(404); return nil }, preflight("https://b.example", "PUT"), "origin"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			h := provision(t, "cors https://a.example {\npreflight_passthrough\n}")
			logs := observe(h)
			e := exchange{method: "OPTIONS", header: tc.header}
			e.send(t, serve(t, h, func(w http.ResponseWriter, r *http.Request) error {
				r.Header.Del("Origin") // which is logged all the same
				return tc.next(w, r)
			}))
			if n := logs.Len(); n != 1 {
				t.Fatalf("%d decisions logged, want 1", n)
			}
			if got := logs.All()[0].ContextMap()["reason"]; got != tc.reason {
				t.Errorf("reason %q, want %q", got, tc.reason)
			}
			if got, want := logs.All()[0].ContextMap()["origin"], tc.header.Get("Origin"); got != want {
				t.Errorf("origin %q, want %q", got, want)
			}
		})
	}
}

// TestDashboard checks that the dashboard asks for metrics and labels that there
// are, and for all of them.
func TestDashboard(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("docs", "grafana.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string `json:"title"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{
		"requests_total":              {"server", "kind", "result", "reason"},
		"report_only_total":           {"server", "kind", "upstream"},
		"source_origins":              {"source"},
		"source_refresh_errors_total": {"source"},
	}
	names := regexp.MustCompile(metricsPrefix + `(\w+)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`(\w+)(?:=~?|!=)"`)
	by := regexp.MustCompile(`by \(([^)]*)\)`)
	shown := make(map[string]bool)
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			found := names.FindAllStringSubmatch(target.Expr, -1)
			if len(found) == 0 {
				t.Errorf("%s: no metric of this module in %s", panel.Title, target.Expr)
			}
			for _, m := range found {
				shown[m[1]] = true
				var used []string
				for _, l := range label.FindAllStringSubmatch(m[2], -1) {
					used = append(used, l[1])
				}
				for _, l := range by.FindAllStringSubmatch(target.Expr, -1) {
					used = append(used, strings.Split(l[1], ", ")...)
				}
				for _, l := range used {
					if !slices.Contains(labels[m[1]], l) {
						t.Errorf("%s: %s has no label %s", panel.Title, m[1], l)
					}
				}
			}
		}
	}
	exposed := exposedMetrics(t)
	for name, want := range labels {
		if !shown[name] {
			t.Errorf("no panel shows %s", name)
		}
		slices.Sort(want)
		if got := exposed[name]; !slices.Equal(got, want) {
			t.Errorf("%s has the labels %q, the dashboard takes it for %q", name, got, want)
		}
	}
	if len(exposed) != len(labels) {
		t.Errorf("exposed are %v", exposed)
	}
}

// exposedMetrics returns the names of all metrics, with their labels in order.
func exposedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	list := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(list, []byte("https://a.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	provisionIn(t, ctx, fmt.Sprintf("cors {\ndynamic file %q\nreport_only\n}", list))
	families, err := ctx.GetMetricsRegistry().Gather()
	if err != nil {
		t.Fatal(err)
	}
	exposed := make(map[string][]string)
	for _, family := range families {
		if name, ours := strings.CutPrefix(family.GetName(), metricsPrefix); ours {
			for _, l := range family.GetMetric()[0].GetLabel() {
				exposed[name] = append(exposed[name], l.GetName())
			}
		}
	}
	return exposed
}
