package clients

import (
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

// judge compares what the clients came to with the page.
func (s *session) judge(t *testing.T) {
	t.Helper()
	s.place.mu.Lock()
	defer s.place.mu.Unlock()
	for i, a := range s.attempts {
		got := s.results[i]
		t.Run(a.String(), func(t *testing.T) {
			if got == nil {
				t.Fatal("no result")
			}
			if t.Logf("%q %q in %d ms", got.Value, got.Error, got.Milliseconds); got.Broken != "" {
				t.Fatal(got.Broken)
			}
			switch reason := a.client.cannot(s.engine, s.protocol); {
			case reason != "":
				if got.Error == "" {
					t.Errorf("it runs, though %s", reason)
				}
			case a.missing == "":
				if got.Value != a.client.want {
					t.Errorf("got %q (%s), want %q", got.Value, got.Error, a.client.want)
				}
			default:
				s.judgeMissing(t, a, got)
			}
		})
	}
	// All sessions of a protocol share its port.
	spoken := s.place.spoken[s.place.ports[s.protocol.name]]
	if len(spoken) != 1 || spoken[s.protocol.name] == 0 {
		t.Errorf("requests by protocol: %v, want %s only", spoken, s.protocol.name)
	}
}

// judgeMissing compares what a client came to without a word of its policy.
func (s *session) judgeMissing(t *testing.T, a *attempt, got *result) {
	t.Helper()
	if a.missing == allowedOrigin {
		if reason := a.client.open[s.engine.Name]; reason == "" && got.Error == "" {
			t.Error("it works for an origin that is not allowed")
		} else if reason != "" && got.Error != "" {
			t.Errorf("it does not run for an origin that is not allowed, though %s", reason)
		}
		return
	}
	w := a.section.lacking(a.missing)
	switch {
	case got.Error == "":
		t.Error("it works without")
	case a.section.heading == everything: // which depends on the client
	case w == nil:
		t.Errorf("the page does not say what happens: %q", got.Error)
	case s.engine == engine.Chromium && !strings.Contains(got.Error, w.says):
		t.Errorf("the client says %q, the page has %q", got.Error, w.says)
	case got.Silent != (w.says == ""):
		t.Errorf("the client fails silently: %t, and the page has %q", got.Silent, w.says)
	}
}
