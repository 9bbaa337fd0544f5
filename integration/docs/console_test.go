package docs

import (
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// commands returns the commands that a block of a terminal shows, and the output of
// each.
func commands(b corstest.Block) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, entry := range strings.Split(strings.TrimPrefix(b.Text, "$ "), "\n$ ") {
			command, output, _ := strings.Cut(strings.ReplaceAll(entry, "\\\n", " "), "\n")
			if !yield(command, output) {
				return
			}
		}
	}
}

// curl makes the request of a curl command, and checks the response against
// curl's output. Headers with the other names must be shown to be there.
func curl(t *testing.T, base string, words []string, output string, names map[string]bool) {
	t.Helper()
	c := call{header: make(http.Header)}
	host, target := "", ""
	if len(words) < 3 || words[0] != "curl" || !slices.Contains(words, "-si") {
		t.Fatalf("no curl -si: %q", words)
	}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-si", "--http1.1":
		case "-X":
			i++
			c.method = words[i]
		case "-H":
			i++
			name, value, _ := strings.Cut(words[i], ": ")
			c.header.Add(name, value)
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
	if c.status, err = strconv.Atoi(status[1]); err != nil {
		t.Fatal(err)
	}
	shown := fields(lines[1:]...)
	c.want = make(http.Header)
	for name, values := range shown {
		if corstest.IsCORS(name) || name == "Vary" {
			c.want[name] = values
		}
	}
	res := c.checkAt(t, base+"/"+target, host)
	for name, values := range shown {
		if c.want[name] == nil && !slices.Equal(res.Header[name], values) {
			t.Errorf("%s: got %q, want %q", name, res.Header[name], values)
		}
	}
	for name := range names {
		if shown[name] == nil && res.Header[name] != nil {
			t.Errorf("%s: %q, which is not shown", name, res.Header[name])
		}
	}
}

// shellWords splits a command into words, which may be in quotes.
func shellWords(command string) []string {
	var words []string
	for _, match := range regexp.MustCompile(`'([^']*)'|"([^"]*)"|(\S+)`).FindAllStringSubmatch(command, -1) {
		words = append(words, match[1]+match[2]+match[3])
	}
	return words
}
