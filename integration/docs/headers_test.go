package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// policy is what the test looks at of a handler, in the spelling of JSON.
type policy struct {
	AllowMethods     []string `json:"allow_methods"`
	AllowHeaders     []string `json:"allow_headers"`
	AllowCredentials bool     `json:"allow_credentials"`
}

// isForAPI reports whether a policy lets pages do what they do with an API: send
// cookies, or call methods that no form has.
func (p *policy) isForAPI() bool {
	return p.AllowCredentials || slices.ContainsFunc(p.AllowMethods, func(method string) bool {
		return !slices.Contains([]string{"GET", "HEAD", "POST"}, method)
	})
}

// allowsContentType reports whether pages may say what a request's body is, such as
// application/json.
func (p *policy) allowsContentType() bool {
	return slices.ContainsFunc(p.AllowHeaders, func(name string) bool {
		prefix, isPrefix := strings.CutSuffix(strings.ToLower(name), "*")
		return prefix == "content-type" || isPrefix && strings.HasPrefix("content-type", prefix)
	})
}

// globalOptions matches those of a Caddyfile.
var globalOptions = regexp.MustCompile(`(?s)\A\{\n.*?\n\}\n`)

// withoutUnknown returns a Caddyfile without global options, and without directives of
// its sites that are not known here.
func withoutUnknown(text string) string {
	text = globalOptions.ReplaceAllString(text, "")
	for {
		_, err := adapt(text)
		if err == nil {
			return text
		}
		_, name, ok := strings.Cut(err.Error(), "unrecognized directive: ")
		if !ok {
			return text
		}
		shorter := regexp.MustCompile(`(?ms)^\t`+regexp.QuoteMeta(name)+`\b[^\n{]*(?:\{\n.*?^\t\})?\n`).ReplaceAllString(text, "")
		if shorter == text {
			return text
		}
		text = shorter
	}
}

// TestPoliciesNameHeaders: a policy that a document shows and that may be for an API
// lets pages send JSON: readers copy what they see, and without Content-Type the first
// call of their page fails. The policies are those that the Caddyfile adapter makes,
// in whatever way they are written.
func TestPoliciesNameHeaders(t *testing.T) {
	seen := make(map[string]int) // number of policies, by page
	check := func(t *testing.T, page, section string, config any) {
		t.Helper()
		for _, p := range policies(t, config) {
			seen[page]++
			if p.isForAPI() && !p.allowsContentType() {
				t.Errorf("%s: %s: %+v has no Content-Type in allow_headers", page, section, p)
			}
		}
	}
	checkCaddyfile := func(t *testing.T, page, section, text string) {
		t.Helper()
		config, err := adapt(text)
		if err != nil {
			t.Errorf("%s: %s: %v", page, section, err)
			return
		}
		check(t, page, section, decoded(t, config))
	}

	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	for _, page := range append(pages, "../../README.md") {
		all := corstest.Blocks(t, page)
		for i, b := range all {
			language, _, _ := strings.Cut(b.Language, " ")
			switch {
			case b.Language == "yaml compose":
				setVariables(t, b)
			case b.Language == "caddyfile client": // e2e/clients sees which lines the client needs
			case language == "caddyfile":
				if i+1 < len(all) && all[i+1].Language == "console" && strings.HasPrefix(all[i+1].Text, "$ caddy validate\nERROR ") {
					continue // nobody can use it: TestDocs sees that it is refused
				}
				if b.Language != language { // it needs modules that are not here
					b.Text = withoutUnknown(b.Text)
				}
				checkCaddyfile(t, filepath.Base(page), b.Section, b.Text)
			case language == "json" && b.Language != "json log":
				check(t, filepath.Base(page), b.Section, decoded(t, []byte(b.Text)))
			}
		}
	}

	const example = "Caddyfile.example"
	text, err := os.ReadFile("../../" + example)
	if err != nil {
		t.Fatal(err)
	}
	checkCaddyfile(t, example, "its sites", string(text))

	if len(seen) < 20 || seen[example] == 0 {
		t.Errorf("policies by page: %v; there are more", seen)
	}
}

func decoded(t *testing.T, config []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(config, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// policies returns those of the cors handlers at any depth of a configuration.
func policies(t *testing.T, config any) (list []policy) {
	t.Helper()
	switch v := config.(type) {
	case []any:
		for _, item := range v {
			list = append(list, policies(t, item)...)
		}
	case map[string]any:
		if v["handler"] == "cors" {
			encoded, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			var p policy
			if err := json.Unmarshal(encoded, &p); err != nil {
				t.Fatal(err)
			}
			return []policy{p}
		}
		for _, item := range v {
			list = append(list, policies(t, item)...)
		}
	}
	return list
}
