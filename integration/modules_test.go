package integration

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/certmagic"

	caddycors "github.com/seed-56c1dbac/caddy-cors"
)

func init() {
	caddy.RegisterModule(testHandler{})
	caddy.RegisterModule(new(mortalStorage))
	caddy.RegisterModule(new(regions))
	caddy.RegisterModule(wrongSource{})
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

// shelf is what mortal storages share: one value, and whether one of them was
// used after its end.
var shelf struct {
	sync.Mutex
	text     string
	modified time.Time
	misused  bool
}

// mortalStorage is a storage that works until its Cleanup, as one does whose
// client is closed there.
type mortalStorage struct {
	Name  string `json:"name"`
	ended atomic.Bool
}

func (*mortalStorage) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.storage.mortal", New: func() caddy.Module { return new(mortalStorage) }}
}

func (s *mortalStorage) CertMagicStorage() (certmagic.Storage, error) { return s, nil }

func (s *mortalStorage) Cleanup() error {
	s.ended.Store(true)
	return nil
}

func (s *mortalStorage) use() error {
	shelf.Lock()
	defer shelf.Unlock()
	if s.ended.Load() {
		shelf.misused = true
		return errors.New("used after its end")
	}
	return nil
}

func (s *mortalStorage) Load(context.Context, string) ([]byte, error) {
	if err := s.use(); err != nil {
		return nil, err
	}
	shelf.Lock()
	defer shelf.Unlock()
	return []byte(shelf.text), nil
}

func (s *mortalStorage) Stat(_ context.Context, key string) (certmagic.KeyInfo, error) {
	if err := s.use(); err != nil {
		return certmagic.KeyInfo{}, err
	}
	shelf.Lock()
	defer shelf.Unlock()
	return certmagic.KeyInfo{Key: key, Modified: shelf.modified, Size: int64(len(shelf.text)), IsTerminal: true}, nil
}

func (*mortalStorage) Lock(context.Context, string) error          { return nil }
func (*mortalStorage) Unlock(context.Context, string) error        { return nil }
func (*mortalStorage) Store(context.Context, string, []byte) error { return fs.ErrPermission }
func (*mortalStorage) Delete(context.Context, string) error        { return fs.ErrPermission }
func (*mortalStorage) Exists(context.Context, string) bool         { return true }
func (*mortalStorage) List(context.Context, string, bool) ([]string, error) {
	return nil, nil
}

func putOnShelf(text string) {
	shelf.Lock()
	defer shelf.Unlock()
	shelf.text, shelf.modified = text, time.Now()
}

// wrongSource is a module in the namespace of sources that is none.
type wrongSource struct{}

func (wrongSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.cors.origins.wrong", New: func() caddy.Module { return new(wrongSource) }}
}

func (*wrongSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume source name
	return nil
}

// regions is an origin source of a third party.
type regions struct {
	Regions []string `json:"regions,omitempty"`
}

func (regions) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.cors.origins.regions", New: func() caddy.Module { return new(regions) }}
}

func (s *regions) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume source name
	s.Regions = d.RemainingArgs()
	return nil
}

// AllowsOrigin implements caddycors.OriginSource.
func (s *regions) AllowsOrigin(_ *http.Request, origin string) (bool, error) {
	return slices.ContainsFunc(s.Regions, func(region string) bool { return origin == "https://"+region+".example.com" }), nil
}

var _ caddycors.OriginSource = (*regions)(nil)
