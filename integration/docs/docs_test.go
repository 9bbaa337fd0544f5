package docs

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestDocs runs each Caddyfile of docs, and has curl's part in what the page shows
// in a terminal below it: each response has the status and the fields that are
// shown, and no other field of CORS.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			var text string            // of the configuration at hand
			var shown []corstest.Block // below it
			root := t.TempDir()
			all := corstest.Blocks(t, page)
			for i, b := range all {
				switch b.Language {
				case "caddyfile", "json config":
					text, shown = b.Text, nil
				case "console", "json log":
					if text == "" {
						t.Errorf("a block of %q is not executed: %s", b.Section, b.Text)
					}
					shown = append(shown, b)
				case "": // a file, whose first line is a comment with its path
					name, ok := strings.CutPrefix(strings.SplitN(b.Text, "\n", 2)[0], "# /etc/caddy/")
					if !ok {
						t.Errorf("a block of %q is not executed: %s", b.Section, b.Text)
					} else {
						writeFile(t, filepath.Join(root, name), b.Text)
					}
				case "nginx", "caddy1", "yaml traefik", "yaml envoy", "yaml kong", "js express": // what others wrote for others
				case "yaml compose": // which sets variables of the environment
					setVariables(t, b)
				case "text": // a picture
				case "text syntax": // TestReadmeSyntax, in the root
				case "json": // TestJSON, for one page
					if filepath.Base(page) != "json.md" {
						t.Errorf("a block of %q is not executed", b.Section)
					}
				case "yaml": // TestExample, in e2e/gateway
				case "caddyfile redis", "console redis", "console redis down": // TestPage, in e2e/fleet
				case "caddyfile client": // TestClients, in e2e/clients
				case "promql": // TestQueries, in e2e/prometheus
				case "caddyfile cache", "caddyfile cgi", "caddyfile coraza", "caddyfile docker-proxy", "caddyfile l4", "caddyfile mercure", "caddyfile ratelimit", "caddyfile replace",
					"caddyfile security", "yaml docker-proxy": // for a Caddy with another module: TestPage and TestCompose, in e2e/modules
				case "text chromium", "text firefox", "text webkit": // messages: TestErrors, in e2e, and internal/explain
				default:
					name, ok := strings.CutPrefix(b.Language, "text /etc/caddy/") // a file that cannot have a comment
					if !ok {
						t.Errorf("a block of %q is not executed", b.Language)
					} else {
						writeFile(t, filepath.Join(root, name), b.Text)
					}
				}
				if text == "" || i+1 < len(all) && !slices.Contains([]string{"caddyfile", "json config", ""}, all[i+1].Language) {
					continue
				}
				t.Run(b.Section, func(t *testing.T) {
					if len(shown) == 0 && filepath.Base(page) == "recipes.md" {
						return // TestRecipes
					}
					if len(shown) == 0 {
						t.Fatal("nothing is shown of what the configuration does")
					}
					show(t, root, text, shown)
				})
				text, shown = "", nil
			}
		})
	}
}

// setVariables sets those of the environment that a file of Compose has.
func setVariables(t *testing.T, b corstest.Block) {
	t.Helper()
	for _, variable := range regexp.MustCompile(`(?m)^ +([A-Z_]+): (.+)$`).FindAllStringSubmatch(b.Text, -1) {
		t.Setenv(variable[1], variable[2])
	}
}

// writeFile writes a file, and makes the folders that it is in.
func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// show runs a Caddyfile, or a configuration in JSON, and the commands that are shown
// below it.
func show(t *testing.T, root, text string, shown []corstest.Block) {
	t.Helper()
	start := serve
	if json.Valid([]byte(text)) {
		start = func(t *testing.T, text string) *server { return serveJSON(t, []byte(text)) }
	} else if formatted := string(caddyfile.Format([]byte(text))); formatted != text {
		t.Errorf("not formatted, want:\n%s", formatted)
	}
	text = neighbours(t, root).Replace(text)
	var s *server
	names := make(map[string]bool) // of the headers that are shown of some response
	for _, b := range shown {
		for _, name := range regexp.MustCompile(`(?m)^([a-z-]+): `).FindAllStringSubmatch(b.Text, -1) {
			names[http.CanonicalHeaderKey(name[1])] = true
		}
	}
	for _, b := range shown {
		if b.Language == "json log" {
			s.checkLog(t, b.Text)
			continue
		}
		for command, output := range commands(b) {
			if message, ok := strings.CutPrefix(command, "caddy cors explain --no-check "); ok {
				got, err := corstest.CaddyCommand(t, "cors", "explain", "--no-check", strings.Trim(message, `"`)).Output()
				if err != nil || string(got) != output {
					t.Errorf("%v, got\n%s\nwant\n%s", err, got, output)
				}
				continue
			}
			words := shellWords(command)
			if slices.Equal(words, []string{"caddy", "validate"}) {
				checkRefused(t, text, output)
				continue
			}
			if s == nil {
				s = start(t, text)
				s.waitForLists(t)
			}
			t.Run(strings.NewReplacer("{", "(", "}", ")").Replace(command), func(t *testing.T) {
				switch {
				case words[0] == "caddy":
					s.command(t, root, words, output)
				case slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, adminOfDocs) }):
					s.curlAdmin(t, words, output)
				default:
					curl(t, s.url, words, output, names)
				}
			})
		}
	}
}

// neighbours makes what the Caddyfiles of docs take for granted.
func neighbours(t *testing.T, root string) *strings.Replacer {
	t.Helper()
	start := func(handler http.HandlerFunc) string {
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		return strings.TrimPrefix(server.URL, "http://")
	}
	for _, name := range []string{"srv/fonts/a.woff2", "srv/app/index.html"} {
		name = filepath.Join(root, filepath.FromSlash(name))
		writeFile(t, name, "")
		if err := os.Chtimes(name, time.Time{}, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)); err != nil {
			t.Fatal(err)
		}
	}
	return strings.NewReplacer(
		// An application that knows nothing of CORS.
		"localhost:3000", start(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Header.Get("Upgrade") == "websocket":
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				defer conn.Close()
				fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			case r.URL.Path == "/missing":
				w.WriteHeader(http.StatusNotFound)
			case r.URL.Path == "/dead":
				panic(http.ErrAbortHandler)
			case r.Method == http.MethodOptions:
				w.WriteHeader(http.StatusMethodNotAllowed)
			}
		}),
		// One that allows every origin everything.
		"localhost:4000", start(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/dead" {
				panic(http.ErrAbortHandler)
			}
			if origin := r.Header.Get("Origin"); origin != "" {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
		}),
		// The service that knows the customers.
		"localhost:9000", start(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/origins":
				_, _ = io.WriteString(w, "https://shop.acme.example\n")
			case r.FormValue("origin") != "https://shop.acme.example" || r.FormValue("host") != "acme.api.example.com":
				w.WriteHeader(http.StatusNotFound)
			}
		}),
		"/srv", filepath.ToSlash(root)+"/srv",
		"/etc/caddy", filepath.ToSlash(root),
	)
}

// parsed returns a configuration.
func parsed(t *testing.T, config []byte) *caddy.Config {
	t.Helper()
	c := new(caddy.Config)
	if err := json.Unmarshal(config, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkRefused: a Caddyfile is refused with the errors that are shown.
func checkRefused(t *testing.T, text, output string) {
	t.Helper()
	config, err := adapt(text)
	if err == nil {
		err = caddy.Validate(parsed(t, config))
	}
	if err == nil {
		t.Fatal("accepted, want it refused")
	}
	want, ok := strings.CutPrefix(strings.TrimSpace(output), "ERROR … ")
	if !ok || want == "" || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %s\nwant %s", err, output)
	}
}

// TestLinks: what the documents link to, within the repository, is there.
func TestLinks(t *testing.T) {
	t.Chdir("../..")
	anchors := make(map[string][]string) // of the documents
	documents, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	text := make(map[string]string)
	for _, document := range append(documents, pages...) {
		content, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		document = filepath.ToSlash(document)
		text[document] = string(content)
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text[document], -1) {
			anchor := regexp.MustCompile(`[^\w -]`).ReplaceAllString(strings.ToLower(strings.TrimSpace(heading[1])), "")
			anchors[document] = append(anchors[document], strings.ReplaceAll(anchor, " ", "-"))
		}
	}
	for document, content := range text {
		for _, link := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(content, -1) {
			target, anchor, _ := strings.Cut(link[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			if target = path.Join(path.Dir(document), target); link[1][0] == '#' {
				target = document
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s: %v", document, link[1], err)
			} else if anchor != "" && !slices.Contains(anchors[target], anchor) {
				t.Errorf("%s: %s: there is no such heading", document, link[1])
			}
		}
	}
}
