package e2e

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

var shots = flag.String("shots", "", "a `directory` for pictures of the page of Caddyfile.example")

// exampleCall is a button of the example's page, and what is to come of it.
type exampleCall struct {
	name, init string // init is what fetch is told beside the method
	option     string // of the policy
	status     int    // if the page can read the response
	read       string
	asks       bool // sends a preflight
	remembers  bool // the answer to an earlier one
	sends      bool
	cookie     bool // goes along
}

const (
	items   = "“apples, pears”\nX-Total is 2. X-Build is null."
	include = `, credentials: "include"`
	ofJSON  = `, headers: { "Content-Type": "application/json" }, body: "[]"`
)

// exampleCalls are in the order in which they are pressed.
var exampleCalls = []exampleCall{
	{name: "GET /items", option: "expose_headers", status: 200, read: items, sends: true},
	{name: "GET /broken", option: "cors", status: 500, sends: true},
	{name: "POST /login", init: include, option: "allow_credentials", status: 200, read: "“Hello.”", sends: true},
	{name: "GET /me", init: include, option: "allow_credentials", status: 200, read: "“You are Ada.”", sends: true, cookie: true},
	{name: "GET /me without cookies", option: "cors", status: 200, read: "“I do not know you.”", sends: true},
	{name: "POST /items", init: ofJSON, option: "allow_headers", status: 200, read: items, asks: true, sends: true},
	{name: "PUT /items", init: ofJSON, option: "allow_methods", status: 200, read: items, remembers: true, sends: true},
	{name: "DELETE /items", option: "max_age", status: 200, read: items, remembers: true, sends: true},
	{name: "GET /items as a stranger", option: "cors", sends: true},
	{name: "DELETE /items as a stranger", option: "cors", asks: true},
	{name: "PATCH /items", option: "allow_methods", asks: true},
	{name: "GET /items with X-Trace", init: `, headers: { "X-Trace": "1" }`, option: "allow_headers", asks: true},
}

// TestExample: the page of Caddyfile.example shows, of each call that it makes,
// what the browser has done and what the API has answered.
func TestExample(t *testing.T) {
	for _, b := range browsers {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			b.Find(t)
			e := startExample(t)
			p := e.open(b.Engine, engine.Look{}, 1000)
			rows := e.rows(p)
			if len(rows) != len(exampleCalls) {
				t.Fatalf("%d calls, want %d", len(rows), len(exampleCalls))
			}
			for i := range exampleCalls {
				e.press(p, i)
			}
			e.judgeLayout(p)
			e.picture(p, b.Name+"-light", 1000)
			light := background(p)

			p = e.open(b.Engine, engine.Look{Dark: true}, 390)
			for i := range exampleCalls {
				click(p, i)
			}
			e.judgeLayout(p)
			e.picture(p, b.Name+"-dark", 390)
			if dark := background(p); dark == light {
				t.Errorf("the background is %s in the dark, too", dark)
			}
			e.judgeEdit(p)
		})
	}
}

// TestExampleWithoutScript: without JavaScript the page says so, and shows the
// policy.
func TestExampleWithoutScript(t *testing.T) {
	engine.Chromium.Find(t)
	e := startExample(t)
	p := e.open(engine.Chromium, engine.Look{NoScript: true}, 390)
	var text string
	p.Evaluate("document.body.innerText", &text)
	if want := "JavaScript is off."; !strings.Contains(text, want) {
		t.Errorf("the page does not have %q:\n%s", want, text)
	}
	var links []string
	p.Evaluate("[...document.links].map(link => link.href)", &links)
	const project = "https://github.com/seed-56c1dbac/caddy-cors"
	if want := []string{project + "/blob/main/docs/errors.md", project + "#readme"}; !slices.Equal(links, want) {
		t.Errorf("links to %v, want %v", links, want)
	}
	if _, err := os.Stat("../docs/errors.md"); err != nil {
		t.Error(err)
	}
	e.picture(p, "without-script", 390)
}

// open opens the page at 127.0.0.1, which leads to localhost.
func (e *example) open(b *engine.Engine, look engine.Look, width int) *engine.Page {
	e.t.Helper()
	p := b.Control(e.t, look)
	p.Resize(width, 844)
	p.Open("http://127.0.0.1:" + e.ports[0] + "/")
	var location string
	p.Evaluate("location.href", &location)
	if want := e.page() + "/"; location != want {
		e.t.Errorf("127.0.0.1 leads to %s, want %s", location, want)
	}
	var text string
	p.Evaluate("document.querySelector('#policy').textContent", &text)
	if want := strings.Join(e.policy(), "\n"); text != want {
		e.t.Errorf("the page shows the policy\n%s\nwant\n%s", text, want)
	}
	return p
}

// press presses a button, and compares what the page shows of the call with what
// is expected, and with what the API has seen.
func (e *example) press(p *engine.Page, i int) {
	e.t.Helper()
	c := &exampleCalls[i]
	before := len(e.seen())
	click(p, i)
	row := e.rows(p)[i]
	if row.Name != c.name {
		e.t.Errorf("the button is %q, want %q", row.Name, c.name)
	}
	if class, outcome := c.outcome(); row.Class != class || !outcome.MatchString(row.Outcome) {
		e.t.Errorf("%s: %s: %q, want %s: %s", c.name, row.Class, row.Outcome, class, outcome)
	}
	entries := e.await(before, c)
	if want := e.exchange(c, entries); !slices.Equal(row.Exchange, want) {
		e.t.Errorf("%s: the page shows\n%s\nwant\n%s", c.name, strings.Join(row.Exchange, "\n"), strings.Join(want, "\n"))
	}
	for _, entry := range entries {
		if sent := entry.Request.Headers["Cookie"] != nil; sent != c.cookie {
			e.t.Errorf("%s: a cookie was sent: %t", c.name, sent)
		}
	}
	var counts []string
	p.Evaluate("[...document.querySelectorAll('#counter b')].map(b => b.textContent)", &counts)
	if want := e.counts(); !slices.Equal(counts, want) {
		e.t.Errorf("%s: the page counts %v, want %v", c.name, counts, want)
	}
}

// click presses a button, and waits until the page has shown what came of it.
func click(p *engine.Page, i int) {
	p.Evaluate(fmt.Sprintf("(async () => { document.querySelectorAll('button')[%d].click(); await last; })()", i), nil)
}

// outcome returns the class of the text that says what came of a call, and the text.
func (c *exampleCall) outcome() (class string, text *regexp.Regexp) {
	var facts []string
	if c.remembers {
		facts = append(facts, "The browser remembered an earlier answer.")
	}
	if c.asks {
		facts = append(facts, "The browser asked first.")
	}
	if c.sends {
		facts = append(facts, "The request reached the API.")
	} else {
		facts = append(facts, "The request did not reach the API.")
	}
	if c.status == 0 {
		rest := regexp.QuoteMeta("\n" + strings.Join(facts, "\n"))
		return "outcome blocked", regexp.MustCompile("^Blocked. The page got only “TypeError: [^”]+”\\." + rest + "$")
	}
	if c.read != "" {
		facts = append([]string{c.read}, facts...)
	}
	return "outcome read", regexp.MustCompile("^" + regexp.QuoteMeta(fmt.Sprintf("Read: %d. %s", c.status, strings.Join(facts, "\n"))) + "$")
}

// exchange returns what the page is to show of a call which the API has seen.
func (e *example) exchange(c *exampleCall, entries []entry) []string {
	method, target, _ := strings.Cut(c.name, " ")
	target, _, _ = strings.Cut(target, " ")
	lines := []string{"The page calls", fmt.Sprintf("fetch(%q, { method: %q%s })", e.api()+target, method, c.init), "The policy says"}
	for _, line := range e.policy() {
		if line = strings.TrimSuffix(strings.TrimSpace(line), " {"); strings.HasPrefix(line, c.option) {
			lines = append(lines, line)
		}
	}
	for _, entry := range entries {
		if entry.Request.Method == http.MethodOptions {
			lines = append(lines, "The browser asks")
		} else {
			lines = append(lines, "The browser sends")
		}
		lines = append(append(lines, entry.sent()...), "The API answers")
		lines = append(lines, entry.received()...)
	}
	switch {
	case c.status != 0:
	case c.sends:
		lines = append(lines, "The browser hides this from the page")
	default:
		lines = append(lines, "The browser sends nothing more")
	}
	return lines
}

// judgeLayout checks that everything fits, with all that can be opened open, and
// that it can be read.
func (e *example) judgeLayout(p *engine.Page) {
	e.t.Helper()
	var layout struct{ Inner, Scroll int }
	p.Evaluate(`(() => {
		document.querySelectorAll("details").forEach(details => details.open = true);
		return { inner: innerWidth, scroll: document.documentElement.scrollWidth };
	})()`, &layout)
	if layout.Scroll > layout.Inner {
		e.t.Errorf("the page is %d wide in a window of %d", layout.Scroll, layout.Inner)
	}
	// https://www.w3.org/TR/WCAG22/#contrast-minimum
	const leastContrast = 4.5
	var poor []struct {
		Text     string
		Contrast float64
	}
	p.Evaluate(fmt.Sprintf(`(() => {
		const luminance = color => {
			const [r, g, b] = color.match(/[\d.]+/g).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
			return .2126 * r + .7152 * g + .0722 * b;
		};
		const background = element => {
			const color = getComputedStyle(element).backgroundColor;
			return color === "rgba(0, 0, 0, 0)" ? background(element.parentElement) : color;
		};
		const contrast = element => {
			const [less, more] = [getComputedStyle(element).color, background(element)].map(luminance).sort((a, b) => a - b);
			return (more + .05) / (less + .05);
		};
		const texts = [...document.body.querySelectorAll("*")].filter(e => e.getClientRects().length && [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.data.trim()));
		if (texts.length < 100) throw texts.length + " texts";
		return texts.map(e => ({ text: e.textContent, contrast: contrast(e) })).filter(({ contrast }) => contrast < %v);
	})()`, leastContrast), &poor)
	for _, text := range poor {
		e.t.Errorf("contrast %.1f: %s", text.Contrast, text.Text)
	}
}

// judgeEdit does what the page proposes: it changes the policy while Caddy runs.
func (e *example) judgeEdit(p *engine.Page) {
	e.t.Helper()
	e.edit("allow_methods PUT DELETE", "allow_methods PUT DELETE PATCH")
	want := strings.Join(e.policy(), "\n")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		p.Open(e.page())
		var shown string
		var counts []string
		p.Evaluate("document.querySelector('#policy').textContent", &shown)
		p.Evaluate("(async () => { await last; return [...document.querySelectorAll('#counter b')].map(b => b.textContent); })()", &counts)
		// The text changes with the file, and the counts when Caddy has loaded it.
		if shown == want && slices.Equal(counts, []string{"0", "0", "0"}) {
			break
		}
		if time.Now().After(deadline) {
			e.t.Fatalf("the page shows %v and\n%s\nwant\n%s", counts, shown, want)
		}
	}
	for i, c := range exampleCalls {
		if c.name != "PATCH /items" {
			continue
		}
		click(p, i)
		if got := e.rows(p)[i]; got.Class != "outcome read" {
			e.t.Errorf("PATCH, when it is allowed: %s", got.Outcome)
		}
	}
}

// background returns the color behind the page.
func background(p *engine.Page) (color string) {
	p.Evaluate("getComputedStyle(document.body).backgroundColor", &color)
	return color
}

// picture takes pictures of the page where the flag asks for them.
func (e *example) picture(p *engine.Page, name string, width int) {
	e.t.Helper()
	if *shots == "" {
		return
	}
	if err := os.MkdirAll(*shots, 0o700); err != nil {
		e.t.Fatal(err)
	}
	p.Screenshot(filepath.Join(*shots, name+".png"))
	var height int
	p.Evaluate("document.documentElement.scrollHeight", &height)
	p.Resize(width, height)
	p.Screenshot(filepath.Join(*shots, name+"-whole.png"))
	p.Resize(width, 844)
}

// startExample starts the example on free ports, with a log of the API.
func startExample(t *testing.T) *example {
	t.Helper()
	e := &example{t: t, ports: caddy.FreePorts(t, 2), file: filepath.Join(t.TempDir(), "Caddyfile.example")}
	text, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	e.write(strings.NewReplacer("8080", e.ports[0], "8081", e.ports[1]).Replace(string(text)))
	e.edit(e.api()+" {\n", e.api()+" {\n\tlog\n")
	e.edit("max_age 15s", "max_age 10m") // however slow this machine is
	caddy.RunFile(t, e.file, e.read, "--watch")
	caddy.Await(t, e.page(), "")
	caddy.Await(t, e.api(), "")
	return e
}
