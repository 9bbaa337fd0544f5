package caddycors

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestMatcherLooksAtOrigin: the matchers under which a cors would leave responses
// without Vary, and those under which it would not.
func TestMatcherLooksAtOrigin(t *testing.T) {
	for matcher, want := range map[string]bool{
		"header Origin https://a.example":                           true,
		"header origin *":                                           true,
		"header_regexp Origin ^https://":                            true,
		"header_regexp name Origin ^https://":                       true,
		"not header Origin https://a.example":                       true,
		"origin https://a.example":                                  true,
		"not origin https://a.example":                              true,
		"vars {header.Origin} https://a.example":                    true,
		"vars {http.request.header.Origin} https://a.example":       true,
		"vars_regexp {header.Origin} ^https://":                     true,
		"expression `header({'Origin': 'https://a.example'})`":      true,
		"expression `header({\"Origin\": \"https://a.example\"})`":  true,
		"expression `{header.Origin} == 'https://a.example'`":       true,
		"expression `{http.request.header.Origin} == 'x'`":          true,
		"expression `origin('https://a.example') && method('GET')`": true,
		"path /api/*":                            false,
		"header Host origin":                     false,
		"header X-Origin *":                      false,
		"method GET":                             false,
		"vars {path} /origin":                    false,
		"expression `path('/origin')`":           false,
		"expression `header({'X': 'origin-1'})`": false,
	} {
		t.Run(matcher, func(t *testing.T) {
			adapted, err := adapt("http://localhost {\n@o " + matcher + "\ncors @o https://a.example\n}")
			if err != nil {
				t.Fatal(err)
			}
			var found []caddy.ModuleMap
			findCORS(t, adapted, &found)
			if len(found) != 1 {
				t.Fatalf("found %d matchers in %s", len(found), adapted)
			}
			if got := looksAtOrigin(found[0]); got != want {
				t.Errorf("got %t for %s", got, adapted)
			}
		})
	}
}

// findCORS finds the matcher sets of the routes whose handler is cors.
func findCORS(t *testing.T, config json.RawMessage, found *[]caddy.ModuleMap) {
	t.Helper()
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch config[0] {
	case '{':
		if err := json.Unmarshal(config, &object); err != nil {
			t.Fatal(err)
		}
	case '[':
		if err := json.Unmarshal(config, &list); err != nil {
			t.Fatal(err)
		}
	}
	var route struct {
		Match  []caddy.ModuleMap `json:"match"`
		Handle []struct {
			Handler string `json:"handler"`
		} `json:"handle"`
	}
	if json.Unmarshal(config, &route) == nil && len(route.Handle) > 0 && route.Handle[0].Handler == "cors" {
		*found = append(*found, route.Match...)
	}
	for _, value := range object {
		findCORS(t, value, found)
	}
	for _, value := range list {
		findCORS(t, value, found)
	}
}

// TestMatcherWarning: the warning says where the matcher is, and comes for no other
// matcher.
func TestMatcherWarning(t *testing.T) {
	for matcher, want := range map[string]int{"header Origin *": 1, "header X-Origin *": 0} {
		config := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(config, []byte("http://localhost {\n\t@o "+matcher+"\n\tcors @o https://a.example\n}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := corstest.CaddyCommand(t, "adapt", "--config", config).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		warnings := 0
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, `"level":"warn"`) {
				continue
			}
			warnings++
			for _, part := range []string{"the matcher of cors looks at Origin", `"line":3`, "Caddyfile"} {
				if !strings.Contains(line, part) {
					t.Errorf("%s: warning %s, want %q in it", matcher, line, part)
				}
			}
		}
		if warnings != want {
			t.Errorf("%s: %d warnings, want %d, in %s", matcher, warnings, want, out)
		}
	}
}

// TestMatcherWarningOfSeveral: there is no warning where another cors of the block
// sets Vary on the responses that the matcher leaves out.
func TestMatcherWarningOfSeveral(t *testing.T) {
	const partner = "@p header Origin https://p.example\ncors @p https://p.example\n"
	log := filepath.Join(t.TempDir(), "log")
	if err := caddy.Run(&caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{
			WriterRaw: fmt.Appendf(nil, `{"output": "file", "filename": %q}`, log),
		}}}},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	logged := 0 // bytes, before the site
	for site, want := range map[string]bool{
		partner + "cors https://a.example":                                             false,
		"cors https://a.example\n" + partner:                                           false,
		partner + "cors * *":                                                           false,
		partner + "cors {\nallow_origins https://a.example\n}":                         false,
		partner + "cors /api/* https://a.example":                                      true,
		"cors /api/* https://a.example\n" + partner:                                    true,
		partner + "@q path /api/*\ncors @q https://a.example":                          true,
		partner + "handle /api/* {\ncors https://a.example\n}":                         true,
		"handle {\n" + partner + "cors https://a.example\n}":                           false,
		"handle {\n" + partner + "}\ncors https://a.example":                           true,
		"handle /a {\n" + partner + "}\nhandle /b {\ncors https://a.example\n}":        true,
		"route {\nroute {\n" + partner + "}\n" + "cors https://a.example\n}":           true,
		"import two https://a.example\n" + partner:                                     false,
		partner + "respond cors\nheader X cors\n":                                      true,
		partner + "@r header Origin https://r.example\ncors @r https://r.example\n":    true,
		partner + strings.ReplaceAll(partner, "p", "s") + "\ncors https://a.example\n": false,
	} {
		text := "(two) {\n\tcors {args[0]}\n}\nhttp://localhost {\n" + site + "\n}\nhttp://other.localhost {\n" + partner + "\tcors https://a.example\n}\n"
		if _, err := adapt(text); err != nil {
			t.Errorf("%s: %v", site, err)
		}
		lines, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(string(lines[logged:]), "the matcher of cors looks at Origin"); got != want {
			t.Errorf("%s: warned %t, want %t", site, got, want)
		}
		logged = len(lines)
	}
}
