package integration

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

func init() {
	caddy.RegisterModule(trailerHandler{})
	caddy.RegisterModule(withoutBody{})
	httpcaddyfile.RegisterHandlerDirective("without_body", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return withoutBody{}, nil
	})
	httpcaddyfile.RegisterHandlerDirective("trailers", func(httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return trailerHandler{}, nil
	})
}

// withoutBody takes the body from requests: over HTTP/3, those without one have an
// empty one of unknown length. While such a body goes to an upstream over HTTP/2, a
// response that comes early makes Caddy's proxy read and write one of its variables at
// the same time, which the race detector reports.
type withoutBody struct{}

func (withoutBody) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.without_body",
		New: func() caddy.Module { return new(withoutBody) },
	}
}

func (withoutBody) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	r.Body, r.ContentLength = http.NoBody, 0
	return next.ServeHTTP(w, r)
}

// trailerHandler sends trailers, in the way that the last segment of the path names.
type trailerHandler struct{}

func (trailerHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.trailers",
		New: func() caddy.Module { return new(trailerHandler) },
	}
}

func (trailerHandler) UnmarshalCaddyfile(*caddyfile.Dispenser) error { return nil }

func (trailerHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	sendTrailers(w, r)
	return nil
}

func sendTrailers(w http.ResponseWriter, r *http.Request) {
	contradict(w.Header())
	trailerWays[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]].send(w)
}

// flusher flushes what is written: the length of a short response becomes known
// otherwise, and over HTTP/1.1 no trailers follow a body of known length.
type flusher struct{ http.ResponseWriter }

func (f flusher) Write(p []byte) (int, error) {
	defer http.NewResponseController(f.ResponseWriter).Flush() //nolint:errcheck // reading fails then
	return f.ResponseWriter.Write(p)
}

func (f flusher) WriteHeader(status int) {
	f.ResponseWriter.WriteHeader(status)
	_ = http.NewResponseController(f.ResponseWriter).Flush()
}

func (f flusher) Unwrap() http.ResponseWriter { return f.ResponseWriter }

const evil = "https://evil.example"

// trailerWays are the ways to send trailers with Go, and what of them is of no
// concern to CORS.
var trailerWays = map[string]struct {
	send func(w http.ResponseWriter)
	rest http.Header
}{
	"announced": {
		send: func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "Access-Control-Allow-Origin, Grpc-Status, Timing-Allow-Origin, Vary, Access-Control-Allow-Credentials")
			_, _ = io.WriteString(w, "body")
			setEvil(w.Header(), "")
			w.Header().Set("Grpc-Status", "0")
		},
		rest: fields("Grpc-Status: 0"),
	},
	"announced-alone": {
		send: func(w http.ResponseWriter) {
			w.Header().Add("Trailer", "Access-Control-Allow-Origin")
			w.Header().Add("Trailer", "Access-Control-Allow-Credentials,Timing-Allow-Origin")
			w.Header().Add("Trailer", "Vary")
			_, _ = io.WriteString(w, "body")
			setEvil(w.Header(), "")
		},
	},
	"announced-in-lower-case": {
		send: func(w http.ResponseWriter) {
			w.Header()["Trailer"] = []string{"access-control-allow-origin,access-control-allow-credentials", "grpc-status", "timing-allow-origin,VARY"}
			w.WriteHeader(http.StatusOK)
			setEvil(w.Header(), "")
			w.Header().Set("Grpc-Status", "0")
		},
		rest: fields("Grpc-Status: 0"),
	},
	"announced-for-a-long-body": {
		send: func(w http.ResponseWriter) {
			h := w.Header()
			h.Set("Trailer", "Access-Control-Allow-Origin,Access-Control-Allow-Credentials,Timing-Allow-Origin,Vary,Grpc-Status")
			w.WriteHeader(http.StatusOK)
			setEvil(h, "")
			h.Set("Grpc-Status", "0")
			for range 3 {
				_, _ = io.WriteString(w, strings.Repeat("body", 2<<10))
			}
		},
		rest: fields("Grpc-Status: 0"),
	},
	"announced-without-body": {
		send: func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "Access-Control-Allow-Origin, Grpc-Status")
			setEvil(w.Header(), "")
			_ = http.NewResponseController(w).Flush()
			setEvil(w.Header(), "")
			w.Header().Set("Grpc-Status", "0")
		},
		rest: fields("Grpc-Status: 0"),
	},
	"not-announced": {
		send: func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			setEvil(w.Header(), http.TrailerPrefix)
			w.Header()[http.TrailerPrefix+"access-control-max-age"] = []string{"1"}
			w.Header()[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
		},
		rest: fields("Grpc-Status: 0"),
	},
	"not-announced-early": {
		send: func(w http.ResponseWriter) {
			setEvil(w.Header(), http.TrailerPrefix)
			w.Header()[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
			_, _ = io.WriteString(w, strings.Repeat("body", 2<<10))
		},
		rest: fields("Grpc-Status: 0"),
	},
	"not-announced-in-a-kept-map": {
		send: func(w http.ResponseWriter) {
			h := w.Header()
			_ = http.NewResponseController(w).Flush()
			setEvil(h, http.TrailerPrefix)
			h[http.TrailerPrefix+"Grpc-Status"] = []string{"0"}
		},
		rest: fields("Grpc-Status: 0"),
	},
	"not-announced-without-header": {
		send: func(w http.ResponseWriter) { setEvil(w.Header(), http.TrailerPrefix) },
	},
	"others": {
		send: func(w http.ResponseWriter) {
			w.Header().Set("Trailer", "Grpc-Status")
			_, _ = io.WriteString(w, "body")
			_ = http.NewResponseController(w).Flush()
			w.Header().Set("Grpc-Status", "0")
			w.Header()[http.TrailerPrefix+"Grpc-Message"] = []string{"fine"}
		},
		rest: fields("Grpc-Status: 0", "Grpc-Message: fine"),
	},
}

// setEvil sets all that a policy owns.
func setEvil(h http.Header, prefix string) {
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Timing-Allow-Origin", "Vary"} {
		h[prefix+name] = []string{evil}
	}
}

// TestTrailers: whatever a handler or an upstream sends as trailers, none has to do
// with CORS, is announced, or takes anything out of the header. The others arrive.
func TestTrailers(t *testing.T) {
	upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sendTrailers(flusher{w}, r)
	}))
	upstream.Config.Protocols = new(http.Protocols)
	upstream.Config.Protocols.SetHTTP1(true)
	upstream.Config.Protocols.SetUnencryptedHTTP2(true)
	upstream.Start()
	t.Cleanup(upstream.Close)
	s := startSiteWith(t, siteOptions{tls: true}, strings.ReplaceAll(`
	cors /enforced/* https://a.example {
		allow_credentials
		allow_timing
		preflight_passthrough
	}
	cors /reported/* https://a.example {
		allow_credentials
		allow_timing
		preflight_passthrough
		report_only
	}
	@handler path */handler/*
	@h1 path */h1/*
	@h2 path */h2/*
	route @handler {
		trailers
	}
	route @h1 {
		without_body
		reverse_proxy UPSTREAM
	}
	route @h2 {
		without_body
		reverse_proxy h2c://UPSTREAM
	}`, "UPSTREAM", upstream.Listener.Addr().String()))
	requests := []struct {
		name   string
		method string
		header http.Header
		want   http.Header
	}{
		{"no origin", "GET", nil, fields("Timing-Allow-Origin: https://a.example", vary)},
		{"allowed", "GET", fields(origin), fields(allowed, "Access-Control-Allow-Credentials: true", "Timing-Allow-Origin: https://a.example", vary)},
		{"denied", "GET", fields(foreign), fields(vary)},
		{"preflight allowed", "OPTIONS", fields(origin, forPUT), fields(allowed, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)},
		{"preflight denied", "OPTIONS", fields(foreign, forPUT), fields(varyAll)},
	}
	for _, protocol := range protocols {
		for _, from := range []string{"handler", "h1", "h2"} {
			for name, way := range trailerWays {
				for _, r := range requests {
					t.Run(strings.Join([]string{protocol, from, name, r.name}, "/"), func(t *testing.T) {
						c := call{method: r.method, path: "/enforced/" + from + "/" + name, header: r.header}
						header, announced, trailers := s.trailers(t, protocol, c)
						checkOwned(t, header, r.want)
						for _, name := range announced {
							if corstest.IsCORS(name) || name == "Vary" {
								t.Errorf("%s is announced", name)
							}
						}
						checkTrailers(t, trailers, way.rest)
					})
				}
			}
			// That they would arrive is what makes the test one.
			for _, name := range []string{"announced", "not-announced"} {
				t.Run(strings.Join([]string{protocol, from, name, "reported"}, "/"), func(t *testing.T) {
					c := call{path: "/reported/" + from + "/" + name, header: fields(origin)}
					_, _, trailers := s.trailers(t, protocol, c)
					if got := trailers["Access-Control-Allow-Origin"]; !slices.Contains(got, evil) {
						t.Errorf("got the trailers %v, want the upstream's", trailers)
					}
				})
			}
		}
	}
}

// trailers makes a call, and returns the header, the names of the trailers that it
// announces, and the trailers.
func (s *site) trailers(t *testing.T, protocol string, c call) (header http.Header, announced []string, trailers http.Header) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), corstest.Patience)
	defer cancel()
	res, err := s.open(ctx, protocol, c)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	for name := range res.Trailer {
		announced = append(announced, name)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	return res.Header, announced, res.Trailer
}

// checkOwned checks the CORS headers, and that Vary has the wanted names, along
// with those that are not the policy's.
func checkOwned(t *testing.T, got, want http.Header) {
	t.Helper()
	got = got.Clone()
	names := slices.DeleteFunc(varyNames(got), func(name string) bool { return name == "cookie" || name == "accept" || name == evil })
	if got["Vary"] = names; len(names) == 0 {
		delete(got, "Vary")
	}
	checkCORS(t, got, want)
}

// checkTrailers checks that the trailers are those wanted.
func checkTrailers(t *testing.T, got, want http.Header) {
	t.Helper()
	for name, values := range got {
		if want[name] == nil {
			t.Errorf("%s: %q in the trailers, want it absent", name, values)
		}
	}
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s: got %q in the trailers, want %q", name, got[name], values)
		}
	}
}
