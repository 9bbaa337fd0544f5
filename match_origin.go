package caddycors

import (
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

func init() {
	caddy.RegisterModule(MatchOrigin{})
}

// MatchOrigin matches requests by their `Origin`, which browsers send with every
// request to another site that a script can read the response of, with every one
// but GET and HEAD, and with WebSocket handshakes. It takes the origins of the
// handler `cors`, spelled in the same way. A request without an `Origin`, or with
// one that is neither well formed nor `null`, matches none of them, not even `*`.
type MatchOrigin struct {
	// The origins that match, as in the handler `cors`. `*` stands for every
	// origin, opaque ones included, and `null` for those alone.
	AllowOrigins []string `json:"allow_origins,omitempty"`

	// Regular expressions that the whole of an origin must match.
	AllowOriginsRegexp []string `json:"allow_origins_regexp,omitempty"`

	// Sources that decide at request time.
	DynamicOriginsRaw []json.RawMessage `json:"dynamic_origins,omitempty" caddy:"namespace=http.cors.origins inline_key=source"`

	// Whether requests of the site's own pages match: those with
	// `Sec-Fetch-Site: same-origin`, or, where a browser does not send that field,
	// those whose `Origin` is the scheme, host and port of the request itself.
	SameOrigin bool `json:"same_origin,omitempty"`

	policy *policy // nil if there is only SameOrigin
	logger *zap.Logger
}

// CaddyModule returns the Caddy module information.
func (MatchOrigin) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.matchers.origin",
		New: func() caddy.Module { return new(MatchOrigin) },
	}
}

// UnmarshalCaddyfile sets up the matcher from Caddyfile tokens. Syntax:
//
//	origin [<origins...>] {
//	    allow_origins        <origins...>
//	    allow_origins_regexp <regexps...>
//	    dynamic              <source> [<args...>] { ... }
//	    same_origin
//	}
//
// All of them add up.
func (m *MatchOrigin) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	for d.Next() { // one or several matchers of a set
		m.AllowOrigins = append(m.AllowOrigins, d.RemainingArgs()...)
		for d.NextBlock(0) {
			if err := m.unmarshalSubdirective(d); err != nil {
				return err
			}
		}
	}
	if len(m.AllowOrigins)+len(m.AllowOriginsRegexp)+len(m.DynamicOriginsRaw) == 0 && !m.SameOrigin {
		return d.Err("no origins: write the origins that match, such as https://app.example.com, or same_origin")
	}
	return nil
}

func (m *MatchOrigin) unmarshalSubdirective(d *caddyfile.Dispenser) error {
	name := d.Val()
	switch name {
	case "allow_origins":
		return unmarshalList(d, &m.AllowOrigins)
	case "allow_origins_regexp":
		return unmarshalList(d, &m.AllowOriginsRegexp)
	case "dynamic":
		source, err := unmarshalSource(d)
		m.DynamicOriginsRaw = append(m.DynamicOriginsRaw, source)
		return err
	case "same_origin":
		return unmarshalFlag(d, &m.SameOrigin)
	}
	if _, err := caddy.GetModule(sourceNamespace + "." + name); err == nil {
		return d.Errf("unknown subdirective %q of origin: write dynamic %s", name, name)
	}
	return d.Errf("unknown subdirective %q of origin: write one of allow_origins, allow_origins_regexp, dynamic, same_origin", name)
}

// Provision loads the sources and compiles the origins.
func (m *MatchOrigin) Provision(ctx caddy.Context) error {
	m.logger = ctx.Logger()
	sources, err := loadSources(ctx, m, "DynamicOriginsRaw", m.DynamicOriginsRaw)
	if err != nil {
		return err
	}
	if m.SameOrigin && len(m.AllowOrigins)+len(m.AllowOriginsRegexp)+len(sources) == 0 {
		return nil
	}
	// A policy like any other, without credentials.
	h := Handler{AllowOrigins: m.AllowOrigins, AllowOriginsRegexp: m.AllowOriginsRegexp, sources: sources, PreflightStatus: http.StatusNoContent}
	p, problems, warnings := h.compile(waiverNull)
	if len(problems) > 0 {
		return errors.New(strings.Join(problems, "; "))
	}
	for _, warning := range warnings {
		m.logger.Warn(warning)
	}
	m.policy = p
	return nil
}

// MatchWithError reports whether r matches. What a source cannot tell does not.
func (m *MatchOrigin) MatchWithError(r *http.Request) (bool, error) {
	if m.SameOrigin && sameOrigin(r) {
		return true, nil
	}
	if m.policy == nil {
		return false, nil
	}
	lines := r.Header[fetch.Origin]
	if len(lines) == 0 {
		return false, nil
	}
	if m.policy.any {
		if len(lines) != 1 {
			return false, nil
		}
		_, ok := origins.Parse(lines[0])
		return ok || lines[0] == origins.Null, nil
	}
	var d decision
	m.policy.judge(&d, r, lines)
	if d.err != nil {
		if entry := m.logger.Check(zapcore.DebugLevel, "origin does not match"); entry != nil {
			entry.Write(zap.String("reason", d.reason.String()), zap.Error(d.err))
		}
	}
	return d.result == resultAllowed, nil
}

// CELLibrary makes the matcher a function of CEL expressions, for origins as
// `allow_origins` has them:
//
//	expression origin('https://app.example.com', 'https://*.example.org')
func (MatchOrigin) CELLibrary(ctx caddy.Context) (cel.Library, error) {
	const name = "origin_match_request_list"
	provision := func(data ref.Val) (caddyhttp.RequestMatcherWithError, error) {
		list, err := data.ConvertToNative(reflect.TypeFor[[]string]())
		if err != nil {
			return nil, err
		}
		m := &MatchOrigin{AllowOrigins: list.([]string)}
		return m, m.Provision(ctx)
	}
	// Caddy's own macros also take placeholders, whose value a page could choose,
	// and compile the matcher for every request.
	macro := func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
		if len(args) == 0 {
			return nil, eh.NewError(0, "origin takes at least one origin")
		}
		for _, arg := range args {
			if arg.Kind() != ast.LiteralKind || arg.AsLiteral().Type() != types.StringType {
				return nil, eh.NewError(arg.ID(), "origin takes origins in quotes, and no placeholders")
			}
		}
		return eh.NewCall(name, eh.NewIdent(caddyhttp.CELRequestVarName), eh.NewList(args...)), nil
	}
	return caddyhttp.NewMatcherCELLibrary(
		[]cel.EnvOption{
			cel.Macros(cel.GlobalVarArgMacro("origin", macro)),
			cel.Function(name,
				cel.Overload(name, []*cel.Type{cel.ObjectType("http.Request"), cel.ListType(cel.StringType)}, cel.BoolType),
				cel.SingletonBinaryBinding(caddyhttp.CELMatcherRuntimeFunction(name, provision))),
		},
		[]cel.ProgramOption{cel.CustomDecorator(caddyhttp.CELMatcherDecorator(name, provision))},
	), nil
}

// Interface guards
var (
	_ caddy.Provisioner                 = (*MatchOrigin)(nil)
	_ caddyfile.Unmarshaler             = (*MatchOrigin)(nil)
	_ caddyhttp.RequestMatcherWithError = (*MatchOrigin)(nil)
	_ caddyhttp.CELLibraryProducer      = (*MatchOrigin)(nil)
)
