package caddycors

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-56c1dbac/caddy-cors/internal/explain"
)

func init() {
	furtherCommands = append(furtherCommands, explainCommand)
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
the URL: add --origin and --url. The other options are as in the check command.

Exit status: 0 if the server allows the call now; 1 if it is blocked; 2 if the message
is not recognized, the server could not be asked, or the command is wrong. With
--no-check: 0 if the message is recognized.
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
