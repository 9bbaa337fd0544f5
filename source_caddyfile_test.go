package caddycors

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

// segments are the sources as they follow dynamic, and what they set up.
var segments = []struct {
	text string
	want string // JSON
}{
	{"file /a", `{"path": "/a"}`},
	{"file /a {\n}", `{"path": "/a"}`},
	{"file /a {\n refresh 1s\n}", `{"path": "/a", "refresh": 1000000000}`},
	{"storage k", `{"key": "k"}`},
	{"storage k {\n refresh 1m\n}", `{"key": "k", "refresh": 60000000000}`},
	{"http http://a.example/", `{"url": "http://a.example/"}`},
	{
		"http http://a.example/ {\n refresh 1s\n timeout 2s\n header_up A \"b c\"\n header_up A d\n header_up E f\n}",
		`{"url": "http://a.example/", "refresh": 1000000000, "timeout": 2000000000, "header_up": {"A": ["b c", "d"], "E": ["f"]}}`,
	},
	{"ask http://a.example/", `{"url": "http://a.example/"}`},
	{
		"ask http://a.example/ {\n timeout 1s\n ttl 2s\n negative_ttl 3s\n max_stale 0\n cache_size 5\n max_in_flight 6\n}",
		`{"url": "http://a.example/", "timeout": 1000000000, "ttl": 2000000000, "negative_ttl": 3000000000, "max_stale": 0, "cache_size": 5, "max_in_flight": 6}`,
	},
	{"match {\n path /a\n}", `{"match": [{"path": ["/a"]}]}`},
	{
		"match {\n header X {env.NONE}\n not {\n  path /b\n }\n origin https://a.example {\n  dynamic file /c {\n   refresh 1s\n  }\n  same_origin\n }\n}",
		`{"match": [{"header": {"X": ["{env.NONE}"]}, "not": [{"path": ["/b"]}], "origin": {"allow_origins": ["https://a.example"], "dynamic_origins": [{"source": "file", "path": "/c", "refresh": 1000000000}], "same_origin": true}}]}`,
	},
}

// TestSegments: a source takes its own tokens and no other, so that what follows
// is read, whoever embeds it.
func TestSegments(t *testing.T) {
	for _, tc := range segments {
		name, _, _ := strings.Cut(tc.text, " ")
		t.Run(tc.text, func(t *testing.T) {
			info, err := caddy.GetModule(sourceNamespace + "." + name)
			if err != nil {
				t.Fatal(err)
			}
			source := info.New()
			d := caddyfile.NewTestDispenser(tc.text + "\nnext argument {\n inner\n}\nlast")
			if err := source.(caddyfile.Unmarshaler).UnmarshalCaddyfile(d); err != nil {
				t.Fatal(err)
			}
			if got, want := document(t, source), decoded(t, tc.want); !reflect.DeepEqual(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			for _, token := range []string{"next", "argument", "{", "inner", "}", "last"} {
				if !d.Next() || d.Val() != token {
					t.Fatalf("the next token is %q, want %q", d.Val(), token)
				}
			}

			// In the handler and in the matcher: everything around it is read, too.
			var h Handler
			around := "allow_origins https://before.example\n dynamic " + tc.text + "\n dynamic file /after\n allow_origins https://after.example\n"
			d = caddyfile.NewTestDispenser("cors {\n" + around + "allow_methods PUT\n}\nnext")
			if err := h.UnmarshalCaddyfile(d); err != nil {
				t.Fatal(err)
			}
			origins := []string{"https://before.example", "https://after.example"}
			if !reflect.DeepEqual(h.AllowOrigins, origins) || !reflect.DeepEqual(h.AllowMethods, []string{"PUT"}) {
				t.Errorf("got %v, %v", h.AllowOrigins, h.AllowMethods)
			}
			checkSources(t, h.DynamicOriginsRaw, name, tc.want)
			var m MatchOrigin
			if err := m.UnmarshalCaddyfile(caddyfile.NewTestDispenser("origin {\n" + around + "same_origin\n}")); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(m.AllowOrigins, origins) || !m.SameOrigin {
				t.Errorf("got %v, %t", m.AllowOrigins, m.SameOrigin)
			}
			checkSources(t, m.DynamicOriginsRaw, name, tc.want)
		})
	}
}

// checkSources checks that raw is a source, and then the file /after.
func checkSources(t *testing.T, raw []json.RawMessage, name, config string) {
	t.Helper()
	want := decoded(t, config)
	want["source"] = name
	if len(raw) != 2 || !reflect.DeepEqual(decoded(t, string(raw[0])), want) || !reflect.DeepEqual(decoded(t, string(raw[1])), map[string]any{"source": "file", "path": "/after"}) {
		t.Errorf("got %s, want %v and a file", raw, want)
	}
}

// document returns what JSON makes of v.
func document(t *testing.T, v any) map[string]any {
	t.Helper()
	encoded, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return decoded(t, string(encoded))
}

func decoded(t *testing.T, text string) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// TestSourceDefaults: what is not set has the value that is documented.
func TestSourceDefaults(t *testing.T) {
	path := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(path, []byte("# none"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, list, ask := &FileSource{Path: path}, &HTTPSource{URL: "http://127.0.0.1:1"}, &AskSource{URL: "http://127.0.0.1:1"}
	for _, s := range []interface {
		caddy.Provisioner
		caddy.CleanerUpper
	}{file, list, ask} {
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		defer cancel()
		if err := s.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		defer s.Cleanup() //nolint:errcheck // nothing to tell
	}
	for _, tc := range []struct {
		name string
		got  caddy.Duration
		want time.Duration
	}{
		{"file refresh", file.Refresh, 5 * time.Second},
		{"http refresh", list.Refresh, time.Minute},
		{"http timeout", list.Timeout, 10 * time.Second},
		{"timeout of the list", caddy.Duration(list.source.(*sources.List).Timeout), 10 * time.Second},
		{"ask timeout", ask.Timeout, 2 * time.Second},
		{"ask ttl", ask.TTL, 5 * time.Minute},
		{"ask negative_ttl", ask.NegativeTTL, 30 * time.Second},
		{"ask max_stale", *ask.MaxStale, time.Hour},
		{"ask cache_size", caddy.Duration(ask.CacheSize), 10_000},
		{"ask max_in_flight", caddy.Duration(ask.MaxInFlight), 16},
	} {
		if time.Duration(tc.got) != tc.want {
			t.Errorf("%s: got %d, want %d", tc.name, tc.got, tc.want)
		}
	}
	limits := sources.Limits{
		Timeout: 2 * time.Second, TTL: 5 * time.Minute, NegativeTTL: 30 * time.Second, MaxStale: time.Hour, CacheSize: 10_000, MaxInFlight: 16,
	}
	if got := ask.source.(*sources.Asker).Limits; got != limits {
		t.Errorf("got %+v, want %+v", got, limits)
	}
}
