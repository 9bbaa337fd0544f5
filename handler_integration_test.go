package caddycors_test

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(testHandler{})
	httpcaddyfile.RegisterHandlerDirective("test", func(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
		return testHandler{}, testHandler{}.UnmarshalCaddyfile(h.Dispenser)
	})
}

// testHandler responds as no handler of Caddy's own does, in the way that the
// path of the request names.
type testHandler struct{}

func (testHandler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.test",
		New: func() caddy.Module { return new(testHandler) },
	}
}

func (testHandler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func (testHandler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	contradict(w.Header())
	switch way := strings.TrimPrefix(r.URL.Path, "/"); way {
	case "panic":
		panic(http.ErrAbortHandler)
	case "flush":
		return http.NewResponseController(w).Flush()
	case "read_from":
		_, err := io.Copy(w, struct{ io.Reader }{strings.NewReader("body")})
		return err
	case "nothing":
		return nil
	case "late_error":
		_, _ = io.WriteString(w, "body")
		return errors.New("too late")
	case "early_hints":
		w.WriteHeader(http.StatusEarlyHints)
		_, err := io.WriteString(w, "body")
		return err
	case "early_hints_error":
		w.WriteHeader(http.StatusEarlyHints)
		return caddyhttp.Error(http.StatusBadGateway, errors.New("dead"))
	case "hijack":
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
		return err
	default:
		return caddyhttp.Error(http.StatusNotFound, errors.New(way))
	}
}
