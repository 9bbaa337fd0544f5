// Package clients has client libraries call an API through Caddy, each with the
// policy that docs/clients.md has for it. See ../README.md.
package clients

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

var all = flag.Bool("all", false, "run every client in every browser, over every protocol, and without each word of its policy")

// client is a client library, as the page uses it.
type client struct {
	script  string // in pages
	kind    string // of what it loads, if it loads several
	section string // of docs/clients.md
	want    string // what its script returns
	http3   bool   // whether it is run over HTTP/3, too
	// fails has the browsers and protocols in which it cannot run, with the reason.
	fails map[string]string
	// open has the browsers in which it runs whatever the policy says, with the reason.
	open map[string]string
}

var clients = []*client{
	// Browsers send beacons when they like.
	{script: "beacon", section: "navigator.sendBeacon", want: "hello"},
	{script: "socketio", section: "Socket.IO", want: "hello"},
	{script: "signalr", section: "SignalR", want: "hello"},
	{script: "axios", section: "axios", want: "hello", http3: true},
	{script: "apollo", section: "Apollo Client and GraphQL", want: "hello"},
	{script: "trpc", section: "tRPC", want: "hello hello hello"},
	{script: "connect", section: "Connect", want: "hello hello"},
	{script: "grpcweb", section: "gRPC-web", want: "hello"},
	{script: "eventsource", section: "EventSource", want: "hello, after 1"},
	{script: "fetcheventsource", section: "fetch-event-source", want: "hello"},
	{script: "openai", section: "OpenAI's SDK", want: "hello"},
	{script: "tus", section: "tus", want: "deleted: 404", http3: true},
	{script: "presigned", section: "S3 with presigned URLs", want: "hello", http3: true},
	{script: "s3", section: "AWS SDK for S3", want: "hello"},
	{script: "stream", section: "Streaming uploads", want: "hello", http3: true, fails: map[string]string{
		"firefox":  "it does not have duplex",
		"webkit":   "it does not have duplex",
		"HTTP/1.1": "a stream has no length",
	}},
	{script: "range", section: "Range requests", want: "hello"},
	{script: "headers", section: "Downloads, pages and limits", want: `attachment; filename="items.csv"`},
	{script: "embed", kind: "font", section: "Fonts, workers and WebAssembly", want: "loaded", open: map[string]string{
		"webkit": "it loads fonts of any origin: https://lists.webkit.org/pipermail/webkit-dev/2011-January/015797.html",
	}},
	{script: "embed", kind: "image", section: "Images, videos and module scripts", want: "loaded"},
	{script: "embed", kind: "module", section: "Images, videos and module scripts", want: "loaded"},
	{script: "embed", kind: "video", section: "Images, videos and module scripts", want: "loaded"},
	{script: "embed", kind: "wasm", section: "Fonts, workers and WebAssembly", want: "loaded"},
	{script: "embed", kind: "worker", section: "Fonts, workers and WebAssembly", want: "loaded"},
}

// TestClients: each client works with the policy that the page has for it. With
// -all, it fails without any word of that, and says what the page says it does.
func TestClients(t *testing.T) {
	install(t)
	page, p := readPage(t), newPlace(t)
	attempts := plan(t, page, p)
	p.start()
	engines := []*engine.Engine{engine.Chromium}
	if *all {
		engines = append(engines, engine.Firefox, engine.WebKit)
	}
	for _, e := range engines {
		for _, protocol := range protocols {
			if !*all && protocol.name != "HTTP/2.0" || protocol.name == "HTTP/3.0" && e != engine.Chromium {
				continue
			}
			t.Run(e.Name+"/"+protocol.name, func(t *testing.T) {
				t.Parallel()
				possible := slices.DeleteFunc(slices.Clone(attempts), func(a *attempt) bool {
					cannot := a.client.cannot(e, protocol) != ""
					return cannot && a.missing != "" || protocol.name == "HTTP/3.0" && !a.client.http3
				})
				s := p.open(t, e, protocol, possible)
				s.judge(t, page)
			})
		}
	}
}

// plan makes the attempts, and adds a site for each.
func plan(t *testing.T, page map[string]*section, p *place) (attempts []*attempt) {
	t.Helper()
	for heading := range page {
		if !slices.ContainsFunc(clients, func(c *client) bool { return c.section == heading }) {
			t.Errorf("no client runs with the policy of %s", heading)
		}
	}
	for _, c := range clients {
		s := page[c.section]
		if s == nil {
			t.Fatalf("the page has no policy for %s", c.section)
		}
		add := func(option, policy string, words []string) {
			attempts = append(attempts, &attempt{c, option, "", p.add(policy)})
			for _, word := range words {
				if *all {
					attempts = append(attempts, &attempt{c, option, word, p.add(take(policy, word))})
				}
			}
		}
		words := []string{allowedOrigin}
		for line := range strings.Lines(s.policy) {
			words = append(words, split(line)...)
		}
		add("", s.policy, words)
		for _, a := range s.addition {
			add(a.option, s.with(a.line), split("\t\t"+a.line+"\n"))
		}
	}
	return attempts
}

// cannot returns why a client cannot run in a browser, over a protocol, if so.
func (c *client) cannot(e *engine.Engine, protocol protocol) string {
	if reason := c.fails[e.Name]; reason != "" {
		return reason
	}
	return c.fails[protocol.name]
}

// judge compares what the clients came to with the page.
func (s *session) judge(t *testing.T, page map[string]*section) {
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
				s.judgeMissing(t, a, got, page[a.client.section])
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
func (s *session) judgeMissing(t *testing.T, a *attempt, got *result, section *section) {
	t.Helper()
	if a.missing == allowedOrigin {
		if reason := a.client.open[s.engine.Name]; reason == "" && got.Error == "" {
			t.Error("it works for an origin that is not allowed")
		} else if reason != "" && got.Error != "" {
			t.Errorf("it does not run for an origin that is not allowed, though %s", reason)
		}
		return
	}
	w := section.lacking(a.missing)
	switch {
	case w == nil:
		t.Errorf("the page does not say what happens: %q", got.Error)
	case got.Error == "" && !slices.Contains(w.engines, s.engine.Name):
		t.Error("it works without")
	case got.Error != "" && slices.Contains(w.engines, s.engine.Name):
		t.Errorf("it does not work without: %s", got.Error)
	case s.engine == engine.Chromium && !strings.Contains(got.Error, w.says):
		t.Errorf("the client says %q, the page has %q", got.Error, w.says)
	case got.Error != "" && got.Silent != (w.says == ""):
		t.Errorf("the client fails silently: %t, and the page has %q", got.Silent, w.says)
	}
}
