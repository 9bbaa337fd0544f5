package docs

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// proxied is what the upstream of the recipes says about CORS by itself.
var proxied = fields("Access-Control-Allow-Origin: https://upstream.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding")

// recipes says, for each Caddyfile of these documents, what it answers. The upstream
// at localhost:3000 has CORS fields of its own.
var recipes = map[string]struct {
	host  string
	path  string
	calls []call
}{
	"caddy-cors": {host: "api.example.com", calls: []call{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "POST"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
		},
	}},
	"Example": {host: "api.example.com", calls: []call{
		{name: "exact", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Accept-Encoding, Origin")},
		{name: "wildcard", header: fields("Origin: https://x.preview.example.com"), want: fields("Access-Control-Allow-Origin: https://x.preview.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "PATCH"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, PATCH, DELETE",
				"Access-Control-Allow-Headers: Content-Type, X-CSRF-Token", "Access-Control-Expose-Headers: X-Total", "Access-Control-Max-Age: 7200", varyAll),
		},
	}},
	"Logs": {host: "api.example.com", calls: []call{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Report only": {host: "api.example.com", calls: []call{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: proxied},
		{name: "denied", header: fields("Origin: https://evil.example"), want: proxied},
		{name: "preflight", method: "OPTIONS", header: preflight("https://app.example.com", "PUT"), want: proxied},
	}},
	"A single-page app and its API, with cookies": {host: "api.example.com", calls: []call{
		{name: "allowed", header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "PUT", "Access-Control-Request-Headers: content-type"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, PATCH, DELETE",
				"Access-Control-Allow-Headers: Content-Type", "Access-Control-Max-Age: 7200", varyAll),
		},
	}},
	"Several origins, and subdomains": {host: "api.example.com", calls: []call{
		{name: "apex", header: fields("Origin: https://example.com"), want: fields("Access-Control-Allow-Origin: https://example.com", "Vary: Accept-Encoding, Origin")},
		{name: "subdomain", header: fields("Origin: https://a.b.example.com"), want: fields("Access-Control-Allow-Origin: https://a.b.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "partner", header: fields("Origin: https://partner.example.net"), want: fields("Access-Control-Allow-Origin: https://partner.example.net", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: https://x.partner.example.net"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Preview deployments": {host: "api.example.com", calls: []call{
		{name: "preview", header: fields("Origin: https://pr-42.preview.example.com"), want: fields("Access-Control-Allow-Origin: https://pr-42.preview.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "on a platform", header: fields("Origin: https://app-a1b2-myteam.vercel.app"), want: fields("Access-Control-Allow-Origin: https://app-a1b2-myteam.vercel.app", "Vary: Accept-Encoding, Origin")},
		{name: "another team's", header: fields("Origin: https://app-a1b2-theirteam.vercel.app"), want: fields("Vary: Accept-Encoding, Origin")},
		{name: "longer", header: fields("Origin: https://pr-42.preview.example.com.evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Local development": {host: "api.example.com", calls: []call{
		{name: "any port", header: fields("Origin: http://localhost:5173"), want: fields("Access-Control-Allow-Origin: http://localhost:5173", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "no port", header: fields("Origin: http://localhost"), want: fields("Access-Control-Allow-Origin: http://localhost", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "denied", header: fields("Origin: http://localhost.evil.example:5173"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"Mobile, desktop and extension apps": {host: "api.example.com", calls: []call{
		{name: "Capacitor", header: fields("Origin: capacitor://localhost"), want: fields("Access-Control-Allow-Origin: capacitor://localhost", "Vary: Accept-Encoding, Origin")},
		{name: "Obsidian", header: fields("Origin: app://obsidian.md"), want: fields("Access-Control-Allow-Origin: app://obsidian.md", "Vary: Accept-Encoding, Origin")},
		{name: "file", header: fields("Origin: file://"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"A public API": {host: "data.example.com", calls: []call{
		{name: "any", header: fields("Origin: https://whoever.example"), want: fields("Access-Control-Allow-Origin: *", "Vary: Accept-Encoding")},
		{name: "none", want: fields("Access-Control-Allow-Origin: *", "Vary: Accept-Encoding")},
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("null", "POST", "Access-Control-Request-Headers: x-a"),
			want: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: *", varyAll),
		},
	}},
	"Fonts, images and a CDN": {host: "static.example.com", path: "/fonts/a.woff2", calls: []call{
		{name: "any", status: 200, header: fields("Origin: https://whoever.example"), want: fields("Access-Control-Allow-Origin: *", "Timing-Allow-Origin: *", "Vary: Accept-Encoding")},
		{name: "none", status: 200, want: fields("Access-Control-Allow-Origin: *", "Timing-Allow-Origin: *", "Vary: Accept-Encoding")},
	}},
	"Authentication": {host: "example.com", path: "/api/items", calls: []call{
		{
			name: "preflight", method: "OPTIONS", status: 204, header: preflight("https://app.example.com", "GET", "Access-Control-Request-Headers: authorization"),
			want: fields("Access-Control-Allow-Origin: https://app.example.com", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: Authorization", varyAll),
		},
		{name: "without a password", status: 401, header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Origin")},
		{name: "with one", status: 200, header: fields("Origin: https://app.example.com", "Authorization: Basic Ym9iOmhpY2N1cA=="), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
	}},
	"Customers' own domains": {host: "acme.api.example.com", calls: []call{
		{name: "listed", header: fields("Origin: https://shop.acme.example"), want: fields("Access-Control-Allow-Origin: https://shop.acme.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "asked", header: fields("Origin: https://asked.example"), want: fields("Access-Control-Allow-Origin: https://asked.example", "Access-Control-Allow-Credentials: true", "Vary: Accept-Encoding, Origin")},
		{name: "neither", header: fields("Origin: https://evil.example"), want: fields("Vary: Accept-Encoding, Origin")},
	}},
	"WebSockets from other sites": {host: "ws.example.com", calls: []call{
		{name: "own page", status: 200, header: fields("Upgrade: websocket", "Sec-Fetch-Site: same-origin", "Origin: https://ws.example.com"), want: proxied},
		{name: "allowed", status: 200, header: fields("Upgrade: websocket", "Origin: https://app.example.com"), want: proxied},
		{name: "foreign", status: 403, header: fields("Upgrade: websocket", "Origin: https://evil.example")},
		{name: "foreign, over a newer HTTP", method: "CONNECT", status: 403, header: fields("Origin: https://evil.example")},
		{name: "no browser", status: 200, header: fields("Upgrade: websocket"), want: proxied},
	}},
	"Forms from other sites": {host: "www.example.com", calls: []call{
		{name: "own page", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-origin", "Origin: https://www.example.com"), want: proxied},
		{name: "own page, without a referrer", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-origin", "Origin: null"), want: proxied},
		{name: "allowed", method: "POST", status: 200, header: fields("Sec-Fetch-Site: same-site", "Origin: https://login.example.com"), want: proxied},
		{name: "forged", method: "POST", status: 403, header: fields("Sec-Fetch-Site: cross-site", "Origin: https://evil.example")},
		{name: "forged, without a referrer", method: "POST", status: 403, header: fields("Sec-Fetch-Site: cross-site", "Origin: null")},
		{name: "forged in an old browser", method: "DELETE", status: 403, header: fields("Origin: https://evil.example")},
		{name: "no browser", method: "POST", status: 200, want: proxied},
		{name: "a link", status: 200, want: proxied},
	}},
	"Route by the calling site": {host: "api.example.com", calls: []call{
		{name: "app", status: 200, header: fields("Origin: https://app.example.com"), want: fields("Access-Control-Allow-Origin: https://app.example.com", "Vary: Accept-Encoding, Origin")},
		{name: "partner", status: 218, header: fields("Origin: https://a.partner.example"), want: fields("Access-Control-Allow-Origin: https://a.partner.example", "Vary: Accept-Encoding, Origin")},
	}},
}

// documentsOfRecipes are the documents that have the recipes. If whole is set, every
// Caddyfile of the document is a recipe. TestDocs runs the others.
var documentsOfRecipes = []struct {
	name  string
	whole bool
}{
	{"README.md", true},
	{"docs/recipes.md", true},
	{"docs/observability.md", false},
	{"docs/matcher.md", false},
}

// TestRecipes runs each Caddyfile of the README and of other documents, and makes the
// requests that go with it.
func TestRecipes(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Vary", "Accept-Encoding")
	}))
	t.Cleanup(upstream.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Vary", "Accept-Encoding")
		w.WriteHeader(218)
	}))
	t.Cleanup(other.Close)
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
	for _, document := range documentsOfRecipes {
		for _, b := range corstest.Blocks(t, "../../"+document.name) {
			if b.Language != "caddyfile" {
				continue
			}
			recipe, ok := recipes[b.Section]
			if !ok {
				if document.whole {
					t.Errorf("nothing is known of what the Caddyfile of %q answers", b.Section)
				}
				continue
			}
			seen++
			t.Run(b.Section, func(t *testing.T) {
				if formatted := string(caddyfile.Format([]byte(b.Text))); formatted != b.Text {
					t.Errorf("not formatted, want:\n%s", formatted)
				}
				s := serve(t, strings.NewReplacer(
					"localhost:3000", strings.TrimPrefix(upstream.URL, "http://"),
					"localhost:4000", strings.TrimPrefix(other.URL, "http://"),
					"localhost:9000", strings.TrimPrefix(ask.URL, "http://"),
					"/srv/static", filepath.ToSlash(root),
					"/etc/caddy", filepath.ToSlash(root),
					hashOfDocs, cheapHash,
				).Replace(b.Text))
				for _, e := range recipe.calls {
					t.Run(e.name, func(t *testing.T) {
						e.checkAt(t, s.url+recipe.path, recipe.host)
					})
				}
			})
		}
	}
	if seen != len(recipes) {
		t.Errorf("%d recipes are tested, %d are known", seen, len(recipes))
	}
}

// hashOfDocs is the hash of the password that the recipes have, which takes a second
// to check. cheapHash is one of the same password.
const (
	hashOfDocs = "$2a$14$4xTPZ0nRTisxC12tj7YNDObY2PHst2bVx2q0wH6MPoL.HeHnmvDqS"
	cheapHash  = "$2a$04$mpFPXNSC6lUUGaEKqwWbMOrpN.kE5k68EJDIcgmR47rZuT3UoPHcC"
)

// listOfDocs returns the list of origins that the documents show.
func listOfDocs(t *testing.T) string {
	t.Helper()
	for _, b := range corstest.Blocks(t, "../../docs/customer-domains.md") {
		if b.Language == "" && b.Section == "A list" {
			return b.Text
		}
	}
	t.Fatal("no list of origins is shown")
	return ""
}

// TestDockerfile: the README's Dockerfile is that of the repository, which builds
// the clone.
func TestDockerfile(t *testing.T) {
	content, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\r\n", "\n")) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "COPY . ") {
			want += strings.ReplaceAll(line, "@v0.0.0=/src", "")
		}
	}
	for _, b := range corstest.Blocks(t, "../../README.md") {
		if b.Language == "dockerfile" {
			if b.Text != want {
				t.Errorf("got %q, want %q", b.Text, want)
			}
			return
		}
	}
	t.Error("the README has no Dockerfile")
}
