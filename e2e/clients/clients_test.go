// Package clients has client libraries call an API through Caddy, each with the
// policy that docs/clients.md has for it. See ../README.md.
package clients

import (
	"flag"
	"slices"
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
	http3   bool   // whether it is also run over HTTP/3
	framed  bool   // whether it changes fetch, and needs a page of its own
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
	{script: "supabase", section: "supabase-js", want: "hello"},
	{script: "sentry", section: "Sentry", want: "hello", framed: true},
	{script: "opentelemetry", section: "OpenTelemetry", want: "hello", framed: true},
	{script: "openai", section: "OpenAI's SDK", want: "hello"},
	{script: "mcp", section: "MCP", want: "hello"},
	{script: "oidc", section: "OpenID Connect", want: "hello"},
	{script: "htmx", section: "htmx", want: "hello"},
	{script: "pouchdb", section: "PouchDB", want: "hello"},
	{script: "webdav", section: "WebDAV", want: "hello"},
	{script: "pdf", section: "PDF.js", want: "hello"},
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

// everything is the section with a policy for all clients, with the client that fails
// without each word of it.
const everything = "One policy for all"

var everyWord = map[string]string{
	"allow_methods *":             "tus",
	"allow_headers *":             "tus",
	"allow_headers Authorization": "fetcheventsource",
	"expose_headers *":            "tus",
	"allow_credentials":           "socketio",
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
				p.open(t, e, protocol, possible).judge(t)
			})
		}
	}
}

// cannot returns why a client cannot run in a browser, over a protocol, if so.
func (c *client) cannot(e *engine.Engine, protocol protocol) string {
	if reason := c.fails[e.Name]; reason != "" {
		return reason
	}
	return c.fails[protocol.name]
}
