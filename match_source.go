package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
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
// matcher `origin`, `header` or `header_regexp` with none that strangers can
// obtain, or by an `expression`.
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
	if set["expression"] != nil {
		return ""
	}
	names := strings.Join(slices.Sorted(maps.Keys(set)), ", ")
	field := ""
	for _, alternatives := range originExpressions(set) {
		stranger := strangerOf(alternatives)
		if stranger == "" {
			return ""
		}
		if field == "" {
			field = names + " allows origins that anyone can obtain, such as " + stranger
		}
	}
	m, ok := origin.(*MatchOrigin)
	switch {
	case !ok && field != "":
		return field
	case !ok && looksAtField(set, "Origin"):
		return names + " looks at Origin but not at its value, and so allows every origin"
	case !ok:
		return names + " does not say which origins it allows, and so allows every one on the requests that it matches"
	case m.policy != nil && m.policy.any:
		return names + " looks at Origin but matches every one"
	case m.policy != nil && m.policy.strangers != "":
		return names + " allows " + m.policy.strangers
	}
	return ""
}

// looksAtField reports whether the matcher header or header_regexp of a set
// names a field.
func looksAtField(set caddy.ModuleMap, name string) bool {
	return len(fieldValues(set["header"], name))+len(fieldValues(set["header_regexp"], name)) > 0
}

// fieldValues returns what a matcher of header fields says of one of them.
func fieldValues(matcher json.RawMessage, name string) (values []json.RawMessage) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(matcher, &fields) != nil {
		return nil
	}
	for field, value := range fields {
		if strings.EqualFold(field, name) {
			values = append(values, value)
		}
	}
	return values
}

// originExpressions returns, for each of the matchers header, header_regexp, vars
// and vars_regexp of a set that looks at the value of Origin, expressions of which
// a part of the value must match one.
func originExpressions(set caddy.ModuleMap) (expressions [][]string) {
	for _, raw := range fieldValues(set["header"], "Origin") {
		var values []string
		if json.Unmarshal(raw, &values) != nil || len(values) == 0 || slices.Contains(values, "*") {
			continue // its being there, or its absence, suffices
		}
		for i, value := range values { // as caddyhttp.MatchHeader reads it
			text, tail := strings.CutSuffix(value, "*")
			text, head := strings.CutPrefix(text, "*")
			values[i] = regexp.QuoteMeta(text)
			if !head {
				values[i] = `\A` + values[i]
			}
			if !tail {
				values[i] += `\z`
			}
		}
		expressions = append(expressions, values)
	}
	const placeholder = "{http.request.header.Origin}"
	if len(fieldValues(set["vars"], placeholder)) > 0 {
		expressions = append(expressions, nil) // it knows no wildcards
	}
	for _, raw := range slices.Concat(fieldValues(set["header_regexp"], "Origin"), fieldValues(set["vars_regexp"], placeholder)) {
		var value caddyhttp.MatchRegexp
		if json.Unmarshal(raw, &value) == nil {
			expressions = append(expressions, []string{value.Pattern})
		}
	}
	return expressions
}

// strangerOf quotes an origin that one of the expressions admits and that anyone
// can obtain; it is "" if there is none, for all that can be told.
func strangerOf(expressions []string) string {
	for _, expr := range expressions {
		re, err := origins.CompileUnanchored(expr)
		if err != nil {
			continue
		}
		if _, finite := re.Finite(); finite {
			continue
		}
		if a := re.Analyze(suffixes.List()); a.Open && !a.Unproven {
			return strconv.Quote(a.Witness)
		}
	}
	return ""
}

// Interface guards
var (
	_ caddy.Provisioner     = (*MatchSource)(nil)
	_ caddyfile.Unmarshaler = (*MatchSource)(nil)
	_ OriginSource          = (*MatchSource)(nil)
)
