package docs

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	caddycors "github.com/seed-56c1dbac/caddy-cors"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

const jsonPage = "../../docs/json.md"

// strictly decodes JSON into a module, and notes its keys. Nothing else may be in it.
func strictly(t *testing.T, encoded json.RawMessage, module any, inlineKey string, seen map[string]bool) {
	t.Helper()
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(encoded, &keys); err != nil {
		t.Fatal(err)
	}
	delete(keys, inlineKey)
	for key := range keys {
		seen[key] = true
	}
	stripped, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.StrictUnmarshalJSON(stripped, module); err != nil {
		t.Errorf("%v: %s", err, encoded)
	}
}

// mustHaveKeys checks that the keys of a module's JSON have all been seen.
func mustHaveKeys(t *testing.T, module any, seen map[string]bool) {
	t.Helper()
	var want []string
	fields := reflect.TypeOf(module).Elem()
	for i := range fields.NumField() {
		if name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ","); name != "" {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("%T: the page has %q, want %q", module, got, want)
	}
}

// TestJSON: the page about JSON has every key of every module, and no others. Its
// first block is the example of the README.
func TestJSON(t *testing.T) {
	sources := map[string]any{
		"file": new(caddycors.FileSource), "storage": new(caddycors.StorageSource), "http": new(caddycors.HTTPSource),
		"ask": new(caddycors.AskSource), "match": new(caddycors.MatchSource),
	}
	shown := 0
	var handlers []caddycors.Handler
	handlerKeys := make(map[string]bool)
	for _, b := range corstest.Blocks(t, jsonPage) {
		if b.Language != "json" {
			continue
		}
		shown++
		encoded := json.RawMessage(b.Text)
		switch b.Section {
		case "The handler":
			var h caddycors.Handler
			strictly(t, encoded, &h, "handler", handlerKeys)
			handlers = append(handlers, h)
		case "Sources":
			var all []json.RawMessage
			if err := json.Unmarshal(encoded, &all); err != nil {
				t.Fatal(err)
			}
			for _, encoded := range all {
				var named struct{ Source string }
				if err := json.Unmarshal(encoded, &named); err != nil || sources[named.Source] == nil {
					t.Fatalf("%v: %s", err, encoded)
				}
				seen := make(map[string]bool)
				strictly(t, encoded, sources[named.Source], "source", seen)
				mustHaveKeys(t, sources[named.Source], seen)
				delete(sources, named.Source)
			}
		case "The matcher":
			var matchers map[string]json.RawMessage
			if err := json.Unmarshal(encoded, &matchers); err != nil || len(matchers) != 1 {
				t.Fatal(err, matchers)
			}
			seen := make(map[string]bool)
			strictly(t, matchers["origin"], new(caddycors.MatchOrigin), "", seen)
			mustHaveKeys(t, new(caddycors.MatchOrigin), seen)
		default:
			t.Errorf("nothing is known of the JSON of %q", b.Section)
		}
	}
	mustHaveKeys(t, new(caddycors.Handler), handlerKeys)
	if shown != 4 || len(handlers) != 2 || len(sources) > 0 {
		t.Fatalf("%d blocks, %d handlers, and not these sources: %v", shown, len(handlers), sources)
	}
	for _, b := range corstest.Blocks(t, "../../README.md") {
		if b.Language != "caddyfile" || b.Section != "Example" {
			continue
		}
		_, directive, _ := strings.Cut(b.Text, "\tcors ")
		directive, _, _ = strings.Cut(directive, "\n\t}")
		var h caddycors.Handler
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors " + directive + "\n}")); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(handlers[0], h) {
			t.Errorf("got %+v, want %+v", handlers[0], h)
		}
		return
	}
	t.Error("the README has no example")
}

// curlAdmin makes the request of a curl command to the admin API, and checks the body
// of the response. An ellipsis stands for anything, in a response that is an error.
func (s *server) curlAdmin(t *testing.T, words []string, want string) {
	t.Helper()
	method, url, body := http.MethodGet, "", ""
	header := make(http.Header)
	if len(words) < 3 || words[0] != "curl" || words[1] != "-s" {
		t.Fatalf("no curl -s: %q", words)
	}
	for i := 2; i < len(words); i++ {
		switch words[i] {
		case "-X":
			i++
			method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			header.Add(name, value)
		case "-d":
			i++
			body = words[i]
		default:
			path, ok := strings.CutPrefix(words[i], adminOfDocs)
			if !ok || url != "" {
				t.Fatalf("what is %q?", words[i])
			}
			url = s.admin + path
		}
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		s.settle(t)
	}
	before, after, isError := strings.Cut(strings.TrimSpace(want), "…")
	text := strings.TrimSpace(string(got))
	if isError {
		if res.StatusCode < 400 || !strings.HasPrefix(text, before) || !strings.HasSuffix(text, after) {
			t.Errorf("status %d, got %s, want %s", res.StatusCode, text, want)
		}
	} else if res.StatusCode != http.StatusOK || text != before {
		t.Errorf("status %d, got %s, want %s", res.StatusCode, text, want)
	}
}

// settle waits until the server of the previous configuration has gone. Until then,
// it shares the port, and drops its share of the new connections.
func (s *server) settle(t *testing.T) {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	corstest.Eventually(t, "server that is alone", func() bool {
		for range 30 {
			res, err := client.Get(s.url)
			if err != nil {
				return false
			}
			res.Body.Close()
		}
		return true
	})
}
