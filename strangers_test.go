package caddycors

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

var (
	rounds = flag.Int("rounds", 200, "how many policies TestStrangersInSources makes")
	seed   = flag.Uint64("seed", 1, "the seed of TestStrangersInSources")
)

// nest makes random sources, and knows what each of them may be written to admit.
type nest struct {
	*rand.Rand
	registry *corstest.Registry
	files    []string   // lists
	lists    [][]string // what they hold
	samples  []func() string
	limit    int // how many domains all of it may admit
}

func (n *nest) pick(list ...string) string { return list[n.IntN(len(list))] }

// patterns returns random patterns.
func (n *nest) patterns() (list []string) {
	for range 1 + n.IntN(3)/2 {
		name := n.pick("example.com", "acme.co.uk", "me.github.io", "nas.lan", "localhost", "x."+n.registry.Name(n.Rand), n.registry.Name(n.Rand))
		list = append(list, n.pick("https", "https", "https", "http")+"://"+n.pick("", "", "*.", "*.", "app-*.")+name+n.pick("", "", ":8443", ":*"))
	}
	return list
}

// admits notes that patterns may be admitted.
func (n *nest) admits(patterns []string) {
	for _, s := range patterns {
		n.limit++
		n.samples = append(n.samples, func() string {
			return strings.Replace(strings.TrimSuffix(s, ":*"), "*", n.pick("evil", "a", "a.b", "x"), 1)
		})
	}
}

// source makes a source that holds others down to a depth.
func (n *nest) source(depth int) map[string]any {
	kind := n.IntN(8)
	switch {
	case kind == 0:
		n.admits([]string{"https://eu.example.com"})
		return map[string]any{"source": "regions", "regions": []string{"eu"}} // of a third party
	case kind < 4 || depth == 0:
		i := n.IntN(len(n.files))
		n.admits(n.lists[i])
		return map[string]any{"source": "file", "path": n.files[i]}
	}
	var sets []map[string]any
	for range 1 + n.IntN(4)/3 {
		set := make(map[string]any)
		if n.IntN(8) > 0 {
			set["origin"] = n.matcher(depth)
		}
		others := map[string]any{
			"path":          []string{"/*"},
			"method":        []string{"GET"},
			"header_regexp": map[string]any{"Origin": map[string]string{"pattern": ".*"}},
			"expression":    n.pick("true", "path('/*')", "origin('*')"),
			"not":           []map[string]any{{"origin": map[string]any{"allow_origins": n.patterns()}}},
			"vars":          map[string]any{"{http.request.header.Origin}": []string{"{http.request.header.Origin}"}},
		}
		for _, name := range slices.Sorted(maps.Keys(others)) {
			if n.IntN(6) == 0 || len(set) == 0 {
				set[name] = others[name]
			}
		}
		sets = append(sets, set)
	}
	return map[string]any{"source": "match", "match": sets}
}

// matcher makes the configuration of a matcher origin.
func (n *nest) matcher(depth int) map[string]any {
	m := make(map[string]any)
	if n.IntN(2) == 0 {
		list := n.patterns()
		if n.IntN(20) == 0 {
			list = []string{n.pick("*", "null", "https://{http.vars.evil}.com", "https://{env.NOTHING_OF_THE_KIND}")}
		}
		n.admits(list)
		m["allow_origins"] = list
	}
	if n.IntN(3) == 0 {
		expr := n.pick("https://", "https?://", ".*://") + n.pick("", `(.+\.)?`, ".*") + n.pick(`example\.com`, `.*\.github\.io`, `acme.io`, `10\.\d+\.0\.1`, `\d+\.\d+\.\d+\.\d+`, `localhost(:\d+)?`)
		m["allow_origins_regexp"] = []string{expr}
		parsed, err := syntax.Parse(expr, syntax.Perl)
		if err == nil {
			n.limit += 16
			n.samples = append(n.samples, func() string { return corstest.Sample(n.Rand, parsed) })
		}
	}
	if n.IntN(10) == 0 {
		m["same_origin"] = true
	}
	if len(m) == 0 || n.IntN(3) == 0 {
		m["dynamic_origins"] = []any{n.source(depth - 1)}
	}
	return m
}

// TestStrangersInSources: whatever sources and matchers a policy with credentials
// nests, it does not load, or allows no origin that strangers can obtain or forge.
//
//	go test . -run TestStrangersInSources -args -rounds 20000 -seed 7
func TestStrangersInSources(t *testing.T) {
	t.Logf("seed %d, %d policies", *seed, *rounds)
	n := &nest{
		Rand:     rand.New(rand.NewPCG(*seed, 0)),
		registry: corstest.ReadRegistry(t, "internal/suffixes/rules.txt", "internal/suffixes/own.txt"),
	}
	dir := t.TempDir()
	for i := range 40 {
		n.files = append(n.files, filepath.Join(dir, fmt.Sprint(i)))
		n.lists = append(n.lists, n.patterns())
		if err := os.WriteFile(n.files[i], []byte(strings.Join(n.lists[i], "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	counts := make(map[string]int)
	for range *rounds {
		n.samples, n.limit = nil, 0
		n.check(t, counts)
	}
	t.Log(counts)
	for _, kind := range []string{"loaded", "refused", "allowed", "open_origin", "insecure_origin"} {
		if counts[kind] < *rounds/10 {
			t.Errorf("%s: only %d", kind, counts[kind])
		}
	}
}

func (n *nest) check(t *testing.T, counts map[string]int) {
	config := map[string]any{"allow_credentials": true, "dynamic_origins": []any{n.source(3)}}
	waiver := ""
	if n.IntN(8) == 0 {
		waiver = n.pick(policy.WaiverInsecure, policy.WaiverOpen)
		config["dangerously_allow"] = []string{waiver}
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	h := new(Handler)
	if err := json.Unmarshal(text, h); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	if err = h.Provision(ctx); err == nil {
		err = h.Validate()
	}
	if err != nil {
		counts["refused"]++
		return
	}
	h.logger, h.debug = zap.NewNop(), false
	counts["loaded"]++
	domains := make(map[string]string)
	for i := range 50 + 50*len(n.samples) {
		s := "https://evil.com"
		if len(n.samples) > 0 {
			s = n.samples[i%len(n.samples)]()
		}
		if i%3 == 0 {
			s = corstest.Mutate(n.Rand, n.registry, s)
		}
		r := httptest.NewRequest("GET", "https://api.example.net/", nil)
		r.Header.Set("Origin", s)
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), nil, nil)
		caddyhttp.SetVar(r.Context(), "evil", "evil")
		d := h.policy.Decide(r)
		counts[d.Reason.String()]++
		if d.Result != policy.Allowed {
			continue
		}
		counts["allowed"]++
		if o, ok := origins.Parse(s); !ok || o.Insecure() && waiver != policy.WaiverInsecure {
			t.Errorf("%s: %q is allowed", text, s)
		}
		if domain := n.registry.Domain(s); domain != "" {
			domains[domain] = s
		}
	}
	if len(domains) > n.limit && waiver != policy.WaiverOpen {
		t.Errorf("%s: allows %q", text, slices.Sorted(maps.Values(domains)))
	}
}
