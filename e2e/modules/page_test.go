package modules

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

const page = "../../docs/with-other-modules.md"

// blocks returns the Caddyfiles of the page, or its other blocks of a language, by
// the word behind the language.
func blocks(t *testing.T, language string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, b := range corstest.Blocks(t, page) {
		kind, ok := strings.CutPrefix(b.Language, language+" ")
		if !ok {
			continue
		}
		if found[kind] != "" {
			t.Fatalf("two blocks of %q", b.Language)
		}
		found[kind] = b.Text
	}
	return found
}

// site is a Caddyfile of the page, and what it answers to calls, one after the
// other.
type site struct {
	name   string
	page   string   // the word behind "caddyfile"
	change []string // what is replaced in the page's Caddyfile, and by what, in pairs
	calls  []call
	asked  int64  // how often the application behind it is asked
	before string // what a load balancer sends at the begin of a connection
}

// untouched are calls that tell whether CORS headers are what they would be without
// another module. The application is asked three times.
var untouched = []call{
	from(app, readable(app)),
	from(evil, denied()),
	from("", denied()),
	preflight(app, http.StatusNoContent, fields("Access-Control-Allow-Origin: "+app, "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)),
	refused(evil),
}

// behind returns calls with what each of their responses but those to preflights
// has.
func behind(calls []call, change func(call) call) []call {
	calls = slices.Clone(calls)
	for i, c := range calls {
		if c.method != http.MethodOptions {
			calls[i] = change(c)
		}
	}
	return calls
}

var sites = []site{
	{
		name:  "firewall after cors",
		page:  "coraza",
		asked: 3,
		calls: slices.Concat(untouched, []call{
			from(app, readable(app)).at("/items?q=<script").answers(http.StatusForbidden),
			from(evil, denied()).at("/items?q=<script").answers(http.StatusForbidden),
			from("", denied()).at("/items?q=<script").answers(http.StatusForbidden),
			untouched[3].at("/items?q=<script"),
			refused(evil).at("/items?q=<script"),
		}),
	},
	{
		name:   "firewall first, as its documentation says",
		page:   "coraza",
		change: []string{"order coraza_waf after cors", "order coraza_waf first"},
		asked:  3,
		calls: slices.Concat(untouched, []call{
			from(app, nil).at("/items?q=<script").answers(http.StatusForbidden),
			from(evil, nil).at("/items?q=<script").answers(http.StatusForbidden),
			preflight(app, http.StatusForbidden, nil).at("/items?q=<script"),
		}),
	},
	{
		name:  "cache inside",
		page:  "cache",
		asked: 1,
		calls: []call{
			from(app, readable(app)).having("Cache-Status", "stored"),
			from(app, readable(app)).having("Cache-Status", "hit"),
			from(admin, readable(admin)).having("Cache-Status", "hit").saying("see http://old.example.com/"),
			from(evil, denied()).having("Cache-Status", "hit"),
			from("", denied()).having("Cache-Status", "hit"),
			untouched[3],
			refused(evil),
			from(app, readable(app)).having("Cache-Status", "hit").saying("see http://old.example.com/"),
		},
	},
	{
		name:   "cache outside",
		page:   "cache",
		change: []string{"{\n\tcache\n}", "{\n\tcache\n\torder cache before cors\n}"},
		asked:  5,
		calls: []call{
			from(app, readable(app)).having("Cache-Status", "stored"),
			from(app, readable(app)).having("Cache-Status", "hit"),
			from(admin, readable(admin)).having("Cache-Status", "stored"),
			from(evil, denied()).having("Cache-Status", "stored"),
			from("", denied()).having("Cache-Status", "stored"),
			from(evil, denied()).having("Cache-Status", "hit"),
			from("", denied()).having("Cache-Status", "hit"),
			from(admin, readable(admin)).having("Cache-Status", "hit"),
			refused(evil),
			from(app, readable(app)).having("Cache-Status", "hit"),
			// This cache drops what it has of a URL when another method succeeds there.
			untouched[3],
			from(app, readable(app)).having("Cache-Status", "stored"),
		},
	},
	{
		name:   "rate limit",
		page:   "ratelimit",
		change: []string{"window 1m", "window 1h", "events 100", "events 2"},
		asked:  2,
		calls: []call{
			limitPreflight, limitPreflight, limitPreflight, refused(evil), refused(evil), refused(evil),
			from(app, limitReadable).having("Retry-After", ""),
			from(evil, denied()).having("Retry-After", ""),
			from(app, limitReadable).answers(http.StatusTooManyRequests).having("Retry-After", "3600"),
			from(evil, denied()).answers(http.StatusTooManyRequests).having("Retry-After", "3600"),
			from("", denied()).answers(http.StatusTooManyRequests),
			limitPreflight, refused(evil),
		},
	},
	{
		name:   "rate limit that exposes nothing",
		page:   "ratelimit",
		change: []string{"expose_headers Retry-After", "", "window 1m", "window 1h", "events 100", "events 1"},
		asked:  1,
		calls: []call{
			from(app, readable(app)),
			from(app, readable(app)).answers(http.StatusTooManyRequests).having("Retry-After", "3600"),
		},
	},
	{
		name:  "logins",
		page:  "security",
		asked: 2,
		calls: []call{
			with(login("authp/user"), from(app, readable(app, credentials))).saying("see http://old.example.com/"),
			with(login("authp/user"), from(evil, denied())),
			with(login("authp/guest"), from(app, readable(app, credentials))).answers(http.StatusForbidden),
			with("Bearer "+strings.Repeat("x", 40), from(app, readable(app, credentials))).answers(http.StatusUnauthorized),
			loginPreflight,
			refused(evil),
			from(app, readable(app, credentials)).answers(http.StatusUnauthorized).having("Location", ""),
			from(evil, denied()).answers(http.StatusUnauthorized),
			from("", denied()).answers(http.StatusUnauthorized),
		},
	},
	{
		name:   "logins with a redirect",
		page:   "security",
		change: []string{"\t\t\tdisable auth redirect\n", ""},
		calls: []call{
			loginPreflight,
			refused(evil),
			from(app, readable(app, credentials)).answers(http.StatusFound).having("Location", "https://auth.example.com/"),
			from(evil, denied()).answers(http.StatusFound),
		},
	},
	{
		name:   "script",
		page:   "cgi",
		change: []string{"/usr/local/bin/report", script},
		asked:  3,
		calls:  slices.Concat(untouched, scriptCalls),
	},
	{
		name:   "script whose output is streamed",
		page:   "cgi",
		change: []string{"/usr/local/bin/report", script + " {\n\t\tunbuffered_output\n\t}"},
		asked:  3,
		calls:  slices.Concat(untouched, scriptCalls),
	},
	{
		name:  "hub",
		page:  "mercure",
		asked: 3,
		calls: hubCalls,
	},
	{
		name:   "hub with origins of its own",
		page:   "mercure",
		change: []string{"\t\tanonymous\n", "\t\tanonymous\n\t\tcors_origins https://admin.example.com\n"},
		asked:  3,
		calls:  hubCalls,
	},
	{
		name: "hub with origins of its own, and without cors",
		page: "mercure",
		change: []string{
			"\t\tanonymous\n", "\t\tanonymous\n\t\tcors_origins https://admin.example.com\n",
			"\tcors https://app.example.com {\n\t\tallow_headers Authorization Content-Type\n\t\tallow_credentials\n\t\texpose_headers Link\n\t}\n", "",
		},
		calls: []call{
			from(admin, readable(admin, credentials)).at(hub),
			from(app, denied()).at(hub),
		},
	},
	{
		name:  "changed bodies",
		page:  "replace",
		asked: 3,
		calls: behind(untouched, func(c call) call { return c.saying("see https://new.example.com/") }),
	},
	{
		name:   "changed bodies that are streamed",
		page:   "replace",
		change: []string{"replace http://old.example.com https://new.example.com", "replace stream {\n\t\thttp://old.example.com https://new.example.com\n\t}"},
		asked:  3,
		calls:  behind(untouched, func(c call) call { return c.saying("see https://new.example.com/") }),
	},
	{
		name:   "PROXY protocol",
		page:   "l4",
		change: []string{"10.0.0.0/8", "127.0.0.0/8"},
		before: "PROXY TCP4 192.0.2.7 192.0.2.1 50000 443\r\n",
		asked:  3,
		calls:  behind(untouched, func(c call) call { return c.having("X-Client", "192.0.2.7") }),
	},
	{
		name:  "labels",
		page:  "docker-proxy",
		asked: 4,
		calls: []call{
			from(app, readable(app, credentials)),
			from(admin, readable(admin, credentials)),
			from(evil, denied()),
			from("", denied()),
			preflight(admin, http.StatusNoContent, fields("Access-Control-Allow-Origin: "+admin, credentials, "Access-Control-Allow-Methods: PUT, DELETE", "Access-Control-Allow-Headers: Content-Type", varyAll)),
			refused(evil),
		},
	},
}

const credentials = "Access-Control-Allow-Credentials: true"

var (
	limitReadable  = readable(app, "Access-Control-Expose-Headers: Retry-After")
	limitPreflight = preflight(app, http.StatusNoContent, fields("Access-Control-Allow-Origin: "+app,
		"Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Expose-Headers: Retry-After", varyAll))
)

var loginPreflight = preflight(app, http.StatusNoContent, fields("Access-Control-Allow-Origin: "+app, credentials,
	"Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: Authorization, Content-Type", varyAll))

const loginKey = "a key of the test, which nobody else knows"

// login is a token of a user with a role.
func login(role string) (authorization string) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{
		"sub": "alice", "roles": []string{role}, "exp": time.Now().Add(time.Hour).Unix(),
	})
	text, err := token.SignedString([]byte(loginKey))
	if err != nil {
		panic(err)
	}
	return "Bearer " + text
}

// with is a call with a token.
func with(authorization string, c call) call {
	c.header.Set("Authorization", authorization)
	return c
}

// script is a program, which sends CORS headers of its own, and answers preflights.
var script = func() string {
	path, err := filepath.Abs("testdata/report")
	if err != nil {
		panic(err)
	}
	return path
}()

// scriptCalls are calls of the script, which is not started for preflights.
var scriptCalls = []call{
	from(app, fields("Access-Control-Allow-Origin: "+app, scriptVary)).at("/report").saying("hello, world\n"),
	from(evil, fields(scriptVary)).at("/report").saying("hello, world\n"),
	from("", fields(scriptVary)).at("/report").having("X-Script", "report"),
	untouched[3].at("/report").having("X-Script", ""),
	refused(evil).at("/report").having("X-Script", ""),
}

const scriptVary = "Vary: Accept-Language, Origin"

const hub = "/.well-known/mercure?topic=https://example.com/books/1"

// hubCalls subscribe, publish without a token, and find the hub.
var hubCalls = []call{
	from(app, hubReadable).at(hub).having("Content-Type", "text/event-stream"),
	from(admin, denied()).at(hub).having("Content-Type", "text/event-stream"),
	from("", denied()).at(hub).having("Content-Type", "text/event-stream"),
	from(app, hubReadable).at(hub).by(http.MethodPost).answers(http.StatusUnauthorized),
	from(admin, denied()).at(hub).by(http.MethodPost).answers(http.StatusUnauthorized),
	preflight(app, http.StatusNoContent, fields("Access-Control-Allow-Origin: "+app, credentials, "Access-Control-Allow-Methods: GET, HEAD, POST",
		"Access-Control-Allow-Headers: Authorization, Content-Type", "Access-Control-Expose-Headers: Link", varyAll)).at(hub),
	refused(admin).at(hub),
	from(app, hubReadable).having("Link", hubLink),
	from(admin, denied()).having("Link", hubLink),
	from("", denied()).having("Link", hubLink),
}

var hubReadable = readable(app, credentials, "Access-Control-Expose-Headers: Link")

// TestPage runs the Caddyfiles of the page, and what is said of changes to them.
func TestPage(t *testing.T) {
	for _, name := range []string{"MERCURE_PUBLISHER_JWT_KEY", "JWT_SHARED_KEY"} {
		t.Setenv(name, loginKey)
	}
	shown := blocks(t, "caddyfile")
	run := make(map[string]bool)
	for _, s := range sites {
		run[s.page] = true
		t.Run(s.name, func(t *testing.T) { s.check(t, shown[s.page]) })
	}
	if got, want := slices.Sorted(maps.Keys(shown)), slices.Sorted(maps.Keys(run)); !slices.Equal(got, want) {
		t.Errorf("the page has Caddyfiles for %q, those of %q are run", got, want)
	}
}

// check runs a Caddyfile of the page with the changes of a site.
func (s *site) check(t *testing.T, text string) {
	if formatted := string(caddyfile.Format([]byte(text))); formatted != text {
		t.Errorf("not formatted, want:\n%s", formatted)
	}
	b := startBackend(t)
	changes := append(s.change, "\napi.example.com {", "\nhttp://SITE {", s.upstream(), b.address)
	text = "\n" + text
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(text, changes[i]) != 1 {
			t.Fatalf("%q is not there once:\n%s", changes[i], text)
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	address := serve(t, strings.TrimPrefix(text, "\n"))
	transport := transportBehind(t, s.before)
	for _, c := range s.calls {
		t.Run(strings.Join([]string{c.method, c.path, c.header.Get("Origin")}, " "), func(t *testing.T) { c.check(t, transport, address) })
	}
	if got := b.asked.Load(); got != s.asked {
		t.Errorf("the application was asked %d times, want %d", got, s.asked)
	}
}

// upstream is the address of the application in the page's Caddyfile.
func (s *site) upstream() string {
	if s.page == "docker-proxy" {
		return containerAddress + ":3000"
	}
	return "localhost:3000"
}
