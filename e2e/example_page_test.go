package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

// example is a Caddy that runs Caddyfile.example.
type example struct {
	t     *testing.T
	file  string
	ports []string // of the page, and of the API

	mu      sync.Mutex
	entries []entry
}

// entry is a request in the log of the API.
type entry struct {
	Logger  string `json:"logger"`
	Request struct {
		Method  string      `json:"method"`
		URI     string      `json:"uri"`
		Headers http.Header `json:"headers"`
	} `json:"request"`
	Status  int         `json:"status"`
	Headers http.Header `json:"resp_headers"`
}

// row is what the page shows of a call.
type row struct {
	Name     string   `json:"name"`
	Class    string   `json:"class"`
	Outcome  string   `json:"outcome"`
	Exchange []string `json:"exchange"`
}

func (e *example) page() string { return "http://localhost:" + e.ports[0] }
func (e *example) api() string  { return "http://localhost:" + e.ports[1] }

// write writes the Caddyfile.
func (e *example) write(text string) {
	e.t.Helper()
	if err := os.WriteFile(e.file, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *example) text() string {
	e.t.Helper()
	text, err := os.ReadFile(e.file)
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// edit changes the only place of the Caddyfile that has a text.
func (e *example) edit(from, to string) {
	e.t.Helper()
	text := e.text()
	if n := strings.Count(text, from); n != 1 {
		e.t.Fatalf("the Caddyfile has %q %d times", from, n)
	}
	e.write(strings.Replace(text, from, to, 1))
}

// policy returns the lines of the cors directive in the Caddyfile.
func (e *example) policy() (lines []string) {
	e.t.Helper()
	for line := range strings.Lines(e.text()) {
		line, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "\t")
		if !indented || len(lines) == 0 && !strings.HasPrefix(line, "cors ") {
			continue
		}
		lines = append(lines, line)
		if line == "}" {
			return lines
		}
	}
	e.t.Fatal("the Caddyfile does not have a policy")
	return nil
}

// rows returns what the page shows of all calls.
func (e *example) rows(p *engine.Page) (rows []row) {
	p.Evaluate(`[...document.querySelectorAll("li")].map(li => ({
		name: li.querySelector("button").textContent,
		class: li.querySelector("p").className,
		outcome: li.querySelector("p").textContent,
		exchange: [...li.querySelector(".exchange").children].map(line => line.textContent),
	}))`, &rows)
	return rows
}

// read reads the log.
func (e *example) read(r io.Reader, log *strings.Builder) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		var got entry
		if json.Unmarshal([]byte(line), &got) != nil || !strings.HasPrefix(got.Logger, "http.log.access") {
			log.WriteString(line)
			continue
		}
		e.mu.Lock()
		e.entries = append(e.entries, got)
		e.mu.Unlock()
	}
}

// seen returns the requests that the API has got.
func (e *example) seen() []entry {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.entries)
}

// await returns the requests of a call, which Caddy may log when the browser has
// gone on.
func (e *example) await(before int, c *exampleCall) []entry {
	e.t.Helper()
	var want []string
	method, _, _ := strings.Cut(c.name, " ")
	if c.asks {
		want = append(want, http.MethodOptions)
	}
	if c.sends {
		want = append(want, method)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		entries := e.seen()[before:]
		var got []string
		for _, entry := range entries {
			got = append(got, entry.Request.Method)
		}
		if slices.Equal(got, want) {
			return entries
		}
		if len(got) > len(want) || time.Now().After(deadline) {
			e.t.Errorf("%s: the API got %v, want %v", c.name, got, want)
			return entries
		}
	}
}

// counts returns what the page is to count: requests that reached the API, those
// of them whose response no page may read, and preflights.
func (e *example) counts() []string {
	var actual, hidden, preflights int
	for _, entry := range e.seen() {
		switch {
		case entry.Request.Method == http.MethodOptions:
			preflights++
		case entry.Headers["Access-Control-Allow-Origin"] == nil:
			hidden++
			fallthrough
		default:
			actual++
		}
	}
	return []string{strconv.Itoa(actual), strconv.Itoa(hidden), strconv.Itoa(preflights)}
}

// sent returns what the page is to show of a request.
func (en *entry) sent() []string {
	lines := []string{en.Request.Method + " " + en.Request.URI}
	for _, name := range []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Content-Type", "X-Trace"} {
		if values := en.Request.Headers[name]; values != nil {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	return lines
}

// shown matches the headers of responses that the page shows.
var shown = regexp.MustCompile(`^(Access-Control-|Vary$|X-)`)

// received returns what the page is to show of a response.
func (en *entry) received() []string {
	lines := []string{fmt.Sprintf("%d %s", en.Status, http.StatusText(en.Status))}
	for _, name := range slices.Sorted(maps.Keys(en.Headers)) {
		if shown.MatchString(name) {
			lines = append(lines, name+": "+strings.Join(en.Headers[name], ", "))
		}
	}
	return lines
}
