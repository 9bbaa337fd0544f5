package caddycors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// exchange is a request and the CORS fields, the Vary and the status of its
// response. A field that want does not name must be absent.
type exchange struct {
	name    string
	method  string // GET if empty
	header  http.Header
	want    http.Header
	status  int  // what the next handler answers if 0
	stopped bool // the next handler must not be called
}

// fields makes a header for a table.
var fields = corstest.Fields

// preflight makes the header of a preflight from an origin.
func preflight(origin, method string, lines ...string) http.Header {
	return fields(append(lines, "Origin: "+origin, "Access-Control-Request-Method: "+method)...)
}

const varyAll = "Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// policies is the response table: each policy with its requests.
var policies = []struct {
	name      string
	caddyfile string
	exchanges []exchange
}{
	{
		name:      "one origin, defaults",
		caddyfile: `cors https://a.example`,
		exchanges: []exchange{
			{name: "no origin", want: fields("Vary: Origin")},
			{name: "allowed", header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
			{name: "allowed POST", method: "POST", header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
			{name: "denied", header: fields("Origin: https://b.example"), want: fields("Vary: Origin")},
			{name: "other scheme", header: fields("Origin: http://a.example"), want: fields("Vary: Origin")},
			{name: "other port", header: fields("Origin: https://a.example:8443"), want: fields("Vary: Origin")},
			{name: "default port", header: fields("Origin: https://a.example:443"), want: fields("Vary: Origin")},
			{name: "upper case", header: fields("Origin: https://A.example"), want: fields("Vary: Origin")},
			{name: "trailing slash", header: fields("Origin: https://a.example/"), want: fields("Vary: Origin")},
			{name: "trailing dot", header: fields("Origin: https://a.example."), want: fields("Vary: Origin")},
			{name: "prefix", header: fields("Origin: https://a.example.evil.example"), want: fields("Vary: Origin")},
			{name: "suffix", header: fields("Origin: https://evila.example"), want: fields("Vary: Origin")},
			{name: "null", header: fields("Origin: null"), want: fields("Vary: Origin")},
			{name: "empty", header: fields("Origin: "), want: fields("Vary: Origin")},
			{name: "two lines", header: fields("Origin: https://a.example", "Origin: https://a.example"), want: fields("Vary: Origin")},
			{name: "list", header: fields("Origin: https://a.example, https://b.example"), want: fields("Vary: Origin")},
			{name: "malformed bytes", header: fields("Origin: https://a.example\x80\xff"), want: fields("Vary: Origin")},
			{name: "16 KiB", header: fields("Origin: https://" + strings.Repeat("a", 16<<10)), want: fields("Vary: Origin")},
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "GET"),
				want:   fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{
				name: "preflight for more than is allowed", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "DELETE", "Access-Control-Request-Headers: x-secret"),
				want:   fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{name: "preflight denied", method: "OPTIONS", stopped: true, status: 403, header: preflight("https://b.example", "GET"), want: fields(varyAll)},
			{name: "preflight null", method: "OPTIONS", stopped: true, status: 403, header: preflight("null", "GET"), want: fields(varyAll)},
			{name: "preflight of two origins", method: "OPTIONS", stopped: true, status: 403, header: preflight("https://a.example", "GET", "Origin: https://a.example"), want: fields(varyAll)},
			{name: "OPTIONS without origin", method: "OPTIONS", want: fields(varyAll)},
			{name: "OPTIONS that is no preflight", method: "OPTIONS", header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", varyAll)},
			{name: "OPTIONS without origin but with a method", method: "OPTIONS", header: fields("Access-Control-Request-Method: GET"), want: fields(varyAll)},
			{name: "GET with a preflight's fields", header: preflight("https://a.example", "GET"), want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
		},
	},
	{
		name: "everything",
		caddyfile: `cors https://a.example https://*.b.example http://localhost:* {
			allow_methods PUT PATCH DELETE GET PUT
			allow_headers Content-Type Authorization content-type
			expose_headers X-Total ETag
			allow_credentials
			allow_timing
			max_age 10m
		}`,
		exchanges: []exchange{
			{name: "no origin", want: fields("Vary: Origin", "Timing-Allow-Origin: https://a.example")},
			{
				name: "exact", header: fields("Origin: https://a.example"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Expose-Headers: X-Total, ETag", "Timing-Allow-Origin: https://a.example", "Vary: Origin"),
			},
			{
				name: "wildcard", header: fields("Origin: https://x.y.b.example"),
				want: fields("Access-Control-Allow-Origin: https://x.y.b.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Expose-Headers: X-Total, ETag", "Timing-Allow-Origin: https://x.y.b.example", "Vary: Origin"),
			},
			{name: "the wildcard's own base", header: fields("Origin: https://b.example"), want: fields("Vary: Origin")},
			{
				name: "any port", header: fields("Origin: http://localhost:5173"),
				want: fields("Access-Control-Allow-Origin: http://localhost:5173", "Access-Control-Allow-Credentials: true",
					"Access-Control-Expose-Headers: X-Total, ETag", "Timing-Allow-Origin: http://localhost:5173", "Vary: Origin"),
			},
			{name: "denied", header: fields("Origin: https://c.example"), want: fields("Vary: Origin")},
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "PUT", "Access-Control-Request-Headers: content-type"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: PUT, PATCH, DELETE, GET", "Access-Control-Allow-Headers: Content-Type, Authorization",
					"Access-Control-Expose-Headers: X-Total, ETag", "Access-Control-Max-Age: 600", varyAll),
			},
			{name: "preflight denied", method: "OPTIONS", stopped: true, status: 403, header: preflight("https://c.example", "PUT"), want: fields(varyAll)},
		},
	},
	{
		name: "every origin",
		caddyfile: `cors {
			allow_origins *
			allow_methods *
			allow_headers *
			expose_headers *
			allow_timing
			max_age 0
		}`,
		exchanges: []exchange{
			{name: "no origin", want: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *")},
			{name: "origin", header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *")},
			{name: "null", header: fields("Origin: null"), want: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *")},
			{name: "malformed", header: fields("Origin: h t"), want: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *")},
			{name: "OPTIONS that is no preflight", method: "OPTIONS", want: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "Timing-Allow-Origin: *", varyAll)},
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 204, header: preflight("https://a.example", "PUT"),
				want: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *", "Access-Control-Expose-Headers: *", "Access-Control-Max-Age: 0", varyAll),
			},
			{
				name: "preflight of a malformed origin", method: "OPTIONS", stopped: true, status: 204, header: preflight("h t", "PUT"),
				want: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *", "Access-Control-Expose-Headers: *", "Access-Control-Max-Age: 0", varyAll),
			},
		},
	},
	{
		name: "every field, Authorization too",
		caddyfile: `cors https://a.example {
			allow_headers X-Foo * authorization
		}`,
		exchanges: []exchange{
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 204, header: preflight("https://a.example", "GET", "Access-Control-Request-Headers: authorization,x-any"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: *, Authorization", varyAll),
			},
		},
	},
	{
		name: "echo with credentials",
		caddyfile: `cors https://a.example {
			allow_methods *
			allow_headers *
			allow_credentials
		}`,
		exchanges: []exchange{
			{
				name: "method and fields", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "PROPFIND", "Access-Control-Request-Headers: x-a, x-b", "Access-Control-Request-Headers: x-c"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: PROPFIND", "Access-Control-Allow-Headers: x-a, x-b, x-c", varyAll),
			},
			{
				name: "Authorization is not covered", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "POST", "Access-Control-Request-Headers: authorization,x-a"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: POST", "Access-Control-Allow-Headers: x-a", varyAll),
			},
			{
				name: "a method and a field of the name *", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "*", "Access-Control-Request-Headers: *,x-a"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *, x-a", varyAll),
			},
			{
				name: "malformed", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "PUT, DELETE", "Access-Control-Request-Headers: x y,,\"z\""),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{
				name: "forbidden method", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "TRACE"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{
				name: "more than 4 KiB", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "PUT", "Access-Control-Request-Headers: x-a", "Access-Control-Request-Headers: x-"+strings.Repeat("b", 4<<10)),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: x-a", varyAll),
			},
			{
				name: "a method of more than 4 KiB", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", strings.Repeat("A", 4<<10+1)),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{name: "denied", method: "OPTIONS", stopped: true, status: 403, header: preflight("https://b.example", "PUT"), want: fields(varyAll)},
		},
	},
	{
		name: "echo besides what is named",
		caddyfile: `cors https://a.example {
			allow_methods PUT * DELETE
			allow_headers X-A *
			allow_credentials
		}`,
		exchanges: []exchange{
			{
				name: "named", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "PUT", "Access-Control-Request-Headers: x-a"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: PUT, DELETE", "Access-Control-Allow-Headers: X-A", varyAll),
			},
			{
				name: "others", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "patch", "Access-Control-Request-Headers: x-a,x-b"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: PUT, DELETE, patch", "Access-Control-Allow-Headers: X-A, x-b", varyAll),
			},
		},
	},
	{
		name: "echo with Authorization named",
		caddyfile: `cors https://a.example {
			allow_headers * Authorization
			allow_credentials
		}`,
		exchanges: []exchange{
			{
				name: "asked", method: "OPTIONS", stopped: true, status: 204,
				header: preflight("https://a.example", "POST", "Access-Control-Request-Headers: authorization,x-a"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true",
					"Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Allow-Headers: Authorization, x-a", varyAll),
			},
		},
	},
	{
		name: "null",
		caddyfile: `cors null {
			dangerously_allow null_origin
		}`,
		exchanges: []exchange{
			{name: "null", header: fields("Origin: null"), want: fields("Access-Control-Allow-Origin: null", "Vary: Origin")},
			{name: "another", header: fields("Origin: https://a.example"), want: fields("Vary: Origin")},
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 204, header: preflight("null", "GET"),
				want: fields("Access-Control-Allow-Origin: null", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
		},
	},
	{
		name: "regexps",
		caddyfile: `cors {
			allow_origins_regexp https://pr-\d+\.a\.example https://(x|y)\.a\.example
		}`,
		exchanges: []exchange{
			{name: "open", header: fields("Origin: https://pr-12.a.example"), want: fields("Access-Control-Allow-Origin: https://pr-12.a.example", "Vary: Origin")},
			{name: "finite", header: fields("Origin: https://y.a.example"), want: fields("Access-Control-Allow-Origin: https://y.a.example", "Vary: Origin")},
		},
	},
	{
		name: "insecure origins by regexp are overruled",
		caddyfile: `cors {
			allow_origins_regexp https?://pr-\d+(-(a|b)*a(a|b){20})?\.a\.example
			allow_credentials
			dangerously_allow open_origins
		}`,
		exchanges: []exchange{
			{name: "https", header: fields("Origin: https://pr-1.a.example"), want: fields("Access-Control-Allow-Origin: https://pr-1.a.example", "Access-Control-Allow-Credentials: true", "Vary: Origin")},
			{name: "http", header: fields("Origin: http://pr-1.a.example"), want: fields("Vary: Origin")},
		},
	},
	{
		name: "insecure origins waived",
		caddyfile: `cors http://*.a.example {
			allow_credentials
			dangerously_allow insecure_origins
		}`,
		exchanges: []exchange{
			{name: "http", header: fields("Origin: http://x.a.example"), want: fields("Access-Control-Allow-Origin: http://x.a.example", "Access-Control-Allow-Credentials: true", "Vary: Origin")},
		},
	},
	{
		name: "another preflight status",
		caddyfile: `cors https://a.example {
			preflight_status 200
		}`,
		exchanges: []exchange{
			{
				name: "preflight", method: "OPTIONS", stopped: true, status: 200, header: preflight("https://a.example", "GET"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll),
			},
			{name: "denied", method: "OPTIONS", stopped: true, status: 403, header: preflight("https://b.example", "GET"), want: fields(varyAll)},
		},
	},
	{
		name: "preflight passthrough",
		caddyfile: `cors https://a.example {
			allow_methods PUT
			allow_headers X-A
			allow_credentials
			max_age 5m
			preflight_passthrough
		}`,
		exchanges: []exchange{
			{
				name: "preflight", method: "OPTIONS", header: preflight("https://a.example", "GET"),
				want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT",
					"Access-Control-Allow-Headers: X-A", "Access-Control-Max-Age: 300", varyAll),
			},
			{name: "denied", method: "OPTIONS", header: preflight("https://b.example", "GET"), want: fields(varyAll)},
		},
	},
	{
		name: "reject disallowed",
		caddyfile: `cors https://a.example {
			reject_disallowed
		}`,
		exchanges: []exchange{
			{name: "no origin", want: fields("Vary: Origin")},
			{name: "allowed", header: fields("Origin: https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
			{name: "denied", header: fields("Origin: https://b.example"), stopped: true, status: 403, want: fields("Vary: Origin")},
			{name: "null", method: "POST", header: fields("Origin: null"), stopped: true, status: 403, want: fields("Vary: Origin")},
			{name: "malformed", header: fields("Origin: h t"), stopped: true, status: 403, want: fields("Vary: Origin")},
			{name: "OPTIONS", method: "OPTIONS", header: fields("Origin: https://b.example"), stopped: true, status: 403, want: fields(varyAll)},
			{name: "same origin by Sec-Fetch-Site", method: "POST", header: fields("Origin: null", "Sec-Fetch-Site: same-origin"), want: fields("Vary: Origin")},
			{name: "same site", method: "POST", header: fields("Origin: http://host.example", "Sec-Fetch-Site: same-site"), stopped: true, status: 403, want: fields("Vary: Origin")},
			{name: "same origin by Host", method: "POST", header: fields("Origin: http://host.example"), want: fields("Vary: Origin")},
		},
	},
}

// ways are the ways in which a next handler can respond, each to the same
// effect: every one first sets what an upstream of its own mind would.
var ways = map[string]func(w http.ResponseWriter) error{
	"WriteHeader": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusTeapot)
		return nil
	},
	"Write": func(w http.ResponseWriter) error {
		_, err := io.WriteString(w, "body")
		return err
	},
	"ReadFrom": func(w http.ResponseWriter) error {
		_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("body"))
		return err
	},
	"Flush": func(w http.ResponseWriter) error {
		return http.NewResponseController(w).Flush()
	},
	"nothing": func(http.ResponseWriter) error {
		return nil
	},
	"error": func(http.ResponseWriter) error {
		return caddyhttp.Error(http.StatusBadGateway, errors.New("upstream is dead"))
	},
	"103": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
		return nil
	},
	"103 that clears": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusEarlyHints)
		clear(w.Header())
		w.WriteHeader(http.StatusOK)
		return nil
	},
	"103, then error": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusEarlyHints)
		clear(w.Header())
		return caddyhttp.Error(http.StatusBadGateway, errors.New("upstream is dead"))
	},
	"304": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusNotModified)
		return nil
	},
}

// upstreams are header fields that a next handler sets before it responds.
var upstreams = map[string]http.Header{
	"silent":    nil,
	"own CORS":  fields("Access-Control-Allow-Origin: https://upstream.example", "Access-Control-Allow-Credentials: true", "Access-Control-Max-Age: 1", "Access-Control-Made-Up: x"),
	"wildcard":  fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: *", "Access-Control-Allow-Headers: *", "Access-Control-Expose-Headers: *"),
	"duplicate": fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Origin: https://a.example"),
	"odd case":  {"access-control-allow-origin": {"https://upstream.example"}, "ACCESS-CONTROL-ALLOW-CREDENTIALS": {"true"}},
}

// TestResponses crosses the response table with the ways of writing a response
// and with what an upstream says about CORS, over a real connection.
func TestResponses(t *testing.T) {
	for _, policy := range policies {
		t.Run(policy.name, func(t *testing.T) {
			h := provision(t, policy.caddyfile)
			for way, respond := range ways {
				for upstream, header := range upstreams {
					called := false
					server := serve(t, h, func(w http.ResponseWriter, _ *http.Request) error {
						called = true
						maps.Copy(w.Header(), header.Clone())
						return respond(w)
					})
					for _, e := range policy.exchanges {
						t.Run(fmt.Sprintf("%s/%s/%s", e.name, way, upstream), func(t *testing.T) {
							called = false
							res := e.send(t, server)
							if called == e.stopped {
								t.Errorf("next handler called: %t", called)
							}
							if e.status != 0 && res.StatusCode != e.status {
								t.Errorf("status %d, want %d", res.StatusCode, e.status)
							}
							e.check(t, res)
						})
					}
				}
			}
		})
	}
}

// send makes the exchange's request. The header is written as it is, so that
// what no browser sends can be sent.
func (e *exchange) send(t *testing.T, server *httptest.Server) *http.Response {
	t.Helper()
	req, err := http.NewRequest(e.method, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "host.example"
	maps.Copy(req.Header, e.header)
	res, err := server.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	return res
}

// check compares the response's CORS fields and its Vary with those wanted.
func (e *exchange) check(t *testing.T, res *http.Response) {
	t.Helper()
	corstest.CheckCORS(t, res.Header, e.want)
}

// provision returns the handler that a directive sets up.
func provision(t testing.TB, directive string) *Handler {
	t.Helper()
	h, err := load(t, directive)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// load takes a directive through what Caddy does with a module.
func load(t testing.TB, directive string) (*Handler, error) {
	t.Helper()
	h := new(Handler)
	if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		return nil, err
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	t.Cleanup(cancel)
	if err := h.Provision(ctx); err != nil {
		return nil, err
	}
	h.logger, h.debug = zap.NewNop(), false // a context without a config has a logger for development
	return h, h.Validate()
}

// serve serves h and next as Caddy's server does: with a replacer and variables
// in the context, and errors answered after the handlers have returned.
func serve(t testing.TB, h *Handler, next caddyhttp.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = caddyhttp.PrepareRequest(r, caddy.NewReplacer(), w, nil)
		err := h.ServeHTTP(w, r, next)
		var herr caddyhttp.HandlerError
		if errors.As(err, &herr) {
			w.WriteHeader(herr.StatusCode)
		} else if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server
}
