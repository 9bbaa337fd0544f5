package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestLists changes a list in all ways that it can change, while Caddy runs: what
// is good takes effect without a reload, and what is not takes nothing away.
func TestLists(t *testing.T) {
	for name, newPlace := range places {
		t.Run(name, func(t *testing.T) {
			p, extra := newPlace(t)
			p.put(t, "https://a.example\n")
			c := controlWith(t, extra, dynamic(p.source()))
			becomes := func(allowed string) {
				t.Helper()
				corstest.Eventually(t, "change to "+allowed, func() bool { return c.allowed(t) == allowed })
				c.checkOrigins(t, allowed)
			}
			// remains waits until what is wrong is in the log, with the number of
			// origins that are known.
			remains := func(allowed string, problem ...string) {
				t.Helper()
				corstest.Eventually(t, "complaint of "+problem[0], func() bool { return c.logged(t, append(problem, "keeping the previous list")...) })
				c.checkOrigins(t, allowed)
			}
			becomes("a")
			p.write(t, "# comment\n\n  https://b.example\t# another\r\nhttps://a.example")
			becomes("ab")
			p.put(t, "https://a.example\nhttps://*.x.example\nc.example\n")
			if name == "storage" {
				remains("ab", "line 3 is not a valid entry of a list")
				if c.logged(t, "c.example") {
					t.Error("the log has the text of a list in the storage")
				}
			} else {
				remains("ab", `line 3: \"c.example\": has no scheme`, `write https://c.example`, `"origins":2`)
			}
			p.put(t, "https://c.example\n")
			becomes("c")
			p.remove(t)
			remains("c", map[string]string{"http": "the server answers 404 Not Found"}[name])
			// Nor does a reload forget what is gone.
			c.mustAPI(t, "POST", "/load", c.config(strings.Replace(dynamic(p.source()), `"5ms"`, `"6ms"`, 1)))
			c.checkOrigins(t, "c")
			p.put(t, "")
			remains("c", "the list is empty now, but was not before")
			p.put(t, "\n<!doctype html><title>"+strings.Repeat("x", 1000)+"</title>")
			remains("c", "line 2")
			if c.logged(t, strings.Repeat("x", 60)) {
				t.Error("the log has more than 64 bytes of a bad line")
			}
			for i, bad := range []string{"*", "null", "https://a.example https://b.example", "{env.HOME}", "moz-extension://*", "https://d.example\x00"} {
				p.put(t, strings.Repeat("\n", 10+i)+bad)
				remains("c", fmt.Sprintf("line %d", 11+i))
			}
			p.putTooLong(t)
			remains("c", "longer than 64 MiB")
			p.put(t, "# none\n")
			becomes("")
			p.put(t, "https://d.example\n")
			becomes("d")
			if c.logged(t, "secret") || c.logged(t, "hidden") {
				t.Error("the log has a secret")
			}
			if p, ok := p.(*httpPlace); ok {
				before := p.full.Load()
				c.checkOrigins(t, "d")
				if n := p.full.Load() - before; n > 0 {
					t.Errorf("a list that has not changed is sent again %d times", n)
				}
			}
		})
	}
}

// TestSourcesInCaddyfile: in a Caddyfile with one source of each kind, each decides
// about its own origin, and what changes in its place takes effect by itself.
func TestSourcesInCaddyfile(t *testing.T) {
	dir := t.TempDir()
	file := renamedPlace{filePlace{filepath.Join(dir, "origins")}}
	stored := storagePlace{renamedPlace{filePlace{filepath.Join(dir, "storage", "cors", "origins")}}}
	if err := os.MkdirAll(filepath.Dir(stored.path), 0o700); err != nil {
		t.Fatal(err)
	}
	served := newHTTPPlace(t)
	var asked atomic.Value // the origin that is said yes to
	asked.Store("")
	ask := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("origin") != asked.Load() {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(ask.Close)
	flag := filePlace{filepath.Join(dir, "flag")}
	for _, p := range []place{file, stored, served} {
		p.put(t, "# none")
	}
	port := corstest.FreePort(t)
	runCaddyfile(t, fmt.Sprintf(`{
		admin off
		persist_config off
		storage file_system %q
		log {
			output discard
		}
	}
	http://%s {
		bind 127.0.0.1
		cors {
			dynamic file %q {
				refresh 10ms
			}
			dynamic storage cors/origins {
				refresh 10ms
			}
			dynamic http %s {
				refresh 10ms
				header_up Authorization "Bearer secret"
			}
			dynamic ask %s {
				ttl 10ms
				negative_ttl 10ms
			}
			dynamic match {
				header Origin https://d.example
				file {
					root %q
					try_files /flag
				}
			}
		}
		respond body
	}`, filepath.Join(dir, "storage"), port, file.path, served.server.URL, ask.URL, dir))
	stop(t)
	c := &controlled{site: &site{t: t, http: port, transports: map[string]http.RoundTripper{"HTTP/1.1": new(http.Transport)}}}
	c.checkOrigins(t, "")
	for _, tc := range []struct {
		kind    string
		change  func()
		allowed string
	}{
		{"file", func() { file.put(t, "https://a.example") }, "a"},
		{"storage", func() { stored.put(t, "https://b.example") }, "ab"},
		{"http", func() { served.put(t, "https://c.example") }, "abc"},
		{"match", func() { flag.put(t, "") }, "abcd"},
		{"file again", func() { file.put(t, "# none") }, "bcd"},
		{"storage again", func() { stored.put(t, "# none") }, "cd"},
		{"http again", func() { served.put(t, "# none") }, "d"},
		{"match again", func() { flag.remove(t) }, ""},
		{"ask", func() { asked.Store("https://a.example") }, "a"},
		{"ask again", func() { asked.Store("https://b.example") }, "b"},
	} {
		tc.change()
		corstest.Eventually(t, "change of "+tc.kind, func() bool { return c.allowed(t) == tc.allowed })
		c.checkOrigins(t, tc.allowed)
	}
}

// TestListAtLoad: a file or a key that is missing or bad is an error of the
// configuration, which leaves the running one alone, and takes back all that it
// has begun.
func TestListAtLoad(t *testing.T) {
	dir := t.TempDir()
	file := filePlace{filepath.Join(dir, "origins")}
	c := controlWith(t, fmt.Sprintf(`"storage": {"module": "file_system", "root": %q},`, dir), cors("https://a.example"))
	for _, tc := range []struct {
		name, text, source, problem string
	}{
		{"missing file", "", `{"source": "file", "path": "/nowhere/origins"}`, "file origins: stat /nowhere/origins"},
		{"directory", "", fmt.Sprintf(`{"source": "file", "path": %q}`, dir), "is not a regular file"},
		{"no path", "", `{"source": "file"}`, "file path: is missing"},
		{"placeholder", "", `{"source": "file", "path": "{env.CORS_TEST_NONE}"}`, "{env.CORS_TEST_NONE}"},
		{"bad line", "https://a.example\n\nhttps://b.example/\n", file.source(), `file origins: line 3: \"https://b.example/\": has a trailing slash, which browsers do not send; write https://b.example`},
		{"null", "null", file.source(), `line 1: \"null\"`},
		{"negative refresh", "https://a.example", fmt.Sprintf(`{"source": "file", "path": %q, "refresh": -1}`, file.path), "refresh -1ns: must not be negative"},
		{"refresh without a unit", "https://a.example", fmt.Sprintf(`{"source": "file", "path": %q, "refresh": 30}`, file.path), `refresh 30ns: is shorter than 1ms, as a number without a unit counts nanoseconds; write a duration such as \"5s\"`},
		{"timeout without a unit", "", `{"source": "http", "url": "https://a.example/", "timeout": 10}`, `timeout 10ns: is shorter than 1ms, as a number without a unit counts nanoseconds; write a duration such as \"10s\"`},
		{"ttl without a unit", "", `{"source": "ask", "url": "https://a.example/", "ttl": 300}`, `ttl 300ns: is shorter than 1ms, as a number without a unit counts nanoseconds; write a duration such as \"5m0s\"`},
		{"max_stale without a unit", "", `{"source": "ask", "url": "https://a.example/", "max_stale": 3600}`, `max_stale 3.6µs: is shorter than 1ms`},
		{"unknown option", "", `{"source": "file", "pth": "x"}`, "unknown field"},
		{"unknown source", "", `{"source": "redis"}`, "http.cors.origins.redis"},
		{"missing key", "", `{"source": "storage", "key": "nowhere"}`, "storage nowhere: "},
		{"bad key", "secret", `{"source": "storage", "key": "origins"}`, "storage origins: line 1 is not a valid entry of a list"},
		{"no key", "", `{"source": "storage"}`, "storage key: is missing"},
		{"certificates", "", `{"source": "storage", "key": "certificates/x"}`, "is reserved for Caddy's own data"},
		{"certificates, in upper case", "", `{"source": "storage", "key": "Certificates/x"}`, "is reserved for Caddy's own data"},
		{"acme", "", `{"source": "storage", "key": "acme"}`, "is reserved for Caddy's own data"},
		{"locks", "", `{"source": "storage", "key": "locks/x"}`, "is reserved for Caddy's own data"},
		{"private key of an authority", "", `{"source": "storage", "key": "pki/authorities/local/root.key"}`, "is reserved for Caddy's own data"},
		{"key of ECH", "", `{"source": "storage", "key": "ech/configs/1/key.bin"}`, "is reserved for Caddy's own data"},
		{"key of session tickets", "", `{"source": "storage", "key": "stek/stek.bin"}`, "is reserved for Caddy's own data"},
		{"key with dots", "", `{"source": "storage", "key": "x/../certificates/y"}`, "is not a plain key"},
		{"absolute key", "", `{"source": "storage", "key": "/certificates/y"}`, "is not a plain key"},
		{"key beyond", "", `{"source": "storage", "key": "../y"}`, "is not a plain key"},
		{"no url", "", `{"source": "http"}`, "http url: is missing"},
		{"relative url", "", `{"source": "http", "url": "/origins"}`, "does not begin with http:// or https://"},
		{"no host", "", `{"source": "http", "url": "http:///origins"}`, "but must begin with http:// or https:// and a host"},
		{"ftp", "", `{"source": "ask", "url": "ftp://user:secret@a.example"}`, "but must begin with http:// or https:// and a host"},
		{"malformed url", "", `{"source": "ask", "url": "http://a b:secret@x"}`, "ask url: is not a valid URL"},
		{"placeholder in a url", "", `{"source": "http", "url": "https://bob:secret@a.example/{env.CORS_TEST_NONE}?token=secret"}`, "http url: {env.CORS_TEST_NONE} is empty or not set"},
		{"placeholder of a request", "", `{"source": "ask", "url": "https://a.example/{http.request.host}?token=secret"}`, "{http.request.host} has no value when the config loads; write {env.*} or {file.*}"},
		{"no scheme", "", `{"source": "ask", "url": "a.example/x?token=secret"}`, "ask url: does not begin with http:// or https://"},
		{"host and port alone", "", `{"source": "http", "url": "localhost:9000/x?token=secret"}`, "http url: does not begin with http:// or https://"},
		{"port", "", `{"source": "ask", "url": "https://a.example:99999/?token=secret"}`, `ask url: has the invalid port \"99999\"`},
		{"query", "", `{"source": "ask", "url": "https://a.example/?token=secret;b"}`, "invalid query"},
		{"field name", "", `{"source": "http", "url": "https://a.example/", "header_up": {"X Y": ["secret"]}}`, `header_up \"X Y\": is not a valid header name`},
		{"field to add", "", `{"source": "http", "url": "https://a.example/", "header_up": {"+X": ["secret"]}}`, `header_up \"+X\": is not a valid header name`},
		{"field value", "", `{"source": "http", "url": "https://a.example/", "header_up": {"X": ["secret\n"]}}`, `header_up X: the value has a control character`},
		{"negative max_stale", "", `{"source": "ask", "url": "https://a.example/", "max_stale": -1}`, "max_stale -1ns: must not be negative"},
		{"negative number", "", `{"source": "ask", "url": "http://a.example", "cache_size": -1}`, "cache_size -1: must not be negative"},
		{"no matchers", "", `{"source": "match"}`, "match: has no matchers"},
		{"empty matcher set", "", `{"source": "match", "match": [{}]}`, "matcher set 0 is empty"},
		{"bad after good", "https://a.example", file.source() + `, {"source": "ask", "url": "http://a.example"}, {"source": "http", "url": "http://127.0.0.1:1"}, {"source": "file", "path": "/nowhere"}`, "stat /nowhere"},
		{"bad in a matcher", "https://a.example", `{"source": "match", "match": [{"origin": {"dynamic_origins": [` + file.source() + `]}, "foo": {}}]}`, "http.matchers.foo"},
		{"bad matcher", "", `{"source": "match", "match": [{"origin": {"allow_origins": ["a.example"]}}]}`, `allow_origins \"a.example\": has no scheme`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			file.put(t, tc.text)
			status, response := c.api(t, "POST", "/load", c.config(dynamic(tc.source)))
			if status != http.StatusBadRequest || !strings.Contains(response, tc.problem) || strings.Contains(response, "secret") {
				t.Errorf("%d %s, want the problem %q", status, response, tc.problem)
			}
			c.checkOrigins(t, "a")
			if live := strings.TrimSpace(c.mustAPI(t, "GET", "/cors/sources", "")); live != "[]" {
				t.Errorf("a configuration that is refused holds %s", live)
			}
		})
	}
}

// TestHTTPListAtLoad: Provision does not wait for the network. Until there is a
// list nobody is allowed, and it is asked for again and again.
func TestHTTPListAtLoad(t *testing.T) {
	var answer atomic.Value
	answer.Store(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }) // hangs
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer.Load().(func(http.ResponseWriter, *http.Request))(w, r)
	}))
	t.Cleanup(server.Close)
	c := control(t, dynamic(fmt.Sprintf(`{"source": "http", "url": %q, "refresh": "20ms", "timeout": "20ms"}`, server.URL)))
	c.checkOrigins(t, "")
	for _, tc := range []struct {
		name    string
		answer  func(http.ResponseWriter, *http.Request)
		problem string
	}{
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, "the server answers 302 Found"},
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "the server answers 500"},
		{"304 to no condition", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, "the server answers 304"},
		{"HTML", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html>") }, `line 1: \"<!doctype html>\"`},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "https://a.example\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "unexpected EOF"},
	} {
		answer.Store(tc.answer)
		corstest.Eventually(t, tc.problem, func() bool { return c.logged(t, tc.problem, `"origins":0`) })
		c.checkOrigins(t, "")
	}
	answer.Store(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "https://a.example\n") })
	corstest.Eventually(t, "first list", func() bool { return c.allowed(t) == "a" })
	answer.Store(func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	corstest.Eventually(t, "complaint", func() bool { return c.logged(t, "Timeout", `"origins":1`) || c.logged(t, "deadline", `"origins":1`) })
	c.checkOrigins(t, "a")
}

// TestOwnList: a server can serve the list that it goes by.
func TestOwnList(t *testing.T) {
	port := corstest.FreePort(t)
	runCaddyfile(t, fmt.Sprintf(`{
		admin off
		persist_config off
		log {
			output discard
		}
	}
	http://%s {
		bind 127.0.0.1
		respond /origins "https://a.example"
		cors {
			dynamic http http://%[1]s/origins {
				refresh 10ms
			}
		}
	}`, port))
	stop(t)
	s := &site{t: t, http: port, transports: map[string]http.RoundTripper{"HTTP/1.1": new(http.Transport)}}
	corstest.Eventually(t, "own list", func() bool {
		res, err := s.send("HTTP/1.1", call{header: fields(origin)})
		return err == nil && res.Header.Get("Access-Control-Allow-Origin") == "https://a.example"
	})
}

// TestListWithCredentials: what a list allows is overruled where it is insecure,
// or under a public suffix, and the policy has credentials.
func TestListWithCredentials(t *testing.T) {
	p := filePlace{filepath.Join(t.TempDir(), "origins")}
	p.put(t, "http://a.example\nhttps://*.github.io\nhttps://me.github.io\nhttps://b.example\nhttp://localhost:*\n")
	for _, tc := range []struct {
		options string
		allowed []string
	}{
		{``, []string{"http://a.example", "https://x.github.io", "https://me.github.io", "https://b.example", "http://localhost:99"}},
		{`, "allow_credentials": true`, []string{"https://me.github.io", "https://b.example", "http://localhost:99"}},
		{`, "allow_credentials": true, "dangerously_allow": ["insecure_origins"]`, []string{"http://a.example", "https://me.github.io", "https://b.example", "http://localhost:99"}},
		{`, "allow_credentials": true, "dangerously_allow": ["open_origins"]`, []string{"https://x.github.io", "https://me.github.io", "https://b.example", "http://localhost:99"}},
	} {
		t.Run(tc.options, func(t *testing.T) {
			c := control(t, fmt.Sprintf(`{"handler": "cors", "dynamic_origins": [%s]%s}`, p.source(), tc.options))
			for _, o := range []string{"http://a.example", "https://x.github.io", "https://me.github.io", "https://b.example", "http://localhost:99", "https://c.example", "null"} {
				want := fields(vary)
				for _, allowed := range tc.allowed {
					if o == allowed {
						want = fields("Access-Control-Allow-Origin: "+o, vary)
						if tc.options != "" {
							want.Set("Access-Control-Allow-Credentials", "true")
						}
					}
				}
				c.check(t, call{header: fields("Origin: " + o), status: 200, want: want})
			}
		})
	}
}
