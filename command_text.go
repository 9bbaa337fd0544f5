// The commands that read a text: a message of a console, and a list.

package caddycors

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/explain"
	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	furtherCommands = append(furtherCommands, explainCommand, listCommand)
}

func explainCommand() *cobra.Command {
	var call callFlags
	var noCheck, asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [--no-check] [--origin <origin>] [--url <url>] [--json] [<message>]",
		Short: "Explains a CORS error of a browser's console",
		Long: `
Reads a message about CORS that the console of a browser printed: Chromium (Chrome,
Edge, Opera, Brave), Firefox or WebKit (Safari). The message is the argument or the
standard input. It can be several lines, have what consoles print before a message,
and be cut off at its end. The command says what the message means, and which line of
the Caddyfile or of the page puts it right.

Then it sends the call of the message to the server, as the check command does, and
prints the result. A request that may change something is not sent, only its
preflight. With --no-check, nothing is sent.

Messages of Firefox do not name the origin of the page, and some of WebKit do not name
the URL: add --origin and --url. The other options are as in the check command. Of a
message that is not in English, the command reads only the URL.

Exit status: 0 if the server allows the call now; 1 if it is blocked; 2 if the message
is not recognized or is not about CORS, the server could not be asked, or the command
is wrong. With --no-check: 0 if the message is recognized.
`,
		Example: `  caddy cors explain "Access to fetch at 'https://api.example.com/items' from origin 'https://app.example.com' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource."
  pbpaste | caddy cors explain --origin https://app.example.com`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := message(cmd, args)
			if err == nil {
				err = call.parse()
			}
			if err != nil {
				return exit(cmd, exitUnknown, err)
			}
			m := explain.Recognize(text)
			if m == nil {
				unrecognized := explain.NewUnrecognized(text)
				if !asJSON {
					return exit(cmd, exitUnknown, errors.New(unrecognized.String()))
				}
				return exit(cmd, exitUnknown, write(cmd.OutOrStdout(), unrecognized, asJSON))
			}
			result, verdict := m.Explain(), 0
			if !noCheck {
				if err := result.AskServer(cmd.Context(), m, call.Check); err != nil {
					return exit(cmd, exitUnknown, err)
				}
				verdict = statusOf(result)
			}
			if err := write(cmd.OutOrStdout(), result, asJSON); err != nil {
				return exit(cmd, exitUnknown, err)
			}
			return exit(cmd, verdict, nil)
		},
	}
	call.add(cmd, "")
	cmd.Flags().StringVar(&call.URL, "url", "", "URL that the page calls")
	cmd.Flags().BoolVar(&noCheck, "no-check", false, "Do not ask the server")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object")
	return cmd
}

// message returns the text to explain: the arguments, or the standard input.
func message(cmd *cobra.Command, args []string) (string, error) {
	text := strings.Join(args, " ")
	if text == "" || text == "-" {
		in := cmd.InOrStdin()
		if file, ok := in.(*os.File); ok {
			if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
				fmt.Fprint(cmd.ErrOrStderr(), "Paste the message of the console, then press Enter and Ctrl-D:\n")
			}
		}
		content, err := io.ReadAll(io.LimitReader(in, explain.MaxText+1))
		if err != nil {
			return "", fmt.Errorf("standard input: %w", err)
		}
		text = string(content)
	}
	switch {
	case strings.TrimSpace(text) == "":
		return "", errors.New(`the message is missing; write, for example: caddy cors explain "Access to fetch at 'https://…' from origin 'https://…' has been blocked by CORS policy: …"`)
	case len(text) > explain.MaxText:
		return "", fmt.Errorf("the text is longer than %d KiB; paste the message alone", explain.MaxText>>10)
	}
	return text, nil
}

// statusOf returns the exit status of an explanation whose server was to be asked.
func statusOf(e *explain.Explanation) int {
	switch {
	case e.Check != nil:
		return status(e.Check.Verdict)
	case e.Blocked:
		return exitBlocked
	default:
		return exitUnknown
	}
}

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list <file>",
		Short: "Checks a list of origins before a source reads it",
		Long: `
Reads a list of origins as the sources file, storage and http do. With - for the file,
it reads the standard input: write that for a pipe, and for a list from a storage or a
URL. The command prints each bad line with its number and what to write. One bad line
makes a source refuse the whole list.

The command also prints the lines that have no effect in a policy with
allow_credentials: insecure origins (http), and patterns under which strangers can
obtain an origin.

Exit status: 0 if the list is good; 1 if it is bad or empty; 2 if it could not be read,
or the command is wrong.
`,
		Example: `  caddy cors list origins.new && mv origins.new origins.txt
  curl -s https://api.example.com/origins | caddy cors list -`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			text, name, err := listText(cmd, args)
			if err != nil {
				return exit(cmd, exitUnknown, err)
			}
			bad, err := printList(cmd.OutOrStdout(), text, check.Clean(name))
			if err != nil {
				return exit(cmd, exitUnknown, err)
			}
			if bad {
				return exit(cmd, exitBlocked, nil)
			}
			return nil
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit(cmd, exitUnknown, err) })
	return cmd
}

// listText returns the text of the list, and the name that messages have for it.
func listText(cmd *cobra.Command, args []string) (text, name string, err error) {
	switch {
	case len(args) == 0 || args[0] == "":
		return "", "", errors.New("the file is missing; write, for example: caddy cors list origins.txt, or - for the standard input")
	case len(args) > 1:
		return "", "", fmt.Errorf("there are %d files; write one", len(args))
	case strings.HasPrefix(args[0], "http://") || strings.HasPrefix(args[0], "https://"):
		return "", "", fmt.Errorf("%s is a URL, not a file; write curl -s %[1]s | caddy cors list -", check.Clean(args[0]))
	case args[0] == "-":
		text, err = sources.ReadText(cmd.InOrStdin(), -1)
		return text, "standard input", err
	}
	text, _, err = sources.FileReader(args[0])(cmd.Context(), nil)
	return text, args[0], err
}

// printList prints what there is to say about a list, and reports whether a source
// would refuse it.
func printList(w io.Writer, text, name string) (bad bool, err error) {
	out := bufio.NewWriter(w)
	faults, risky := 0, new(strings.Builder)
	for r := range origins.Remarks(text, openness.OpenPattern) {
		if r.Err != nil {
			faults++
			fmt.Fprint(out, r.Err, "\n")
		} else {
			fmt.Fprint(risky, "line ", r.Line, ": ", origins.Quote(r.Entry), ": ", risks(r.Risks), "\n")
		}
	}
	if faults > 0 {
		fmt.Fprint(out, "\n")
	}
	if risky.Len() > 0 {
		fmt.Fprint(out, "These lines have no effect with allow_credentials:\n", risky, "\n")
	}
	switch list, err := origins.ParseList(text, openness.OpenPattern); {
	case err != nil:
		bad = true
		fmt.Fprint(out, name, ": bad; ", count(faults, "line is not valid", "lines are not valid"), ", so a source refuses the whole list\n")
	case list.Blank():
		bad = true
		fmt.Fprint(out, name, ": empty; if that is intended, write a comment such as # none\n")
	default:
		fmt.Fprint(out, name, ": good; ", count(list.Len(), "origin or pattern", "origins and patterns"), "\n")
	}
	return bad, out.Flush()
}

// risks says why a policy with credentials denies what an entry admits, and what to
// write.
func risks(r origins.Risks) string {
	var reasons, waivers []string
	advice := "https://"
	if r&origins.RiskInsecure != 0 {
		reasons, waivers = append(reasons, "is insecure (http)"), append(waivers, policy.WaiverInsecure)
	}
	if r&origins.RiskOpen != 0 {
		advice = "the exact origins"
		reasons, waivers = append(reasons, "is open (strangers can obtain such an origin)"), append(waivers, policy.WaiverOpen)
	}
	return strings.Join(reasons, " and ") + "; write " + advice + ", or accept the risk with dangerously_allow " + strings.Join(waivers, " ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}
