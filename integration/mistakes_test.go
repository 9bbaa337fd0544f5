package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// advised finds what a message says to write: in backquotes, as a list in JSON, as
// several methods, in quotes, or as one word.
var advised = []*regexp.Regexp{
	regexp.MustCompile("write `([^`]+)`"),
	regexp.MustCompile(`write (\[[^\]]+\])`),
	regexp.MustCompile(`write ([A-Z]+(?: [A-Z]+)+)`),
	regexp.MustCompile(`write "([^"]+)"`),
	regexp.MustCompile(`write (\S+?)[,;]?(?: |\n|$)`),
}

// TestMistakes: whoever makes a mistake, and then writes what the message says in
// its place, has a policy that allows what was meant.
func TestMistakes(t *testing.T) {
	put := func(o string) call {
		return call{
			method: "OPTIONS", status: http.StatusNoContent, header: fields("Origin: "+o, forPUT),
			want: fields("Access-Control-Allow-Origin: "+o, "Access-Control-Allow-Methods: PUT", varyAll),
		}
	}
	get := func(o string, more ...string) call {
		return call{status: http.StatusOK, header: from(o), want: fields(append(more, "Access-Control-Allow-Origin: "+o, vary)...)}
	}
	const app, credentials = "https://app.example.com", "Access-Control-Allow-Credentials: true"
	for _, tc := range []struct {
		name      string
		directive string // or the handler in JSON
		wrong     string // the part of it that is replaced by what the message says
		allowed   call
	}{
		{"no scheme", "cors app.example.com", "app.example.com", get(app)},
		{"no scheme, of one's own machine", "cors localhost:5173", "localhost:5173", get("http://localhost:5173")},
		{"a trailing slash", "cors https://app.example.com/", "https://app.example.com/", get(app)},
		{"a list in one entry", `{"handler": "cors", "allow_origins": ["https://b.example.com, https://app.example.com"]}`, `["https://b.example.com, https://app.example.com"]`, get(app)},
		{"the matcher in place of every origin", "cors *", "cors *", call{status: http.StatusOK, header: from(app), want: fields("Access-Control-Allow-Origin: *")}},
		{"the option of another product", "cors {\nallowed_origins https://app.example.com\n}", "allowed_origins", get(app)},
		{"quotation marks", "cors 'https://app.example.com'", "'https://app.example.com'", get(app)},
		{"the default port", "cors https://app.example.com:443", "https://app.example.com:443", get(app)},
		{"an expression that strangers fit", "cors {\nallow_origins_regexp https://.*example\\.com\nallow_credentials\n}", `https://.*example\.com`, get(app, credentials)},
		{"an expression to be searched for", "cors {\nallow_origins_regexp \\.example\\.com$\n}", `\.example\.com$`, get(app)},
		{"a method in lower case", "cors https://app.example.com {\nallow_methods put\n}", "put", put(app)},
		{"a list of methods", "cors https://app.example.com {\nallow_methods PUT,DELETE\n}", "PUT,DELETE", call{
			method: "OPTIONS", status: http.StatusNoContent, header: fields("Origin: "+app, forPUT),
			want: fields("Access-Control-Allow-Origin: "+app, "Access-Control-Allow-Methods: PUT, DELETE", varyAll),
		}},
		{"a number of seconds", "cors https://app.example.com {\nmax_age 3600\nallow_methods PUT\n}", "3600", withMaxAge(put(app))},
		{"a number of seconds in JSON", `{"handler": "cors", "allow_origins": ["https://app.example.com"], "allow_methods": ["PUT"], "max_age": 3600}`, "3600", withMaxAge(put(app))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			isJSON := strings.HasPrefix(tc.directive, "{")
			message := refusal(t, tc.directive, isJSON)
			text := ""
			for _, pattern := range advised {
				if match := pattern.FindStringSubmatch(message); match != nil {
					text = match[1]
					break
				}
			}
			if isJSON && strings.Contains(message, `write "`+text+`"`) {
				text = `"` + text + `"`
			}
			if text == "" || strings.Count(tc.directive, tc.wrong) != 1 {
				t.Fatalf("nothing to write: %s", message)
			}
			corrected := strings.Replace(tc.directive, tc.wrong, text, 1)
			if isJSON {
				control(t, corrected).check(t, tc.allowed)
			} else {
				startSite(t, corrected+"\nrespond body").check(t, tc.allowed)
			}
		})
	}
}

// withMaxAge is a preflight whose answer is kept for an hour.
func withMaxAge(c call) call {
	c.want.Set("Access-Control-Max-Age", "3600")
	return c
}

// refusal returns the message with which Caddy refuses a directive, or a handler in
// JSON.
func refusal(t *testing.T, directive string, isJSON bool) string {
	t.Helper()
	var err error
	config := fmt.Appendf(nil, `{"apps": {"http": {"servers": {"srv0": {"routes": [{"handle": [%s]}]}}}}}`, directive)
	if !isJSON {
		config, _, err = caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http://localhost {\n"+directive+"\n}\n"), map[string]any{"filename": "Caddyfile"})
	}
	if err == nil {
		var c caddy.Config
		if err := json.Unmarshal(config, &c); err != nil {
			t.Fatal(err)
		}
		err = caddy.Validate(&c)
	}
	if err == nil {
		t.Fatalf("accepted: %s", directive)
	}
	return err.Error()
}
