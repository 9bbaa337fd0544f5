package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestMetricsAcrossReloads checks that what is scraped is sound with many
// handlers in one configuration, after many reloads.
func TestMetricsAcrossReloads(t *testing.T) {
	const handlers, reloads = 50, 50
	list := filepath.Join(t.TempDir(), "origins.txt")
	if err := os.WriteFile(list, []byte("https://b.example\nhttps://c.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The first to match decides, so that each has to be in a subroute of its own.
	var all []string
	for i := range handlers {
		all = append(all, fmt.Sprintf(`{"handler": "subroute", "routes": [{
			"match": [{"path": ["/%d"]}],
			"handle": [{"handler": "cors", "allow_origins": ["https://a.example"], "dynamic_origins": [{"source": "file", "path": %q}]}]
		}]}`, i, list))
	}
	c := control(t, all...)
	for i := range reloads {
		c.mustAPI(t, "POST", "/load", c.config(append(all, fmt.Sprintf(`{"handler": "vars", "reload": %d}`, i))...))
		if got, want := c.metrics(t), []string{`source_origins{source="file origins.txt"} 2`}; !slices.Equal(got, want) {
			t.Fatalf("after reload %d: got %q, want %q", i, got, want)
		}
	}
	for i := range handlers {
		path := fmt.Sprintf("/%d", i)
		c.check(t, call{path: path, header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")})
		c.check(t, call{path: path, header: fields("Origin: https://d.example"), want: fields("Vary: Origin")})
	}
	want := []string{
		fmt.Sprintf(`requests_total{kind="actual",reason="",result="allowed",server="main"} %d`, handlers),
		fmt.Sprintf(`requests_total{kind="actual",reason="origin",result="denied",server="main"} %d`, handlers),
		`source_origins{source="file origins.txt"} 2`,
	}
	if got := c.metrics(t); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestLiveSources checks what operators are told of sources, by the admin API and
// the metrics, and that it gives away no secret.
func TestLiveSources(t *testing.T) {
	list := filepath.Join(t.TempDir(), "origins.txt")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(list+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(list+".new", list); err != nil {
			t.Fatal(err)
		}
	}
	put("https://a.example\nhttps://*.b.example\n")
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "https://c.example\n") // a list, and a yes
	}))
	defer remote.Close()
	host := strings.TrimPrefix(remote.URL, "http://")
	c := control(t, fmt.Sprintf(`{"handler": "cors", "dynamic_origins": [
		{"source": "file", "path": %q, "refresh": "10ms"},
		{"source": "http", "url": "http://user:secret@%s/list?token=secret", "refresh": "10ms"},
		{"source": "ask", "url": "http://user:secret@%s/ask?token=secret"}
	]}`, list, host, host))

	type source struct {
		Source        string     `json:"source"`
		State         string     `json:"state"`
		Origins       int        `json:"origins"`
		LastRefresh   *time.Time `json:"last_refresh"`
		RefreshErrors int        `json:"refresh_errors"`
		LastError     string     `json:"last_error"`
		LastErrorTime *time.Time `json:"last_error_time"`
	}
	live := func() (all []source) {
		t.Helper()
		text := c.mustAPI(t, "GET", "/cors/sources", "")
		if strings.Contains(text, "secret") {
			t.Errorf("a secret is told: %s", text)
		}
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatal(err)
		}
		return all
	}
	corstest.Eventually(t, "list of the server", func() bool { return live()[2].Origins == 1 })
	all := live()
	var names []string
	for _, s := range all {
		names = append(names, fmt.Sprintf("%s: %s, %d, errors %d", s.Source, s.State, s.Origins, s.RefreshErrors))
	}
	if want := []string{"ask " + host + ": starting, 0, errors 0", "file origins.txt: ok, 2, errors 0", "http " + host + ": ok, 1, errors 0"}; !slices.Equal(names, want) {
		t.Fatalf("got %q, want %q", names, want)
	}
	if all[0].LastRefresh != nil || all[1].LastRefresh == nil || all[2].LastRefresh == nil {
		t.Errorf("a refresh is told of ask, or none of the others: %+v", all)
	}

	put("https://a.example\nnot an origin\n")
	corstest.Eventually(t, "error of the file", func() bool { return live()[1].LastErrorTime != nil })
	if s := live()[1]; s.State != "failing" || s.Origins != 2 || s.RefreshErrors == 0 || !strings.Contains(s.LastError, "line 2") {
		t.Errorf("of a bad list: %+v", s)
	}
	c.check(t, call{header: fields("Origin: https://d.example"), want: fields("Access-Control-Allow-Origin: https://d.example", "Vary: Origin")})
	if s := live()[0]; s.State != "ok" || s.Origins != 1 || s.LastRefresh == nil {
		t.Errorf("of a yes: %+v", s)
	}
	samples := strings.Join(c.metrics(t), "\n")
	for _, want := range []string{
		fmt.Sprintf(`source_origins{source="ask %s"} 1`, host),
		`source_origins{source="file origins.txt"} 2`,
		`source_refresh_errors_total{source="file origins.txt"} `,
	} {
		if !strings.Contains(samples, want) {
			t.Errorf("no sample %s in\n%s", want, samples)
		}
	}
	if strings.Contains(samples, "secret") {
		t.Errorf("a secret is told:\n%s", samples)
	}

	c.mustAPI(t, "POST", "/load", c.config())
	if text := strings.TrimSpace(c.mustAPI(t, "GET", "/cors/sources", "")); text != "[]" {
		t.Errorf("sources of no configuration: %s", text)
	}
	if status, _ := c.api(t, "POST", "/cors/sources", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d, want 405", status)
	}
}

// TestVariables checks what later handlers, error routes and access logs can say
// of a decision.
func TestVariables(t *testing.T) {
	log := filepath.Join(t.TempDir(), "access.log")
	s := startSite(t, fmt.Sprintf(`
		log {
			output file %q
			format json
		}
		log_append cors {http.vars.cors.result}
		cors https://a.example {
			reject_disallowed
		}
		header X-Reason "{http.vars.cors.reason}"
		respond "{http.vars.cors.result}"
		handle_errors {
			respond "{http.vars.cors.result}: {http.vars.cors.reason}"
		}`, log))
	tests := []struct {
		name   string
		call   call
		logged string
	}{
		{"none", call{body: "none", want: fields("Vary: Origin")}, "none"},
		{"allowed", call{header: fields("Origin: https://a.example"), body: "allowed", want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")}, "allowed"},
		{"denied", call{header: fields("Origin: https://b.example"), status: 403, body: "denied: origin", want: fields("Vary: Origin")}, "denied"},
		{"same-origin", call{method: "POST", header: fields("Origin: null", "Sec-Fetch-Site: same-origin"), body: "same_origin", want: fields("Vary: Origin")}, "same_origin"},
		{"preflight", call{method: "OPTIONS", header: fields("Origin: https://a.example", "Access-Control-Request-Method: GET"), status: 204, want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers")}, "allowed"},
	}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			s.check(t, tc.call)
			var entries []string
			corstest.Eventually(t, "line of the access log", func() bool {
				text, err := os.ReadFile(log)
				if err != nil {
					return false
				}
				entries = strings.Split(strings.TrimSpace(string(text)), "\n")
				return len(entries) == i+1
			})
			var entry struct {
				CORS string `json:"cors"`
			}
			if err := json.Unmarshal([]byte(entries[i]), &entry); err != nil {
				t.Fatal(err)
			}
			if entry.CORS != tc.logged {
				t.Errorf("logged %q, want %q", entry.CORS, tc.logged)
			}
		})
	}
}

// TestCountedOnce: a request that goes to an error route with the same cors is
// counted once.
func TestCountedOnce(t *testing.T) {
	for _, tc := range []struct {
		name, option string
		want         []string
	}{
		{"enforced", "", []string{`requests_total{kind="actual",reason="",result="allowed",server="main"} 1`}},
		{"reported", `, "report_only": true`, []string{
			`report_only_total{kind="actual",server="main",upstream="unknown"} 1`,
			`requests_total{kind="actual",reason="",result="allowed",server="main"} 1`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			handler := `{"handler": "cors", "allow_origins": ["https://a.example"]` + tc.option + `}`
			c := control(t)
			c.mustAPI(t, "POST", "/load", strings.Replace(
				c.config(handler, `{"handler": "error", "status_code": 502}`),
				`"routes": [`, `"errors": {"routes": [{"handle": [`+handler+`, {"handler": "static_response", "status_code": 502, "body": "error"}]}]}, "routes": [`, 1))
			if res, err := c.send("HTTP/1.1", call{header: fields("Origin: https://a.example")}); err != nil || string(res.body) != "error" {
				t.Fatalf("%v, %v", res, err)
			}
			if got := c.metrics(t); !slices.Equal(got, tc.want) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
