package docs

import (
	"flag"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
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
		if !slices.Contains([]string{"", "sh", "caddyfile", "dockerfile"}, b.Language) {
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
				case "git clone https://github.com/seed-56c1dbac/caddy-cors":
					mustHaveLine(t, "../../go.mod", "module "+strings.TrimPrefix(words[2], "https://"))
					if want := []string{"&&", "cd", path.Base(words[2])}; !slices.Equal(words[3:], want) {
						t.Errorf("got %q, want %q", words[3:], want)
					}
				case "go run ./cmd/caddy":
					runExample(t, words[2], words[3:])
				case "go build -o":
					if want := []string{"caddy", "./cmd/caddy"}; !slices.Equal(words[3:], want) {
						t.Errorf("got %q, want %q", words[3:], want)
					}
					built(t, words[4])
				case "xcaddy build --with":
					if len(words) != 4 {
						t.Fatalf("%d words, want 4", len(words))
					}
					module, local := strings.CutSuffix(words[3], "@v0.0.0=.")
					mustHaveLine(t, "../../go.mod", "module "+module)
					if content, err := os.ReadFile("../../.ci/run"); local && (err != nil || !strings.Contains(string(content), " --with "+words[3]+" ")) {
						t.Errorf("%v, or nothing runs this command", err)
					}
				case "docker build -t":
					mustHaveLine(t, "../../.github/workflows/ci.yml", "- run: "+command)
				case "caddy cors explain":
					explainCommand(t, words)
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

// adminOfDocs is the URL of the admin API in the documents.
const adminOfDocs = "http://localhost:2019"

// command runs a command `caddy cors` that is shown, and checks its output. root
// stands for /etc/caddy.
func (s *server) command(t *testing.T, root string, words []string, want string) {
	t.Helper()
	if len(words) < 3 || words[1] != "cors" {
		t.Fatalf("nothing runs the command %q", words)
	}
	var got string
	switch words[2] {
	case "check":
		got = s.checkCommand(t, words[3:])
	case "list":
		out, err := corstest.CaddyCommand(t, "cors", "list", filepath.Join(root, filepath.Base(words[3]))).Output()
		if bad := strings.Contains(want, ": bad; "); (err != nil) != bad {
			t.Errorf("%v, for a list that is bad: %t", err, bad)
		}
		got = strings.ReplaceAll(string(out), root+string(filepath.Separator), "/etc/caddy/")
	case "sources":
		out, err := corstest.CaddyCommand(t, "cors", "sources", "--address", strings.TrimPrefix(s.admin, "http://")).Output()
		if err != nil {
			t.Error(err)
		}
		got = regexp.MustCompile(`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ`).ReplaceAllString(string(out), "2026-01-02T03:04:05Z")
	default:
		t.Fatalf("nothing runs the command %q", words)
	}
	if got = strings.TrimSuffix(got, "\n"); got != strings.TrimSuffix(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// checkCommand returns what `caddy cors check` prints with these arguments.
func (s *server) checkCommand(t *testing.T, args []string) string {
	t.Helper()
	c := &check.Check{Header: make(http.Header), Transport: s}
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
	return got.String()
}

// explainCommand: the command explains its message. The server that the message
// names is not asked.
func explainCommand(t *testing.T, words []string) {
	t.Helper()
	out, err := corstest.CaddyCommand(t, append(words[1:], "--no-check")...).Output()
	if err != nil || !strings.Contains(string(out), "\n\tcors https://app.example.com\n") {
		t.Errorf("%v, %s", err, out)
	}
}
