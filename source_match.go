package caddycors

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(MatchSource{})
}

// MatchSource allows the origins of the requests that match. Any of Caddy's request
// matchers can decide, CEL expressions included. Preflights are also matched. They
// have the method OPTIONS, no cookies, and none of the headers that the page will
// set.
//
// With credentials, each of the matcher sets needs a matcher `origin` that allows
// no origin of strangers, unless the policy has the waiver `open_origins`.
type MatchSource struct {
	// The matcher sets, as in a route. One of them must match. Required.
	MatcherSetsRaw caddyhttp.RawMatcherSets `json:"match,omitempty" caddy:"namespace=http.matchers"`

	sets []matcherSet
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
		return d.Errf("match takes no argument, but %q follows; write the matchers in a block", d.Val())
	}
	set, err := caddyhttp.ParseCaddyfileNestedMatcherSet(d)
	if err != nil {
		return err
	}
	if len(set) == 0 {
		return d.Err("match has no matchers; write at least one in its block, such as origin https://*.example.com")
	}
	s.MatcherSetsRaw = caddyhttp.RawMatcherSets{set}
	return nil
}

// Provision loads the matchers.
func (s *MatchSource) Provision(ctx caddy.Context) error {
	if len(s.MatcherSetsRaw) == 0 {
		return errors.New("match: has no matchers; write at least one matcher set")
	}
	for i, set := range s.MatcherSetsRaw {
		if len(set) == 0 {
			return fmt.Errorf("match: matcher set %d is empty, and would match every request; remove it", i)
		}
	}
	raw := s.MatcherSetsRaw
	loaded, err := ctx.LoadModule(s, "MatcherSetsRaw")
	if err != nil {
		return fmt.Errorf("loading matchers: %w", err)
	}
	for i, modules := range loaded.([]map[string]any) {
		set := matcherSet{
			names: strings.Join(slices.Sorted(maps.Keys(modules)), ", "),
			inCEL: bytes.Contains(raw[i]["expression"], []byte("origin(")),
		}
		for name, module := range modules {
			if origin, ok := module.(*MatchOrigin); ok {
				set.origin = origin
				delete(modules, name)
			}
		}
		var others caddyhttp.MatcherSets
		if err := others.FromInterface([]map[string]any{modules}); err != nil {
			return err
		}
		set.others = others[0]
		s.sets = append(s.sets, set)
	}
	return nil
}

// Allows reports whether r matches, and whether only an open entry of the matchers
// origin makes it match.
func (s *MatchSource) Allows(r *http.Request, _ origins.Origin) (policy.Admission, error) {
	result := policy.Refused
	for _, set := range s.sets {
		admission, err := set.admits(r)
		if err != nil || admission == policy.Admitted {
			return admission, sources.Brief(err)
		}
		result = max(result, admission)
	}
	return result, nil
}

// AllowsOrigin reports whether r matches.
func (s *MatchSource) AllowsOrigin(r *http.Request, _ string) (bool, error) {
	admission, err := s.Allows(r, origins.Origin{})
	return admission != policy.Refused, err
}

// Claims yields a claim for each matcher set: the one of its matcher origin, since
// no other matcher says which origins it lets through.
func (s *MatchSource) Claims() iter.Seq[policy.Claim] {
	return func(yield func(policy.Claim) bool) {
		for _, set := range s.sets {
			if !yield(set.claim()) {
				return
			}
		}
	}
}

// Overrule tells the lists in matchers origin what a policy denies although they
// admit it.
func (s *MatchSource) Overrule(insecure, open bool) {
	for _, set := range s.sets {
		if set.origin != nil && set.origin.policy != nil {
			set.origin.policy.Overrule(insecure, open)
		}
	}
}

// matcherSet is a set of matchers that must all match.
type matcherSet struct {
	names  string       // of the matchers
	inCEL  bool         // an expression calls origin(…)
	origin *MatchOrigin // or nil
	others caddyhttp.MatcherSet
}

func (s *matcherSet) admits(r *http.Request) (policy.Admission, error) {
	admission := policy.Admitted
	if s.origin != nil {
		if admission = s.origin.admits(r); admission == policy.Refused {
			return policy.Refused, nil
		}
	}
	if match, err := s.others.MatchWithError(r); err != nil || !match {
		return policy.Refused, err
	}
	return admission, nil
}

func (s *matcherSet) claim() policy.Claim {
	claim := policy.Claim{
		Option:  "dynamic match",
		Entry:   s.names,
		Verdict: openness.Anyone,
		Why:     "these matchers do not say which origins they allow, so every origin passes",
		Advice:  "add a matcher such as origin https://*.example.com",
	}
	switch {
	case s.origin == nil && s.inCEL:
		claim.Advice = "write the origins of origin(…) in a matcher origin beside the expression"
	case s.origin == nil:
	case s.origin.open == nil:
		claim.Verdict, claim.Runtime = openness.Verdict{}, true
	default:
		claim.Verdict, claim.Why, claim.Advice = s.origin.open.Verdict, s.origin.open.Why, s.origin.open.Advice
		claim.Entry += ": " + s.origin.open.Option + " " + s.origin.open.Entry
	}
	return claim
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MatchSource)(nil)
	_ caddyfile.Unmarshaler = (*MatchSource)(nil)
	_ OriginSource          = (*MatchSource)(nil)
)
