package caddycors

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

// sourceNamespace is the namespace of origin sources.
const sourceNamespace = "http.cors.origins"

// An OriginSource decides at request time whether an origin is allowed. It is
// implemented by modules in the namespace http.cors.origins.
//
// AllowsOrigin is called for every request with a well-formed Origin (never
// "null") that nothing before it in the policy allows. That includes preflights,
// which have the method OPTIONS, no cookies, and none of the headers that the page
// will set. The contract:
//
//   - It is fast, since the response waits for it.
//   - It is safe for concurrent use, and does not change the request.
//   - An error means that the source cannot tell. The error is logged, and the origin
//     is denied unless another source allows it.
//
// A policy with credentials denies insecure origins whatever a source says, unless
// the waiver insecure_origins accepts them.
type OriginSource interface {
	AllowsOrigin(r *http.Request, origin string) (bool, error)
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
	var all []policy.Source
	for _, m := range loaded.([]any) {
		switch source := m.(type) {
		case policy.Source:
			all = append(all, source)
		case OriginSource:
			all = append(all, foreignSource{source})
		default:
			return nil, fmt.Errorf("module %T is not an origin source: it has no method AllowsOrigin(*http.Request, string) (bool, error)", m)
		}
	}
	return all, nil
}

// foreignSource is a module of a third party as a policy uses it.
type foreignSource struct{ OriginSource }

// Allows returns what the module says.
func (s foreignSource) Allows(r *http.Request, o origins.Origin) (policy.Admission, error) {
	allowed, err := s.AllowsOrigin(r, o.String())
	if !allowed || err != nil {
		return policy.Refused, sources.Brief(err)
	}
	return policy.Admitted, nil
}

// Claims yields one claim, because nothing is known of the module.
func (s foreignSource) Claims() iter.Seq[policy.Claim] {
	name := fmt.Sprintf("%T", s.OriginSource)
	if m, ok := s.OriginSource.(caddy.Module); ok {
		name = m.CaddyModule().ID.Name()
	}
	return policy.ClaimAtRuntime(name)
}

// liveSource is what the sources that live longer than a configuration have in
// common, from Provision to Cleanup.
type liveSource struct {
	source interface {
		policy.Source
		Close() error
	} // nil until Provision has succeeded
	closed bool
}

// Allows returns what the source says about o, the origin of r.
func (s *liveSource) Allows(r *http.Request, o origins.Origin) (policy.Admission, error) {
	return s.source.Allows(r, o)
}

// Claims yields what the source can admit.
func (s *liveSource) Claims() iter.Seq[policy.Claim] { return s.source.Claims() }

// Overrule tells the source what a policy denies although the source admits it.
func (s *liveSource) Overrule(insecure, open bool) {
	if source, ok := s.source.(policy.Overruled); ok {
		source.Overrule(insecure, open)
	}
}

// AllowsOrigin reports whether the source allows the origin.
func (s *liveSource) AllowsOrigin(r *http.Request, origin string) (bool, error) {
	o, ok := origins.Parse(origin)
	if !ok {
		return false, nil
	}
	admission, err := s.Allows(r, o)
	return admission != policy.Refused, err
}

// Cleanup releases what Provision has acquired. Requests that are under way may
// still use the source.
func (s *liveSource) Cleanup() error {
	if s.source == nil || s.closed {
		return nil
	}
	s.closed = true
	return s.source.Close()
}

// openList makes the source a list.
func (s *liveSource) openList(ctx caddy.Context, config sources.ListConfig) error {
	config.Logger = ctx.Logger()
	list, err := sources.OpenList(ctx, config)
	if err != nil {
		return err
	}
	s.source = list
	return nil
}

// nearestSource returns the way to write a source of the given name, or "".
func nearestSource(name string) string {
	if _, err := caddy.GetModule(sourceNamespace + "." + name); err == nil {
		return "dynamic " + name
	}
	return ""
}

// pendingSources stands for sources that are not loaded yet.
func pendingSources(raw []json.RawMessage) []policy.Source {
	return slices.Repeat([]policy.Source{policy.Pending}, len(raw))
}

// unmarshalSource parses the source that follows dynamic, and appends its JSON.
func unmarshalSource(d *caddyfile.Dispenser, all *[]json.RawMessage) error {
	if !d.NextArg() {
		return d.Err("dynamic: has no source; write dynamic file, storage, http, ask or match, and its arguments")
	}
	name := d.Val()
	id := sourceNamespace + "." + name
	if _, err := caddy.GetModule(id); err != nil {
		return d.Errf("dynamic %q: unknown source; write one of file, storage, http, ask and match, or build Caddy with the module %s", name, id)
	}
	unmarshaler, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	source, ok := unmarshaler.(OriginSource)
	if !ok {
		return d.Errf("module %s (%T) is not an origin source", id, unmarshaler)
	}
	*all = append(*all, caddyconfig.JSONModuleObject(source, "source", name, nil))
	return nil
}

// setDuration sets a duration that is 0 to its default, and refuses one that is
// not plausible.
func setDuration(d *caddy.Duration, name string, defaultValue time.Duration) error {
	if *d == 0 {
		*d = caddy.Duration(defaultValue)
	}
	return checkDuration(*d, name, defaultValue)
}

// checkDuration refuses a duration that is negative, and one that is very short: a
// source would do nothing but refresh.
func checkDuration(d caddy.Duration, name string, example time.Duration) error {
	switch {
	case d < 0:
		return fmt.Errorf("%s %s: must not be negative; write a duration such as %q", name, time.Duration(d), example)
	case d > 0 && d < caddy.Duration(time.Millisecond):
		return fmt.Errorf("%s %s: is shorter than 1ms, as a number without a unit counts nanoseconds; write a duration such as %q", name, time.Duration(d), example)
	}
	return nil
}

// setNumber sets a number that is 0 to its default, and refuses a negative one.
func setNumber(n *int, name string, defaultValue int) error {
	if *n < 0 {
		return fmt.Errorf("%s %d: must not be negative; write a number such as %d", name, *n, defaultValue)
	}
	if *n == 0 {
		*n = defaultValue
	}
	return nil
}

// sourceURL returns the URL of a source, with global placeholders replaced.
func sourceURL(source, text string) (*url.URL, error) {
	text, err := replaceGlobals(text)
	var u *url.URL
	if err == nil {
		u, err = sources.ParseURL(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s url: %w", source, err)
	}
	return u, nil
}

// replaceGlobals replaces the placeholders whose values are known when the config
// loads. Its errors quote nothing but the placeholder, as the rest may be secret.
func replaceGlobals(text string) (string, error) {
	var problem error
	replaced, err := caddy.NewReplacer().ReplaceFunc(text, func(name string, value any) (any, error) {
		switch {
		case !policy.IsGlobalPlaceholder(name):
			problem = fmt.Errorf("{%s} has no value when the config loads; write {env.*} or {file.*}", name)
		case value == nil || value == "":
			problem = fmt.Errorf("{%s} is empty or not set; set it, or remove it", name)
		}
		return value, problem
	})
	if problem != nil {
		return "", problem
	}
	return replaced, err
}
