package clients

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	pageFile      = "../../docs/clients.md"
	allowedOrigin = "https://app.example.com"
	otherOrigin   = "https://other.example.com"
	nothing       = "Nothing" // begins what a client says that does not say that it has failed
)

// section is what docs/clients.md says about a client.
type section struct {
	heading  string
	policy   string // a Caddyfile
	without  []without
	addition []addition
}

// without is what comes of a policy that lacks something.
type without struct {
	words []string // that are missing: an option, alone or with a name; any other if empty
	says  string   // the client, in Chromium; nothing if empty
}

// addition is a line that the policy also needs, or nothing, if the page uses an
// option of the client.
type addition struct{ option, line string }

var (
	policyFence = regexp.MustCompile("(?s)```caddyfile client\n(.*?)```\n")
	tableRow    = regexp.MustCompile(`(?m)^\| (.+?) \| (.+?) \|$`)
	codeSpan    = regexp.MustCompile("`([^`]+)`")
)

// readPage reads docs/clients.md: its sections with a policy, by heading.
func readPage(t *testing.T) map[string]*section {
	t.Helper()
	content, err := os.ReadFile(pageFile)
	if err != nil {
		t.Fatal(err)
	}
	sections := make(map[string]*section)
	for _, text := range strings.Split(string(content), "\n## ")[1:] {
		heading, text, _ := strings.Cut(text, "\n")
		policies := policyFence.FindAllStringSubmatch(text, -1)
		if len(policies) == 0 {
			continue
		}
		if len(policies) > 1 {
			t.Fatalf("%s has %d policies", heading, len(policies))
		}
		s := &section{heading: heading, policy: policies[0][1]}
		s.readTables(t, text)
		sections[heading] = s
	}
	return sections
}

// readTables reads the tables of a section: of what is missing, and of options.
func (s *section) readTables(t *testing.T, text string) {
	t.Helper()
	kind := ""
	for _, row := range tableRow.FindAllStringSubmatch(text, -1) {
		first, second := row[1], row[2]
		switch {
		case first == "Without" || first == "With":
			kind = first
		case strings.HasPrefix(first, "---"):
		case kind == "Without":
			w := without{words: spans(first)}
			if says := spans(second); len(says) > 0 && !strings.HasPrefix(second, nothing) {
				w.says = says[0]
			}
			s.without = append(s.without, w)
		case kind == "With":
			option, line := spans(first), spans(second)
			if second == "nothing" {
				line = []string{""}
			}
			if len(option) == 0 || len(line) != 1 {
				t.Fatalf("%s: not an option and a line: %s", s.heading, row[0])
			}
			s.addition = append(s.addition, addition{option[0], line[0]})
		}
	}
}

// spans returns the spans of code of a text.
func spans(text string) (list []string) {
	for _, m := range codeSpan.FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// lacking returns what the page says of a policy that lacks a word.
func (s *section) lacking(word string) *without {
	option, _, _ := strings.Cut(word, " ")
	for _, wanted := range []string{word, option, ""} {
		for i := range s.without {
			if w := &s.without[i]; wanted == "" && len(w.words) == 0 || slices.Contains(w.words, wanted) {
				return w
			}
		}
	}
	return nil
}

// with returns the policy with one more line, if there is one.
func (s *section) with(line string) string {
	const directive = "\tcors " + allowedOrigin
	if line == "" {
		return s.policy
	}
	if strings.Contains(s.policy, directive+" {\n") {
		return strings.Replace(s.policy, directive+" {\n", directive+" {\n\t\t"+line+"\n", 1)
	}
	return strings.Replace(s.policy, directive+"\n", directive+" {\n\t\t"+line+"\n\t}\n", 1)
}

// subdirective matches a line in a block of cors.
var subdirective = regexp.MustCompile(`^\t\t([a-z_]+)(?: (.+))?\n$`)

// words returns what of a policy's line can be taken away: the option with each of
// its names, or alone.
func words(line string) (words []string) {
	m := subdirective.FindStringSubmatch(line)
	if m == nil {
		return nil
	}
	for name := range strings.FieldsSeq(m[2]) {
		words = append(words, m[1]+" "+name)
	}
	if m[2] == "" {
		words = append(words, m[1])
	}
	return words
}

// words returns what of the policy can be taken away.
func (s *section) words() (list []string) {
	for line := range strings.Lines(s.policy) {
		list = append(list, words(line)...)
	}
	return list
}

// checkTables checks that each row of a table is about something that can be missing.
func (s *section) checkTables(t *testing.T) {
	t.Helper()
	list := s.words()
	for _, a := range s.addition {
		list = append(list, words("\t\t"+a.line+"\n")...)
	}
	used := make(map[*without]bool)
	for _, word := range list {
		used[s.lacking(word)] = true
	}
	for i := range s.without {
		if w := &s.without[i]; !used[w] {
			t.Errorf("%s: nothing is without %q", s.heading, w.words)
		}
	}
}

// take takes a word out of a policy, and its line if that has no other.
func take(policy, word string) string {
	if word == allowedOrigin {
		return strings.ReplaceAll(policy, word, otherOrigin)
	}
	var text strings.Builder
	for line := range strings.Lines(policy) {
		list := words(line)
		if i := slices.Index(list, word); i >= 0 {
			list = slices.Delete(list, i, i+1)
			if line = ""; len(list) > 0 {
				option, _, _ := strings.Cut(word, " ")
				line = "\t\t" + option + strings.ReplaceAll(strings.Join(list, ""), option, "") + "\n"
			}
		}
		text.WriteString(line)
	}
	return text.String()
}
