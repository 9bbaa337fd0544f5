package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// refusals are the rows of the table of refusals: sites that are refused, and those
// that are written instead. What a cell has in code is in one of its sites, or is an
// origin that an expression of the row admits.
var refusals = []struct {
	cell     string // the start of the first cell
	refused  []string
	admits   map[string]string // origins, by expressions
	accepted []string
}{
	{cell: "no origin, ", refused: []string{"cors", "cors {\nmax_age 1h\n}"}, accepted: []string{"cors {\nallow_origins *\n}", "cors https://app.example.com"}},
	{
		cell:     "`*` with `allow_credentials`",
		refused:  []string{"cors * * {\nallow_credentials\n}"},
		accepted: []string{"cors * *", "cors https://app.example.com {\nallow_credentials\n}"},
	},
	{
		cell:     "`*` with `allow_private_network`",
		refused:  []string{"cors * * {\nallow_private_network\n}", "cors * * {\nreject_disallowed\n}"},
		accepted: []string{"cors * *", "cors https://app.example.com {\nallow_private_network\nreject_disallowed\n}"},
	},
	{cell: "`*` beside", refused: []string{"cors {\nallow_origins * https://app.example.com\n}"}, accepted: []string{"cors * *", "cors https://app.example.com"}},
	{
		cell:     "`null`",
		refused:  []string{"cors null", "cors null {\nallow_credentials\n}", "cors null {\nallow_credentials\ndangerously_allow null_origin\n}"},
		accepted: []string{"cors null {\ndangerously_allow null_origin\n}"},
	},
	{
		cell:     "`http://app.example.com` with credentials",
		refused:  []string{credentials("http://app.example.com")},
		accepted: []string{credentials("https://app.example.com"), credentials("http://localhost:5173"), "cors http://app.example.com"},
	},
	{
		cell: "`https://*.com`",
		refused: []string{
			credentials("https://*.com"), credentials("https://*.github.io"), credentials("https://*.zendesk.com"), credentials("moz-extension://*"),
			credentials("https://{labels.3}.vercel.app"),
		},
		accepted: []string{"cors https://*.github.io", credentials("https://app.github.io")},
	},
	{
		cell:     "a regular expression that admits such",
		refused:  []string{expression(`https://.*example\.com`), expression(`https://app.example\.com`)},
		admits:   map[string]string{`https://.*example\.com`: "https://aexample.com", `https://app.example\.com`: "https://appxexample.com"},
		accepted: []string{expression(`https://(.+\.)?example\.com`)},
	},
	{cell: "a regular expression that admits insecure", refused: []string{expression(`https?://app\.example\.com`)}, accepted: []string{expression(`https://app\.example\.com`)}},
	{cell: "a regular expression that matches no", refused: []string{expression(`example\.com`), "cors {\nallow_origins_regexp example\\.com\n}"}},
	{
		cell:     "`app.example.com`",
		refused:  []string{"cors app.example.com", "cors https://app.example.com/", "cors HTTPS://app.example.com"},
		accepted: []string{"cors https://app.example.com"},
	},
	{
		cell:     "`wss://app.example.com`",
		refused:  []string{"cors wss://app.example.com", "cors file://"},
		accepted: []string{"cors https://app.example.com"},
	},
	{cell: "`{header.Origin}`", refused: []string{"cors {header.Origin}"}, accepted: []string{credentials("https://{labels.3}.app.example.com")}},
	{cell: "`https://*`", refused: []string{"cors https://*"}, accepted: []string{"cors * *", "cors https://*.example.com"}},
	{
		cell:     "`dynamic match` without",
		refused:  []string{"cors {\nallow_origins https://app.example.com\ndynamic match {\npath /feed/*\n}\nallow_credentials\n}"},
		accepted: []string{"cors {\ndynamic match {\norigin https://app.example.com\n}\nallow_credentials\n}"},
	},
	{
		cell:     "a `cors` that can never decide",
		refused:  []string{"cors https://app.example.com\ncors https://app.example.com {\nallow_credentials\n}"},
		accepted: []string{"cors https://app.example.com {\nallow_credentials\n}\ncors https://app.example.com https://b.example.com"},
	},
	{
		cell:     "`allow_methods get`",
		refused:  []string{"cors https://app.example.com {\nallow_methods get\n}", "cors https://app.example.com {\nallow_methods PUT,DELETE\n}"},
		accepted: []string{"cors https://app.example.com {\nallow_methods GET\n}", "cors https://app.example.com {\nallow_methods PUT DELETE\n}"},
	},
}

// credentials is a policy of one origin, with credentials.
func credentials(origin string) string { return "cors " + origin + " {\nallow_credentials\n}" }

// expression is a policy of one expression, with credentials.
func expression(text string) string {
	return "cors {\nallow_origins_regexp " + text + "\nallow_credentials\n}"
}

// TestRefusals: each policy of the table is refused, and each that is to be written
// instead is not.
func TestRefusals(t *testing.T) {
	content, err := os.ReadFile("../../docs/refusals.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(content), "\n| policy |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile(`(?m)^\| (.*) \| (.*) \|$`).FindAllStringSubmatch(table, -1)
	if len(rows) != len(refusals) {
		t.Fatalf("%d rows are shown, %d are known", len(rows), len(refusals))
	}
	load := func(directives string) error {
		config, err := adapt("*.api.example.com {\n" + directives + "\n}\n")
		if err == nil {
			err = caddy.Validate(parsed(t, config))
		}
		return err
	}
	for i, r := range refusals {
		t.Run(r.cell, func(t *testing.T) {
			if !strings.HasPrefix(rows[i][1], r.cell) {
				t.Fatalf("the row is %s", rows[i][1])
			}
			var errors strings.Builder
			for _, site := range r.refused {
				if err := load(site); err == nil {
					t.Errorf("accepted: %s", site)
				} else {
					errors.WriteString(err.Error())
				}
			}
			for _, site := range r.accepted {
				if err := load(site); err != nil {
					t.Errorf("%s: %v", site, err)
				}
			}
			admitted := ""
			for text, origin := range r.admits {
				if !regexp.MustCompile(`\A(?:` + text + `)\z`).MatchString(origin) {
					t.Errorf("%s does not admit %s", text, origin)
				}
				admitted += origin + "\n"
			}
			for j, sites := range []string{strings.Join(r.refused, "\n") + admitted, strings.Join(r.accepted, "\n")} {
				for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(rows[i][j+1], -1) {
					if !strings.Contains(sites, code[1]) {
						t.Errorf("nothing tests %s", code[1])
					}
				}
			}
			if _, printed, ok := strings.Cut(rows[i][2], "the error prints: `"); ok && !strings.Contains(errors.String(), "write "+strings.TrimSuffix(printed, "`")) {
				t.Errorf("the errors do not say to write %s: %s", printed, errors.String())
			}
		})
	}
}
