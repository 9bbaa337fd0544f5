package caddycors

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
)

// block is a fenced block of a document.
type block struct{ section, language, text string }

// blocks returns the fenced blocks of a Markdown document.
func blocks(t *testing.T, file string) []block {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	var open *block
	section := ""
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\r\n", "\n")) {
		fence, isFence := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "```")
		switch {
		case isFence && open == nil:
			open = &block{section: section, language: fence}
		case isFence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.text += line
		case strings.HasPrefix(line, "#"):
			section = strings.Trim(line, "# \n")
		}
	}
	return list
}

// proxied is what the upstream of the recipes says about CORS by itself.
var proxied = fields("Access-Control-Allow-Origin: https://upstream.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding")

// recipes says, for each Caddyfile of the README, what it answers. The upstream
// at localhost:3000 has CORS fields of its own.
var recipes = map[string]struct {
	host      string
	path      string
	exchanges []exchange
}{
	"A site": {host: "api.example.com", exchanges: []exchange{
		{name: "exact", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Accept-Encoding, Origin")},
		{name: "wildcard", header: fields("Origin: https://x.preview.example.com"), want: fields("Access-Control-Allow-Origin: https://x.preview.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "PATCH"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, PATCH, DELETE",
				"Access-Control-Allow-Headers: Content-Type, X-CSRF-Token", "Access-Control-Expose-Headers: X-Total", "Access-Control-Max-Age: 7200", varyAll),
		},
	}},
	"Seeing what happens": {host: "api.example.com", exchanges: []exchange{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Report only": {host: "api.example.com", exchanges: []exchange{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: proxied},
		{name: "denied", header: fields("Origin: https://evil.example"), want: proxied},
		{name: "preflight", method: "OPTIONS", header: preflight("https://app.example.com", "PUT"), want: proxied},
	}},
	"A single-page app and its API, with cookies": {host: "api.example.com", exchanges: []exchange{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "PUT", "Access-Control-Request-Headers: content-type"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, PATCH, DELETE",
				"Access-Control-Allow-Headers: Content-Type", "Access-Control-Max-Age: 7200", varyAll),
		},
	}},
	"Several origins, and subdomains": {host: "api.example.com", exchanges: []exchange{
		{name: "apex", header: fields("Origin: https://example.com"), want: fields("Access-Control-Allow-Origin: https://example.com", "Vary: Accept-Encoding, Origin")},
		{name: "subdomain", header: fields("Origin: https://a.b.example.com"), want: fields("Access-Control-Allow-Origin: https://a.b.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "partner", header: fields("Origin: https://partner.example.net"), want: fields("Access-Control-Allow-Origin: https://partner.example.net", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://x.partner.example.net"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Preview deployments": {host: "api.example.com", exchanges: []exchange{
		{name: "preview", header: fields("Origin: https://pr-42.preview.example.com"), want: fields("Access-Control-Allow-Origin: https://pr-42.preview.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "on a platform", header: fields("Origin: https://app-a1b2-myteam.vercel.app"), want: fields("Access-Control-Allow-Origin: https://app-a1b2-myteam.vercel.app", "Vary: Accept-Encoding, Origin")},
		{name: "another team's", header: fields("Origin: https://app-a1b2-theirteam.vercel.app"), want: fields("Vary: Accept-Encoding, Origin")},
		{name: "longer", header: fields("Origin: https://pr-42.preview.example.com.evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Local development": {host: "api.example.com", exchanges: []exchange{
		{name: "any port", header: fields("Origin: http://localhost:5173"), want: fields("Access-Control-Allow-Origin: http://localhost:5173", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "no port", header: fields("Origin: http://localhost"), want: fields("Access-Control-Allow-Origin: http://localhost", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: http://localhost.evil.example:5173"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Mobile, desktop and extension apps": {host: "api.example.com", exchanges: []exchange{
		{name: "Capacitor", header: fields("Origin: capacitor://localhost"), want: fields("Access-Control-Allow-Origin: capacitor://localhost", "Vary: Accept-Encoding, Origin")},
		{name: "Obsidian", header: fields("Origin: app://obsidian.md"), want: fields("Access-Control-Allow-Origin: app://obsidian.md", "Vary: Accept-Encoding, Origin")},
		{name: "file", header: fields("Origin: file://"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"A public API": {host: "data.example.com", exchanges: []exchange{
		{name: "any", header: fields("Origin: https://whoever.example"), want: fields("Access-Control-Allow-Origin: *", "Vary: Accept-Encoding")},
		{name: "none", want: fields("Access-Control-Allow-Origin: *", "Vary: Accept-Encoding")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("null", "POST", "Access-Control-Request-Headers: x-a"),
			want: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: *", varyAll),
		},
	}},
	"Fonts, images and a CDN": {host: "static.example.com", path: "/fonts/a.woff2", exchanges: []exchange{
		{name: "any", status: 200, header: fields("Origin: https://whoever.example"), want: fields("Access-Control-Allow-Origin: *", "Timing-Allow-Origin: *", "Vary: Accept-Encoding")},
		{name: "none", status: 200, want: fields("Access-Control-Allow-Origin: *", "Timing-Allow-Origin: *", "Vary: Accept-Encoding")},
	}},
	"Authentication": {host: "example.com", path: "/api/items", exchanges: []exchange{
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "GET", "Access-Control-Request-Headers: authorization"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: Authorization", varyAll),
		},
		{name: "without a password", status: 401, header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Origin")},
		{name: "with one", status: 200, header: fields("Origin: https://app.example.com", "Authorization: Basic Ym9iOmhpY2N1cA=="), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
	}},
	"Customers' own domains": {host: "acme.api.example.com", exchanges: []exchange{
		{name: "listed", header: fields("Origin: https://shop.acme.example"), want: fields("Access-Control-Allow-Origin: https://shop.acme.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "asked", header: fields("Origin: https://asked.example"), want: fields("Access-Control-Allow-Origin: https://asked.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "neither", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"WebSockets from other sites": {host: "ws.example.com", exchanges: []exchange{
		{name: "own page", status: 200, header: fields("Upgrade: websocket", "Sec-Fetch-Site: same-origin", "Origin: https://ws.example.com"), want: proxied},
		{name: "allowed", status: 200, header: fields("Upgrade: websocket", "Origin: https://app.example.com"), want: proxied},
		{name: "foreign", status: 403, header: fields("Upgrade: websocket", "Origin: https://evil.example")},
		{name: "foreign, over a newer HTTP", method: "CONNECT", status: 403, header: fields("Origin: https://evil.example")},
		{name: "no browser", status: 200, header: fields("Upgrade: websocket"), want: proxied},
	}},
	"Forms from other sites": {host: "www.example.com", exchanges: []exchange{
		{name: "own page", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-origin", "Origin: https://www.example.com"), want: proxied},
		{name: "own page, without a referrer", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-origin", "Origin: null"), want: proxied},
		{name: "allowed", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-site", "Origin: https://login.example.com"), want: proxied},
		{name: "forged", method: "POST", status: 403, header: fields("Sec-Fetch-Site: cross-site", "Origin: https://evil.example")},
		{name: "forged, without a referrer", method: "POST", status: 403, header: fields("Sec-Fetch-Site: cross-site", "Origin: null")},
		{name: "forged in an old browser", method: "DELETE", status: 403, header: fields("Origin: https://evil.example")},
		{name: "no browser", method: "POST", status: 200, want: proxied},
		{name: "a link", status: 200, want: proxied},
	}},
	"The matcher": {host: "api.example.com", exchanges: []exchange{
		{name: "app", status: 200, header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "partner", status: 218, header: fields("Origin: https://a.partner.example"), want: fields("Access-Control-Allow-Origin: https://a.partner.example", "Vary: Origin")},
	}},
}

// TestReadmeCaddyfiles runs each Caddyfile of the README and makes the requests
// that go with it.
func TestReadmeCaddyfiles(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Vary", "Accept-Encoding")
	}))
	t.Cleanup(upstream.Close)
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(218) }))
	t.Cleanup(partner.Close)
	ask := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("origin") != "https://asked.example" || r.FormValue("host") != "acme.api.example.com" {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(ask.Close)
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "origins.txt"), []byte(listOfDocs(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "fonts"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "fonts", "a.woff2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	seen := 0
	all := blocks(t, "README.md")
	for _, b := range all {
		if b.language != "caddyfile" {
			continue
		}
		recipe, ok := recipes[b.section]
		if !ok {
			t.Errorf("nothing is known of what the Caddyfile of %q answers", b.section)
			continue
		}
		seen++
		t.Run(b.section, func(t *testing.T) {
			if formatted := string(caddyfile.Format([]byte(b.text))); formatted != b.text {
				t.Errorf("not formatted, want:\n%s", formatted)
			}
			base := run(t, strings.NewReplacer(
				"localhost:3000", strings.TrimPrefix(upstream.URL, "http://"),
				"localhost:3001", strings.TrimPrefix(partner.URL, "http://"),
				"localhost:9000", strings.TrimPrefix(ask.URL, "http://"),
				"/srv/static", filepath.ToSlash(root),
				"/etc/caddy", filepath.ToSlash(root),
			).Replace(b.text))
			for _, e := range recipe.exchanges {
				t.Run(e.name, func(t *testing.T) {
					e.checkAt(t, base+recipe.path, recipe.host)
				})
			}
			for _, shown := range all {
				if shown.language == "console" && shown.section == b.section {
					for command, output := range commands(shown) {
						t.Run(command, func(t *testing.T) { curl(t, base, shellWords(command), output) })
					}
				}
			}
		})
	}
	if seen != len(recipes) {
		t.Errorf("%d recipes are tested, %d are known", seen, len(recipes))
	}
}

// listOfDocs returns the list of origins that the documents show.
func listOfDocs(t *testing.T) string {
	t.Helper()
	for _, b := range blocks(t, "docs/customer-domains.md") {
		if b.language == "" && b.section == "A list" {
			return b.text
		}
	}
	t.Fatal("no list of origins is shown")
	return ""
}

// checkAt makes the exchange's request to a URL, for a host, and returns the
// response without its body.
func (e *exchange) checkAt(t *testing.T, url, host string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(e.method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for name, values := range e.header {
		req.Header[name] = values
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if e.status != 0 && res.StatusCode != e.status {
		t.Errorf("status %d, want %d", res.StatusCode, e.status)
	}
	e.check(t, res)
	return res
}

// run makes Caddy serve the sites of a Caddyfile on a port of this machine,
// without TLS, and returns the URL.
func run(t *testing.T, text string) string {
	t.Helper()
	adapted, err := adapt(text)
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Storage json.RawMessage `json:"storage"`
		Apps    struct {
			HTTP struct {
				Servers map[string]map[string]any `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	for _, server := range config.Apps.HTTP.Servers {
		server["listen"] = []string{addr}
		server["automatic_https"] = map[string]bool{"disable": true}
		delete(server, "tls_connection_policies")
	}
	if config.Storage == nil {
		config.Storage = fmt.Appendf(nil, `{"module": "file_system", "root": %q}`, t.TempDir())
	}
	encoded, err := json.Marshal(map[string]any{
		"admin":   map[string]any{"disabled": true, "config": map[string]bool{"persist": false}},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{"writer": map[string]string{"output": "discard"}}}},
		"storage": config.Storage,
		"apps":    config.Apps,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(encoded, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + addr
}

// TestReadmeJSON: the JSON of the README is the Caddyfile of the README.
func TestReadmeJSON(t *testing.T) {
	var handlers []Handler
	for _, b := range blocks(t, "README.md") {
		if b.language != "json" {
			continue
		}
		var module map[string]json.RawMessage
		if err := json.Unmarshal([]byte(b.text), &module); err != nil {
			t.Fatal(err)
		}
		if string(module["handler"]) != `"cors"` {
			t.Errorf("handler %s", module["handler"])
		}
		delete(module, "handler")
		stripped, err := json.Marshal(module)
		if err != nil {
			t.Fatal(err)
		}
		var h Handler
		if err := caddy.StrictUnmarshalJSON(stripped, &h); err != nil {
			t.Fatal(err)
		}
		handlers = append(handlers, h)
	}
	for _, b := range blocks(t, "README.md") {
		if b.language != "caddyfile" || b.section != "A site" {
			continue
		}
		_, directive, _ := strings.Cut(b.text, "\tcors ")
		directive, _, _ = strings.Cut(directive, "\n\t}")
		var h Handler
		if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors " + directive + "\n}")); err != nil {
			t.Fatal(err)
		}
		if len(handlers) != 1 || !reflect.DeepEqual(handlers[0], h) {
			t.Errorf("got %+v, want %+v", handlers, h)
		}
	}
}

// TestReadmeSyntax: the syntax of the README, that of UnmarshalCaddyfile, and the
// table of options name the subdirectives in one order.
func TestReadmeSyntax(t *testing.T) {
	names := func(text, pattern string) (list []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			list = append(list, match[1])
		}
		return list
	}
	var syntax, matcherSyntax string
	for _, b := range blocks(t, "README.md") {
		if b.language == "" {
			switch b.section {
			case "Caddyfile":
				syntax += b.text
			case "The matcher":
				matcherSyntax += b.text
			}
		}
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(readme), "\n## Options\n")
	options, _, _ = strings.Cut(options, "\n## ")
	source, err := os.ReadFile("caddyfile.go")
	if err != nil {
		t.Fatal(err)
	}
	for where, list := range map[string][]string{
		"README's syntax": names(syntax, `(?m)^\t(\w+)`),
		"README's table":  names(options, "(?m)^\\| `(dynamic|[a-z]+_\\w+)` \\|"),
		"doc comment":     names(string(source), `(?m)^//\t    (\w+)`),
	} {
		if !slices.Equal(list, subdirectiveNames()) {
			t.Errorf("%s: got %v, want %v", where, list, subdirectiveNames())
		}
	}
	matcher, err := os.ReadFile("matcher.go")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(matcherSyntax, `(?m)^\t(\w+)`), names(string(matcher), `(?m)^//\t    (\w+)`); !slices.Equal(got, want) {
		t.Errorf("README's syntax of the matcher: got %v, want %v", got, want)
	}
	var fields []string
	handler := reflect.TypeFor[Handler]()
	for i := range handler.NumField() {
		if f := handler.Field(i); f.IsExported() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "dynamic_origins" {
				name = "dynamic" // repeated in a Caddyfile, a list in JSON
			}
			fields = append(fields, name)
		}
	}
	if !slices.Equal(fields, subdirectiveNames()) {
		t.Errorf("JSON has %v, Caddyfile has %v", fields, subdirectiveNames())
	}
}

// TestReadmeCommands: every command of the README is one that is known to be run,
// by a test or by whoever checks a change.
func TestReadmeCommands(t *testing.T) {
	known := []string{
		"go run ./cmd/caddy run --config Caddyfile.example", // TestExample
		"go test ./...", // this
		"xcaddy build --with github.com/seed-56c1dbac/caddy-cors", // .ci/run, of the checkout
		"docker build -t caddy-cors .",                            // .github/workflows/ci.yml
		readmeCheck,                                               // TestReadmeCheck
	}
	var commands []string
	for _, b := range blocks(t, "README.md") {
		if b.language == "sh" {
			commands = append(commands, strings.Split(strings.TrimSpace(b.text), "\n")...)
		}
		if !slices.Contains([]string{"", "sh", "json", "caddyfile", "console", "dockerfile"}, b.language) {
			t.Errorf("a block of %q is not executed", b.language)
		}
	}
	if !slices.Equal(commands, known) {
		t.Errorf("got %q, want %q", commands, known)
	}
}
