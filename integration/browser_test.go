package integration

import (
	"context"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// grants are policies, each under a path of its own, and what they let pages do.
var grants = []struct {
	path        string // of requests under it: /path/…
	directive   string
	origins     []string // of the pages that are allowed, "*" for all
	credentials bool
	methods     []string // "*" for all
	fields      []string // in lower case, "*" for all but Authorization
	exposed     []string // "*" for all
}{
	{
		path: "typical",
		directive: `cors /typical/* https://a.example https://*.a.example {
			allow_methods PUT
			allow_headers X-A Authorization
			expose_headers X-Total Location
			allow_credentials
			max_age 10m
			preflight_status 200
		}`,
		origins: []string{"https://a.example", "https://x.a.example"}, credentials: true,
		methods: []string{"PUT"}, fields: []string{"x-a", "authorization"}, exposed: []string{"x-total", "location"},
	},
	{
		path: "any",
		directive: `cors /any/* * {
			allow_methods *
			allow_headers *
			expose_headers *
		}`,
		origins: []string{"*"}, methods: []string{"*"}, fields: []string{"*"}, exposed: []string{"*"},
	},
	{
		path: "echo",
		directive: `cors /echo/* http://localhost:* {
			allow_methods *
			allow_headers *
			allow_credentials
		}`,
		origins: []string{"http://localhost:5173"}, credentials: true, methods: []string{"*"}, fields: []string{"*"},
	},
	{
		path: "reject",
		directive: `cors /reject/* https://b.example {
			allow_headers X-A
			reject_disallowed
		}`,
		origins: []string{"https://b.example"}, fields: []string{"x-a"},
	},
	{
		path: "null",
		directive: `cors /null/* null https://a.example:* {
			allow_methods PUT
			dangerously_allow null_origin
		}`,
		origins: []string{"null", "https://a.example", "https://a.example:8443"}, methods: []string{"PUT"},
	},
	{
		path: "regexp",
		directive: `cors /regexp/* {
			allow_origins_regexp https://(.+\.)?a\.example
			allow_methods PATCH
			expose_headers X-Total
		}`,
		origins: []string{"https://a.example", "https://x.a.example"}, methods: []string{"PATCH"}, exposed: []string{"x-total"},
	},
}

// shapes are responses; each is found under every grant. A GET that may be read
// ends with the status.
var shapes = []struct {
	path   string
	cached http.Header // what the browser's cache adds to a request
	status int
}{
	{path: "up/200", status: 200},
	{path: "up/204", status: 204},
	{path: "up/304", status: 304},
	{path: "up/401", status: 401},
	{path: "up/500", status: 500},
	{path: "up/duplicates", status: 200},
	{path: "up/early-hints", status: 200},
	{path: "up/early-hints-abort", status: 502},
	{path: "up/events", status: 200},
	{path: "dead", status: 502},
	{path: "respond", status: 200},
	{path: "respond/418", status: 418},
	{path: "error", status: 403},
	{path: "error/proxied", status: 200},
	{path: "files/file.txt", status: 200},
	{path: "files/file.txt", cached: fields("If-None-Match: *"), status: 304},
	{path: "files/file.txt", cached: fields("Range: bytes=1-2"), status: 206},
	{path: "files/none.txt", status: 404},
	{path: "files/directory", status: 200}, // after a redirect
	{path: "auth", status: 401},
	{path: "nowhere", status: 200},
	{path: "redir", status: 200},       // to respond
	{path: "redir/any", status: 200},   // to respond under another policy
	{path: "redir/twice", status: 418}, // there and back
	{path: "redir/out", status: 0},     // to an upstream that allows nobody here
	{path: "test/flush", status: 200},
	{path: "test/early_hints_error", status: 502},
}

// shapesSite returns the snippets, and the directives of a site, that serve every
// shape under every grant.
func shapesSite(t *testing.T) (snippets, site string) {
	t.Helper()
	var policies, paths strings.Builder
	for _, g := range grants {
		policies.WriteString(g.directive + "\n")
		paths.WriteString("handle_path /" + g.path + "/* {\n import shapes " + g.path + "\n}\n")
	}
	fill := strings.NewReplacer("UPSTREAM", newUpstream(t, upstreamPaths), "DEAD", corstest.FreePort(t), "POLICIES", policies.String(), "PATHS", paths.String())
	return fill.Replace(`
(policies) {
	POLICIES
}
(shapes) {
	handle /up/* {
		reverse_proxy UPSTREAM {
			flush_interval -1
		}
	}
	handle /dead {
		reverse_proxy DEAD
	}
	handle /files/* {
		root testdata
		uri strip_prefix /files
		file_server
	}
	respond /respond "body"
	respond /respond/418 "body" 418
	error /error "no" 403
	error /error/proxied "no" 410
	redir /redir /{args[0]}/respond
	redir /redir/any /any/respond 307
	redir /redir/twice /any/redir/back/{args[0]} 308
	@back path_regexp ^/redir/back/(.*)$
	redir @back /{re.1}/respond/418 303
	redir /redir/out http://UPSTREAM/up/200
	handle /auth {
		basic_auth {
			alice $2a$04$Hm3cIOVw2ItO9HYGz2JiIOvk0OJ84OKE3m7pBmiAHwekto6Xjimy.
		}
		respond "body"
	}
	handle_path /test/* {
		route {
			test
		}
	}
}`), fill.Replace(`
	import policies
	PATHS
	handle_errors {
		@proxied expression {err.status_code} == 410
		handle @proxied {
			import policies
			rewrite /up/200
			reverse_proxy UPSTREAM
		}
		respond "page"
	}`)
}

// pages are the origins of pages. The last is the site's own.
var pages = []string{"https://a.example", "https://b.example", "https://x.a.example", "https://a.example:8443", "http://localhost:5173", "null", ""}

// calls are what pages do.
var calls = []struct {
	method string
	fields http.Header
	upload bool
}{
	{method: "GET"},
	{method: "POST", fields: fields("Content-Type: text/plain")},
	{method: "PUT"},
	{method: "GET", fields: fields("X-A: 1")},
	{method: "GET", fields: fields("Authorization: Bearer a")},
	{method: "POST", upload: true},
	{method: "PATCH", fields: fields("X-A: 1")},
	{method: "GET", fields: fields("X-A: 1", "X-B: 1", "Accept: */*")},
	{method: "patch"},
	{method: "HEAD"},
	{method: "OPTIONS"},
}

// TestBrowser: for every way of responding, under every policy, a browser lets
// the pages of each origin do what the policy says: the preflight passes, the
// redirect is followed, the response is shared, a field can be read.
func TestBrowser(t *testing.T) {
	snippets, directives := shapesSite(t)
	s := startSiteWith(t, siteOptions{snippets: snippets, tls: true}, directives)
	for protocol, api := range map[string]string{"HTTP/1.1": "http://" + s.http, "HTTP/2.0": "https://" + s.https} {
		for g, grant := range grants {
			t.Run(protocol+"/"+grant.path, func(t *testing.T) {
				readable, blocked := 0, 0
				for i, shape := range shapes {
					for j, origin := range pages {
						if origin == "" {
							origin = api
						}
						n := i*len(pages) + j + g // so that each call meets each origin, and each shape another
						c := calls[n%len(calls)]
						r, err := browser.NewRequest(c.method, api+"/"+grant.path+"/"+shape.path, origin, c.fields, n%3 == 0)
						if err != nil {
							t.Fatal(err)
						}
						r.UsePreflight = c.upload
						status, ok := s.carryOut(t, r, shape.cached)
						switch {
						case !ok:
							blocked++
						case c.method == "GET" && status != shape.status:
							t.Errorf("%s %s from %s: status %d, want %d", r.Method, r.URL(), origin, status, shape.status)
						default:
							readable++
						}
					}
				}
				if readable == 0 || blocked == 0 {
					t.Errorf("%d responses can be read, %d not: too few", readable, blocked)
				}
			})
		}
	}
}

// carryOut carries out a request as a browser does, and checks each step against
// the grant that it is under. It returns the status that the page sees.
func (s *site) carryOut(t *testing.T, r *browser.Request, cached http.Header) (status int, ok bool) {
	t.Helper()
	for {
		want := granted(r)
		check := func(step string, f *browser.Failure, want bool) bool {
			t.Helper()
			switch {
			case f != nil && want:
				t.Errorf("%s: %s %s with %v, credentials %t: %s", step, r.Method, r.URL(), r.Header, r.Credentials, r.Message(browser.Chromium, f))
			case f == nil && !want:
				t.Errorf("%s: %s %s from %s with %v, credentials %t is allowed", step, r.Method, r.URL(), r.SentOrigin(), r.Header, r.Credentials)
			}
			return f == nil
		}
		if r.NeedsPreflight() && !check("preflight", r.CheckPreflight(s.roundTrip(t, r, http.MethodOptions, r.Preflight())), want.request) {
			return 0, false
		}
		fields := merge(r.Header, cached)
		if r.SendsOrigin() {
			fields.Set("Origin", r.SentOrigin())
		}
		res := s.roundTrip(t, r, r.Method, fields)
		if !check("response", r.CheckResponse(res), want.response || !r.IsCORS()) {
			return 0, false
		}
		next, f := r.Redirect(res)
		switch {
		case f != nil:
			t.Errorf("redirect of %s: %s", r.URL(), r.Message(browser.Chromium, f))
			return 0, false
		case next == nil:
			s.checkReadable(t, r, res, want.exposed)
			return res.Status, true
		}
		r = next
	}
}

// verdict is what a policy lets the page of a request do.
type verdict struct {
	request, response bool
	exposed           []string
}

// granted returns the verdict of the grant whose path a request is under. Under
// none is the upstream, which allows none of the pages.
func granted(r *browser.Request) verdict {
	path, _, _ := strings.Cut(r.URL().Path[1:], "/")
	for _, g := range grants {
		if g.path != path {
			continue
		}
		has := func(list []string, s string) bool { return slices.Contains(list, "*") || slices.Contains(list, s) }
		v := verdict{response: has(g.origins, r.SentOrigin()) && (g.credentials || !r.Credentials), exposed: g.exposed}
		v.request = v.response && has(append(g.methods, "GET", "HEAD", "POST"), r.Method)
		for _, name := range r.UnsafeHeaders() {
			v.request = v.request && (slices.Contains(g.fields, name) || name != "authorization" && slices.Contains(g.fields, "*"))
		}
		return v
	}
	return verdict{}
}

// checkReadable checks which fields of a response the page can read.
func (s *site) checkReadable(t *testing.T, r *browser.Request, res browser.Response, exposed []string) {
	t.Helper()
	safelisted := []string{"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
	var want []string
	for name := range res.Header {
		name = strings.ToLower(name)
		if !r.IsCORS() || slices.Contains(safelisted, name) || slices.Contains(exposed, name) || slices.Contains(exposed, "*") {
			want = append(want, name)
		}
	}
	slices.Sort(want)
	if got := r.Readable(res); !slices.Equal(got, want) {
		t.Errorf("%s %s: readable are %q, want %q", r.Method, r.URL(), got, want)
	}
}

// roundTrip sends a request to the current URL of another.
func (s *site) roundTrip(t *testing.T, r *browser.Request, method string, fields http.Header) browser.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), corstest.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.URL().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, fields)
	protocol := "HTTP/1.1"
	if r.URL().Scheme == "https" {
		protocol = "HTTP/2.0"
	}
	res, err := s.transports[protocol].RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.Proto != protocol {
		t.Fatalf("spoke %s, want %s", res.Proto, protocol)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	return browser.Response{Status: res.StatusCode, Header: res.Header}
}
