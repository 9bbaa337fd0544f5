package caddycors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// TestListEqualsAllowOrigins: for any list, a source decides as the same patterns
// do in allow_origins, wherever that policy is accepted.
func TestListEqualsAllowOrigins(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	hosts := []string{"a.example", "b.a.example", "com", "github.io", "me.github.io", "localhost", "x.localhost", "127.0.0.1", "[::1]", "co.uk", "lan"}
	host := func() string { return hosts[rnd.IntN(len(hosts))] }
	path := filepath.Join(t.TempDir(), "origins")
	accepted := make(map[bool]int) // by credentials
	decisions := make(map[policy.Result]int)
	for i := range 1_000 {
		var list []string
		for range 1 + rnd.IntN(8) {
			list = append(list, pick("https", "http", "app")+"://"+pick("", "", "*.")+host()+pick("", "", ":*", ":8443"))
		}
		static := policy.Config{Origins: list, Credentials: i%2 == 0, Environment: environment()}
		for _, waiver := range []string{policy.WaiverInsecure, policy.WaiverOpen} {
			if rnd.IntN(2) == 0 {
				static.Accepted = append(static.Accepted, waiver)
			}
		}
		p, findings := policy.Compile(&static)
		if findings.Err() != nil {
			continue
		}
		accepted[static.Credentials]++
		if err := os.WriteFile(path, []byte(strings.Join(list, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		source := &FileSource{Path: path}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		if err := source.Provision(ctx); err != nil {
			t.Fatalf("%q: %v", list, err)
		}
		dynamic := static
		dynamic.Origins, dynamic.Sources = nil, []policy.Source{source}
		q, findings := policy.Compile(&dynamic)
		if err := findings.Err(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			origin := pick("https", "http", "app") + "://" + pick("", "a.", "b.a.", "x.") + host() + pick("", "", ":1", ":8443")
			r := &http.Request{Header: fields("Origin: " + origin)}
			want, got := p.Decide(r), q.Decide(r)
			if want.Result != got.Result || want.Origin != got.Origin {
				t.Errorf("%q, credentials %t, waived %q: %s: got %v, want %v", list, static.Credentials, static.Accepted, origin, got, want)
			}
			// By itself, a source knows nothing of credentials.
			if yes, err := source.AllowsOrigin(r, origin); err != nil || !static.Credentials && yes != (want.Result == policy.Allowed) {
				t.Errorf("%q: %s: got %t, %v", list, origin, yes, err)
			}
			decisions[want.Result]++
		}
		if err := source.Cleanup(); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	if accepted[true] < 100 || accepted[false] < 100 || decisions[policy.Allowed] < 1000 || decisions[policy.Denied] < 1000 {
		t.Errorf("too few policies are accepted, %v, or decisions taken, %v", accepted, decisions)
	}
}

// sourceFunc is a source that a test makes up.
type sourceFunc func(r *http.Request, origin string) (bool, error)

func (f sourceFunc) AllowsOrigin(r *http.Request, origin string) (bool, error) { return f(r, origin) }

// TestSourcesInOrder: sources are asked only about what nothing else allows, in
// order, until one says yes; and an error says no, unless another one knows.
func TestSourcesInOrder(t *testing.T) {
	for _, tc := range []struct {
		name    string
		origin  string
		answers []any // true, false or an error, by source
		asked   int
		want    policy.Decision
	}{
		{"in the policy", "https://a.example", []any{false}, 0, policy.Decision{Origin: "https://a.example", Result: policy.Allowed}},
		{"first", "https://b.example", []any{true, false}, 1, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"second", "https://b.example", []any{false, true}, 2, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"none", "https://b.example", []any{false, false}, 2, policy.Decision{Result: policy.Denied, Reason: policy.ReasonOrigin}},
		{"an error", "https://b.example", []any{errors.New("x"), false}, 2, policy.Decision{Result: policy.Denied, Reason: policy.ReasonSource}},
		{"an error, then yes", "https://b.example", []any{errors.New("x"), true}, 2, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"malformed", "https://B.example", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonMalformed}},
		{"null", "null", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonNull}},
		{"insecure", "http://b.example", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonInsecure}},
		{"loopback", "http://localhost:99", []any{true}, 1, policy.Decision{Origin: "http://localhost:99", Result: policy.Allowed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := 0
			config := policy.Config{Origins: []string{"https://a.example"}, Credentials: true, Environment: environment()}
			for _, answer := range tc.answers {
				config.Sources = append(config.Sources, foreignSource{sourceFunc(func(_ *http.Request, origin string) (bool, error) {
					asked++
					if origin != tc.origin {
						t.Errorf("asked about %q", origin)
					}
					if err, ok := answer.(error); ok {
						return true, err
					}
					return answer.(bool), nil
				})})
			}
			p, findings := policy.Compile(&config)
			if err := findings.Err(); err != nil {
				t.Fatal(err)
			}
			got := p.Decide(&http.Request{Header: fields("Origin: " + tc.origin)})
			if (got.Err != nil) != (tc.want.Reason == policy.ReasonSource) {
				t.Errorf("error %v", got.Err)
			}
			got.Err = nil
			if got != tc.want || asked != tc.asked {
				t.Errorf("got %+v, asked %d times, want %+v, %d", got, asked, tc.want, tc.asked)
			}
		})
	}
}

// TestNoListYet: until there is a list, nobody is allowed, and what is said of it
// names the source, but none of its secrets.
func TestNoListYet(t *testing.T) {
	h := provision(t, "cors {\n dynamic http http://user:secret@127.0.0.1:1/list?token=secret\n}")
	d := h.policy.Decide(&http.Request{Header: fields("Origin: https://a.example")})
	if d.Result != policy.Denied || d.Reason != policy.ReasonSource || d.Err.Error() != "http 127.0.0.1:1: there is no list yet" {
		t.Errorf("got %+v", d)
	}
}

// TestAskedAbout: no question is asked about an origin that is malformed, null or,
// with credentials, insecure.
func TestAskedAbout(t *testing.T) {
	asked := make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.FormValue("origin")
		asked[origin]++
		if origin != "https://customer.example" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	source := &AskSource{URL: server.URL}
	if err := source.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Cleanup() }()
	p, findings := policy.Compile(&policy.Config{Sources: []policy.Source{source}, Credentials: true, Environment: environment()})
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	decide := func(origin string) policy.Decision {
		return p.Decide(&http.Request{Host: "host.example", Header: fields("Origin: " + origin)})
	}
	if d := decide("https://customer.example"); d.Result != policy.Allowed {
		t.Fatalf("%+v", d)
	}
	for i := range 1_000 {
		for _, origin := range []string{
			fmt.Sprintf("http://evil-%d.example", i), // insecure
			"null",
			"https://" + strings.Repeat("a", 64+i),
			fmt.Sprintf("https://Evil-%d.example", i), // malformed
			fmt.Sprintf("https://evil-%d.example/", i),
		} {
			if d := decide(origin); d.Result != policy.Denied {
				t.Fatalf("%q: %+v", origin, d)
			}
		}
	}
	if d := decide("https://evil.example"); d.Result != policy.Denied || d.Reason != policy.ReasonOrigin {
		t.Errorf("%+v", d)
	}
	if d := decide("https://customer.example"); d.Result != policy.Allowed {
		t.Errorf("%+v", d)
	}
	if want := map[string]int{"https://customer.example": 1, "https://evil.example": 1}; !maps.Equal(asked, want) {
		t.Errorf("asked about %v, want %v", asked, want)
	}
}

// BenchmarkSources times what a list of a million origins, and a known answer,
// add to a request.
func BenchmarkSources(b *testing.B) {
	path := filepath.Join(b.TempDir(), "origins")
	var text strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "https://tenant-%07d.example.com\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})) // yes
	b.Cleanup(server.Close)
	for name, directive := range map[string]string{
		"file": "cors {\n dynamic file " + path + "\n}",
		"ask":  "cors {\n dynamic ask " + server.URL + "\n}",
	} {
		h := provision(b, directive)
		r := &http.Request{Method: http.MethodGet, Host: "host.example", Header: fields("Origin: https://tenant-0500000.example.com")}
		b.Run(name, func(b *testing.B) { benchmark(b, h, r) })
	}
}

// TestSourceSyntax: what is wrong with the tokens of a source, and what to write.
func TestSourceSyntax(t *testing.T) {
	for _, tc := range []struct{ tokens, problem string }{
		{`dynamic`, `dynamic: has no source; write dynamic file, storage, http, ask or match`},
		{`file /etc/caddy/origins.txt`, `cors: unknown subdirective "file"; write dynamic file`},
		{`dynamic_origins file /etc/caddy/origins.txt`, `cors: unknown subdirective "dynamic_origins"; write dynamic`},
		{`dynamic redis x`, `dynamic "redis": unknown source; write one of file, storage, http, ask and match`},
		{`dynamic file`, `file: needs a path; write it after file, as in dynamic file /etc/caddy/origins.txt`},
		{`dynamic storage`, `storage: needs a key; write it after storage, as in dynamic storage cors/origins`},
		{"dynamic http {\n url http://a.example\n}", `http: needs a URL; write it after http, as in dynamic http https://config.example.com/origins`},
		{`dynamic ask`, `ask: needs a URL; write it after ask, as in dynamic ask http://localhost:9000/cors`},
		{`dynamic file x refresh 5s`, `file: takes one argument, a path, but "refresh" follows; write options in a block`},
		{"dynamic file x {\n refesh 5s\n}", `file: unknown option "refesh"; write one of refresh`},
		{"dynamic file x {\n refresh 5s\n refresh 5s\n}", `refresh: is specified more than once; write it once`},
		{"dynamic file x {\n refresh\n}", `refresh: takes one duration, such as 30s`},
		{"dynamic file x {\n refresh 5s 6s\n}", `refresh: takes one duration, such as 30s`},
		{"dynamic file x {\n refresh 5\n}", `refresh "5": has no unit; write 5s`},
		{"dynamic file x {\n refresh 0\n}", `refresh "0": must be a positive duration, such as 30s`},
		{"dynamic file x {\n refresh -5s\n}", `refresh "-5s": is not a valid duration; write one such as 30s`},
		{"dynamic ask x {\n max_stale off\n}", `max_stale "off": is not a valid duration; write one such as 30s`},
		{"dynamic ask x {\n cache_size 10k\n}", `cache_size "10k": must be a positive number, such as 10000`},
		{"dynamic ask x {\n cache_size 0\n}", `cache_size "0": must be a positive number, such as 10000`},
		{"dynamic ask x {\n max_in_flight\n}", `max_in_flight: takes one number, such as 16`},
		{"dynamic ask x {\n max_in_flight 1 2\n}", `max_in_flight: takes one number, such as 16`},
		{"dynamic http x {\n header_up Authorization Bearer x\n}", `header_up: takes the name and the value of a header; quote a value that has spaces`},
		{`dynamic match @api`, `match takes no argument, but "@api" follows; write the matchers in a block`},
		{`dynamic match`, `match has no matchers; write at least one in its block, such as origin https://*.example.com`},
	} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors {\n" + tc.tokens + "\n}"))
		if err == nil || !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %v, want %q", tc.tokens, err, tc.problem)
		}
	}
}
