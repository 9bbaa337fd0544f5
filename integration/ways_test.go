package integration

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// ways are the ways in which the handlers of a Caddy respond. With each, a
// request without the module tells what is to be left as it is.
var ways = []struct {
	name   string
	method string // GET if empty
	path   string
	header http.Header
	status int // what comes without the module; 0 if the connection ends
}{
	{name: "proxied", path: "/up/200", status: 200},
	{name: "proxied HEAD", method: "HEAD", path: "/up/200", status: 200},
	{name: "proxied POST", method: "POST", path: "/up/200", status: 200},
	{name: "proxied OPTIONS", method: "OPTIONS", path: "/up/200", status: 200},
	{name: "proxied 204", path: "/up/204", status: 204},
	{name: "proxied 301", path: "/up/301", status: 301},
	{name: "proxied 302", path: "/up/302", status: 302},
	{name: "proxied 304", path: "/up/304", status: 304},
	{name: "proxied 307", path: "/up/307", status: 307},
	{name: "proxied 308", path: "/up/308", status: 308},
	{name: "proxied 401", path: "/up/401", status: 401},
	{name: "proxied 500", path: "/up/500", status: 500},
	{name: "proxied duplicates", path: "/up/duplicates", status: 200},
	{name: "proxied early hints", path: "/up/early-hints", status: 200},
	{name: "proxied early hints, then the end", path: "/up/early-hints-abort", status: 502},
	{name: "proxied trailers", path: "/up/trailers", status: 200},
	{name: "proxied events", path: "/up/events", status: 200},
	{name: "proxied end", path: "/up/abort", status: 502},
	{name: "dead upstream", path: "/dead", status: 502},
	{name: "file", path: "/files/file.txt", status: 200},
	{name: "file HEAD", method: "HEAD", path: "/files/file.txt", status: 200},
	{name: "file range", path: "/files/file.txt", header: fields("Range: bytes=1-2"), status: 206},
	{name: "file range beyond the end", path: "/files/file.txt", header: fields("Range: bytes=1000-"), status: 416},
	{name: "file not modified", path: "/files/file.txt", header: fields("If-None-Match: *"), status: 304},
	{name: "file missing", path: "/files/none.txt", status: 404},
	{name: "file POST", method: "POST", path: "/files/file.txt", status: 405},
	{name: "directory", path: "/files/directory", status: 308},
	{name: "index", path: "/files/directory/", status: 200},
	{name: "respond", path: "/respond", status: 200},
	{name: "respond 418", path: "/respond/418", status: 418},
	{name: "redir", path: "/redir", status: 302},
	{name: "error", path: "/error", status: 403},
	{name: "nothing matches", path: "/nowhere", status: 200},
	{name: "encode", path: "/encode", header: fields("Accept-Encoding: gzip"), status: 200},
	{name: "encode a proxied response", path: "/encode/up", header: fields("Accept-Encoding: gzip"), status: 200},
	{name: "cors within encode", path: "/inner/encode", header: fields("Accept-Encoding: gzip"), status: 200},
	{name: "templates", path: "/templates/template.html", status: 200},
	{name: "intercept", path: "/intercept", status: 203},
	{name: "basic_auth", path: "/auth", status: 401},
	{name: "basic_auth passed", path: "/auth", header: fields("Authorization: Basic YWxpY2U6YWxpY2U="), status: 200},
	{name: "handle_response", path: "/handle-response", status: 200},
	{name: "copy_response", path: "/copy-response", status: 401},
	{name: "abort", path: "/abort"},
	{name: "panic", path: "/test/panic"},
	{name: "flush first", path: "/test/flush", status: 200},
	{name: "read from", path: "/test/read_from", status: 200},
	{name: "nothing written", path: "/test/nothing", status: 200},
	{name: "error after a body", path: "/test/late_error", status: 200},
	{name: "early hints", path: "/test/early_hints", status: 200},
	{name: "early hints, then an error", path: "/test/early_hints_error", status: 502},
}

// waysSite serves the ways. The field Without-Cors leaves the module out.
func waysSite(t *testing.T) string {
	return strings.NewReplacer("UPSTREAM", newUpstream(t, upstreamPaths), "DEAD", corstest.FreePort(t)).Replace(`
	root * testdata
	@cors {
		not header Without-Cors *
		not path /inner/*
	}
	@inner not header Without-Cors *
	cors @cors https://a.example {
		import policy
	}
	handle /up/* {
		reverse_proxy UPSTREAM {
			flush_interval -1
		}
	}
	handle /dead {
		reverse_proxy DEAD
	}
	handle_path /files/* {
		file_server
	}
	respond /respond "body"
	respond /respond/418 "body" 418
	redir /redir /elsewhere
	error /error "no" 403
	handle /encode {
		import gzip
		import page
	}
	handle /encode/up {
		import gzip
		rewrite /up/200
		reverse_proxy UPSTREAM
	}
	handle /inner/encode {
		import gzip
		cors @inner https://a.example {
			import policy
		}
		import page
	}
	handle_path /templates/* {
		templates
		file_server
	}
	handle /intercept {
		intercept {
			@missing status 404
			handle_response @missing {
				respond "intercepted" 203
			}
		}
		respond "missing" 404
	}
	handle /auth {
		basic_auth {
			alice $2a$04$Hm3cIOVw2ItO9HYGz2JiIOvk0OJ84OKE3m7pBmiAHwekto6Xjimy.
		}
		respond "body"
	}
	handle /handle-response {
		rewrite * /up/500
		reverse_proxy UPSTREAM {
			@error status 5xx
			handle_response @error {
				copy_response_headers {
					exclude Content-Length
				}
				respond "handled" 200
			}
		}
	}
	handle /copy-response {
		rewrite * /up/401
		reverse_proxy UPSTREAM {
			handle_response {
				copy_response
			}
		}
	}
	abort /abort
	handle_path /test/* {
		route {
			test
		}
	}`)
}

// waysSnippets are what the site imports.
const waysSnippets = `
(policy) {
	allow_methods PUT
	allow_headers X-A
	expose_headers X-Total
	allow_credentials
	max_age 10m
}
(gzip) {
	encode {
		gzip
		minimum_length 1
	}
}
(page) {
	header Content-Type text/plain
	respond "a body that is worth the compression, a body that is worth the compression"
}`

// TestWays crosses the ways of responding with what a policy can say, over
// every version of HTTP. But for what the policy says, the response is that of
// the same Caddy without the module.
func TestWays(t *testing.T) {
	s := startSiteWith(t, siteOptions{snippets: waysSnippets, tls: true}, waysSite(t))
	requests := []struct {
		name   string
		header http.Header
		want   http.Header
	}{
		{"no origin", nil, fields(vary)},
		{"allowed", fields(origin), fields(allowed, "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", vary)},
		{"denied", fields(foreign), fields(vary)},
	}
	for _, protocol := range protocols {
		for _, way := range ways {
			t.Run(protocol+"/"+way.name, func(t *testing.T) {
				c := call{method: way.method, path: way.path}
				c.header = merge(way.header, fields("Without-Cors: 1"))
				base, err := s.send(protocol, c)
				switch {
				case err != nil && way.status != 0:
					t.Fatal(err)
				case err == nil && base.StatusCode != way.status:
					t.Fatalf("without the module: status %d, want %d", base.StatusCode, way.status)
				}
				for _, r := range requests {
					t.Run(r.name, func(t *testing.T) {
						c.header = merge(way.header, r.header)
						res, err := s.send(protocol, c)
						if way.status == 0 {
							if err == nil {
								t.Fatalf("status %d, want the connection to end", res.StatusCode)
							}
							return
						}
						if err != nil {
							t.Fatal(err)
						}
						want := r.want
						if way.method == "OPTIONS" {
							want = merge(want, fields(varyAll))
						}
						res.checkAgainst(t, base, want)
					})
				}
				t.Run("preflight allowed", func(t *testing.T) {
					c.method, c.header = "OPTIONS", fields(origin, forPUT)
					res, err := s.send(protocol, c)
					if err != nil {
						t.Fatal(err)
					}
					if res.StatusCode != 204 || len(res.body) > 0 {
						t.Errorf("status %d, body %q, want 204 and none", res.StatusCode, res.body)
					}
					checkCORS(t, res.Header, fields(allowed, "Access-Control-Allow-Credentials: true",
						"Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: X-A", "Access-Control-Expose-Headers: X-Total", "Access-Control-Max-Age: 600", varyAll))
				})
				t.Run("preflight denied", func(t *testing.T) {
					c.method, c.header = "OPTIONS", fields(foreign, forPUT)
					res, err := s.send(protocol, c)
					if err != nil {
						t.Fatal(err)
					}
					if res.StatusCode != 403 || len(res.body) > 0 {
						t.Errorf("status %d, body %q, want 403 and none", res.StatusCode, res.body)
					}
					checkCORS(t, res.Header, fields(varyAll))
				})
			})
		}
	}
}

// checkAgainst checks that a response is that of the same Caddy without the
// module, but for the CORS fields and the names that are added to Vary.
func (r *reply) checkAgainst(t *testing.T, base *reply, want http.Header) {
	t.Helper()
	if r.StatusCode != base.StatusCode {
		t.Errorf("status %d, want %d", r.StatusCode, base.StatusCode)
	}
	if !bytes.Equal(r.body, base.body) || (r.bodyErr == nil) != (base.bodyErr == nil) {
		t.Errorf("body %q, %v, want %q, %v", r.body, r.bodyErr, base.body, base.bodyErr)
	}
	if got, want := others(r.Header), others(base.Header); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("other fields %v, want %v", got, want)
	}
	if !maps.EqualFunc(r.Trailer, base.Trailer, slices.Equal) {
		t.Errorf("trailer %v, want %v", r.Trailer, base.Trailer)
	}
	want = want.Clone()
	names := append(varyNames(base.Header), varyNames(want)...)
	slices.Sort(names)
	want.Set("Vary", strings.Join(slices.Compact(names), ","))
	checkCORS(t, r.Header, want)
}

// others returns the fields that have nothing to do with CORS. Whether a length
// of zero is spelled out is up to the server's timing.
func others(h http.Header) http.Header {
	h = h.Clone()
	maps.DeleteFunc(h, func(name string, values []string) bool {
		return corstest.IsCORS(name) || name == "Vary" || name == "Date" || name == "Content-Length" && values[0] == "0"
	})
	return h
}
