package docs

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// row is what one entry of a table of the documents does. The calls are made to a site
// that is written as a Caddyfile, and then as JSON. In both, $DIR is a folder, and
// $URL a server.
type row struct {
	global    string // options of the Caddyfile
	before    string // directives before cors
	caddyfile string // the block of cors
	members   string // of the configuration in JSON, each with a comma
	handlers  string // in JSON, before cors, each with a comma
	json      string // the members of cors
	allowed   call
	other     call   // is not allowed
	pages     []page // in the eyes of a browser
}

// page is a call of fetch, and whether a browser lets the page have the response.
type page struct {
	method, origin, header string
	credentials            bool
	passes                 bool
}

const (
	appOrigin = "https://app.example.com"
	appAllows = "Access-Control-Allow-Origin: " + appOrigin
)

// from is a call from an origin, and the headers that it gets beside Vary.
func from(origin string, want ...string) call {
	return call{header: fields("Origin: "+origin, "Sec-Fetch-Site: cross-site"), want: fields(append(want, "Vary: Origin")...)}
}

// asks is a preflight for a method from an origin.
func asks(origin, method string, status int, want ...string) call {
	return call{method: "OPTIONS", header: preflight(origin, method), status: status, want: fields(append(want, varyAll)...)}
}

// pattern is a row of which one origin is allowed, and another is not.
func pattern(entry, allowed, other string) row {
	return row{
		caddyfile: "allow_origins " + entry,
		json:      fmt.Sprintf(`"allow_origins": [%q]`, entry),
		allowed:   from(allowed, "Access-Control-Allow-Origin: "+allowed),
		other:     from(other),
	}
}

// with is a row with something else before cors.
func (r row) with(before, handlers string) row {
	r.before, r.handlers = before, handlers
	return r
}

// option is a row of an option beside an exact origin.
func option(caddyfile, json string, allowed, other call, pages ...page) row {
	return row{
		caddyfile: "allow_origins " + appOrigin + "\n" + caddyfile,
		json:      fmt.Sprintf(`"allow_origins": [%q], %s`, appOrigin, json),
		allowed:   allowed,
		other:     other,
		pages:     pages,
	}
}

// source is a row of a source that allows one origin.
func source(caddyfile, json string) row {
	return row{
		caddyfile: "dynamic " + caddyfile,
		json:      `"dynamic_origins": [{` + json + `}]`,
		allowed:   from(appOrigin, appAllows),
		other:     from("https://evil.example"),
	}
}

// tables are those of the documents, by their first header, and their rows. The
// options are a list.
var tables = map[string]map[string]row{
	"origin pattern": {
		"https://app.example.com":   pattern("https://app.example.com", "https://app.example.com", "https://app.example.com:8443"),
		"https://*.example.com":     pattern("https://*.example.com", "https://a.b.example.com", "https://example.com"),
		"https://app-*.example.com": pattern("https://app-*.example.com", "https://app-pr-7.example.com", "https://app-a.b.example.com"),
		"https://app.example.com.":  pattern("https://app.example.com.", "https://app.example.com.", "https://app.example.com"),
		"http://localhost:*":        pattern("http://localhost:*", "http://localhost:5173", "https://localhost:5173"),
		"https://*.example.com:*":   pattern("https://*.example.com:*", "https://a.example.com", "https://example.com:8443"),
		"capacitor://localhost":     pattern("capacitor://localhost", "capacitor://localhost", "ionic://localhost"),
		"app://obsidian.md":         pattern("app://obsidian.md", "app://obsidian.md", "https://obsidian.md"),
		"moz-extension://*":         pattern("moz-extension://*", "moz-extension://8fd0e2b2-0a44-4b4f-bf4f-0f3c0d9b3b5a", "chrome-extension://abc"),
		"*": { // denies nothing, but a preflight does not say that every method is allowed
			caddyfile: "allow_origins *",
			json:      `"allow_origins": ["*"]`,
			allowed:   call{header: fields("Origin: null"), want: fields("Access-Control-Allow-Origin: *")},
			other:     asks("https://evil.example", "PUT", 204, "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, HEAD, POST"),
			pages:     []page{{origin: "https://evil.example", passes: true}, {origin: "https://evil.example", credentials: true}, {method: "PUT", origin: "https://evil.example"}},
		},
		"null": {
			caddyfile: "allow_origins null\ndangerously_allow null_origin",
			json:      `"allow_origins": ["null"], "dangerously_allow": ["null_origin"]`,
			allowed:   from("null", "Access-Control-Allow-Origin: null"),
			other:     from(appOrigin),
		},
		"{env.APP_ORIGINS}":               pattern("{env.APP_ORIGINS}", appOrigin, "https://evil.example"),
		"{file./run/origins}":             pattern("{file.$DIR/origins}", appOrigin, "https://evil.example"),
		"https://{http.vars.tenant}":      pattern("https://{http.vars.tenant}", "https://t.example", "https://u.example").with("vars tenant t.example", `{"handler": "vars", "tenant": "t.example"},`),
		"https://app.{http.request.host}": pattern("https://app.{http.request.host}", "https://app.api.example.com", "https://api.example.com"),
		"{tenant_origin}": pattern("{tenant_origin}", "https://t.example", "https://u.example").with("map {host} {tenant_origin} {\napi.example.com https://t.example\n}",
			`{"handler": "map", "source": "{http.request.host}", "destinations": ["{tenant_origin}"], "mappings": [{"input": "api.example.com", "outputs": ["https://t.example"]}]},`),
	},
	"option": {
		"allow_origins": pattern(appOrigin, appOrigin, "https://evil.example"),
		"allow_origins_regexp": {
			caddyfile: `allow_origins_regexp https://pr-\d+\.example\.com`,
			json:      `"allow_origins_regexp": ["https://pr-\\d+\\.example\\.com"]`,
			allowed:   from("https://pr-7.example.com", "Access-Control-Allow-Origin: https://pr-7.example.com"),
			other:     from("https://pr-7.example.com.evil.example"),
		},
		"dynamic": source("file $DIR/origins", `"source": "file", "path": "$DIR/origins"`),
		"allow_methods": option("allow_methods PUT", `"allow_methods": ["PUT"]`,
			asks(appOrigin, "PUT", 204, appAllows, "Access-Control-Allow-Methods: PUT"), asks("https://evil.example", "PUT", 403),
			page{method: "PUT", origin: appOrigin, passes: true}, page{method: "DELETE", origin: appOrigin}),
		"allow_headers": option("allow_headers X-A", `"allow_headers": ["X-A"]`,
			asks(appOrigin, "GET", 204, appAllows, "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: X-A"), asks("https://evil.example", "GET", 403),
			page{header: "X-A", origin: appOrigin, passes: true}, page{header: "X-B", origin: appOrigin}),
		"expose_headers": option("expose_headers X-A", `"expose_headers": ["X-A"]`,
			from(appOrigin, appAllows, "Access-Control-Expose-Headers: X-A"), from("https://evil.example")),
		"allow_credentials": option("allow_credentials", `"allow_credentials": true`,
			from(appOrigin, appAllows, "Access-Control-Allow-Credentials: true"), from("https://evil.example"),
			page{origin: appOrigin, credentials: true, passes: true}, page{origin: "https://evil.example", credentials: true}),
		"allow_timing": option("allow_timing", `"allow_timing": true`,
			from(appOrigin, appAllows, "Timing-Allow-Origin: "+appOrigin), from("https://evil.example")),
		"allow_private_network": option("allow_private_network", `"allow_private_network": true`,
			call{method: "OPTIONS", status: 204, header: preflight(appOrigin, "GET", "Access-Control-Request-Private-Network: true"), want: fields(appAllows, "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Private-Network: true", varyAll+", Access-Control-Request-Private-Network")},
			call{method: "OPTIONS", status: 403, header: preflight("https://evil.example", "GET", "Access-Control-Request-Private-Network: true"), want: fields(varyAll + ", Access-Control-Request-Private-Network")}),
		"max_age": option("max_age 1h", `"max_age": "1h"`,
			asks(appOrigin, "GET", 204, appAllows, "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Max-Age: 3600"), asks("https://evil.example", "GET", 403)),
		"preflight_status": option("preflight_status 200", `"preflight_status": 200`,
			asks(appOrigin, "GET", 200, appAllows, "Access-Control-Allow-Methods: GET, HEAD, POST"), asks("https://evil.example", "GET", 403)),
		"preflight_passthrough": option("preflight_passthrough", `"preflight_passthrough": true`,
			asks(appOrigin, "GET", 218, appAllows, "Access-Control-Allow-Methods: GET, HEAD, POST"), asks("https://evil.example", "GET", 218)),
		"reject_disallowed": option("reject_disallowed", `"reject_disallowed": true`,
			status(218, from(appOrigin, appAllows)), status(403, from("https://evil.example"))),
		"report_only": option("report_only", `"report_only": true`,
			call{header: fields("Origin: " + appOrigin), status: 218}, call{method: "OPTIONS", header: preflight("https://evil.example", "GET"), status: 218}),
		"dangerously_allow": {
			caddyfile: "allow_origins http://app.example.com https://*.github.io\nallow_credentials\ndangerously_allow insecure_origins open_origins",
			json:      `"allow_origins": ["http://app.example.com", "https://*.github.io"], "allow_credentials": true, "dangerously_allow": ["insecure_origins", "open_origins"]`,
			allowed:   from("https://stranger.github.io", "Access-Control-Allow-Origin: https://stranger.github.io", "Access-Control-Allow-Credentials: true"),
			other:     from("http://stranger.github.io"),
			pages:     []page{{origin: "http://app.example.com", credentials: true, passes: true}, {origin: "null", credentials: true}},
		},
	},
	"source": {
		"dynamic file <path>": source("file $DIR/origins", `"source": "file", "path": "$DIR/origins"`),
		"dynamic storage <key>": {
			global:    "storage file_system $DIR",
			caddyfile: "dynamic storage origins",
			members:   `"storage": {"module": "file_system", "root": "$DIR"},`,
			json:      `"dynamic_origins": [{"source": "storage", "key": "origins"}]`,
			allowed:   from(appOrigin, appAllows),
			other:     from("https://evil.example"),
		},
		"dynamic http <url>":  source("http $URL/list", `"source": "http", "url": "$URL/list"`),
		"dynamic ask <url>":   source("ask $URL/ask", `"source": "ask", "url": "$URL/ask"`),
		"dynamic match { … }": source("match {\norigin "+appOrigin+"\n}", `"source": "match", "match": [{"origin": {"allow_origins": ["`+appOrigin+`"]}}]`),
	},
}

func status(code int, c call) call {
	c.status = code
	return c
}

// TestTables: each row of the tables of patterns, options and sources, in a Caddyfile
// and in JSON, allows what it should, and nothing else.
func TestTables(t *testing.T) {
	t.Setenv("APP_ORIGINS", "https://admin.example.com, "+appOrigin)
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "origins"), appOrigin+"\n")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/list" {
			_, _ = io.WriteString(w, appOrigin)
		} else if r.FormValue("origin") != appOrigin {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(server.Close)
	fill := strings.NewReplacer("$DIR", filepath.ToSlash(dir), "$URL", server.URL)
	for heading, rows := range tables {
		shown := shownEntries(t, heading)
		if len(shown) != len(rows) {
			t.Errorf("%d entries of %q are shown, %d are tested", len(shown), heading, len(rows))
		}
		slices.Sort(shown)
		for _, entry := range shown {
			r, ok := rows[entry]
			if !ok {
				t.Errorf("nothing is known of what %q allows", entry)
				continue
			}
			// Names of tests become folders, whose names Caddy takes for placeholders.
			t.Run(strings.NewReplacer("{", "(", "}", ")").Replace(entry), func(t *testing.T) {
				t.Run("Caddyfile", func(t *testing.T) {
					r.check(t, serve(t, fill.Replace(fmt.Sprintf("{\n%s\n}\napi.example.com {\n%s\ncors {\n%s\n}\nrespond 218\n}", r.global, r.before, r.caddyfile))))
				})
				t.Run("JSON", func(t *testing.T) {
					r.check(t, serveJSON(t, []byte(fill.Replace(fmt.Sprintf(
						`{%s "apps": {"http": {"servers": {"srv0": {"routes": [{"handle": [%s {"handler": "cors", %s}, {"handler": "static_response", "status_code": 218}]}]}}}}}`,
						r.members, r.handlers, r.json)))))
				})
			})
		}
	}
}

// shownEntries returns the entries of the first column of a table, or of a list.
func shownEntries(t *testing.T, heading string) (shown []string) {
	t.Helper()
	document, before, entry := "../../README.md", "\n| "+heading+" |", regexp.MustCompile(`^\| (.*?) \|`)
	switch heading {
	case "option":
		before, entry = "\n### Options\n\n", regexp.MustCompile("^- (`[^`]+`): ")
	case "source":
		document = "../../docs/sources.md"
	}
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(content), before)
	if heading == "option" {
		text, _, _ = strings.Cut(text, "\n#")
	} else {
		text, _, _ = strings.Cut(text, "\n\n")
	}
	for line := range strings.Lines(text) {
		if first := entry.FindStringSubmatch(line); first != nil {
			for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first[1], -1) {
				shown = append(shown, code[1])
			}
		}
	}
	return shown
}

func (r *row) check(t *testing.T, s *server) {
	t.Helper()
	s.waitForLists(t)
	for name, c := range map[string]call{"allowed": r.allowed, "other": r.other} {
		t.Run(name, func(t *testing.T) { c.checkAt(t, s.url+"/", "api.example.com") })
	}
	for _, p := range r.pages {
		c := &check.Check{Method: p.method, URL: "https://api.example.com/", Origin: p.origin, Credentials: p.credentials, Header: make(http.Header), Transport: s}
		if c.Method == "" {
			c.Method = "GET"
		}
		if p.header != "" {
			c.Header.Set(p.header, "x")
		}
		report, err := c.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		passes := report.Verdict == check.Readable || report.Verdict == check.Allowed
		if passes != p.passes || !passes && report.Verdict != check.Blocked {
			t.Errorf("%+v: %s, %s %s", p, report.Verdict, report.Message, report.Error)
		}
	}
}
