package caddycors

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// sourceNamespace is the namespace of origin sources.
const sourceNamespace = "http.cors.origins"

// An OriginSource decides at request time whether an origin is allowed. It is
// implemented by modules in the namespace http.cors.origins.
//
// AllowsOrigin is asked about every request with a well-formed Origin (never
// "null") that nothing before it in the policy allows, preflights included: these
// have the method OPTIONS, no cookies, and none of the fields that the page will
// set. It must be fast, as the response waits for it, and safe for concurrent
// use. It must not change the request. An error means that it could not tell: it
// is logged, and the origin is not allowed, unless another source allows it.
//
// A policy with credentials never allows an insecure origin, whatever a source
// says, unless that is waived.
type OriginSource interface {
	AllowsOrigin(r *http.Request, origin string) (bool, error)
}

// openSource is implemented by the sources of this module that can allow origins
// that strangers can obtain, which a policy with credentials overrules.
type openSource interface {
	OriginSource
	// allowsOrigin is AllowsOrigin for a parsed origin; open tells that only what
	// is open allows it.
	allowsOrigin(r *http.Request, o origins.Origin) (allowed, open bool, err error)
}

// loadSources loads the sources of a module's configuration. field is the name
// of the field of module that holds them, and raw its value.
func loadSources(ctx caddy.Context, module any, field string, raw []json.RawMessage) ([]policy.Source, error) {
	if raw == nil {
		return nil, nil
	}
	loaded, err := ctx.LoadModule(module, field)
	if err != nil {
		return nil, fmt.Errorf("loading origin sources: %w", err)
	}
	if err := exposeSources(ctx); err != nil {
		return nil, err
	}
	var sources []policy.Source
	for _, m := range loaded.([]any) {
		switch source := m.(type) {
		case policy.Source:
			sources = append(sources, source)
		case OriginSource:
			sources = append(sources, foreignSource{source})
		default:
			return nil, fmt.Errorf("module %T is no origin source: it has no method AllowsOrigin(*http.Request, string) (bool, error)", m)
		}
	}
	return sources, nil
}

type foreignSource struct{ OriginSource }

func (s foreignSource) Allows(r *http.Request, o origins.Origin) (policy.Admission, error) {
	if l, ok := s.OriginSource.(openSource); ok {
		yes, open, err := l.allowsOrigin(r, o)
		switch {
		case yes && open:
			return policy.AdmittedOpen, err
		case yes:
			return policy.Admitted, err
		}
		return policy.Refused, err
	}
	if yes, err := s.AllowsOrigin(r, o.String()); yes {
		return policy.Admitted, err
	} else {
		return policy.Refused, err
	}
}

func (s foreignSource) Claims() iter.Seq[policy.Claim] {
	return func(yield func(policy.Claim) bool) { yield(policy.Claim{Option: "dynamic_origins", Runtime: true}) }
}

// unmarshalSource parses the source that follows dynamic, and appends its JSON.
func unmarshalSource(d *caddyfile.Dispenser, sources *[]json.RawMessage) error {
	if !d.NextArg() {
		return d.Err("dynamic has no source: write dynamic file, storage, http, ask or match, and its arguments")
	}
	name := d.Val()
	id := sourceNamespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return d.Errf("unknown source %q of dynamic: write one of file, storage, http, ask and match, or build Caddy with the module %s", name, id)
	}
	unmarshaler, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	source, ok := unmarshaler.(OriginSource)
	if !ok {
		return d.Errf("module %s (%T) is no origin source", id, unmarshaler)
	}
	*sources = append(*sources, caddyconfig.JSONModuleObject(source, "source", name, nil))
	return nil
}

// setDefault sets a duration that is not set, and refuses one that cannot be
// meant.
func setDefault(d *caddy.Duration, name string, value time.Duration) error {
	if *d == 0 {
		*d = caddy.Duration(value)
	}
	return checkDuration(*d, name, value)
}

// checkDuration refuses a duration that is negative, and one that is hardly any:
// a source would do nothing but refresh.
func checkDuration(d caddy.Duration, name string, example time.Duration) error {
	switch {
	case d < 0:
		return fmt.Errorf("%s %s is negative: write one such as %q", name, time.Duration(d), example)
	case d > 0 && d < caddy.Duration(time.Millisecond):
		return fmt.Errorf("%s %s is shorter than 1ms: write one such as %q, since a number without a unit counts nanoseconds", name, time.Duration(d), example)
	}
	return nil
}

// unmarshalListSource parses the tokens of a source that is a list: its name, the
// place where the list is, and a block with refresh and further options.
func unmarshalListSource(d *caddyfile.Dispenser, what, example string, place *string, refresh *caddy.Duration, options map[string]func() error) error {
	if options == nil {
		options = make(map[string]func() error)
	}
	options["refresh"] = func() error { return unmarshalDuration(d, refresh) }
	return unmarshalOptions(d, what, example, place, options)
}

// unmarshalOptions parses the tokens of a source: its name, one argument and a
// block of options, which may stand once each, but for header_up.
func unmarshalOptions(d *caddyfile.Dispenser, what, example string, argument *string, options map[string]func() error) error {
	d.Next() // consume source name
	name := d.Val()
	if !d.NextArg() {
		return d.Errf("%s needs %s: write it after %[1]s, as in dynamic %[1]s %[3]s", name, what, example)
	}
	*argument = d.Val()
	if d.NextArg() {
		return d.Errf("%s takes one argument, %s, but %q follows: write options in a block", name, what, d.Val())
	}
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		option := d.Val()
		unmarshal, ok := options[option]
		if !ok {
			return d.Errf("unknown option %q of %s: write one of %s", option, name, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
		}
		if seen[option] && option != "header_up" {
			return d.Errf("%s stands twice: write it once", option)
		}
		seen[option] = true
		if err := unmarshal(); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalDuration parses the one argument of an option, a duration but 0.
func unmarshalDuration(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	option := d.Val()
	if err := unmarshalDurationOrZero(d, duration); err != nil {
		return err
	}
	if *duration == 0 {
		return d.Errf("%s %q is no duration longer than 0: write one such as 30s", option, d.Val())
	}
	return nil
}

// unmarshalDurationOrZero parses the one argument of an option, a duration.
func unmarshalDurationOrZero(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	option := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return d.Errf("%s takes one duration, such as 30s", option)
	}
	parsed, err := caddy.ParseDuration(value)
	if err != nil || parsed < 0 {
		if _, err := strconv.ParseUint(value, 10, 32); err == nil {
			return d.Errf("%s %q has no unit: write %ss", option, value, value)
		}
		return d.Errf("%s %q is no duration: write one such as 30s", option, value)
	}
	*duration = caddy.Duration(parsed)
	return nil
}
