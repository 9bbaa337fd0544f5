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
// With credentials, each of the matcher sets must look at `Origin` closely: by a
// matcher `origin` with none that strangers can obtain, by `header` or
// `header_regexp`, or by an `expression`.
type MatchSource struct {
	// The matcher sets, of which one must match, as in a route. Required.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	matcherSets caddyhttp.MatcherSets
	loose       string // in what respect a set allows every origin, or those of strangers
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
	}
	raw := s.MatcherSetsRaw
	loaded, err := ctx.LoadModule(s, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %w", err)
	}
	for i, set := range loaded.([]map[string]any) {
		if s.loose = looseness(raw[i], set["origin"]); s.loose != "" {
			break
		}
	}
	return s.matcherSets.FromInterface(loaded)
}

// AllowsOrigin reports whether r matches.
func (s *MatchSource) AllowsOrigin(r *http.Request, _ string) (bool, error) {
	return s.matcherSets.AnyMatchWithError(r)
}

// looseness says in what respect the matchers of a set allow every origin, or
// those of strangers; it is "" if one of them looks at Origin closely, for all
// that can be told. origin is the matcher of that name.
func looseness(set caddy.ModuleMap, origin any) string {
	if set["expression"] != nil || looksAtField(set, "Origin", true) {
		return ""
	}
	names := strings.Join(slices.Sorted(maps.Keys(set)), ", ")
	m, ok := origin.(*MatchOrigin)
	switch {
	case !ok && looksAtField(set, "Origin", false):
		return names + " looks at Origin but not at its value, and so allows every origin"
	case !ok:
		return names + " does not look at Origin, and so allows every origin on the requests that it matches"
	case m.policy != nil && m.policy.any:
		return names + " looks at Origin but matches every one"
	case m.policy != nil && m.policy.strangers != "":
		return names + " allows " + m.policy.strangers
	}
	return ""
}

// looksAtField reports whether the matcher header or header_regexp of a set
// names a field; closely, if its being there does not suffice.
func looksAtField(set caddy.ModuleMap, name string, closely bool) bool {
	for _, matcher := range []string{"header", "header_regexp"} {
		var fields map[string]json.RawMessage
		if json.Unmarshal(set[matcher], &fields) != nil {
			continue
		}
		for field, value := range fields {
			if strings.EqualFold(field, name) && !(closely && matcher == "header" && presence(value)) {
				return true
			}
		}
	}
	return false
}

// presence reports whether the values of a header matcher match any value, or
// the absence of one.
func presence(raw json.RawMessage) bool {
	var values []string
	return json.Unmarshal(raw, &values) != nil || len(values) == 0 || slices.Contains(values, "*")
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MatchSource)(nil)
	_ caddyfile.Unmarshaler = (*MatchSource)(nil)
	_ OriginSource          = (*MatchSource)(nil)
)
