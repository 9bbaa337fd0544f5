package caddycors

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

func init() {
	httpcaddyfile.RegisterDirective("cors", parseCaddyfile)
	// Being outside of header, cors has the last word on headers that header sets,
	// even deferred ones. It answers preflights before redir, basic_auth and
	// forward_auth.
	httpcaddyfile.RegisterDirectiveOrder("cors", httpcaddyfile.Before, "header")
}

// parseCaddyfile sets up the handler and its route. It reads the matcher itself, to
// warn of a matcher that looks at Origin.
func parseCaddyfile(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	file, line := h.File(), h.Line()
	var site *siteBlocks
	if h.NextArg() && namesMatcher(h.Val()) {
		site = blocksOf(h)
	}
	h.Reset()
	h.Next()
	matcher, err := h.ExtractMatcherSet() // which removes its token from those of the site, and rewinds
	if err != nil {
		return nil, err
	}
	if looksAtOrigin(matcher) && !site.othersCatchTheRest(file, line) {
		caddy.Log().Named("http.handlers.cors").Warn(
			"the matcher of cors looks at Origin: responses to requests that it does not match lack Vary: Origin, and caches may serve them to other origins; write the origins as arguments of cors instead",
			zap.String("file", file), zap.Int("line", line))
	}
	parts := partsBefore(h, matcher)
	handler := new(Handler)
	part, err := handler.unmarshal(h.Dispenser, *parts)
	if err != nil {
		return nil, err
	}
	if !handler.ReportOnly {
		*parts = append(*parts, part)
	}
	return h.NewRoute(matcher, handler), nil
}

// partsBefore returns the list of the parts that stand before a directive in its
// block, with the same matcher. They become handlers of one route.
func partsBefore(h httpcaddyfile.Helper, matcher caddy.ModuleMap) *[]policy.Part {
	// All sites have the same state, and a block begins with a copy of the state of
	// the one around it. So the state alone does not say which block this is.
	type place struct{ site, block uintptr }
	type block struct {
		state map[string]any // kept, so that no other block has its state at this address
		parts map[string]*[]policy.Part
	}
	encoded, err := json.Marshal(matcher)
	if h.BlockState == nil || err != nil {
		return new([]policy.Part)
	}
	const name = "http.handlers.cors"
	blocks, ok := h.BlockState[name].(map[place]block)
	if !ok {
		blocks = make(map[place]block)
		h.BlockState[name] = blocks
	}
	at := place{block: reflect.ValueOf(h.BlockState).Pointer()}
	if segments := segmentsOf(h); segments.IsValid() {
		at.site = segments.Pointer()
	}
	if _, ok := blocks[at]; !ok {
		blocks[at] = block{h.BlockState, make(map[string]*[]policy.Part)}
	}
	parts := blocks[at].parts
	if parts[string(encoded)] == nil {
		parts[string(encoded)] = new([]policy.Part)
	}
	return parts[string(encoded)]
}

// looksAtOrigin reports whether a matcher set has to do with the header Origin: by
// the matcher origin, by one that has a key of this name, or by an expression or a
// placeholder.
func looksAtOrigin(matcher caddy.ModuleMap) bool {
	encoded, err := json.Marshal(matcher)
	return err == nil && namesOrigin.Match(encoded)
}

var namesOrigin = regexp.MustCompile(`(?i)"origin":|header\.origin|\borigin\(|header\w*[(\[].*['"]origin\\?['"]`)

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	cors [<matcher>] [<origins...>] {
//	    allow_origins         <origins...>
//	    allow_origins_regexp  <regexps...>
//	    dynamic               <source> [<args...>] { ... }
//	    allow_methods         <methods...>
//	    allow_headers         <headers...>
//	    expose_headers        <headers...>
//	    allow_credentials
//	    allow_timing
//	    allow_private_network
//	    max_age               <duration>
//	    preflight_status      <code>
//	    preflight_passthrough
//	    reject_disallowed
//	    report_only
//	    dangerously_allow     <waivers...>
//	}
//
// Subdirectives that take a list, except dangerously_allow, may repeat, and add
// up. So may dynamic, whose sources are tried in order.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	_, err := h.unmarshal(d, nil)
	return err
}

// unmarshal sets up the handler from Caddyfile tokens, and judges it as a part of a
// policy that other parts stand before.
func (h *Handler) unmarshal(d *caddyfile.Dispenser, before []policy.Part) (part policy.Part, err error) {
	d.Next() // consume directive name
	line := d.Line()
	at := new(places)
	at.note(d, "", "")
	unmarshalOrigins(d, at, &h.AllowOrigins)
	if err := unmarshalBlock(d, "cors", at, h.subdirectives(d, at), nearestSubdirective); err != nil {
		return part, err
	}
	if len(h.AllowOrigins)+len(h.AllowOriginsRegexp)+len(h.DynamicOriginsRaw) == 0 {
		return part, d.Err("no origins: " + unsetVariables(d, line) + "write the origins whose pages may read responses, such as https://app.example.com" + loneWildcard)
	}
	if slices.ContainsFunc(h.AllowOrigins, leftBehind.MatchString) {
		if unset := unsetVariables(d, line); unset != "" {
			return part, d.Err("allow_origins: " + unset + "set it, or remove the entry")
		}
	}
	part.Config = h.literals()
	if !h.ReportOnly {
		part.Config.Earlier = before
	}
	compiled, findings := inUse.Compile(part.Config)
	part.Policy = compiled
	return part, at.err(&findings.Problems)
}

// literals returns the configuration as far as it can be judged before the config
// loads.
func (h *Handler) literals() *policy.Config {
	config := h.config(pendingSources(h.DynamicOriginsRaw))
	config.Global = nil
	return config
}

// leftBehind matches an entry that may be what is left around a variable without a
// value: https://app. of https://app.{$DOMAIN}. It can be an origin, of a host with a
// dot at its end.
var leftBehind = regexp.MustCompile(`^$|://$|://[.:]|\.$|\.:`)

// environmentVariable is how Caddyfiles name a variable that has no default.
var environmentVariable = regexp.MustCompile(`\{\$([^{}:]+)\}`)

// unsetVariables names the environment variables without a value that stand in the
// directive that begins in a line: nothing is left of them among its tokens. It
// returns "" if there are none, or if the file cannot be read.
func unsetVariables(d *caddyfile.Dispenser, line int) string {
	content, err := os.ReadFile(d.File())
	if err != nil {
		return ""
	}
	lines := strings.Split(string(content), "\n")
	if line > len(lines) {
		return ""
	}
	var names []string
	for _, match := range environmentVariable.FindAllStringSubmatch(strings.Join(lines[line-1:min(d.Line(), len(lines))], "\n"), -1) {
		if os.Getenv(match[1]) == "" {
			names = append(names, match[0])
		}
	}
	if len(names) == 0 {
		return ""
	}
	return strings.Join(names, ", ") + " is empty or not set; "
}

// loneWildcard ends the errors of those who wrote "cors *".
const loneWildcard = "; a lone * is the matcher: write `cors * *` or `allow_origins *`"

// subdirectives returns the table of subdirectives, in the order in which they are
// documented.
func (h *Handler) subdirectives(d *caddyfile.Dispenser, at *places) []subdirective {
	return []subdirective{
		{"allow_origins", repeatable, func() error {
			before := len(h.AllowOrigins)
			if unmarshalOrigins(d, at, &h.AllowOrigins); len(h.AllowOrigins) == before {
				return d.Err("no origins: " + unsetVariables(d, d.Line()) + "allow_origins has no values" + loneWildcard)
			}
			return nil
		}},
		{"allow_origins_regexp", repeatable, func() error { return unmarshalList(d, at, &h.AllowOriginsRegexp) }},
		{"dynamic", repeatable, func() error { return unmarshalSource(d, &h.DynamicOriginsRaw) }},
		{"allow_methods", repeatable, func() error { return unmarshalList(d, at, &h.AllowMethods) }},
		{"allow_headers", repeatable, func() error { return unmarshalList(d, at, &h.AllowHeaders) }},
		{"expose_headers", repeatable, func() error { return unmarshalList(d, at, &h.ExposeHeaders) }},
		{"allow_credentials", once, func() error { return unmarshalFlag(d, &h.AllowCredentials) }},
		{"allow_timing", once, func() error { return unmarshalFlag(d, &h.AllowTiming) }},
		{"allow_private_network", once, func() error { return unmarshalFlag(d, &h.AllowPrivateNetwork) }},
		{"max_age", once, func() error { return h.unmarshalMaxAge(d, at) }},
		{"preflight_status", once, func() error { return h.unmarshalPreflightStatus(d, at) }},
		{"preflight_passthrough", once, func() error { return unmarshalFlag(d, &h.PreflightPassthrough) }},
		{"reject_disallowed", once, func() error { return unmarshalFlag(d, &h.RejectDisallowed) }},
		{"report_only", once, func() error { return unmarshalFlag(d, &h.ReportOnly) }},
		{"dangerously_allow", once, func() error { return unmarshalList(d, at, &h.DangerouslyAllow) }},
	}
}

func (h *Handler) unmarshalMaxAge(d *caddyfile.Dispenser, at *places) error {
	var value string
	if !d.AllArgs(&value) {
		return d.Err("max_age: takes one duration; write one such as 10m or 2h")
	}
	duration, err := caddy.ParseDuration(value)
	if err == nil {
		h.MaxAge = (*caddy.Duration)(&duration)
	} else if _, err := caddy.ParseDuration(value + "s"); err == nil && value[0] != '-' {
		at.problem(d, "max_age %s: has no unit; write %ss", origins.Quote(value), value)
	} else {
		at.problem(d, "max_age %s: not a valid duration; write one such as 10m or 2h, or 0", origins.Quote(value))
	}
	return nil
}

func (h *Handler) unmarshalPreflightStatus(d *caddyfile.Dispenser, at *places) error {
	var value string
	if !d.AllArgs(&value) {
		return d.Err("preflight_status: takes one status; write one such as 200")
	}
	if status, err := strconv.Atoi(value); err == nil && status != 0 { // 0 means unset in JSON
		h.PreflightStatus = status
	} else {
		at.problem(d, "preflight_status %s: not a valid status; write one such as 200", origins.Quote(value))
	}
	return nil
}

// subdirectivesElsewhere are words of the plugin for Caddy 1, of other libraries
// and of other proxies, with the subdirective to write instead.
var subdirectivesElsewhere = map[string]string{
	"origin":                           "allow_origins",
	"origins":                          "allow_origins",
	"allowed_origins":                  "allow_origins",
	"access_control_allow_origin":      "allow_origins",
	"regexp":                           "allow_origins_regexp",
	"methods":                          "allow_methods",
	"allowed_methods":                  "allow_methods",
	"access_control_allow_methods":     "allow_methods",
	"headers":                          "allow_headers",
	"allowed_headers":                  "allow_headers",
	"access_control_allow_headers":     "allow_headers",
	"expose":                           "expose_headers",
	"exposed_headers":                  "expose_headers",
	"allow_expose_headers":             "expose_headers",
	"access_control_expose_headers":    "expose_headers",
	"credentials":                      "allow_credentials",
	"supports_credentials":             "allow_credentials",
	"access_control_allow_credentials": "allow_credentials",
	"timing":                           "allow_timing",
	"maxage":                           "max_age",
	"age":                              "max_age",
	"access_control_max_age":           "max_age",
	"status":                           "preflight_status",
	"options_success_status":           "preflight_status",
	"passthrough":                      "preflight_passthrough",
	"preflight_continue":               "preflight_passthrough",
	"options_passthrough":              "preflight_passthrough",
	"dynamic_origins":                  "dynamic",
}

// nearestSubdirective returns the word that was probably meant by name, or "".
func nearestSubdirective(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	if s, ok := subdirectivesElsewhere[name]; ok {
		return s
	}
	if s := nearestSource(name); s != "" {
		return s
	}
	for _, s := range new(Handler).subdirectives(nil, nil) { // one that lacks its end, or has more
		if strings.HasPrefix(s.name, name) || strings.HasPrefix(name, s.name) {
			return s.name
		}
	}
	return ""
}

// Interface guards
var (
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
