package caddycors

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/standard"
)

var update = flag.Bool("update", false, "write the golden files")

// TestAdapt compares what each Caddyfile in testdata/adapt adapts to, JSON or an
// error, with what stands below the line in the same file. JSON must also load, and
// is followed by the warnings of that, each on a line.
func TestAdapt(t *testing.T) {
	golden(t, "testdata/adapt", func(t *testing.T, input string) string {
		if formatted := string(caddyfile.Format([]byte(input))); formatted != input {
			t.Errorf("not formatted, want:\n%s", formatted)
		}
		config, err := adapt(input)
		if err != nil {
			return err.Error()
		}
		warnings, err := warningsOf(t, config)
		if err != nil {
			t.Errorf("does not load: %v", err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, config, "", "\t"); err != nil {
			t.Fatal(err)
		}
		return indented.String() + "\n" + warnings
	})
}

// TestRefused compares the error with which each Caddyfile in testdata/refused
// fails with what stands below the line in the same file. Entries that depend on
// the environment fail when the config loads, all others when it is adapted.
func TestRefused(t *testing.T) {
	golden(t, "testdata/refused", func(t *testing.T, input string) string {
		const atLoad = "http.handlers.cors: invalid configuration: "
		config, err := adapt(input)
		if err != nil {
			return err.Error()
		}
		if err = validate(t, config); err == nil {
			t.Fatal("loads")
		}
		// Caddy's path to the handler comes before.
		_, text, ok := strings.Cut(err.Error(), atLoad)
		if !ok {
			t.Fatalf("not an error of the handler: %v", err)
		}
		return "when loaded: " + text
	})
}

// golden runs output on the part above the line of each file in a directory, and
// compares the result with the part below.
func golden(t *testing.T, dir string, output func(*testing.T, string) string) {
	t.Setenv("CORS_TEST_ORIGIN", "https://env.example")
	t.Setenv("CORS_TEST_EVERY", "*")
	t.Setenv("CORS_TEST_LIST", "https://a.example,https://b.example")
	t.Setenv("CORS_TEST_BRACES", "https://{http.request.header.Origin}")
	files, err := filepath.Glob(filepath.Join(dir, "*.caddyfiletest"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".caddyfiletest"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			const line = "----------\n"
			input, want, _ := strings.Cut(strings.ReplaceAll(string(content), "\r\n", "\n"), line)
			got := strings.TrimSpace(output(t, input)) + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(input+line+got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func adapt(input string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	return config, err
}

func validate(t *testing.T, config []byte) error {
	t.Helper()
	_, err := warningsOf(t, config)
	return err
}

// warningsOf loads a configuration as `caddy validate` does, and returns what this
// module warns of, a line for each warning.
func warningsOf(t *testing.T, config []byte) (warnings string, err error) {
	t.Helper()
	var c caddy.Config
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	c.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{caddy.DefaultLoggerName: {BaseLog: caddy.BaseLog{
		WriterRaw: fmt.Appendf(nil, `{"output": "file", "filename": %q}`, log),
		Level:     "WARN",
	}}}}
	err = caddy.Validate(&c)
	text, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Fatal(readErr)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct {
			Level  string `json:"level"`
			Logger string `json:"logger"`
			Msg    string `json:"msg"`
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(entry.Logger, "http.handlers.cors") || strings.HasPrefix(entry.Logger, "http.matchers.origin") || strings.HasPrefix(entry.Logger, "http.cors") {
			warnings += entry.Level + ": " + entry.Msg + "\n"
		}
	}
	return warnings, err
}

// TestJSONRoundTrip takes a handler with every field set to JSON and back.
func TestJSONRoundTrip(t *testing.T) {
	age := caddy.Duration(0)
	h := Handler{
		AllowOrigins:         []string{"https://a.example", "null"},
		AllowOriginsRegexp:   []string{`https://pr-\d+\.a\.example`},
		DynamicOriginsRaw:    []json.RawMessage{json.RawMessage(`{"source":"file","path":"origins.txt"}`)},
		AllowMethods:         []string{"PUT"},
		AllowHeaders:         []string{"Content-Type"},
		ExposeHeaders:        []string{"ETag"},
		AllowCredentials:     true,
		AllowTiming:          true,
		AllowPrivateNetwork:  true,
		MaxAge:               &age,
		PreflightStatus:      200,
		PreflightPassthrough: true,
		RejectDisallowed:     true,
		ReportOnly:           true,
		DangerouslyAllow:     []string{"null_origin"},
	}
	for i := range reflect.TypeFor[Handler]().NumField() {
		if f := reflect.TypeFor[Handler]().Field(i); f.IsExported() && reflect.ValueOf(h).Field(i).IsZero() {
			t.Errorf("%s is not set: the test does not see whether it survives", f.Name)
		}
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var got Handler
	if err := caddy.StrictUnmarshalJSON(encoded, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, h) {
		t.Errorf("got %+v, want %+v", got, h)
	}
	if empty, err := json.Marshal(Handler{}); err != nil || string(empty) != "{}" {
		t.Errorf("an empty handler is %s, %v", empty, err)
	}
}

// TestCaddyfileJSONEquivalence: a Caddyfile says nothing that JSON cannot, so
// what a directive sets up survives the way that Caddy takes it, through JSON.
func TestCaddyfileJSONEquivalence(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.name, func(t *testing.T) {
			var h, got Handler
			if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(policy.caddyfile)); err != nil {
				t.Fatal(err)
			}
			encoded, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			if err := caddy.StrictUnmarshalJSON(encoded, &got); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, h) {
				t.Errorf("got %+v, want %+v", got, h)
			}
		})
	}
}

// subdirectiveNames returns the names of all subdirectives of cors.
func subdirectiveNames() (names []string) {
	for _, s := range new(Handler).subdirectives(nil, nil) {
		names = append(names, s.name)
	}
	return names
}

// TestUnsetVariables: an environment variable that leaves nothing behind is named.
func TestUnsetVariables(t *testing.T) {
	t.Setenv("CORS_TEST_EMPTY", "")
	t.Setenv("CORS_TEST_SET", "https://a.example")
	for directive, want := range map[string]string{
		"cors {$CORS_TEST_NOT_SET}":                                      "no origins: {$CORS_TEST_NOT_SET} is empty or not set; ",
		"cors {$CORS_TEST_EMPTY} {$CORS_TEST_NOT_SET}":                   "no origins: {$CORS_TEST_EMPTY}, {$CORS_TEST_NOT_SET} is empty or not set; ",
		"cors \"{$CORS_TEST_EMPTY}\"":                                    "allow_origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors {\n\t\tallow_origins {$CORS_TEST_EMPTY}\n\t}":              "no origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors https://app.{$CORS_TEST_NOT_SET}":                          "allow_origins: {$CORS_TEST_NOT_SET} is empty or not set; ",
		"cors https://app.{$CORS_TEST_EMPTY}:8443":                       "allow_origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors https://*.{$CORS_TEST_EMPTY}":                              "allow_origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors https://{$CORS_TEST_EMPTY}.example":                        "allow_origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors {\n\t\tallow_origins https://{$CORS_TEST_EMPTY}\n\t}":      "allow_origins: {$CORS_TEST_EMPTY} is empty or not set; ",
		"cors https://app.example.":                                      "",
		"cors https://{$CORS_TEST_EMPTY}app.example":                     "",
		"cors {$CORS_TEST_NOT_SET:https://b.example}":                    "",
		"cors {$CORS_TEST_SET}":                                          "",
		"cors https://b.example {$CORS_TEST_NOT_SET}":                    "",
		"cors \"{$CORS_TEST_SET},https://b.example,{$CORS_TEST_EMPTY}\"": "",
	} {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		text := "http://localhost {\n\trespond \"x{$CORS_TEST_OTHER}\"\n\t" + directive + "\n}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": file})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", directive, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "CORS_TEST_OTHER") {
			t.Errorf("%s: names a variable of another directive: %v", directive, err)
		}
	}
}

// TestAdaptManyBlocks: a cors does not take those of another block for parts of its
// policy, whose state the collector may have freed.
func TestAdaptManyBlocks(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	var site strings.Builder
	site.WriteString("http://localhost:9080 {\n\tcors https://b.example\n")
	for i := range 500 {
		fmt.Fprintf(&site, "\thandle /%d/* {\n\t\tcors https://a.example\n\t}\n", i)
	}
	site.WriteString("}\n")
	if _, err := adapt(site.String()); err != nil {
		t.Error(err)
	}
}
