package integration

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestStorageLife: across reloads, changed ones and refused ones, a list is read
// through the storage of a live configuration, and never of one that has ended.
func TestStorageLife(t *testing.T) {
	putOnShelf("https://a.example")
	const storage = `"storage": {"module": "mortal", "name": "one"},`
	source := func(refresh string) string {
		return dynamic(fmt.Sprintf(`{"source": "storage", "key": "origins", "refresh": %q}`, refresh))
	}
	c := controlWith(t, storage, source("5ms"))
	c.checkOrigins(t, "a")
	lists := []string{"https://b.example", "https://c.example", "https://a.example\nhttps://d.example"}
	for i := range 30 {
		switch i % 3 {
		case 0: // another interval
			c.mustAPI(t, "POST", "/load", c.config(source(fmt.Sprintf("%dms", 1+i))))
		case 1: // refused
			bad := `{"handler": "cors", "allow_origins": ["*"], "allow_credentials": true}`
			if status, response := c.api(t, "POST", "/load", c.config(source("3ms"), bad)); status != http.StatusBadRequest {
				t.Fatalf("%d %s", status, response)
			}
		case 2: // two handlers with one list
			c.mustAPI(t, "POST", "/load", c.config(source("4ms"), strings.Replace(source("2ms"), `"@id": "cors", `, "", 1)))
		}
		putOnShelf(lists[i%3])
		want := []string{"b", "c", "ad"}[i%3]
		corstest.Eventually(t, "new list", func() bool { return c.allowed(t) == want })
	}
	// While the list is bad, a reload forgets nothing.
	putOnShelf("bad")
	corstest.Eventually(t, "complaint", func() bool { return c.logged(t, "line 1 is not a valid entry") })
	c.mustAPI(t, "POST", "/load", c.config(source("6ms")))
	c.checkOrigins(t, "ad")
	putOnShelf("https://b.example")
	corstest.Eventually(t, "good list", func() bool { return c.allowed(t) == "b" })
	// Another storage is another list.
	c.extra = `"storage": {"module": "mortal", "name": "two"},`
	c.mustAPI(t, "POST", "/load", c.config(source("5ms")))
	c.checkOrigins(t, "b")
	// Give what must not happen a chance to.
	putOnShelf("https://c.example")
	corstest.Eventually(t, "new list", func() bool { return c.allowed(t) == "c" })
	shelf.Lock()
	defer shelf.Unlock()
	if shelf.misused {
		t.Error("a storage is used after its end")
	}
}

// TestReloadsWithSources reloads many times under load, while lists change, and
// while the servers that are asked are down half of the time. No request fails,
// nothing is forgotten, and nothing is left behind.
func TestReloadsWithSources(t *testing.T) {
	var down atomic.Bool
	var questions atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case down.Load():
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/list":
			_, _ = io.WriteString(w, "https://b.example\n")
		default:
			questions.Add(1)
			if r.FormValue("origin") != "https://c.example" {
				w.WriteHeader(http.StatusForbidden)
			}
		}
	}))
	t.Cleanup(server.Close)
	file := renamedPlace{filePlace{filepath.Join(t.TempDir(), "origins")}}
	file.put(t, "https://a.example")
	handler := func(i int) string {
		return dynamic(
			fmt.Sprintf(`{"source": "file", "path": %q, "refresh": "%dms"}`, file.path, 5+i%7),
			fmt.Sprintf(`{"source": "http", "url": "%s/list", "refresh": "%dms", "timeout": "1s"}`, server.URL, 5+i%5),
			fmt.Sprintf(`{"source": "ask", "url": "%s/ask", "timeout": "%dms"}`, server.URL, 1000+i%3),
		)
	}
	c := control(t, handler(0))
	corstest.Eventually(t, "every source", func() bool { return c.allowed(t) == "abc" })
	asked := questions.Load()
	before := runtime.NumGoroutine()

	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for _, name := range []string{"a", "b", "c"} {
		o := "https://" + name + ".example"
		clients.Go(func() {
			for ctx.Err() == nil {
				res, err := c.send("HTTP/1.1", call{header: fields("Origin: " + o)})
				if err != nil {
					t.Error(err)
				} else if res.StatusCode != http.StatusOK || res.Header.Get("Access-Control-Allow-Origin") != o {
					t.Errorf("%s: status %d, %v", o, res.StatusCode, res.Header)
				}
			}
		})
	}
	for i := range *reloads {
		down.Store(i%40 >= 20)
		file.put(t, fmt.Sprintf("https://a.example\nhttps://x%d.example\n", i))
		c.mustAPI(t, "POST", "/load", c.config(handler(i)))
	}
	stop()
	clients.Wait()
	down.Store(false)
	if n := questions.Load() - asked; n > 0 {
		t.Errorf("a known answer is asked for again %d times", n)
	}
	c.checkOrigins(t, "abc")
	c.idle()
	corstest.Eventually(t, "end of all goroutines that the reloads began", func() bool { return runtime.NumGoroutine() <= before })
}

// TestFleet: two processes on one storage see a change that is written once.
func TestFleet(t *testing.T) {
	shared := t.TempDir()
	list := storagePlace{renamedPlace{filePlace{filepath.Join(shared, "cors", "origins")}}}
	if err := os.MkdirAll(filepath.Dir(list.path), 0o700); err != nil {
		t.Fatal(err)
	}
	list.put(t, "https://a.example")
	var fleet []*controlled
	for range 2 {
		port := corstest.FreePort(t)
		config := filepath.Join(t.TempDir(), "Caddyfile")
		text := fmt.Sprintf(`{
			admin off
			storage file_system %q
		}
		http://%s {
			bind 127.0.0.1
			cors {
				dynamic storage cors/origins {
					refresh 20ms
				}
			}
			respond body
		}`, shared, port)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := corstest.CaddyCommand(t, "run", "--config", config)
		var log strings.Builder
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			if err := cmd.Wait(); t.Failed() {
				t.Log(err, log.String())
			}
		})
		c := &controlled{site: &site{t: t, http: port, transports: map[string]http.RoundTripper{"HTTP/1.1": new(http.Transport)}}}
		corstest.Eventually(t, "answer", func() bool {
			_, err := c.send("HTTP/1.1", call{})
			return err == nil
		})
		c.checkOrigins(t, "a")
		fleet = append(fleet, c)
	}
	for _, tc := range []struct{ text, allowed string }{
		{"https://b.example", "b"},
		{"https://a.example\nhttps://d.example", "ad"},
		{"# none", ""},
		{"https://c.example", "c"},
	} {
		list.put(t, tc.text)
		for _, c := range fleet {
			corstest.Eventually(t, "list", func() bool { return c.allowed(t) == tc.allowed })
		}
	}
}

// TestThirdPartySource: a source of a third party is one like any other.
func TestThirdPartySource(t *testing.T) {
	s := startSite(t, "cors {\ndynamic regions eu us\nallow_credentials\n}\nrespond body")
	s.check(t, call{header: fields(foreign), want: fields(vary)})
	s.check(t, call{header: fields("Origin: http://eu.example.com"), want: fields(vary)})
	s.check(t, call{
		header: fields("Origin: https://us.example.com"),
		want:   fields("Access-Control-Allow-Origin: https://us.example.com", "Access-Control-Allow-Credentials: true", vary),
	})
}

// TestDeniedEntries: what a list has and a policy with credentials denies is warned
// of when the list is read, wherever the list is, and nothing is warned of without
// need.
func TestDeniedEntries(t *testing.T) {
	file := renamedPlace{filePlace{filepath.Join(t.TempDir(), "origins.txt")}}
	list := file.source()
	nested := func(list string) string {
		return fmt.Sprintf(`{"source": "match", "match": [{"origin": {"dynamic_origins": [%s]}}]}`, list)
	}
	const denied = "have no effect with allow_credentials"
	for name, tc := range map[string]struct {
		source, more string
		warning      string
	}{
		"directly":          {list, `, "allow_credentials": true`, "they are insecure (http) or strangers can obtain their origins: lines 1 and 3; remove them"},
		"in a matcher":      {nested(list), `, "allow_credentials": true`, "lines 1 and 3; remove them"},
		"one level deeper":  {nested(nested(list)), `, "allow_credentials": true`, "lines 1 and 3; remove them"},
		"only reported":     {list, `, "allow_credentials": true, "report_only": true`, "lines 1 and 3; remove them"},
		"one is waived":     {list, `, "allow_credentials": true, "dangerously_allow": ["insecure_origins"]`, "strangers can obtain their origins: line 3; remove them"},
		"both are waived":   {list, `, "allow_credentials": true, "dangerously_allow": ["insecure_origins", "open_origins"]`, ""},
		"no credentials":    {list, "", ""},
		"no credentials in": {nested(list), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			file.put(t, "http://f.example\nhttps://a.example\nhttps://*.github.io\n")
			c := control(t, fmt.Sprintf(`{"handler": "cors", "dynamic_origins": [%s]%s}`, tc.source, tc.more))
			if got := c.logged(t, `"level":"warn"`, denied, tc.warning); got != (tc.warning != "") {
				t.Errorf("warned: %t, want %q", got, tc.warning)
			}
			file.put(t, "https://b.example\n\n\n\nhttps://*.github.io\nhttp://f.example\nhttps://d.example\n")
			corstest.Eventually(t, "list", func() bool { return strings.Contains(c.mustAPI(t, "GET", "/cors/sources", ""), `"origins":4`) })
			file.put(t, "https://c.example\nx\n")
			corstest.Eventually(t, "complaint", func() bool { return c.logged(t, "line 2:") })
			if got := c.logged(t, `"level":"warn"`, denied, `"lines":[5`); got != (tc.warning != "") {
				t.Errorf("warned of the new list: %t", got)
			}
		})
	}
}

// TestWrongSource: a module that is no source is refused, and told what it lacks.
func TestWrongSource(t *testing.T) {
	_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("http://a.example {\ncors {\ndynamic wrong\n}\n}"), nil)
	if want := "module http.cors.origins.wrong (*integration.wrongSource) is not an origin source"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	c := control(t, cors("https://a.example"))
	for handler, problem := range map[string]string{
		dynamic(`{"source": "wrong"}`): "module *integration.wrongSource is not an origin source: it has no method AllowsOrigin(*http.Request, string) (bool, error)",
		dynamic(`{"path": "/a"}`):      "module name not specified with key 'source'",
	} {
		if status, response := c.api(t, "POST", "/load", c.config(handler)); status != http.StatusBadRequest || !strings.Contains(response, problem) {
			t.Errorf("%d %s, want the problem %q", status, response, problem)
		}
	}
	c.checkOrigins(t, "a")
}
