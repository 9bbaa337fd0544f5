package caddycors

import (
	"errors"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(AskSource{})
}

const (
	defaultCacheSize   = 10_000
	defaultMaxInFlight = 16
)

// AskSource allows the origins that a URL says yes to. It is asked once for each
// pair of an origin and a host, with the parameters `origin` and `host`: the host
// of the request, in lower case and without the port. The status of the answer
// decides:
//
//   - 2xx allows the origin.
//   - 403, 404 and 410 deny it.
//   - Anything else, also a redirect or a timeout, means that the URL cannot tell.
//     Then the origin is denied.
//
// Answers are remembered. Yes and no are kept apart, so that no number of hostile
// origins can displace a yes. The URL is never asked about malformed origins and
// `null`, nor, with credentials, about insecure ones.
type AskSource struct {
	// The URL, with `http` or `https`. The placeholders `{env.*}` and `{file.*}`
	// are replaced. Required.
	URL string `json:"url,omitempty"`

	// How long an answer may take, and how long a question may wait for its turn.
	// After that, the origin is denied. Default: 2s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// How long a yes is valid. An origin that is no longer allowed can still read
	// responses for that long. Default: 5m.
	TTL caddy.Duration `json:"ttl,omitempty"`

	// How long a no is valid. A new origin may have to wait for that long.
	// Default: 30s.
	NegativeTTL caddy.Duration `json:"negative_ttl,omitempty"`

	// How much longer a yes is valid while the URL does not answer. 0 means no longer.
	// Default: 1h.
	MaxStale *caddy.Duration `json:"max_stale,omitempty"`

	// How many yes and how many no are kept. One origin may have all of them, for many
	// hosts. In a full cache, the origin that has the most loses one first.
	// Default: 10000.
	CacheSize int `json:"cache_size,omitempty"`

	// How many questions are asked at once. Others wait: at most 64 times as many, each
	// for at most `timeout`. Then the origin is denied. A quarter is reserved for
	// renewing a yes, which never waits: while there is no room, the old answer stays
	// valid, up to `max_stale`. Default: 16.
	MaxInFlight int `json:"max_in_flight,omitempty"`

	liveSource
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
	u, err := sourceURL("ask", s.URL)
	if err != nil {
		return err
	}
	if s.MaxStale == nil {
		s.MaxStale = new(caddy.Duration)
		*s.MaxStale = caddy.Duration(time.Hour)
	}
	if err := errors.Join(
		setDuration(&s.Timeout, "timeout", 2*time.Second),
		setDuration(&s.TTL, "ttl", 5*time.Minute),
		setDuration(&s.NegativeTTL, "negative_ttl", 30*time.Second),
		checkDuration(*s.MaxStale, "max_stale", time.Hour),
		setNumber(&s.CacheSize, "cache_size", defaultCacheSize),
		setNumber(&s.MaxInFlight, "max_in_flight", defaultMaxInFlight),
	); err != nil {
		return err
	}
	asker, err := sources.NewAsker(u, sources.Limits{
		Timeout:     time.Duration(s.Timeout),
		TTL:         time.Duration(s.TTL),
		NegativeTTL: time.Duration(s.NegativeTTL),
		MaxStale:    time.Duration(*s.MaxStale),
		CacheSize:   s.CacheSize,
		MaxInFlight: s.MaxInFlight,
	}, ctx.Logger())
	if err != nil {
		return err
	}
	s.source = asker
	return nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*AskSource)(nil)
	_ caddy.CleanerUpper    = (*AskSource)(nil)
	_ caddyfile.Unmarshaler = (*AskSource)(nil)
	_ OriginSource          = (*AskSource)(nil)
	_ policy.Source         = (*AskSource)(nil)
)
