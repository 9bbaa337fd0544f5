package explain

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// documented is a message of docs/errors.md.
type documented struct {
	section, browser, text string
}

var block = regexp.MustCompile("(?s)```text (\\w+)\n(.*?)\n```")

func readDocs(t *testing.T) (list []documented) {
	t.Helper()
	content, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range regexp.MustCompile(`(?m)^## `).Split(string(content), -1)[1:] {
		section, text, _ := strings.Cut(text, "\n")
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			list = append(list, documented{section, m[1], m[2]})
		}
	}
	if len(list) < 40 {
		t.Fatalf("docs/errors.md has %d messages", len(list))
	}
	return list
}

const (
	testURL    = "https://api.example.com/items?a=1&b='2'.js"
	testFrom   = "http://api.example.com:8080/old"
	testOrigin = "https://app.example.com"
)

// values are what the words in capitals of docs/errors.md can stand for.
var values = map[string][]string{
	"URL": {testURL}, "ORIGIN": {testOrigin}, "METHOD": {"PUT", "patch"}, "FIELD": {"x-custom", "authorization"}, "STATUS": {"200", "403"},
	"VALUE":  {"", "*", "https://a.example.com, https://b.example.com", "app.example.com", "true'"},
	"SPACE":  {"loopback"},
	"SCHEME": {"localhost"}, "SCHEMES": {"chrome, chrome-extension, data, http, https, isolated-app"},
}

var capitals = regexp.MustCompile(`\b(URL|ORIGIN|METHOD|FIELD|VALUE|STATUS|SPACE|SCHEMES?)\b`)

// filled returns the message with values in the place of the words in capitals.
func (d documented) filled(i int) string {
	text := strings.Replace(d.text, "(redirected from 'URL')", "(redirected from '"+testFrom+"')", 1)
	if strings.HasPrefix(text, "Mixed Content") {
		text = strings.Replace(text, "URL", testOrigin+"/index.html", 1)
	}
	text = strings.Replace(text, "[blocked] The page at URL", "[blocked] The page at "+testOrigin+"/", 1)
	text = strings.Replace(text, "Content at URL may", "Content at "+testOrigin+"/ may", 1)
	text = strings.ReplaceAll(text, "URL scheme", "\x00 scheme")
	text = strings.ReplaceAll(text, "the URL's", "the \x00's")
	text = strings.ReplaceAll(text, "redirection URL", "redirection \x00")
	text = capitals.ReplaceAllStringFunc(text, func(word string) string { return values[word][i%len(values[word])] })
	return strings.ReplaceAll(text, "\x00", "URL")
}

// variants are the forms in which people paste a message.
var variants = map[string]func(string) string{
	"as it is":         func(s string) string { return s },
	"Chromium's place": func(s string) string { return "app.js:12 " + s },
	"a page's place":   func(s string) string { return "(index):1  " + s + "\n" },
	"DevTools":         func(s string) string { return "12:30:01.123 index.html:1 " + s + "\u200b\r\n" },
	"Safari":           func(s string) string { return "[Error] " + s },
	"Safari's resource": func(s string) string {
		return "[Error] Failed to load resource: " + s + " (items, line 0)"
	},
	"MiniBrowser": func(s string) string { return "CONSOLE SECURITY ERROR " + s },
	"Playwright":  func(s string) string { return "console.error: " + strings.ReplaceAll(s, "'", `\'`) },
	"an object":   func(s string) string { return `{"level":"error","text":"` + strings.ReplaceAll(s, `"`, `\"`) + `"}` },
	"straight quotes": func(s string) string {
		return strings.NewReplacer("‘", "'", "’", "'", "“", `"`, "”", `"`).Replace(s)
	},
	"typographic quotes": func(s string) string {
		return regexp.MustCompile(`'([^' ]*)'`).ReplaceAllString(s, "‘$1’")
	},
	"double quotes": func(s string) string { return strings.NewReplacer("'http", `"http`, "‘", `"`, "’", `"`).Replace(s) },
	"HTML":          func(s string) string { return "<p>" + strings.ReplaceAll(s, "'", "&#39;") + "</p>" },
	"upper case":    func(s string) string { return strings.Replace(s, "Access to", "ACCESS TO", 1) },
	"colors":        func(s string) string { return "\x1b[31m" + s + "\x1b[0m" },
	"wrapped":       func(s string) string { return strings.ReplaceAll(s, " the ", "\n    the ") },
	"quoted":        func(s string) string { return "> " + s + "\n> What is that?" },
	"other lines": func(s string) string {
		return "Download the React DevTools\n" + s + "\nGET https://other.example.com/x net::ERR_FAILED 200 (OK)\nUncaught (in promise) TypeError: Failed to fetch\n    at app.js:12:3"
	},
	"twice": func(s string) string { return s + "\n" + s },
}

// unquoted returns a message as a shell passes it on if it was not quoted.
func unquoted(s string) string {
	return strings.NewReplacer("'", "", "‘", "", "’", "", `"`, "").Replace(s)
}

// TestDocs: each message of docs/errors.md is recognized in every form, with its URL and
// origin, as one of a section that has it.
func TestDocs(t *testing.T) {
	docs := readDocs(t)
	sections := map[string][]string{}
	for _, d := range docs {
		sections[d.text] = append(sections[d.text], d.section)
	}
	seen := map[browser.Code]bool{}
	for _, d := range docs {
		for i := range 5 {
			text := d.filled(i)
			if i > 0 && text == d.filled(0) {
				break
			}
			for name, variant := range variants {
				m := Recognize(variant(text))
				if m == nil {
					t.Errorf("%s: %s: %s is not recognized", d.section, name, variant(text))
					continue
				}
				seen[m.Code] = true
				d.judge(t, name, text, m, sections[d.text], testURL)
			}
			if m := Recognize(unquoted(text)); m == nil || !slices.Contains(sections[d.text], m.section()) {
				t.Errorf("%s: %s: got %+v", d.section, unquoted(text), m)
			}
		}
	}
	content, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	// Those that the page has in its text.
	for _, text := range regexp.MustCompile("`((?:net::ERR_|TypeError|NetworkError)[^`]*)`").FindAllStringSubmatch(string(content), -1) {
		m := Recognize("app.js:12 GET " + testURL + " " + text[1])
		if m == nil || strings.HasPrefix(text[1], "net::") && m.URL != testURL {
			t.Errorf("%s: got %+v", text[1], m)
			continue
		}
		seen[m.Code] = true
	}
	for section, text := range tables(string(content)) {
		for _, message := range text {
			filled := regexp.MustCompile(`\bURL\b`).ReplaceAllString(message, testURL)
			filled = strings.NewReplacer("ORIGIN", testOrigin, "NAME", "id").Replace(filled)
			for name, variant := range variants {
				m := Recognize(variant(filled))
				if m == nil || m.section() != section {
					t.Errorf("%s: %s: %s: got %+v", section, name, filled, m)
					continue
				}
				seen[m.Code] = true
				if strings.Contains(message, "URL ") && m.URL != testURL {
					t.Errorf("%s: %s: %s: URL %q", section, name, filled, m.URL)
				}
			}
		}
	}
	m := Recognize(`Refused to get unsafe header "X-Total"`)
	if !strings.Contains(string(content), "`"+m.Text[:len(m.Text)-len(`"{word}"`)]) || m.section() != "A header reads `null`" {
		t.Errorf("got %+v", m)
	}
	seen[m.Code] = true
	for code := range advices {
		if !seen[code] && code != PrivateNetwork {
			t.Errorf("docs/errors.md has no message of %s", code)
		}
	}
}

// tables returns the messages of the tables that have no fenced blocks, by section.
func tables(content string) map[string][]string {
	list := map[string][]string{}
	for _, text := range strings.Split(content, "\n## ")[1:] {
		section, text, _ := strings.Cut(text, "\n")
		if section != notCORS && section != advices[NoCrossorigin].section {
			continue
		}
		for line := range strings.Lines(text) {
			cells := strings.Split(line, " | ")
			if len(cells) == 2 { // what the page does, and the messages
				cells[0] = cells[1]
			}
			if !strings.HasPrefix(line, "| ") || !strings.Contains(cells[0], "`") {
				continue
			}
			for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[0], -1) {
				if m[1] != "SecurityError: The operation is insecure." { // not recognized, since it has other reasons
					list[section] = append(list[section], m[1])
				}
			}
		}
	}
	return list
}

// judge checks what is recognized of a message.
func (d documented) judge(t *testing.T, name, text string, m *Message, sections []string, wantURL string) {
	t.Helper()
	if !slices.Contains(sections, m.section()) {
		t.Errorf("%s: %s: %q: got %s (%s)", d.section, name, text, m.Code, m.Text)
	}
	if want := map[string]string{"chromium": Chromium, "firefox": Firefox, "webkit": WebKit}[d.browser]; m.Browser != want {
		t.Errorf("%s: %s: %q: of %s, want %s", d.section, name, text, m.Browser, want)
	}
	if m.More != 0 {
		t.Errorf("%s: %s: %q: %d more messages", d.section, name, text, m.More)
	}
	if strings.Contains(text, testURL) && m.URL != wantURL && m.RedirectTo != wantURL {
		t.Errorf("%s: %s: %q: URL %q, want %q", d.section, name, text, m.URL, wantURL)
	}
	from := ""
	if strings.Contains(text, testFrom) {
		from = testFrom
	}
	if m.RedirectedFrom != from {
		t.Errorf("%s: %s: %q: redirected from %q, want %q", d.section, name, text, m.RedirectedFrom, from)
	}
	origin := ""
	switch {
	case strings.Contains(text, "from origin 'null'"):
		origin = "null"
	case strings.Contains(text, testOrigin):
		origin = testOrigin
	}
	if m.Origin != origin {
		t.Errorf("%s: %s: %q: origin %q, want %q", d.section, name, text, m.Origin, origin)
	}
	for field, got := range map[string]string{"METHOD": m.Method, "FIELD": m.Header} {
		if strings.Contains(d.text, field) != slices.Contains(values[field], got) || !strings.Contains(d.text, field) && got != "" {
			t.Errorf("%s: %s: %q: %s is %q", d.section, name, text, field, got)
		}
	}
}

// TestCutOff: wherever a message of Chromium or Firefox is cut off after its head, it is
// recognized, as the message itself or as one that does not tell the reason.
func TestCutOff(t *testing.T) {
	docs, ends := readDocs(t), []string{"", "…", "...", "\nUncaught (in promise) TypeError: Failed to fetch"}
	for _, d := range docs {
		if !strings.HasPrefix(d.text, "Access to") && !strings.HasPrefix(d.text, "Cross-Origin Request Blocked") {
			continue
		}
		var sections []string
		for _, other := range docs {
			if other.text == d.text {
				sections = append(sections, other.section)
			}
		}
		text := d.filled(0)
		head := strings.Index(text, "policy: ") + len("policy: ")
		if reason := strings.Index(text, "(Reason: "); reason >= 0 {
			head = reason + len("(Reason: ")
		}
		told := map[string]bool{}
		for n := head; n < len(text); n += 5 {
			if !utf8.ValidString(text[:n]) {
				continue
			}
			for _, end := range ends {
				m := Recognize(text[:n] + end)
				switch {
				case m == nil:
					t.Errorf("%q is not recognized", text[:n]+end)
				case m.URL != testURL || strings.Contains(text, testOrigin) && m.Origin != testOrigin:
					t.Errorf("%q: URL %q, origin %q", text[:n]+end, m.URL, m.Origin)
				case m.Code == Unspecified:
				case !slices.Contains(sections, m.section()):
					t.Errorf("%q: got %s (%s)", text[:n]+end, m.Code, m.Text)
				default:
					told[end] = true
				}
			}
		}
		if len(told) != len(ends) {
			t.Errorf("%q: its reason is told only before %v", text, told)
		}
	}
}

// TestSections: what is said of each code links to a section of docs/errors.md, and is
// two sentences long.
func TestSections(t *testing.T) {
	content, err := os.ReadFile("../../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages() {
		m := &Message{Browser: messages()[i].browser, Code: messages()[i].code, Text: messages()[i].text, Value: "https://v.example", URL: "https://api.example.com/", Origin: testOrigin}
		e := m.Explain()
		if section := m.section(); !strings.Contains(string(content), "\n## "+section+"\n") {
			t.Errorf("%s: docs/errors.md does not have %s", m.Code, section)
		}
		if n := strings.Count(e.Meaning+" ", ". "); n != 2 {
			t.Errorf("%s: %d sentences: %s", m.Code, n, e.Meaning)
		}
		if len(e.Fixes) == 0 {
			t.Errorf("%s: nothing puts it right", m.Code)
		}
		for _, f := range e.Fixes {
			if f.When == "" || (f.Caddyfile == "") == (f.Page == "") {
				t.Errorf("%s: %+v", m.Code, f)
			}
		}
	}
}
