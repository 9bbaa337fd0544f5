package docs

import (
	"flag"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestReadmeCommands does what each command of the README says, or sees that what
// checks every change does. A command that is not known here fails.
func TestReadmeCommands(t *testing.T) {
	seen := 0
	for _, b := range corstest.Blocks(t, "../../README.md") {
		if !slices.Contains([]string{"", "sh", "json", "caddyfile", "console", "dockerfile"}, b.Language) {
			t.Errorf("a block of %q is not executed", b.Language)
		}
		if b.Language != "sh" {
			continue
		}
		for command := range strings.Lines(b.Text) {
			command = strings.TrimSpace(command)
			seen++
			t.Run(command, func(t *testing.T) {
				words := shellWords(command)
				switch strings.Join(words[:min(3, len(words))], " ") {
				case "go run ./cmd/caddy":
					runExample(t, words[2], words[3:])
				case "go test ./...":
					mustHaveLine(t, "../../.ci/run", command)
				case "xcaddy build --with":
					if len(words) != 4 {
						t.Fatalf("%d words, want 4", len(words))
					}
					mustHaveLine(t, "../../go.mod", "module "+words[3])
				case "docker build -t":
					mustHaveLine(t, "../../.github/workflows/ci.yml", "- run: "+command)
				case "caddy cors check":
					checkSite(t, words[3:])
				default:
					t.Error("nothing runs this command")
				}
			})
		}
	}
	if seen == 0 {
		t.Error("the README has no commands")
	}
}

// mustHaveLine checks that a file has a line.
func mustHaveLine(t *testing.T, file, line string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for got := range strings.Lines(string(content)) {
		if strings.TrimSpace(got) == line {
			return
		}
	}
	t.Errorf("%s has no line %q", file, line)
}

// checkSite: `caddy cors check`, with the arguments that the README has, prints of
// the README's site what the README shows.
func checkSite(t *testing.T, args []string) {
	var s *server
	var want string
	for _, b := range corstest.Blocks(t, "../../README.md") {
		switch {
		case b.Section == "A site" && b.Language == "caddyfile":
			s = serve(t, b.Text)
		case b.Section == "Checking a server" && b.Language == "":
			want = b.Text
		}
	}
	c := &check.Check{
		Header:    make(http.Header),
		Transport: s,
	}
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.StringVar(&c.Origin, "origin", "", "")
	flags.StringVar(&c.Method, "method", "GET", "")
	flags.BoolVar(&c.Credentials, "credentials", false, "")
	flags.Func("header", "", func(line string) error {
		name, value, _ := strings.Cut(line, ": ")
		c.Header.Add(name, value)
		return nil
	})
	if err := flags.Parse(args); err != nil || flags.NArg() != 1 {
		t.Fatalf("%v, and the URLs %q", err, flags.Args())
	}
	c.URL = flags.Arg(0)
	report, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	if err := report.Print(&got, check.Colors{}); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
