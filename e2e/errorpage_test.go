package e2e

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// errorPage is docs/errors.md.
type errorPage struct {
	caddyfiles []string
	messages   []*errorMessage
	sections   map[string]string // text, by heading
}

// errorMessage is a message that the page has.
type errorMessage struct {
	section, browser, text string
	unseen                 string // why it was not reproduced
}

// errorFence matches a fenced block, and what is said below of its reproduction.
var errorFence = regexp.MustCompile("(?s)```(\\w+)(?: (\\w+))?\n(.*?)\n```\n(?:\nNot reproduced: (.*?)\\.\n)?")

// readErrorPage reads docs/errors.md.
func readErrorPage(t *testing.T) *errorPage {
	t.Helper()
	content, err := os.ReadFile("../docs/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	p := &errorPage{sections: make(map[string]string)}
	for i, text := range regexp.MustCompile(`(?m)^##+ `).Split(string(content), -1) {
		heading, text, _ := strings.Cut(text, "\n")
		if i > 0 {
			p.sections[heading] = text
		}
		for _, m := range errorFence.FindAllStringSubmatch(text, -1) {
			switch language, of, block, unseen := m[1], m[2], m[3], m[4]; {
			case language == "text" && slices.ContainsFunc(browsers, func(b browser) bool { return b.Name == of }):
				p.messages = append(p.messages, &errorMessage{heading, of, block, unseen})
			case language == "text":
				t.Errorf("%s: whose message is it? %s", heading, block)
			case language == "caddyfile":
				p.caddyfiles = append(p.caddyfiles, block+"\n")
			}
		}
	}
	return p
}

// everywhere is the section of messages that follow those of other sections.
const everywhere = "See what was decided"

// expected reports whether a browser is to print the message.
func (m *errorMessage) expected(b *browser) bool { return m.browser == b.Name && m.unseen == "" }

// placeholder matches what a message has in the place of what differs.
var placeholder = regexp.MustCompile(`\b(URL|ORIGIN|METHOD|FIELD|VALUE|STATUS|SPACE|SCHEMES?)\b`)

// find returns the message of the page that a text about a trial is.
func (p *errorPage) find(tr *trial, b *browser, text string) *errorMessage {
	for _, m := range p.messages {
		if (m.section == tr.section || m.section == everywhere) && m.browser == b.Name && m.pattern(tr, b).MatchString(text) {
			return m
		}
	}
	return nil
}

// pattern returns what matches the message about a trial.
func (m *errorMessage) pattern(tr *trial, b *browser) *regexp.Regexp {
	var fields []string
	for name := range tr.call.fields {
		if b.Name != "webkit" {
			name = strings.ToLower(name)
		}
		fields = append(fields, regexp.QuoteMeta(name))
	}
	origin := regexp.QuoteMeta(tr.origin)
	if b.Name == "webkit" {
		origin += "|null" // after a redirect
	}
	values := map[string]string{
		"URL": `\S+`, "ORIGIN": origin, "METHOD": regexp.QuoteMeta(tr.call.method), "FIELD": strings.Join(fields, "|"),
		"VALUE": ".*", "STATUS": `\d{3}|0`, "SPACE": `[a-z]+`, "SCHEME": `[a-z]+`, "SCHEMES": `[a-z, -]+`,
	}
	text := placeholder.ReplaceAllStringFunc(regexp.QuoteMeta(m.text), func(name string) string { return "(?:" + values[name] + ")" })
	if b.Name == "webkit" {
		text = strings.Replace(text, "Fetch API cannot", "(?:Fetch API|XMLHttpRequest) cannot", 1)
	}
	return regexp.MustCompile("^" + text + "$")
}

// cause matches the beginning of an item of a list of causes.
var cause = regexp.MustCompile(`(?m)^- \*\*(.+?)\.\*\*`)

// checkMistakes: each cause of the page is a mistake, and the other way round; and
// the page has what puts it right.
func (p *errorPage) checkMistakes(t *testing.T) {
	t.Helper()
	made := make(map[string]bool)
	for i := range mistakes {
		m := &mistakes[i]
		text := p.sections[m.section]
		if m.cause != "" {
			made[m.section+m.cause] = true
			_, text, _ = strings.Cut(text, "- **"+m.cause+".**")
			text, _, _ = strings.Cut(text, "\n- **")
		}
		if text == "" {
			t.Errorf("the page does not have %s: %s", m.section, m.cause)
			continue
		}
		if m.fixed == "" || m.fixed == whole {
			continue
		}
		was, is := lines(m.site), lines(m.fixed)
		differences := without(is, was)
		if len(differences) == 0 {
			differences = without(was, is)
		}
		for _, line := range differences {
			if !strings.Contains(text, "`"+line+"`") {
				t.Errorf("%s: %s: the page does not have %s", m.section, m.cause, line)
			}
		}
		if len(differences) == 0 && !slices.ContainsFunc(p.caddyfiles, func(text string) bool { return slices.Equal(lines(text), is) }) {
			t.Errorf("%s: %s: the page does not have\n%s", m.section, m.cause, m.fixed)
		}
	}
	for heading, text := range p.sections {
		for _, c := range cause.FindAllStringSubmatch(text, -1) {
			if !made[heading+c[1]] {
				t.Errorf("nothing makes the mistake of %s: %s", heading, c[1])
			}
		}
	}
}

// lines returns the directives of a Caddyfile, a line each.
func lines(text string) (list []string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSuffix(strings.TrimSpace(line), " {"); line != "" && line != "}" {
			list = append(list, line)
		}
	}
	return list
}

// without returns a list without the elements of another, each as often as it is there.
func without(list, other []string) []string {
	list = slices.Clone(list)
	for _, line := range other {
		if i := slices.Index(list, line); i >= 0 {
			list = slices.Delete(list, i, i+1)
		}
	}
	return list
}
