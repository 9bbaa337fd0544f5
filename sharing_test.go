package caddycors

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(probe{})
}

// probe is a handler that notes what a handler at its place is provisioned with.
type probe struct{}

type probed struct {
	server   string
	site     []string
	counters *counters
}

// probes are in the order in which they were provisioned.
var probes []probed

func (probe) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.test_probe", New: func() caddy.Module { return new(probe) }}
}

func (probe) Provision(ctx caddy.Context) error {
	c, err := serverCounters(ctx, false)
	probes = append(probes, probed{ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server).Name(), siteOf(ctx), c})
	return err
}

func (probe) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	return next.ServeHTTP(w, r)
}

// TestSiteAndCounters: each handler of a configuration finds its own site, and the
// counters that all handlers of its server have, whatever was provisioned before.
func TestSiteAndCounters(t *testing.T) {
	const (
		one = `{"match": [{"host": ["1.example"]}], "handle": [{"handler": "test_probe"}, {"handler": "test_probe"}]}`
		two = `{"match": [{"host": ["2.example"]}], "handle": [{"handler": "subroute", "routes": [{"handle": [{"handler": "test_probe"}]}, {"handle": [{"handler": "test_probe"}]}]}]}`
		err = `{"match": [{"host": ["3.example"]}], "handle": [{"handler": "test_probe"}]}`

		empty   = `{"match": [{"host": ["0.example"]}]}`
		servers = `{"a": {"routes": [` + empty + `,` + one + `,` + two + `], "errors": {"routes": [` + err + `]}}, "b": {"routes": [` + two + `,` + one + `]}}`
	)
	want := map[string][]string{
		"a": {"1.example", "1.example", "2.example", "2.example", ""}, // an error route has no site
		"b": {"2.example", "2.example", "1.example", "1.example"},
	}
	var before []*counters
	for range 2 {
		probes = nil
		if err := validate(t, []byte(`{"apps": {"http": {"servers": `+servers+`}}}`)); err != nil {
			t.Fatal(err)
		}
		sites, shared := make(map[string][]string), make(map[string]*counters)
		for _, p := range probes {
			site := ""
			if len(p.site) > 0 {
				site = p.site[0]
			}
			sites[p.server] = append(sites[p.server], site)
			if c, ok := shared[p.server]; ok && c != p.counters {
				t.Errorf("server %s: a handler has counters of its own", p.server)
			}
			shared[p.server] = p.counters
		}
		for server := range want {
			if !slices.Equal(sites[server], want[server]) {
				t.Errorf("server %s: got sites %q, want %q", server, sites[server], want[server])
			}
		}
		if shared["a"] == shared["b"] || slices.Contains(before, shared["a"]) || slices.Contains(before, shared["b"]) {
			t.Error("servers, or configurations, share counters")
		}
		before = []*counters{shared["a"], shared["b"]}
	}
}

// TestSiteNames: an error names the site, and of very many hosts the first ones.
func TestSiteNames(t *testing.T) {
	for n, want := range map[int]string{1: "site h0.example: ", 3: "site h0.example, h1.example, h2.example: ", 20: "h6.example, h7.example, …: "} {
		hosts := make([]string, n)
		for i := range hosts {
			hosts[i] = fmt.Sprintf(`"h%d.example"`, i)
		}
		err := validate(t, fmt.Appendf(nil, `{"apps": {"http": {"servers": {"a": {"routes": [{"match": [{"host": [%s]}], "handle": [{"handler": "cors", "allow_origins": ["https://a.example/"]}]}]}}}}}`, strings.Join(hosts, ",")))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "h8.example") {
			t.Errorf("%d hosts: got %v, want %q in it", n, err, want)
		}
	}
}

// TestHandlersShare: handlers with equal options share a policy, also across
// configurations. Those of one configuration share counters.
func TestHandlersShare(t *testing.T) {
	const directive = "cors https://share.example {\n allow_methods PUT\n}"
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	h := provisionIn(t, ctx, directive)
	for _, tc := range []struct {
		name, directive  string
		counters, policy bool // are shared
		other            bool // configuration
	}{
		{"equal", directive, true, true, false},
		{"other options", "cors https://share.example {\n allow_methods PATCH\n}", true, false, false},
		{"report_only", "cors https://share.example {\n allow_methods PUT\n report_only\n}", false, true, false},
		{"a template", "cors https://share.example https://{http.vars.a}.share.example {\n allow_methods PUT\n}", true, false, false},
		{"a source", "cors https://share.example {\n allow_methods PUT\n dynamic match {\n path /\n }\n}", true, false, false},
		{"equal, of another configuration", directive, false, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := ctx
			if tc.other {
				var cancel context.CancelFunc
				in, cancel = caddy.NewContext(caddy.Context{Context: context.Background()})
				defer cancel()
			}
			other := provisionIn(t, in, tc.directive)
			if got := other.counters == h.counters; got != tc.counters {
				t.Errorf("counters are shared: %t, want %t", got, tc.counters)
			}
			if got := other.policy == h.policy; got != tc.policy {
				t.Errorf("the policy is shared: %t, want %t", got, tc.policy)
			}
		})
	}
	// Counters that are found again in a registry are not made anew.
	again, err := newCounters(ctx.GetMetricsRegistry(), countersOf{server: "UNKNOWN"})
	if err != nil {
		t.Fatal(err)
	}
	if again.requests[0][0][0] != h.counters.requests[0][0][0] {
		t.Error("a registry has two counters of the same name")
	}
}
