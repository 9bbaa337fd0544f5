package caddycors

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

// TestNothingHeld: a configuration that is refused, or has ended, gives back all
// lists and oracles that it took.
func TestNothingHeld(t *testing.T) {
	file := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(file, []byte("https://a.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := fmt.Sprintf(`{"source": "file", "path": %q}, {"source": "ask", "url": "http://a.example"}, {"source": "http", "url": "http://127.0.0.1:1"}`, file)
	for _, tc := range []struct {
		name, handler string
		loads         bool
	}{
		{"accepted", `"dynamic_origins": [` + good + `]`, true},
		{"a bad source after good ones", `"dynamic_origins": [` + good + `, {"source": "file", "path": "/nowhere"}]`, false},
		{"a bad matcher beside a good one", `"dynamic_origins": [{"source": "match", "match": [{"origin": {"dynamic_origins": [` + good + `]}, "foo": {}}]}]`, false},
		{"a bad policy", `"allow_origins": ["a.example"], "dynamic_origins": [` + good + `]`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := validate(t, fmt.Appendf(nil, `{"apps": {"http": {"servers": {"main": {"routes": [{"handle": [{"handler": "cors", %s}]}]}}}}}`, tc.handler))
			if (err == nil) != tc.loads {
				t.Errorf("got %v, want it to load: %t", err, tc.loads)
			}
			for _, source := range sources.Live() {
				t.Errorf("%s is held", source.Source)
			}
		})
	}
}
