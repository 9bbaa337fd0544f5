package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "cors",
		Usage: "<check|explain|list|sources>",
		Short: "Checks what CORS allows, explains errors, and checks and shows lists of origins",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.ArbitraryArgs
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return exit(cmd, exitUnknown, fmt.Errorf("%q: is not a command of caddy cors; write check, explain, list or sources", args[0]))
				}
				return cmd.Help()
			}
			cmd.AddCommand(checkCommand(), sourcesCommand())
			for _, command := range furtherCommands {
				cmd.AddCommand(command())
			}
		},
	})
}

// furtherCommands are the subcommands that other files have.
var furtherCommands []func() *cobra.Command

// Exit statuses of `caddy cors check`, `explain` and `list`.
const (
	exitBlocked = 1 // the call is blocked, or the list is bad
	exitUnknown = 2 // the command cannot tell
)

func checkCommand() *cobra.Command {
	var call callFlags
	var asJSON bool
	var name string
	cmd := &cobra.Command{
		Use:   "check --origin <origin> [--method <method>] [--header <name: value>]... [--credentials] [--send] [--browser <name>] [--json] <url>",
		Short: "Plays a browser against a running server",
		Long: `
Does what a browser does when a page of --origin calls fetch() with the URL. The
server can be any running server, Caddy or not. The command sends the preflight if
there is one, then the request, and follows redirects. It prints each request and
response, and which checks passed and failed. If the call is blocked, it prints the
message on a browser's console, and the lines of a Caddyfile that put it right.

--browser is the browser whose message is printed: chromium (Chrome, Edge, Opera,
Brave), firefox or webkit (Safari). They block the same calls.

--origin has no default, since servers answer each origin differently. Write the
scheme, host and port of the page as browsers do, or null.

A GET, HEAD or OPTIONS request is sent. A request with another method may change
something, so it is sent only with --send, and without a body. Otherwise the check
ends with the preflight.

Use --header for the headers that the page sets. With --credentials, use it also for
the Cookie that the browser has. Proxies are taken from HTTP_PROXY, HTTPS_PROXY and
NO_PROXY.

Exit status: 0 if the page may read the response, or if the preflight permits the
request; 1 if the call is blocked; 2 if the server could not be asked, or the command
is wrong.
`,
		Example: `  caddy cors check --origin https://app.example.com https://api.example.com/items
  caddy cors check --origin https://app.example.com --method PUT --header "Content-Type: application/json" --credentials https://api.example.com/items/1`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if call.URL, err = check.URL(args, call.Origin); err != nil {
				return exit(cmd, exitUnknown, err)
			}
			if err := call.parse(); err != nil {
				return exit(cmd, exitUnknown, err)
			}
			if call.Browser = browser.Name(name); !slices.Contains(browser.Names, call.Browser) {
				return exit(cmd, exitUnknown, fmt.Errorf("--browser %q: is not a known browser; write chromium, firefox or webkit", name))
			}
			report, err := call.Run(cmd.Context())
			if err != nil {
				return exit(cmd, exitUnknown, err)
			}
			if err := write(cmd.OutOrStdout(), report, asJSON); err != nil {
				return exit(cmd, exitUnknown, err)
			}
			return exit(cmd, status(report.Verdict), nil)
		},
	}
	call.add(cmd, http.MethodGet)
	cmd.Flags().BoolVar(&call.Send, "send", false, "Send the request itself even if it may change something")
	cmd.Flags().StringVar(&name, "browser", string(browser.Chromium), "Browser whose message is printed: chromium, firefox or webkit")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print one JSON object")
	return cmd
}

// callFlags are the flags that say what the page calls, and how to reach the server.
type callFlags struct {
	check.Check
	connection check.Connection
	header     []string
}

func (c *callFlags) add(cmd *cobra.Command, method string) {
	flags := cmd.Flags()
	flags.StringVar(&c.Origin, "origin", "", "Origin of the page")
	flags.StringVarP(&c.Method, "method", "X", method, "Method of the request")
	flags.StringArrayVarP(&c.header, "header", "H", nil, "Header that the page sets, as \"Name: value\"; may be repeated")
	flags.BoolVar(&c.Credentials, "credentials", false, "Call fetch() with credentials: \"include\"")
	flags.BoolVarP(&c.connection.Insecure, "insecure", "k", false, "Accept any certificate")
	flags.StringVar(&c.connection.CACert, "cacert", "", "PEM file of certificates to trust instead of the system's")
	flags.StringArrayVar(&c.connection.Resolve, "resolve", nil, "Connect to another address, as host:port:address; may be repeated")
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return exit(cmd, exitUnknown, err) })
}

func (c *callFlags) parse() (err error) {
	c.Header = http.Header{}
	for _, field := range c.header {
		name, value, ok := strings.Cut(field, ":")
		if !ok {
			return fmt.Errorf("--header %q: has no colon; write \"Name: value\"", field)
		}
		c.Header[name] = append(c.Header[name], strings.TrimSpace(value))
	}
	c.Transport, err = c.connection.Transport()
	return err
}

func status(v check.Verdict) int {
	switch v {
	case check.Blocked:
		return exitBlocked
	case check.Unknown:
		return exitUnknown
	default:
		return 0
	}
}

// printer is a result of a command: a report or an explanation.
type printer interface {
	Print(io.Writer, check.Colors) error
}

func write(w io.Writer, result printer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "\t")
		return encoder.Encode(result)
	}
	return result.Print(w, colors(w))
}

// colors returns the colors for a terminal, unless the user does not want them
// (https://no-color.org).
func colors(w io.Writer) check.Colors {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return check.Colors{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return check.Colors{}
	}
	return check.TerminalColors
}

// exit makes the process exit with a status. If there is an error, it prints that
// first. Only errors of Caddy's wrapper have a status of their own; any other error
// exits with 1.
func exit(cmd *cobra.Command, status int, err error) error {
	if err != nil {
		fmt.Fprint(cmd.ErrOrStderr(), "caddy cors: ", err, "\n")
	}
	cmd.SilenceErrors = true
	if status == exitBlocked {
		return errors.New("blocked")
	}
	return caddycmd.WrapCommandFuncForCobra(func(caddycmd.Flags) (int, error) { return status, nil })(cmd, nil)
}

func sourcesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sources [--config <path> [--adapter <name>]] [--address <interface>]",
		Short: "Shows the sources of origins of the running Caddy instance",
		Long: `
Asks the admin API of the running Caddy instance for its dynamic origins. For each
source, it shows its state, how many origins it has, when it was last refreshed, and
its last error. The state is ok or failing, by the last refresh or question, or
starting if there has been none yet. The address of the API is found as in the reload command.
`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringP("config", "c", "", "Configuration file that has the address")
	cmd.Flags().StringP("adapter", "a", "", "Name of config adapter to apply")
	cmd.Flags().String("address", "", "Address of the administration listener, if different from config")
	cmd.RunE = caddycmd.WrapCommandFuncForCobra(func(flags caddycmd.Flags) (int, error) {
		address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
		if err != nil {
			return 1, err
		}
		res, err := caddycmd.AdminAPIRequest(address, http.MethodGet, "/cors/sources", nil, nil)
		if err != nil {
			return 1, err
		}
		defer res.Body.Close()
		var all []sources.Status
		if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
			return 1, fmt.Errorf("the response of the admin API is not valid: %w", err)
		}
		return 0, printSources(cmd.OutOrStdout(), all)
	})
	return cmd
}

func printSources(w io.Writer, all []sources.Status) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(table, "SOURCE\tSTATE\tORIGINS\tLAST REFRESH\tERRORS\tLAST ERROR\n")
	when := func(t *time.Time) string {
		if t == nil {
			return "never"
		}
		return t.Format(time.RFC3339)
	}
	for _, s := range all {
		failure := "-"
		if s.LastError != "" {
			lines := strings.Split(s.LastError, "\n") // one for each bad line of a list
			for i, line := range lines {
				lines[i] = check.Clean(line)
			}
			failure = when(s.LastErrorTime) + ": " + strings.Join(lines, "\n\t\t\t\t\t")
		}
		fmt.Fprint(table, check.Clean(s.Source), "\t", check.Clean(string(s.State)), "\t", s.Origins, "\t", when(s.LastRefresh), "\t", s.RefreshErrors, "\t", failure, "\n")
	}
	return table.Flush()
}
