package caddycors

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func init() {
	httpcaddyfile.RegisterDirective("cors", parseCaddyfile)
	// Outside header, cors has the last word on what header sets, even deferred;
	// and it answers preflights before redir, basic_auth and forward_auth.
	httpcaddyfile.RegisterDirectiveOrder("cors", httpcaddyfile.Before, "header")
}

// parseCaddyfile sets up the handler and its route. It reads the matcher
// itself, to warn of one that looks at Origin.
func parseCaddyfile(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	file, line := h.File(), h.Line()
	matcher, err := h.ExtractMatcherSet() // which rewinds the tokens
	if err != nil {
		return nil, err
	}
	if looksAtOrigin(matcher) {
		caddy.Log().Named("http.handlers.cors").Warn(
			"the matcher of cors looks at Origin: responses to requests that it does not match lack Vary: Origin, and caches may serve them to other origins; write the origins as arguments of cors instead",
			zap.String("file", file), zap.Int("line", line))
	}
	handler := new(Handler)
	if err := handler.UnmarshalCaddyfile(h.Dispenser); err != nil {
		return nil, err
	}
	return h.NewRoute(matcher, handler), nil
}

// looksAtOrigin reports whether one of the matchers that have to do with header
// fields names Origin.
func looksAtOrigin(matcher caddy.ModuleMap) bool {
	if matcher["origin"] != nil || looksAtField(matcher, "Origin") {
		return true
	}
	var negated []caddy.ModuleMap
	if json.Unmarshal(matcher["not"], &negated) == nil && slices.ContainsFunc(negated, looksAtOrigin) {
		return true
	}
	for _, name := range []string{"expression", "vars", "vars_regexp"} {
		text := strings.ToLower(string(matcher[name]))
		if strings.Contains(text, "header.origin") || strings.Contains(text, "origin(") || quotedOrigin.MatchString(text) {
			return true
		}
	}
	return false
}

// quotedOrigin is the field's name as expressions name it, within JSON.
var quotedOrigin = regexp.MustCompile(`header.*['"]origin\\?['"]`)

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. Syntax:
//
//	cors [<matcher>] [<origins...>] {
//	    allow_origins         <origins...>
//	    allow_origins_regexp  <regexps...>
//	    dynamic               <source> [<args...>] { ... }
//	    allow_methods         <methods...>
//	    allow_headers         <fields...>
//	    expose_headers        <fields...>
//	    allow_credentials
//	    allow_timing
//	    max_age               <duration>
//	    preflight_status      <code>
//	    preflight_passthrough
//	    reject_disallowed
//	    report_only
//	    dangerously_allow     <waivers...>
//	}
//
// The subdirectives that take lists, but for dangerously_allow, may repeat, and
// add up; so may dynamic, whose sources are tried in order.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume directive name
	h.AllowOrigins = d.RemainingArgs()

	seen := make(map[string]bool)
	for d.NextBlock(0) {
		name := d.Val()
		if seen[name] && !slices.Contains(repeatable, name) {
			return d.Errf("%s stands twice: write it once", name)
		}
		seen[name] = true
		if err := h.unmarshalSubdirective(name, d); err != nil {
			return err
		}
	}
	if len(h.AllowOrigins)+len(h.AllowOriginsRegexp)+len(h.DynamicOriginsRaw) == 0 {
		return d.Err("no origins: write the origins whose pages may read responses, such as https://app.example.com" + loneWildcard)
	}
	return nil
}

// loneWildcard ends the errors of those who wrote "cors *".
const loneWildcard = "; a lone * is the matcher: write `cors * *` or `allow_origins *`"

// repeatable are the subdirectives that may stand more than once.
var repeatable = []string{"allow_origins", "allow_origins_regexp", "dynamic", "allow_methods", "allow_headers", "expose_headers"}

func (h *Handler) unmarshalSubdirective(name string, d *caddyfile.Dispenser) error {
	list := func(values *[]string) error { return unmarshalList(d, values) }
	flag := func(value *bool) error { return unmarshalFlag(d, value) }
	switch name {
	case "allow_origins":
		if err := list(&h.AllowOrigins); err != nil {
			return d.Err("no origins: allow_origins has no values" + loneWildcard)
		}
		return nil
	case "allow_origins_regexp":
		return list(&h.AllowOriginsRegexp)
	case "dynamic":
		source, err := unmarshalSource(d)
		h.DynamicOriginsRaw = append(h.DynamicOriginsRaw, source)
		return err
	case "allow_methods":
		return list(&h.AllowMethods)
	case "allow_headers":
		return list(&h.AllowHeaders)
	case "expose_headers":
		return list(&h.ExposeHeaders)
	case "allow_credentials":
		return flag(&h.AllowCredentials)
	case "allow_timing":
		return flag(&h.AllowTiming)
	case "max_age":
		return h.unmarshalMaxAge(d)
	case "preflight_status":
		return h.unmarshalPreflightStatus(d)
	case "preflight_passthrough":
		return flag(&h.PreflightPassthrough)
	case "reject_disallowed":
		return flag(&h.RejectDisallowed)
	case "report_only":
		return flag(&h.ReportOnly)
	case "dangerously_allow":
		return list(&h.DangerouslyAllow)
	}
	if name == "{" {
		return d.Err("a block follows a subdirective that takes none: write its values on its line")
	}
	if suggestion := nearestSubdirective(name); suggestion != "" {
		return d.Errf("unknown subdirective %q of cors: write %s", name, suggestion)
	}
	return d.Errf("unknown subdirective %q of cors: write one of %s", name, strings.Join(subdirectives, ", "))
}

// unmarshalList parses the values of a subdirective that takes at least one.
func unmarshalList(d *caddyfile.Dispenser, values *[]string) error {
	name, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s has no values: write at least one", name)
	}
	*values = append(*values, args...)
	return nil
}

// unmarshalFlag parses a subdirective that takes no value.
func unmarshalFlag(d *caddyfile.Dispenser, value *bool) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("%s takes no value, but %q follows: write it alone, or leave it out to have it off", name, d.Val())
	}
	*value = true
	return nil
}

func (h *Handler) unmarshalMaxAge(d *caddyfile.Dispenser) error {
	var value string
	if !d.AllArgs(&value) {
		return d.Err("max_age takes one duration: write one such as 10m or 2h")
	}
	duration, err := caddy.ParseDuration(value)
	if err != nil {
		if _, err := caddy.ParseDuration(value + "s"); err == nil && value[0] != '-' {
			return d.Errf("max_age %q has no unit: write %ss", value, value)
		}
		return d.Errf("max_age %q is not a duration: write one such as 10m or 2h, or 0", value)
	}
	h.MaxAge = (*caddy.Duration)(&duration)
	return nil
}

func (h *Handler) unmarshalPreflightStatus(d *caddyfile.Dispenser) error {
	var value string
	if !d.AllArgs(&value) {
		return d.Err("preflight_status takes one status: write one such as 200")
	}
	status, err := strconv.Atoi(value)
	if err != nil || status == 0 { // 0 is how JSON leaves it out
		return d.Errf("preflight_status %q is not a status: write one such as 200", value)
	}
	h.PreflightStatus = status
	return nil
}

var subdirectives = []string{
	"allow_origins", "allow_origins_regexp", "dynamic", "allow_methods", "allow_headers", "expose_headers",
	"allow_credentials", "allow_timing", "max_age", "preflight_status", "preflight_passthrough",
	"reject_disallowed", "report_only", "dangerously_allow",
}

// subdirectivesOfCaddy1 are the words of the plugin for Caddy 1, as ours.
var subdirectivesOfCaddy1 = map[string]string{
	"origin":          "allow_origins",
	"methods":         "allow_methods",
	"allowed_headers": "allow_headers",
	"exposed_headers": "expose_headers",
}

// subdirectivesElsewhere are words of other libraries and proxies, as ours.
var subdirectivesElsewhere = map[string]string{
	"credentials":                      "allow_credentials",
	"expose":                           "expose_headers",
	"allowed_origins":                  "allow_origins",
	"allowed_methods":                  "allow_methods",
	"allow_expose_headers":             "expose_headers",
	"preflight_continue":               "preflight_passthrough",
	"options_passthrough":              "preflight_passthrough",
	"options_success_status":           "preflight_status",
	"access_control_allow_origin":      "allow_origins",
	"access_control_allow_methods":     "allow_methods",
	"access_control_allow_headers":     "allow_headers",
	"access_control_expose_headers":    "expose_headers",
	"access_control_allow_credentials": "allow_credentials",
	"access_control_max_age":           "max_age",
	"dynamic_origins":                  "dynamic",
}

// nearestSubdirective returns what was probably meant by name, or "".
func nearestSubdirective(name string) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, words := range []map[string]string{subdirectivesOfCaddy1, subdirectivesElsewhere} {
		if s, ok := words[name]; ok {
			return s
		}
	}
	if _, err := caddy.GetModule(sourceNamespace + "." + name); err == nil {
		return "dynamic " + name
	}
	// What only lacks the verb: not what says the contrary.
	for _, s := range subdirectives {
		if _, noun, _ := strings.Cut(s, "_"); noun == name {
			return s
		}
	}
	if verb, _, _ := strings.Cut(name, "_"); slices.Contains([]string{"deny", "block", "disallow", "forbid", "exclude"}, verb) {
		return ""
	}
	nearest, least := "", len(name)/3+2
	for _, s := range subdirectives {
		if n := editDistance(name, s); n < least {
			nearest, least = s, n
		}
	}
	return nearest
}

// editDistance returns how many bytes to insert, delete or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// Interface guards
var (
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
