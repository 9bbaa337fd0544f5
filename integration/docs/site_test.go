package docs

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-56c1dbac/caddy-cors"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

func TestMain(m *testing.M) { corstest.Main(m, caddycmd.Main) }

// server is a Caddy that serves the sites of a Caddyfile, all on one port of this
// machine and without TLS.
type server struct {
	url   string
	admin string // the URL of the admin API
	log   string // the file of the log
}

// openEntries are those of the documents that strangers can obtain an origin of. A
// Caddyfile that has one, and does not accept the risk, is warned of.
var openEntries = []string{
	"moz-extension://*",
	"safari-web-extension://*",
	`https://app-[a-z0-9]+-myteam\.vercel\.app`,
	`https://deploy-preview-\d+--my-site\.netlify\.app`,
}

// serve starts Caddy with a Caddyfile, and stops it after the test. It warns of open
// entries, of * with credentials, and of nothing else.
func serve(t *testing.T, text string) *server {
	t.Helper()
	adapted, err := adapt(text)
	if err != nil {
		t.Fatal(err)
	}
	return serveJSON(t, adapted)
}

// serveJSON is serve with a configuration in JSON.
func serveJSON(t *testing.T, adapted []byte) *server {
	t.Helper()
	var config struct {
		Storage json.RawMessage `json:"storage"`
		Logging struct {
			Logs map[string]struct {
				Level string `json:"level"`
			} `json:"logs"`
		} `json:"logging"`
		Apps struct {
			HTTP struct {
				Servers map[string]map[string]any `json:"servers"`
			} `json:"http"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	addr, admin := corstest.FreePort(t), corstest.FreePort(t)
	for _, server := range config.Apps.HTTP.Servers {
		server["listen"] = []string{addr}
		server["automatic_https"] = map[string]bool{"disable": true}
		delete(server, "tls_connection_policies")
	}
	if config.Storage == nil {
		config.Storage = fmt.Appendf(nil, `{"module": "file_system", "root": %q}`, t.TempDir())
	}
	encoded, err := json.Marshal(map[string]any{
		"admin": map[string]any{"listen": admin, "config": map[string]bool{"persist": false}},
		"logging": map[string]any{"logs": map[string]any{"default": map[string]any{
			"writer": map[string]string{"output": "file", "filename": log},
			"level":  config.Logging.Logs["default"].Level,
		}}},
		"storage": config.Storage,
		"apps":    config.Apps,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(encoded, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	logged, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var warnings []string
	for line := range strings.Lines(string(logged)) {
		var entry struct{ Level, Logger, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Level == "warn" && strings.HasPrefix(entry.Logger, "http.handlers.cors") {
			warnings = append(warnings, entry.Msg)
		}
	}
	var want []string
	for _, entry := range openEntries {
		quoted, err := json.Marshal(entry) // as it is in the configuration
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(adapted), string(quoted)) && !strings.Contains(string(adapted), "dangerously_allow") {
			want = append(want, entry)
		}
	}
	if text := string(adapted); strings.Contains(text, `"allow_origins":["*"]`) && strings.Contains(text, `"open_origins"`) {
		want = append(want, `allow_origins "*" with allow_credentials: `) // at each load, since it is accepted
	}
	if !slices.EqualFunc(warnings, want, strings.Contains) {
		t.Errorf("the warnings are %q, want one of each of %q", warnings, want)
	}
	return &server{url: "http://" + addr, admin: "http://" + admin, log: log}
}

// RoundTrip sends a request for any site to the server, without TLS.
func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host, r.URL.Scheme, r.URL.Host = r.URL.Host, "http", strings.TrimPrefix(s.url, "http://")
	return http.DefaultTransport.RoundTrip(r)
}

// checkLog checks that the log has entries with all that the lines show of them.
func (s *server) checkLog(t *testing.T, shown string) {
	t.Helper()
	for line := range strings.Lines(shown) {
		var want map[string]any
		if err := json.Unmarshal([]byte(line), &want); err != nil || len(want) == 0 {
			t.Fatalf("%v: %s", err, line)
		}
		// A request is logged after its client has the response.
		corstest.Eventually(t, "entry of the log "+line, func() bool {
			logged, err := os.ReadFile(s.log)
			if err != nil {
				t.Fatal(err)
			}
			for entry := range strings.Lines(string(logged)) {
				var got map[string]any
				if err := json.Unmarshal([]byte(entry), &got); err != nil {
					return false // it is being written
				}
				maps.DeleteFunc(got, func(name string, _ any) bool { return want[name] == nil })
				if reflect.DeepEqual(got, want) {
					return true
				}
			}
			return false
		})
	}
}

// waitForLists waits until each list that is fetched has come.
func (s *server) waitForLists(t *testing.T) {
	t.Helper()
	corstest.Eventually(t, "list of every server", func() bool {
		res, err := http.Get(s.admin + "/cors/sources")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var sources []struct {
			Source      string     `json:"source"`
			LastRefresh *time.Time `json:"last_refresh"`
		}
		if err := json.NewDecoder(res.Body).Decode(&sources); err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			if strings.HasPrefix(source.Source, "http ") && source.LastRefresh == nil {
				return false
			}
		}
		return true
	})
}

// adapt returns the JSON of a Caddyfile.
func adapt(text string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// call is a request, and the status, the CORS headers and Vary of its response.
type call struct {
	name   string
	method string // GET if empty
	header http.Header
	status int         // any if 0
	want   http.Header // every other CORS header must be absent
}

// fields makes a header for a table.
var fields = corstest.Fields

// preflight makes the header of a preflight from an origin.
func preflight(origin, method string, lines ...string) http.Header {
	return fields(append(lines, "Origin: "+origin, "Access-Control-Request-Method: "+method)...)
}

const varyAll = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// checkAt makes the request of a call to a URL, for a host, and returns the
// response without its body.
func (c *call) checkAt(t *testing.T, url, host string) *http.Response {
	t.Helper()
	req, err := http.NewRequest(c.method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for name, values := range c.header {
		req.Header[name] = values
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	if c.status != 0 && res.StatusCode != c.status {
		t.Errorf("status %d, want %d", res.StatusCode, c.status)
	}
	corstest.CheckCORS(t, res.Header, c.want)
	return res
}
