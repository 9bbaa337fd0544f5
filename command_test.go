package caddycors

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// execute executes a command in this process, and returns what it prints and the
// exit status that Caddy makes of its error, as TestExitStatus checks.
func execute(t *testing.T, cmd *cobra.Command, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(args)
	cmd.SilenceUsage = true // as Caddy's root command does
	switch err := cmd.ExecuteContext(t.Context()); {
	case err == nil:
	case err.Error() == "exiting with status 2":
		status = 2
	default:
		status = 1
	}
	return out.String(), errs.String(), status
}

const (
	pageOrigin  = "https://app.example"
	allowPage   = "Access-Control-Allow-Origin: " + pageOrigin
	allowCookie = "Access-Control-Allow-Credentials: true"
)

// TestCheckUsage: wrong usage gets an error of one line that says what to write, and
// exit status 2.
func TestCheckUsage(t *testing.T) {
	const url = "http://127.0.0.1:1/"
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "the URL is missing; write, for example: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{""}, "the URL is missing; write, for example: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{url}, "--origin is missing; write the origin of the page, as in: caddy cors check --origin https://app.example.com http://127.0.0.1:1/"},
		{[]string{"api.example"}, "--origin is missing; write the origin of the page, as in: caddy cors check --origin https://app.example.com https://api.example.com/items"},
		{[]string{"--origin", pageOrigin}, "the URL is missing; write, for example: caddy cors check --origin https://app.example https://api.example.com/items"},
		{[]string{pageOrigin, url}, "there are 2 URLs, and --origin is missing; write --origin before the origin of the page: caddy cors check --origin https://app.example http://127.0.0.1:1/"},
		{[]string{"--origin", pageOrigin, "--header", "X-A:", "b", url}, "there are 2 URLs; write one, and put headers in quotes: caddy cors check --origin https://app.example --header \"Name: value\" http://127.0.0.1:1/"},
		{[]string{"--origin", pageOrigin + "/", url}, `--origin "https://app.example/": has a trailing slash, which browsers do not send; write https://app.example`},
		{[]string{"--origin", "*", url}, `--origin "*": is a pattern; write the origin of one page, such as https://app.example.com`},
		{[]string{"--origin", "https://*.app.example", url}, `--origin "https://*.app.example": is a pattern; write the origin of one page, such as https://app.example.com`},
		{[]string{"--origin", pageOrigin, "api.example"}, `URL "api.example": the scheme is missing; write https://api.example`},
		{[]string{"--origin", pageOrigin, "api.example:8443/items?a=b"}, `URL "api.example:8443/items?a=b": the scheme is missing; write https://api.example:8443/items?a=b`},
		{[]string{"--origin", pageOrigin, "localhost:3000/items"}, `URL "localhost:3000/items": the scheme is missing; write http://localhost:3000/items`},
		{[]string{"--origin", pageOrigin, "127.0.0.1:2015"}, `URL "127.0.0.1:2015": the scheme is missing; write http://127.0.0.1:2015`},
		{[]string{"--origin", pageOrigin, "[::1]:8080/a"}, `URL "[::1]:8080/a": the scheme is missing; write http://[::1]:8080/a`},
		{[]string{"--origin", pageOrigin, "//api.example/a"}, `URL "//api.example/a": the scheme is missing; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "https:/api.example/a"}, `URL "https:/api.example/a": the scheme is not followed by //; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "wss://api.example/a"}, `URL "wss://api.example/a": the scheme is not http or https; write https://api.example/a`},
		{[]string{"--origin", pageOrigin, "ftp://api.example/a"}, `URL "ftp://api.example/a": the scheme is not http or https; browsers use CORS only with these`},
		{[]string{"--origin", pageOrigin, "/items"}, `URL "/items": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{[]string{"--origin", pageOrigin, "items"}, `URL "items": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{[]string{"--origin", pageOrigin, "--method", "TRACE", url}, `method "TRACE": is forbidden, so fetch() throws a TypeError; write one such as PUT`},
		{[]string{"--origin", pageOrigin, "--header", "X-A", url}, `--header "X-A": has no colon; write "Name: value"`},
		{[]string{"--origin", pageOrigin, "--header", "X A: b", url}, `header "X A": is not a valid name, so fetch() throws a TypeError; write one such as X-Request-Id`},
		{[]string{"--origin", pageOrigin, "--resolve", "a:443", url}, `--resolve "a:443": is not host:port:address; write one such as api.example.com:443:127.0.0.1`},
		{[]string{"--origin", pageOrigin, "--cacert", notPEM, url}, fmt.Sprintf("--cacert %q: the file has no certificate; write the path of a PEM file", notPEM)},
		{[]string{"--origin", pageOrigin, "--browser", "safari", url}, `--browser "safari": is not a known browser; write chromium, firefox or webkit`},
		{[]string{"--orign", pageOrigin, url}, "unknown flag: --orign"},
		{[]string{"--json=maybe", url}, `invalid argument "maybe" for "--json" flag: strconv.ParseBool: parsing "maybe": invalid syntax`},
	} {
		out, stderr, status := execute(t, checkCommand(), tc.args...)
		if status != 2 || out != "" || stderr != "caddy cors: "+tc.want+"\n" {
			t.Errorf("%q: exit status %d, %s%s", tc.args, status, out, stderr)
		}
	}
}

// TestCheckTLS: the options of curl that say how a server is reached.
func TestCheckTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Access-Control-Allow-Origin", "*") }))
	defer server.Close()
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args   []string
		url    string
		status int
	}{
		{nil, server.URL, 2},
		{[]string{"--insecure"}, server.URL, 0},
		{[]string{"-k"}, server.URL, 0},
		{[]string{"--cacert", ca}, server.URL, 0},
		{[]string{"--cacert", ca, "--resolve", "example.com:" + port + ":127.0.0.1"}, "https://Example.com:" + port, 0},
		{[]string{"--cacert", ca, "--resolve", "other.invalid:" + port + ":127.0.0.1"}, "https://other.invalid:" + port, 2}, // not in the certificate
		{[]string{"-k", "--resolve", "other.invalid:" + port + ":127.0.0.1"}, "https://other.invalid:" + port, 0},
		{[]string{"-k"}, "https://a.b.localhost:" + port, 0}, // loopback, as browsers have it
	} {
		args := append([]string{"--origin", pageOrigin, tc.url}, tc.args...)
		if out, stderr, status := execute(t, checkCommand(), args...); status != tc.status || stderr != "" {
			t.Errorf("%q: exit status %d, want %d\n%s%s", tc.args, status, tc.status, out, stderr)
		}
	}
}

// TestSources runs the command against an admin API.
func TestSources(t *testing.T) {
	body := `[{"source":"file origins.txt","state":"ok","origins":123,"last_refresh":"2026-01-02T03:04:05Z","refresh_errors":0,"new":{}},` +
		`{"source":"ask \u001b[2Jx","state":"fail\u001bing","origins":0,"last_refresh":null,"refresh_errors":2,"last_error":"ask x: line 1: bad\nline \u001b2: bad","last_error_time":"2026-01-02T03:04:06Z"}]`
	admin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/cors/sources" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(body))
	}))
	defer admin.Close()
	address := strings.TrimPrefix(admin.URL, "http://")
	config := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(config, []byte("{\n\tadmin "+address+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := `SOURCE            STATE        ORIGINS  LAST REFRESH          ERRORS  LAST ERROR
file origins.txt  ok           123      2026-01-02T03:04:05Z  0       -
ask \x1b[2Jx      fail\x1bing  0        never                 2       2026-01-02T03:04:06Z: ask x: line 1: bad
                                                                      line \x1b2: bad
`
	for _, args := range [][]string{{"--address", address}, {"--config", config}} {
		if out, stderr, status := execute(t, sourcesCommand(), args...); out != want || status != 0 {
			t.Errorf("%q: exit status %d, %s\n%s", args, status, stderr, out)
		}
	}
	body = "no JSON"
	if out, stderr, status := execute(t, sourcesCommand(), "--address", address); status != 1 || out != "" {
		t.Errorf("exit status %d, %s\n%s", status, stderr, out)
	}
	admin.Close()
	if out, stderr, status := execute(t, sourcesCommand(), "--address", address); status != 1 || out != "" {
		t.Errorf("exit status %d, %s\n%s", status, stderr, out)
	}
}

// TestBrowserOption: the message is that of the browser that is asked for.
func TestBrowserOption(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--browser", "chromium"}, "\nBlocked. Chromium's console says:\n  Access to fetch at "},
		{[]string{"--browser", "firefox"}, "\nBlocked. Firefox's console says:\n  Cross-Origin Request Blocked: "},
		{[]string{"--browser", "webkit"}, "\nBlocked. WebKit's console says:\n  Origin " + pageOrigin + " is not allowed by Access-Control-Allow-Origin. Status code: 404\n  Fetch API cannot load " + server.URL + "/ due to access control checks.\n"},
		{[]string{"--json", "--browser", "firefox"}, `"browser": "firefox"`},
	} {
		out, stderr, status := execute(t, checkCommand(), append(tc.args, "--origin", pageOrigin, server.URL)...)
		if status != 1 || !strings.Contains(out, tc.want) || stderr != "" {
			t.Errorf("%q: exit status %d, got %s%s, want %s", tc.args, status, out, stderr, tc.want)
		}
	}
}

// TestExitStatus runs the built command: the exit status is what scripts see.
func TestExitStatus(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/open" {
			w.Header().Set("Access-Control-Allow-Origin", "*")
		}
	}))
	t.Cleanup(server.Close)
	check := []string{"cors", "check", "--origin", pageOrigin}
	list := filepath.Join(t.TempDir(), "origins.txt")
	if err := os.WriteFile(list, []byte("https://a.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		args           []string
		status         int
		stdout, stderr string // parts
	}{
		{append(check, server.URL+"/open"), 0, "\nReadable. ", ""},
		{append(check, server.URL), 1, "\nBlocked. Chromium's console says:\n  Access to fetch at ", ""},
		{append(check, "--json", server.URL), 1, `"verdict": "blocked"`, ""},
		{append(check, "http://127.0.0.1:1"), 2, "\nUnknown. dial tcp 127.0.0.1:1: ", ""},
		{append(check, "--orign"), 2, "", "caddy cors: unknown flag: --orign\n"},
		{check, 2, "", "caddy cors: the URL is missing; write, for example: caddy cors check --origin " + pageOrigin + " https://api.example.com/items\n"},
		{append(check, "--help"), 0, "--origin has no default", ""},
		{[]string{"cors"}, 0, "Available Commands:\n  check ", ""},
		{[]string{"cors", "chekc"}, 2, "", "caddy cors: \"chekc\": is not a command of caddy cors; write check, explain, list or sources\n"},
		{[]string{"cors", "explain", "--no-check", "No 'Access-Control-Allow-Origin' header is present on the requested resource."}, 0, "The response has no Access-Control-Allow-Origin header", ""},
		{[]string{"cors", "explain", "Access to fetch at '" + server.URL + "/' from origin '" + pageOrigin + "' has been blocked by CORS policy"}, 1, "\nBlocked. ", ""},
		{[]string{"cors", "explain", "hello"}, 2, "", "caddy cors: the text is not a message about CORS"},
		{[]string{"cors", "list", list}, 0, list + ": good; 1 origin or pattern\n", ""},
		{[]string{"cors", "list", "command.go"}, 1, "command.go: bad; ", ""},
		{[]string{"cors", "list", "nowhere"}, 2, "", "caddy cors: "},
		{[]string{"cors", "sources", "--address", "127.0.0.1:1"}, 1, "", "127.0.0.1:1"},
	} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			cmd := corstest.CaddyCommand(t, tc.args...)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			var exit *exec.ExitError
			if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != tc.status {
				t.Errorf("%q: exit status %d, want %d", tc.args, got, tc.status)
			}
			for _, stream := range []struct{ name, got, want string }{{"stdout", out.String(), tc.stdout}, {"stderr", errs.String(), tc.stderr}} {
				if !strings.Contains(stream.got, stream.want) || stream.want == "" && stream.got != "" {
					t.Errorf("%q: %s: got %s, want %s", tc.args, stream.name, stream.got, stream.want)
				}
			}
		})
	}
}
