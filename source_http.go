package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(HTTPSource{})
}

// HTTPSource allows the origins of a list that a URL serves, written as for the
// source `file`. The list is fetched in the background, with conditional requests
// if the server sends an `ETag` or `Last-Modified`. Until the first good response,
// no origin is allowed. After a bad one, the previous list stays in force.
//
// A good response has the status 200 or 304. Over HTTP/1, it has a `Content-Length`
// or is chunked: otherwise a lost connection could shorten the list.
type HTTPSource struct {
	// The URL, with `http` or `https`. Redirects are not followed. The
	// placeholders `{env.*}` and `{file.*}` are replaced. Required.
	URL string `json:"url,omitempty"`

	// How often to fetch the list. Default: 1m.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	// How long a response may take. Default: 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Request headers to send, such as `Authorization`. The placeholders `{env.*}`
	// and `{file.*}` are replaced. Default: none.
	HeaderUp http.Header `json:"header_up,omitempty"`

	liveSource
}

// CaddyModule returns the Caddy module information.
func (HTTPSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".http",
		New: func() caddy.Module { return new(HTTPSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	http <url> {
//	    refresh   <duration>
//	    timeout   <duration>
//	    header_up <name> <value>
//	}
func (s *HTTPSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalOptions(d, "a URL", "https://config.example.com/origins", &s.URL, map[string]func() error{
		"refresh": func() error { return unmarshalDuration(d, &s.Refresh) },
		"timeout": func() error { return unmarshalDuration(d, &s.Timeout) },
		"header_up": func() error {
			var name, value string
			if !d.Args(&name, &value) || d.NextArg() {
				return d.Err("header_up: takes the name and the value of a header; quote a value that has spaces")
			}
			if s.HeaderUp == nil {
				s.HeaderUp = make(http.Header)
			}
			s.HeaderUp.Add(name, value)
			return nil
		},
	})
}

// Provision prepares the requests. It does not wait for the network, so that a
// configuration can be validated offline, and a server can serve its own list.
func (s *HTTPSource) Provision(ctx caddy.Context) error {
	u, err := sourceURL("http", s.URL)
	if err != nil {
		return err
	}
	header, err := s.header()
	if err != nil {
		return err
	}
	if err := errors.Join(
		setDuration(&s.Refresh, "refresh", time.Minute),
		setDuration(&s.Timeout, "timeout", 10*time.Second),
	); err != nil {
		return err
	}
	access, err := json.Marshal(header)
	if err != nil {
		return err
	}
	read, done := sources.HTTPReader(u, header, time.Duration(s.Timeout))
	return s.openList(ctx, sources.ListConfig{
		Name:    "http " + u.Host,
		Place:   u.String() + " " + string(access),
		Read:    read,
		Done:    done,
		Refresh: time.Duration(s.Refresh),
		Timeout: time.Duration(s.Timeout),
	})
}

// header returns the headers to send, with global placeholders replaced.
func (s *HTTPSource) header() (http.Header, error) {
	header := make(http.Header)
	for name, values := range s.HeaderUp {
		if !fetch.IsToken(name) || name[0] == '+' || name[0] == '-' { // as other directives add and delete
			return nil, fmt.Errorf("header_up %q: is not a valid header name; write one such as Authorization", name)
		}
		for _, value := range values {
			value, err := replaceGlobals(value)
			if err == nil && !httpguts.ValidHeaderFieldValue(value) {
				err = errors.New("the value has a control character, which no header may have; remove it")
			}
			if err != nil {
				return nil, fmt.Errorf("header_up %s: %w", name, err)
			}
			header.Add(name, value)
		}
	}
	return header, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*HTTPSource)(nil)
	_ caddy.CleanerUpper    = (*HTTPSource)(nil)
	_ caddyfile.Unmarshaler = (*HTTPSource)(nil)
	_ OriginSource          = (*HTTPSource)(nil)
	_ policy.Source         = (*HTTPSource)(nil)
)
