package caddycors

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

func init() {
	caddy.RegisterModule(AskSource{})
}

const (
	defaultCacheSize   = 10_000
	defaultMaxInFlight = 16
)

// AskSource allows the origins that a URL says yes to. It is asked with the
// parameters `origin` and `host` (as in the request, in lower case, without the
// port) once for each pair of them: an answer of 2xx allows the origin; 403, 404
// and 410 do not; anything else, also a redirect or none in time, could not tell,
// and does not either.
//
// Answers are kept, yes and no apart, so that no number of hostile origins can
// drive out a yes. Malformed origins, `null`, and, with credentials, insecure ones
// are never asked about.
type AskSource struct {
	// The URL, with `http` or `https`. The placeholders `{env.*}` and `{file.*}`
	// are replaced. Required.
	URL string `json:"url,omitempty"`

	// How long an answer may take. Default: 2s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How long a yes is good for. Default: 5m.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// How long a no is good for. Default: 30s.
	NegativeTTL caddy.Duration `json:"negative_ttl,omitempty"`

	// How long, beyond its time, a yes is still good for while no answer can be
	// had. 0 is not at all. Default: 1h.
	MaxStale *caddy.Duration `json:"max_stale,omitempty"`

	// How many answers of each kind are kept. Default: 10000.
	CacheSize int `json:"cache_size,omitempty"`

	// How many questions are asked at once. Beyond it, origins are not allowed
	// unless their answer is known. Default: 16.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	key    string
	oracle *oracle
	asker  *asker
	given  bool // back
}

// CaddyModule returns the Caddy module information.
func (AskSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".ask",
		New: func() caddy.Module { return new(AskSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	ask <url> {
//	    timeout       <duration>
//	    ttl           <duration>
//	    negative_ttl  <duration>
//	    max_stale     <duration>
//	    cache_size    <number>
//	    max_in_flight <number>
//	}
func (s *AskSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalOptions(d, "a URL", "http://localhost:9000/cors", &s.URL, map[string]func() error{
		"timeout":      func() error { return unmarshalDuration(d, &s.Timeout) },
		"ttl":          func() error { return unmarshalDuration(d, &s.TTL) },
		"negative_ttl": func() error { return unmarshalDuration(d, &s.NegativeTTL) },
		"max_stale": func() error {
			s.MaxStale = new(caddy.Duration)
			return unmarshalDurationOrZero(d, s.MaxStale)
		},
		"cache_size":    func() error { return unmarshalNumber(d, &s.CacheSize, defaultCacheSize) },
		"max_in_flight": func() error { return unmarshalNumber(d, &s.MaxInFlight, defaultMaxInFlight) },
	})
}

// Provision prepares the questions. It asks none.
func (s *AskSource) Provision(ctx caddy.Context) error {
	u, err := parseSourceURL("ask", s.URL)
	if err != nil {
		return err
	}
	for _, d := range []struct {
		value        *caddy.Duration
		name         string
		defaultValue time.Duration
	}{
		{&s.Timeout, "timeout", 2 * time.Second},
		{&s.TTL, "ttl", 5 * time.Minute},
		{&s.NegativeTTL, "negative_ttl", 30 * time.Second},
	} {
		if err := setDefault(d.value, d.name, d.defaultValue); err != nil {
			return err
		}
	}
	if s.MaxStale == nil {
		s.MaxStale = new(caddy.Duration)
		*s.MaxStale = caddy.Duration(time.Hour)
	}
	if err := checkDuration(*s.MaxStale, "max_stale", time.Hour); err != nil {
		return err
	}
	for _, n := range []struct {
		value        *int
		name         string
		defaultValue int
	}{
		{&s.CacheSize, "cache_size", defaultCacheSize},
		{&s.MaxInFlight, "max_in_flight", defaultMaxInFlight},
	} {
		if *n.value < 0 {
			return fmt.Errorf("%s %d is negative: write one such as %d", n.name, *n.value, n.defaultValue)
		}
		if *n.value == 0 {
			*n.value = n.defaultValue
		}
	}
	value, _, err := oracles.LoadOrNew(u.String(), func() (caddy.Destructor, error) { return newOracle(), nil })
	if err != nil {
		return err
	}
	s.key, s.oracle = u.String(), value.(*oracle)
	s.asker = newAsker(s, u, ctx.Logger())
	s.oracle.attach(s.asker)
	return nil
}

// Cleanup gives back what the source has taken, which is nothing if it could not
// be provisioned. Requests that are still under way use the answers that are known.
func (s *AskSource) Cleanup() error {
	if s.asker == nil || s.given {
		return nil
	}
	s.given = true
	s.oracle.detach(s.asker)
	_, err := oracles.Delete(s.key)
	return err
}

// AllowsOrigin returns the answer about the origin and the host of r, from
// memory or by asking.
func (s *AskSource) AllowsOrigin(r *http.Request, origin string) (bool, error) {
	return s.oracle.ask(r.Context(), s.asker, question{origin, hostname(r.Host)})
}

// hostname returns the host of an authority, in lower case and without the port.
func hostname(authority string) string {
	host, _ := origins.SplitPort(authority)
	return strings.ToLower(host)
}

// question is what a URL is asked.
type question struct{ origin, host string }

// asker is what one configuration lends an oracle to ask questions.
type asker struct {
	*AskSource
	url    *url.URL
	name   string // in the log
	client *http.Client
	logger *zap.Logger
	ctx    context.Context // ends with the configuration
	cancel context.CancelFunc
	flying sync.WaitGroup
}

func newAsker(s *AskSource, u *url.URL, logger *zap.Logger) *asker {
	a := &asker{AskSource: s, url: u, name: "ask " + u.Host, client: newClient(time.Duration(s.Timeout)), logger: logger}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// ask asks the URL.
func (a *asker) ask(q question) (bool, error) {
	u := *a.url
	query := u.Query()
	query.Set("origin", q.origin)
	query.Set("host", q.host)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(a.ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, err
	}
	res, err := a.client.Do(r)
	if err != nil {
		return false, withoutURL(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols { // whose body no deadline ends
		// Read, within bounds, so that the connection can be used again.
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10))
	}
	switch {
	case res.StatusCode >= 200 && res.StatusCode <= 299:
		return true, nil
	case slices.Contains([]int{http.StatusForbidden, http.StatusNotFound, http.StatusGone}, res.StatusCode):
		return false, nil
	}
	return false, statusError(res)
}

// unmarshalNumber parses the one argument of an option.
func unmarshalNumber(d *caddyfile.Dispenser, number *int, example int) error {
	option := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return d.Errf("%s takes one number: write one such as %d", option, example)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n <= 0 {
		return d.Errf("%s %q is no number greater than 0: write one such as %d", option, value, example)
	}
	*number = n
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*AskSource)(nil)
	_ caddy.CleanerUpper    = (*AskSource)(nil)
	_ caddyfile.Unmarshaler = (*AskSource)(nil)
	_ OriginSource          = (*AskSource)(nil)
)
