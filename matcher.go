package caddycors

import (
	"encoding/json"
	"net/http"
	"reflect"

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

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

func init() {
	caddy.RegisterModule(MatchOrigin{})
}

// MatchOrigin matches requests by their `Origin`. Browsers send this header with
// every cross-origin request whose response a script can read, with every request
// that is not GET or HEAD, and with WebSocket handshakes.
//
// Origins are spelled as in the handler `cors`. A request never matches, even with
// `*`, if it has no `Origin`, or one that is neither well formed nor `null`.
type MatchOrigin struct {
	// The origins that match, as in the handler `cors`. `*` matches every origin,
	// including `null`. No waiver is needed. Default: none.
	AllowOrigins []string `json:"allow_origins,omitempty"`

	// Regular expressions (RE2) that the whole of an origin must match. Default: none.
	AllowOriginsRegexp []string `json:"allow_origins_regexp,omitempty"`

	// Sources that decide at request time. If a source cannot tell, the request does
	// not match. Default: none.
	DynamicOriginsRaw []json.RawMessage `json:"dynamic_origins,omitempty" caddy:"namespace=http.cors.origins inline_key=source"`

	// Whether requests of the site's own pages match: those with
	// `Sec-Fetch-Site: same-origin`. If a browser does not send that header, the
	// `Origin` must have the scheme, host and port of the request. Default: false.
	SameOrigin bool `json:"same_origin,omitempty"`

	policy *policy.Policy // nil if there is only SameOrigin
	open   *policy.Claim  // an entry that strangers' origins match, if there is one
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
	at := new(places)
	for d.Next() { // one or several matchers of a set
		at.note(d, "", "")
		unmarshalOrigins(d, at, &m.AllowOrigins)
		err := unmarshalBlock(d, "origin", at, []subdirective{
			{"allow_origins", repeatable, func() error {
				before := len(m.AllowOrigins)
				if unmarshalOrigins(d, at, &m.AllowOrigins); len(m.AllowOrigins) == before {
					return d.Err("allow_origins: has no values; write at least one")
				}
				return nil
			}},
			{"allow_origins_regexp", repeatable, func() error { return unmarshalList(d, at, &m.AllowOriginsRegexp) }},
			{"dynamic", repeatable, func() error { return unmarshalSource(d, &m.DynamicOriginsRaw) }},
			{"same_origin", once, func() error { return unmarshalFlag(d, &m.SameOrigin) }},
		}, nearestSource)
		if err != nil {
			return err
		}
	}
	switch listed := len(m.AllowOrigins)+len(m.AllowOriginsRegexp)+len(m.DynamicOriginsRaw) > 0; {
	case !listed && !m.SameOrigin:
		return d.Err("no origins: write the origins that match, such as https://app.example.com, or same_origin")
	case !listed:
		return nil
	}
	config := m.config(pendingSources(m.DynamicOriginsRaw))
	config.Global = nil // it is not known before the config loads
	_, findings := policy.Compile(config)
	return at.err(&findings.Problems)
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
	var findings *policy.Findings
	m.policy, findings = policy.Compile(m.config(sources))
	m.open = findings.Open
	logFindings(m.logger, findings)
	return findings.Err()
}

// config returns the configuration of a policy with the origins that match.
func (m *MatchOrigin) config(sources []policy.Source) *policy.Config {
	return &policy.Config{
		Origins:     m.AllowOrigins,
		Regexps:     m.AllowOriginsRegexp,
		Sources:     sources,
		Accepted:    []string{policy.WaiverNull},
		Environment: environment(),
	}
}

// MatchWithError reports whether r matches. A request that a source cannot decide
// about does not match.
func (m *MatchOrigin) MatchWithError(r *http.Request) (bool, error) {
	return m.admits(r) != policy.Refused, nil
}

// admits reports whether r matches, and whether only an open entry makes it match.
func (m *MatchOrigin) admits(r *http.Request) policy.Admission {
	if m.SameOrigin && policy.IsSameOrigin(r, isTrustedProxy) {
		return policy.Admitted
	}
	if m.policy == nil {
		return policy.Refused
	}
	admission, err := m.policy.Admits(r)
	if err != nil {
		if entry := m.logger.Check(zapcore.DebugLevel, "origin does not match"); entry != nil {
			entry.Write(zap.String("reason", policy.ReasonSource.String()), zap.Error(err))
		}
	}
	return admission
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
