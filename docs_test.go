package caddycors

import (
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

// TestDocs runs each Caddyfile of docs, and has curl's part in what the page shows
// in a terminal below it: each response has the status and the fields that are
// shown, and no other field of CORS.
func TestDocs(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range pages {
		t.Run(strings.TrimSuffix(filepath.Base(page), ".md"), func(t *testing.T) {
			var text string   // of the Caddyfile at hand
			var shown []block // below it
			root := t.TempDir()
			all := blocks(t, page)
			for i, b := range all {
				switch b.language {
				case "caddyfile":
					text, shown = b.text, nil
				case "console":
					if text == "" {
						t.Errorf("a block of %q is not executed: %s", b.section, b.text)
					}
					shown = append(shown, b)
				case "": // a file, whose first line is a comment with its path
					name, ok := strings.CutPrefix(strings.SplitN(b.text, "\n", 2)[0], "# /etc/caddy/")
					if !ok {
						t.Errorf("a block of %q is not executed: %s", b.section, b.text)
					} else {
						writeFile(t, filepath.Join(root, name), b.text)
					}
				case "nginx", "caddy1": // what others wrote for others
				case "text chromium", "text firefox": // messages: TestErrors, in e2e
				default:
					t.Errorf("a block of %q is not executed", b.language)
				}
				if text == "" || i+1 < len(all) && all[i+1].language != "caddyfile" && all[i+1].language != "" {
					continue
				}
				t.Run(b.section, func(t *testing.T) {
					if len(shown) == 0 {
						t.Fatal("nothing is shown of what the Caddyfile does")
					}
					show(t, root, text, shown)
				})
				text, shown = "", nil
			}
		})
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

// show runs a Caddyfile and the commands that are shown below it.
func show(t *testing.T, root, text string, shown []block) {
	t.Helper()
	if formatted := string(caddyfile.Format([]byte(text))); formatted != text {
		t.Errorf("not formatted, want:\n%s", formatted)
	}
	text = neighbours(t, root).Replace(text)
	base := ""
	for _, b := range shown {
		for command, output := range commands(b) {
			words := shellWords(command)
			if slices.Equal(words, []string{"caddy", "validate"}) {
				checkRefused(t, text, output)
				continue
			}
			if base == "" {
				base = run(t, text)
				listsCome(t)
			}
			t.Run(command, func(t *testing.T) { curl(t, base, words, output) })
		}
	}
}

// commands returns the commands that a block of a terminal shows, and the output of
// each.
func commands(b block) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, entry := range strings.Split(strings.TrimPrefix(b.text, "$ "), "\n$ ") {
			command, output, _ := strings.Cut(strings.ReplaceAll(entry, "\\\n", " "), "\n")
			if !yield(command, output) {
				return
			}
		}
	}
}

// neighbours makes what the Caddyfiles of docs take for granted.
func neighbours(t *testing.T, root string) *strings.Replacer {
	t.Helper()
	serve := func(handler http.HandlerFunc) string {
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
		"localhost:3000", serve(func(w http.ResponseWriter, r *http.Request) {
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
		"localhost:4000", serve(func(w http.ResponseWriter, r *http.Request) {
			if origin := r.Header.Get("Origin"); origin != "" {
				w.Header().Set("Access-Control-Allow-Origin", origin)
				w.Header().Set("Access-Control-Allow-Credentials", "true")
			}
		}),
		// The service that knows the customers.
		"localhost:9000", serve(func(w http.ResponseWriter, r *http.Request) {
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

// listsCome waits until the lists that are fetched have come.
func listsCome(t *testing.T) {
	t.Helper()
	pending := func(s sources.Status) bool {
		return strings.HasPrefix(s.Source, "http ") && s.LastRefresh == nil
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); slices.ContainsFunc(sources.Live(), pending); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("a list does not come")
		}
	}
}

// checkRefused: a Caddyfile is refused with the errors that are shown.
func checkRefused(t *testing.T, text, output string) {
	t.Helper()
	config, err := adapt(text)
	if err == nil {
		err = validate(t, config)
	}
	if err == nil {
		t.Fatal("accepted, want it refused")
	}
	want, ok := strings.CutPrefix(strings.TrimSpace(output), "ERROR … ")
	if !ok || want == "" || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %s\nwant %s", err, output)
	}
}

// curl makes the request of a curl command, and checks the response against
// curl's output.
func curl(t *testing.T, base string, words []string, output string) {
	t.Helper()
	e := exchange{header: make(http.Header)}
	host, target := "", ""
	if len(words) < 3 || words[0] != "curl" || !slices.Contains(words, "-si") {
		t.Fatalf("no curl -si: %q", words)
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-si", "--http1.1":
		case "-X":
			i++
			e.method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			e.header.Add(name, value)
		default:
			url, ok := strings.CutPrefix(words[i], "https://")
			if !ok || host != "" {
				t.Fatalf("what is %q?", words[i])
			}
			host, target, _ = strings.Cut(url, "/")
		}
	}
	lines := strings.Split(strings.TrimSpace(output), "\n")
	status := strings.Fields(lines[0])
	if len(status) < 2 || !strings.HasPrefix(status[0], "HTTP/") {
		t.Fatalf("no status: %q", lines[0])
	}
	var err error
	if e.status, err = strconv.Atoi(status[1]); err != nil {
		t.Fatal(err)
	}
	shown := fields(lines[1:]...)
	e.want = make(http.Header)
	for name, values := range shown {
		if isCORS(name) {
			e.want[name] = values
		}
	}
	res := e.checkAt(t, base+"/"+target, host)
	for name, values := range shown {
		if !isCORS(name) && !slices.Equal(res.Header[name], values) {
			t.Errorf("%s: got %q, want %q", name, res.Header[name], values)
		}
	}
}

// isCORS reports whether a response field has to do with CORS.
func isCORS(name string) bool {
	return strings.HasPrefix(name, "Access-Control-") || name == "Vary" || name == "Timing-Allow-Origin"
}

// shellWords splits a command into words, which may be in single quotes.
func shellWords(command string) []string {
	var words []string
	for i, part := range strings.Split(command, "'") {
		if i%2 == 1 {
			words = append(words, part)
		} else {
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// TestDockerfile: the README's Dockerfile is that of the repository, which builds
// the clone.
func TestDockerfile(t *testing.T) {
	content, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\r\n", "\n")) {
		if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "COPY . ") {
			want += strings.ReplaceAll(line, "@v0.0.0=/src", "")
		}
	}
	for _, b := range blocks(t, "README.md") {
		if b.language == "dockerfile" {
			if b.text != want {
				t.Errorf("got %q, want %q", b.text, want)
			}
			return
		}
	}
	t.Error("the README has no Dockerfile")
}

// TestLinks: what the documents link to, within the repository, is there.
func TestLinks(t *testing.T) {
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

// TestExampleOfSource: the documentation shows the example of a source as a
// program, with the type and its methods, not the last lines alone. It does so
// only for a file without tests.
func TestExampleOfSource(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "example_source_test.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	examples := doc.Examples(file)
	if len(examples) != 1 || examples[0].Name != "OriginSource" {
		t.Fatalf("examples %v, want that of OriginSource", examples)
	}
	if _, whole := examples[0].Code.(*ast.File); !whole {
		t.Error("the documentation shows the body of the example alone")
	}
}
