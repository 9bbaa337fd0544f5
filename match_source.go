package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	caddy.RegisterModule(MatchSource{})
}

// MatchSource allows the origins of the requests that match: any of Caddy's
// request matchers decides, CEL expressions included. Preflights are matched too:
// they have the method OPTIONS, no cookies, and none of the fields that the page
// will set.
//
// With credentials, each of the matcher sets must look at `Origin`, by a matcher
// `origin`, `header` or `header_regexp`, or an `expression`.
type MatchSource struct {
	// The matcher sets, of which one must match, as in a route. Required.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	matcherSets caddyhttp.MatcherSets
	blindSet    string // of the first matcher set that does not look at Origin, the matchers
}

// CaddyModule returns the Caddy module information.
func (MatchSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".match",
		New: func() caddy.Module { return new(MatchSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	match {
//	    <matchers...>
//	}
//
// All of the matchers must match. For one of several sets to match, repeat the
// source.
func (s *MatchSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume source name
	if d.NextArg() {
		return d.Errf("match takes no argument, but %q follows: write the matchers in a block", d.Val())
	}
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
	if err != nil {
		return err
	}
	if len(set) == 0 {
		return d.Err("match has no matchers: write at least one in its block, such as origin https://*.example.com")
	}
	s.MatcherSetsRaw = caddyhttp.RawMatcherSets{set}
	return nil
}

// Provision loads the matchers.
func (s *MatchSource) Provision(ctx caddy.Context) error {
	if len(s.MatcherSetsRaw) == 0 {
		return errors.New("match has no matchers: write at least one matcher set")
	}
	for i, set := range s.MatcherSetsRaw {
		if len(set) == 0 {
			return fmt.Errorf("match: matcher set %d is empty, and would match every request: remove it", i)
		}
		if s.blindSet == "" && !mustLookAtOrigin(set) {
			s.blindSet = strings.Join(slices.Sorted(maps.Keys(set)), ", ")
		}
	}
	loaded, err := ctx.LoadModule(s, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %w", err)
	}
	return s.matcherSets.FromInterface(loaded)
}

// AllowsOrigin reports whether r matches.
func (s *MatchSource) AllowsOrigin(r *http.Request, _ string) (bool, error) {
	return s.matcherSets.AnyMatchWithError(r)
}

func (s *MatchSource) blind() string { return s.blindSet }

// mustLookAtOrigin reports whether a matcher set matches no request without a
// look at its Origin. Whether it looks closely, who knows.
func mustLookAtOrigin(set caddy.ModuleMap) bool {
	return set["origin"] != nil || set["expression"] != nil || looksAtField(set, "Origin")
}

// looksAtField reports whether the matcher header or header_regexp of a set
// names a field.
func looksAtField(set caddy.ModuleMap, name string) bool {
	for _, matcher := range []string{"header", "header_regexp"} {
		var fields map[string]json.RawMessage
		if json.Unmarshal(set[matcher], &fields) != nil {
			continue
		}
		for field := range fields {
			if strings.EqualFold(field, name) {
				return true
			}
		}
	}
	return false
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MatchSource)(nil)
	_ caddyfile.Unmarshaler = (*MatchSource)(nil)
	_ blindSource           = (*MatchSource)(nil)
)
