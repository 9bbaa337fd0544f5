package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// TestExplain runs the command against a server.
func TestExplain(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path+" of "+r.Header.Get("Origin"))
		w.Header().Set("Access-Control-Allow-Origin", "*")
	}))
	defer server.Close()
	accessTo := "Access to fetch at '" + server.URL + "/items' from origin '" + pageOrigin + "' has been blocked by CORS policy: "
	const wildcard = "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'."
	firefox := "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " + server.URL + "/items. (Reason: CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200."
	for name, tc := range map[string]struct {
		args   []string
		stdin  string
		status int
		stdout []string // parts
		stderr string   // a part
		asked  string
	}{
		"an argument": {
			args: []string{accessTo + wildcard}, status: 1, asked: "GET /items of https://app.example",
			stdout: []string{"Browsers accept * only for requests without credentials.\n", "\tfetch(url, { credentials: \"omit\" })\n", "\tcors https://app.example {\n\t\tallow_credentials\n\t}\n", "\nBlocked. Chromium's console says:\n"},
		},
		"many arguments": {
			args: strings.Fields(strings.ReplaceAll(accessTo+wildcard, "'", "")), status: 1, asked: "GET /items of https://app.example",
			stdout: []string{"\tcors https://app.example {\n\t\tallow_credentials\n\t}\n"},
		},
		"standard input": {
			stdin: "app.js:12 " + accessTo + wildcard + "\nUncaught (in promise) TypeError: Failed to fetch\n", status: 1, asked: "GET /items of https://app.example",
			stdout: []string{"\tcors https://app.example {\n\t\tallow_credentials\n\t}\n"},
		},
		"a server that was put right": {
			args: []string{accessTo + "No 'Access-Control-Allow-Origin' header is present on the requested resource."}, status: 0, asked: "GET /items of https://app.example",
			stdout: []string{"The response has no Access-Control-Allow-Origin header", "\nReadable. ", "The server allows this call now."},
		},
		"a method that is not sent": {
			args: []string{accessTo + "Method DELETE is not allowed by Access-Control-Allow-Methods in preflight response."}, status: 1, asked: "OPTIONS /items of https://app.example",
			stdout: []string{"\tallow_methods DELETE\n", "\nBlocked. "},
		},
		"a preflight": {
			args: []string{accessTo + "Response to preflight request doesn't pass access control check: It does not have HTTP ok status."}, status: 0,
			asked:  "OPTIONS /items of https://app.example, GET /items of https://app.example",
			stdout: []string{"Preflight, for a request that needs one:\n"},
		},
		"without a check":     {args: []string{"--no-check", accessTo + wildcard}, status: 0, stdout: []string{"\tcors https://app.example {\n\t\tallow_credentials\n\t}\n"}},
		"Firefox":             {args: []string{firefox}, status: 2, stdout: []string{"The server was not asked: the message does not name the origin of the page; add --origin https://app.example.com.\n"}},
		"Firefox, no check":   {args: []string{"--no-check", firefox}, status: 0, stdout: []string{"\tcors https://app.example.com\n"}},
		"Firefox, an origin":  {args: []string{"--origin", "https://b.example", firefox}, status: 0, asked: "GET /items of https://b.example", stdout: []string{"\nReadable. "}},
		"WebKit":              {args: []string{"Origin " + pageOrigin + " is not allowed by Access-Control-Allow-Origin."}, status: 2, stdout: []string{"the message does not name the URL; add --url https://api.example.com/items.\n"}},
		"WebKit, a URL":       {args: []string{"--url", server.URL + "/b", "Origin " + pageOrigin + " is not allowed by Access-Control-Allow-Origin."}, status: 0, asked: "GET /b of https://app.example", stdout: []string{"\nReadable. "}},
		"neither":             {args: []string{"Preflight response is not successful. Status code: 403"}, status: 2, stdout: []string{"it is 403", "add --url https://api.example.com/items --origin https://app.example.com.\n"}},
		"no server":           {args: []string{strings.ReplaceAll(accessTo, server.URL, "http://127.0.0.1:1") + wildcard}, status: 2, stdout: []string{"\nUnknown. dial tcp 127.0.0.1:1: "}},
		"a file":              {args: []string{"Access to script at 'file:///a.js' from origin 'null' has been blocked by CORS policy: Cross origin requests are only supported for protocol schemes: data, http, https."}, status: 1, stdout: []string{"The page was opened as a file", "The server was not asked: the browser blocks the call whatever the server answers.\n"}},
		"an option":           {args: []string{"--header", "X-A", accessTo + wildcard}, status: 2, stderr: `caddy cors: --header "X-A": has no colon; write "Name: value"` + "\n"},
		"an origin, wrong":    {args: []string{"--origin", "*", accessTo + wildcard}, status: 2, stderr: `caddy cors: --origin "*": is a pattern; write the origin of one page, such as https://app.example.com` + "\n"},
		"an unknown option":   {args: []string{"--orign", "*"}, status: 2, stderr: "caddy cors: unknown flag: --orign\n"},
		"nothing":             {status: 2, stderr: "caddy cors: the message is missing; write, for example: caddy cors explain \"Access to fetch at "},
		"too much":            {stdin: strings.Repeat("a ", 40<<10), status: 2, stderr: "caddy cors: the text is longer than 64 KiB; paste the message alone\n"},
		"something else":      {args: []string{"hello"}, status: 2, stderr: "caddy cors: the text is not a message about CORS that this command knows; the messages that it knows are in https://github.com/seed-56c1dbac/caddy-cors/blob/main/docs/errors.md\n"},
		"something like that": {args: []string{"the header Access-Control-Allow-Origin is not present on the resource"}, status: 2, stderr: "this command knows; the nearest is:\n  No 'Access-Control-Allow-Origin' header is present on the requested resource\n"},
		"an escape":           {args: []string{"--no-check", firefox[:len(firefox)-len("missing). Status code: 200.")] + "does not match ‘\x1b]0;a\a\u202e\u0085’)."}, status: 0, stdout: []string{"is ]0;a, which is not a valid origin"}},
	} {
		t.Run(name, func(t *testing.T) {
			asked = nil
			cmd := explainCommand()
			cmd.SetIn(strings.NewReader(tc.stdin))
			args := tc.args
			if args == nil {
				args = []string{}
			}
			stdout, stderr, status := execute(t, cmd, args...)
			if status != tc.status {
				t.Errorf("exit status %d, want %d", status, tc.status)
			}
			for _, want := range tc.stdout {
				if !strings.Contains(stdout, want) {
					t.Errorf("%q is not in\n%s", want, stdout)
				}
			}
			if len(tc.stdout) == 0 && stdout != "" {
				t.Errorf("stdout: %s", stdout)
			}
			if !strings.Contains(stderr, tc.stderr) || tc.stderr == "" && stderr != "" {
				t.Errorf("stderr: %s, want %s", stderr, tc.stderr)
			}
			if got := strings.Join(asked, ", "); got != tc.asked {
				t.Errorf("asked %s, want %s", got, tc.asked)
			}
			if strings.ContainsAny(stdout+stderr, "\x1b\a\r\u202e\u0085") {
				t.Errorf("%q", stdout+stderr)
			}
		})
	}
}

// TestExplainJSON: the object has what the text says.
func TestExplainJSON(t *testing.T) {
	const text = "Method PUT is not allowed by Access-Control-Allow-Methods."
	for name, tc := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"a message": {[]string{"--no-check", text}, 0, `{
	"browser": "WebKit",
	"code": "method_not_allowed",
	"message": "Method {method} is not allowed by Access-Control-Allow-Methods",
	"meaning": "The page calls with PUT, and the response to the preflight does not allow it. Without allow_methods, cors allows GET, HEAD and POST.",
	"fixes": [
		{
			"when": "Add this to the block of the cors directive",
			"caddyfile": "allow_methods PUT"
		}
	],
	"documentation": "https://github.com/seed-56c1dbac/caddy-cors/blob/main/docs/errors.md#a-method-is-not-allowed"
}
`},
		"something else": {[]string{"hello"}, 2, `{
	"error": "the text is not a message about CORS that this command knows",
	"documentation": "https://github.com/seed-56c1dbac/caddy-cors/blob/main/docs/errors.md"
}
`},
	} {
		stdout, stderr, status := execute(t, explainCommand(), append(tc.args, "--json")...)
		if stdout != tc.want || stderr != "" || status != tc.status {
			t.Errorf("%s: exit status %d, %s\n%s", name, status, stderr, stdout)
		}
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	stdout, stderr, status := execute(t, explainCommand(), "--json", "--url", server.URL, "--origin", pageOrigin, text)
	var got struct {
		Code  browser.Code
		Check check.Report
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || stderr != "" || status != 1 || got.Code != browser.MethodNotAllowed || got.Check.Code != browser.MissingAllowOrigin {
		t.Errorf("%v, exit status %d, %s\n%s", err, status, stderr, stdout)
	}
}

// TestList runs the command on a file, and on standard input.
func TestList(t *testing.T) {
	var bad, faults strings.Builder // with more lines than a log names
	for i := 1; i <= 13; i++ {
		fmt.Fprintf(&bad, "b%d.example\n", i)
		fmt.Fprintf(&faults, "line %d: \"b%d.example\": has no scheme, but browsers send one; write https://b%d.example\n", i, i, i)
	}
	const (
		risky = "http://a.example\n# http://b.example\nhttps://*.github.io # note\nhttp://*.github.io\nhttp://localhost:*\nhttps://*.example.com\n"
		risks = `These lines have no effect with allow_credentials:
line 1: "http://a.example": is insecure (http); write https://, or accept the risk with dangerously_allow insecure_origins
line 3: "https://*.github.io": is open (strangers can obtain such an origin); write the exact origins, or accept the risk with dangerously_allow open_origins
line 4: "http://*.github.io": is insecure (http) and is open (strangers can obtain such an origin); write the exact origins, or accept the risk with dangerously_allow insecure_origins open_origins
`
	)
	for name, tc := range map[string]struct {
		text   string
		status int
		want   string // NAME stands for the name of the list
	}{
		"good":               {"\uFEFFhttps://a.example\r\nhttps://*.b.example # note\nhttps://a.example\n", 0, "NAME: good; 2 origins and patterns\n"},
		"one":                {"https://a.example", 0, "NAME: good; 1 origin or pattern\n"},
		"none":               {"# none\n", 0, "NAME: good; 0 origins and patterns\n"},
		"empty":              {"\n", 1, "NAME: empty; if that is intended, write a comment such as # none\n"},
		"a bad line":         {"https://a.example\n\n*\n", 1, "line 3: \"*\": allows every origin, which a list cannot; write allow_origins *\n\nNAME: bad; 1 line is not valid, so a source refuses the whole list\n"},
		"many bad lines":     {bad.String(), 1, faults.String() + "\nNAME: bad; 13 lines are not valid, so a source refuses the whole list\n"},
		"risks":              {risky, 0, risks + "\nNAME: good; 5 origins and patterns\n"},
		"risks, a bad line":  {risky + "null\n", 1, "line 7: \"null\": is the opaque origin, which every sandboxed page has, and a list cannot allow it; remove it\n\n" + risks + "\nNAME: bad; 1 line is not valid, so a source refuses the whole list\n"},
		"an escape sequence": {"\x1b]0;\u202e", 1, `line 1: "\x1b]0;\u202e": is a list; write an origin such as https://app.example.com` + "\n\nNAME: bad; 1 line is not valid, so a source refuses the whole list\n"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "origins.txt")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for arg, name := range map[string]string{file: file, "-": "standard input"} {
				cmd := listCommand()
				if arg == "-" {
					cmd.SetIn(strings.NewReader(tc.text))
				} else {
					cmd.SetIn(iotest.ErrReader(errors.New("must not be read")))
				}
				stdout, stderr, status := execute(t, cmd, arg)
				if want := strings.ReplaceAll(tc.want, "NAME", name); stdout != want || stderr != "" || status != tc.status {
					t.Errorf("%s: exit status %d, %s\n%s\nwant %d\n%s", arg, status, stderr, stdout, tc.status, want)
				}
			}
		})
	}
}

// TestListUsage: what cannot be read is neither good nor bad.
func TestListUsage(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "origins.txt")
	_, isMissing := os.Stat(missing) // in the words of the system
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{}, "the file is missing; write, for example: caddy cors list origins.txt, or - for the standard input"},
		{[]string{""}, "the file is missing; write, for example: caddy cors list origins.txt, or - for the standard input"},
		{[]string{"a", "b"}, "there are 2 files; write one"},
		{[]string{missing}, isMissing.Error()},
		{[]string{dir}, dir + " is not a regular file"},
		{[]string{"https://api.example.com/origins"}, "https://api.example.com/origins is a URL, not a file; write curl -s https://api.example.com/origins | caddy cors list -"},
		{[]string{"-"}, "the input ends"},
		{[]string{"--all", "-"}, "unknown flag: --all"},
	} {
		cmd := listCommand()
		cmd.SetIn(iotest.ErrReader(errors.New("the input ends")))
		stdout, stderr, status := execute(t, cmd, tc.args...)
		if status != 2 || stdout != "" || !strings.HasPrefix(stderr, "caddy cors: ") || !strings.HasSuffix(stderr, tc.want+"\n") {
			t.Errorf("%q: exit status %d, %s%s", tc.args, status, stdout, stderr)
		}
	}
}
