package integration

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestOriginsFromOutside: a list of origins in a variable of the environment or in a
// file, however it is written and wherever it is named.
func TestOriginsFromOutside(t *testing.T) {
	file := filepath.ToSlash(filepath.Join(t.TempDir(), "origins"))
	for name, list := range map[string]string{
		"commas":            "https://a.example,https://b.example",
		"commas and spaces": "https://a.example, https://b.example",
		"spaces":            "https://a.example https://b.example",
		"lines":             "https://a.example\nhttps://b.example\n",
		"lines of Windows":  "https://a.example\r\nhttps://b.example\r\n",
		"a comma at an end": "https://a.example,https://b.example,",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CORS_ORIGINS", list)
			if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
				t.Fatal(err)
			}
			check := func(t *testing.T, s *site) {
				for _, o := range []string{"https://a.example", "https://b.example"} {
					s.check(t, call{header: from(o), want: fields("Access-Control-Allow-Origin: "+o, vary)})
				}
				s.check(t, call{header: from("https://c.example"), want: fields(vary)})
			}
			for _, entry := range []string{"{env.CORS_ORIGINS}", "{file." + file + "}"} {
				t.Run("Caddyfile", func(t *testing.T) { check(t, startSite(t, "cors "+entry+"\nrespond body")) })
				t.Run("JSON", func(t *testing.T) {
					check(t, control(t, `{"handler": "cors", "allow_origins": ["`+entry+`"]}`).site)
				})
			}
			// Caddy puts the value into the text of the Caddyfile, where a line ends a
			// directive, unless it is in quotes.
			for quotes, entry := range map[string]string{"text": "{$CORS_ORIGINS}", "text in quotes": `"{$CORS_ORIGINS}"`} {
				if !strings.Contains(list, "\n") || entry[0] == '"' {
					t.Run(quotes, func(t *testing.T) { check(t, startSite(t, "cors "+entry+"\nrespond body")) })
				}
			}
		})
	}
}

// TestRefusedJSON: what is often written in JSON, and the message.
func TestRefusedJSON(t *testing.T) {
	for members, want := range map[string]string{
		`"allow_origins": ["{$CORS_ORIGINS}"]`:                                    `{$CORS_ORIGINS} is not a known placeholder; write {env.CORS_ORIGINS}`,
		`"allow_origins": ["{evn.X}"]`:                                            `{evn.X} is not a known placeholder; write {env.X}`,
		`"allow_origins": ["https://a.example, https://b.example"]`:               `is a list in one entry; write ["https://a.example", "https://b.example"]`,
		`"allow_origins": ["https://a.example"], "max_age": 3600`:                 `write "3600s"`,
		`"allow_origins": ["https://a.example"], "allow_methods": ["{env.M}"]`:    `placeholders are not replaced here`,
		`"allow_origins": ["https://a.example"], "allow_methods": ["PUT,DELETE"]`: `is a list; write PUT DELETE`,
	} {
		if message := refusal(t, `{"handler": "cors", `+members+`}`, true); !strings.HasSuffix(message, want) && !strings.Contains(message, want+",") && !strings.Contains(message, want+";") {
			t.Errorf("%s:\n%s\nwant %s", members, message, want)
		}
	}
}

// TestPlaceOfAnError: the commands name the file and the line of a mistake in the
// third of three sites, fail, and print an expression as it is to be copied.
func TestPlaceOfAnError(t *testing.T) {
	config := filepath.Join(t.TempDir(), "Caddyfile")
	text := "http://a.localhost {\n\tcors https://a.example\n}\n\nhttp://b.localhost {\n\tcors https://b.example\n}\n\n" +
		"http://c.localhost {\n\tcors {\n\t\tallow_origins_regexp https://.*example\\.com\n\t\tallow_credentials\n\t}\n}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"adapt", "validate", "run"} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			out, err := corstest.CaddyCommand(t, command, "--config", config, "--adapter", "caddyfile").CombinedOutput()
			var status *exec.ExitError
			if !errors.As(err, &status) {
				t.Fatalf("%v\n%s", err, out)
			}
			var message string
			for line := range strings.Lines(string(out)) {
				var entry struct{ Level, Msg string }
				if err := json.Unmarshal([]byte(line), &entry); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				if entry.Level == "error" {
					message = entry.Msg
				}
			}
			for _, want := range []string{`write https://(.+\.)?example\.com for`, ", at " + config + ":11"} {
				if !strings.Contains(message, want) {
					t.Errorf("no %q in\n%s", want, message)
				}
			}
		})
	}
}

// TestNamePrefixes: a name that ends in * allows and exposes what begins so, and
// nothing else.
func TestNamePrefixes(t *testing.T) {
	s := startSite(t, `
		cors https://a.example {
			allow_headers X-Amz-*
			expose_headers X-Amz-Meta-*
		}
		header X-Amz-Meta-Owner bob
		header X-Amz-Id 7
		respond body`)
	s.check(t, call{header: fields(origin), want: fields(allowed, "Access-Control-Expose-Headers: X-Amz-Meta-Owner", vary)})
	s.check(t, call{header: fields(foreign), want: fields(vary)})
	asks := func(names string) http.Header {
		return fields(origin, forPUT, "Access-Control-Request-Headers: "+names)
	}
	s.check(t, call{method: "OPTIONS", status: 204, header: asks("x-amz-date"), want: fields(allowed, "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: x-amz-date", varyAll)})
	s.check(t, call{method: "OPTIONS", status: 204, header: asks("x-am"), want: fields(allowed, "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)})
}
