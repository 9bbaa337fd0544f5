// Package caddycors is a Caddy module for CORS
// (https://fetch.spec.whatwg.org/#http-cors-protocol). It decides which origins may
// read the responses of a site, answers preflights, and owns the CORS headers of
// every response that passes through it.
package caddycors

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler is a middleware for CORS, the protocol by which a server lets pages of
// other origins read its responses.
//
// It answers preflight requests itself. If the origin is allowed, the answer is 204
// with everything that the origin may do; otherwise it is 403. On every other
// response, the handler sets the CORS headers for an allowed origin, and removes them
// for any other. It does so for every status, and replaces the CORS headers that an
// upstream or another handler has set. It adds `Origin` to `Vary`.
//
// A request from an origin that is not allowed still reaches the next handler,
// unless `reject_disallowed` is set. CORS decides which pages may read a response, not
// which may send a request.
//
// At least one origin, regular expression or source is required. A policy that would
// give users' data to strangers does not load. The error says what to write instead,
// and which value of `dangerously_allow` accepts the risk.
//
// Several of these handlers in one route are parts of one policy: the first that
// allows the origin of a request decides, with its own methods, headers and
// credentials. If handlers of several routes apply to a request, the outermost one
// decides.
type Handler struct {
	// The origins whose pages may read responses, each spelled as browsers send it:
	// `https://app.example.com` or `http://localhost:5173`. There are these patterns:
	//
	// - `https://*.example.com`: one or more subdomains, but not
	//   `https://example.com` itself.
	// - `https://app-*.example.com`: letters, digits or hyphens within the first
	//   label.
	// - `http://localhost:*`: any port.
	// - `moz-extension://*`: any host of the scheme of an app or extension.
	// - `*`, alone: every origin. With credentials it needs a waiver.
	// - `null`: sandboxed frames and local files. It needs a waiver.
	//
	// The placeholders `{env.*}` and `{file.*}` are replaced when the config loads. An
	// entry that is one of them may stand for several origins, separated by spaces,
	// commas or line breaks. `{http.request.host}`, its labels, `{http.vars.*}` and
	// outputs of `map` are replaced when a request arrives, each by exactly one origin
	// or a part of one. Fill such a variable only from the request's host: otherwise a
	// page could choose the value and allow itself.
	//
	// Default: none.
	AllowOrigins []string `json:"allow_origins,omitempty"`

	// Regular expressions (RE2) that the whole of an origin must match, at most
	// 1024 bytes each. They need no anchors. One that matches no origin is an error.
	// With credentials, so is one that matches origins of strangers, unless a waiver
	// accepts them. Placeholders are not replaced. Default: none.
	AllowOriginsRegexp []string `json:"allow_origins_regexp,omitempty"`

	// Sources that decide at request time, in order, about origins that are not
	// allowed above. The first yes counts. If a source cannot tell, it does not allow
	// the origin. With credentials, two kinds of origins are denied whatever a source
	// says, unless a waiver accepts them: insecure ones, and those that only an open
	// pattern of a list allows. Default: none.
	DynamicOriginsRaw []json.RawMessage `json:"dynamic_origins,omitempty" caddy:"namespace=http.cors.origins inline_key=source"`

	// The methods that pages may use besides GET, HEAD and POST, which are always
	// allowed. Methods are case-sensitive. `*` stands for every method; with
	// credentials, the answer to a preflight names the requested one.
	//
	// The answer lists the methods as they are written here. Add POST if pages listen
	// to the progress of uploads. Browsers send a preflight before each of those, and
	// remember a method only if it is listed.
	//
	// Default: none, and the answer lists GET, HEAD and POST.
	AllowMethods []string `json:"allow_methods,omitempty"`

	// The request headers that pages may set besides those that need no permission.
	// JSON needs `Content-Type`, and tokens need `Authorization`. A name may end in
	// `*`: `X-Amz-*` stands for all headers that begin so. `*` stands for every header
	// except `Authorization`, which has to be named. With credentials, the answer to a
	// preflight names the requested headers, up to 4 KiB, in the place of `*`.
	// Default: none.
	AllowHeaders []string `json:"allow_headers,omitempty"`

	// The response headers that pages may read besides those that need no permission.
	// A header that is not exposed is `null` to the page, mostly without a message on
	// the console. A name may end in `*`: `X-Amz-Meta-*` stands for all headers of the
	// response that begin so. `*` stands for every header; with credentials, each
	// response names those that it has. Default: none.
	ExposeHeaders []string `json:"expose_headers,omitempty"`

	// Whether pages may send credentials (cookies, TLS client certificates and HTTP
	// authentication) and read the response. The origins must then be secure, and not
	// be ones that strangers can obtain, unless a waiver accepts them. Default: false.
	AllowCredentials bool `json:"allow_credentials,omitempty"`

	// Whether pages of allowed origins may read detailed resource timings. The header
	// is `Timing-Allow-Origin`. On responses to requests without an origin, such as
	// those for images, it lists the exact origins of the policy if they are at most
	// 16. Default: false, which leaves the header unchanged.
	AllowTiming bool `json:"allow_timing,omitempty"`

	// Whether pages of allowed origins may reach a server in a private network from a
	// public one. This permits preflights with `Access-Control-Request-Private-Network`.
	// Current browsers ask the user instead, but Electron, WebView2 and kiosks may still
	// send this header. Not with `*`. Default: false.
	AllowPrivateNetwork bool `json:"allow_private_network,omitempty"`

	// How long browsers may keep the answer to a preflight, in whole seconds, such as
	// `"2h"`. Firefox keeps it for at most 24h, Chromium for 2h. 0 forbids browsers to
	// keep it. Default: unset, which means 5s to browsers.
	MaxAge *caddy.Duration `json:"max_age,omitempty"`

	// The status of the answer to a preflight from an allowed origin: 200 to 299,
	// except 205 and 206. Default: 204.
	PreflightStatus int `json:"preflight_status,omitempty"`

	// Whether the next handler answers preflights. The CORS headers are set on its
	// response. Its status stays, and browsers accept only 200 to 299.
	// Default: false.
	PreflightPassthrough bool `json:"preflight_passthrough,omitempty"`

	// Whether requests from origins that are not allowed fail with the error 403,
	// instead of being passed on without CORS headers. Requests without an origin and
	// same-origin requests are passed on. This also rejects forms that other sites
	// post on purpose: OAuth's `form_post`, SAML, the return from a payment. Not with
	// `*`. Default: false.
	RejectDisallowed bool `json:"reject_disallowed,omitempty"`

	// Whether to decide, log and count only, and to change nothing. Preflights reach
	// the next handler, and the CORS headers of an upstream stay. Each response is
	// compared with what the policy would allow. Differences are counted, and ten a
	// minute are logged. Default: false.
	ReportOnly bool `json:"report_only,omitempty"`

	// Risks to accept. Without the waiver, a policy with such an origin does not load,
	// or the origin is denied:
	//
	// - `insecure_origins`: `http` origins other than loopback, with credentials.
	//   Everyone who controls a visitor's network can act as such an origin.
	// - `null_origin`: the origin `null`, without credentials. Every page can have it.
	// - `open_origins`: origins that strangers can obtain, such as
	//   `https://*.github.io` or `*`, with credentials. Strangers can then read your
	//   users' data.
	//
	// Default: none.
	DangerouslyAllow []string `json:"dangerously_allow,omitempty"`

	parts    *parts // of the same policy, or nil if this handler is all of it
	policy   *policy.Policy
	findings *policy.Findings
	site     []string // hosts of the site, where the config can tell
	counters *counters
	logger   *zap.Logger
	reports  *rate.Limiter // of the log of report_only
	debug    bool          // whether decisions are logged
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.cors",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets the defaults, loads the sources, and compiles the policy.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.debug = h.logger.Core().Enabled(zapcore.DebugLevel)
	if h.ReportOnly {
		h.reports = newReports()
	}
	sources, err := loadSources(ctx, h, "DynamicOriginsRaw", h.DynamicOriginsRaw)
	if err != nil {
		return err
	}
	if h.counters, err = serverCounters(ctx, h.ReportOnly); err != nil {
		return err
	}
	h.parts = h.join(ctx)
	h.policy, h.findings = h.parts.compile(h.config(sources))
	h.site = siteOf(ctx)
	logger := h.logger
	if len(h.site) > 0 {
		logger = logger.WithLazy(zap.Strings("site", few(h.site, maxHosts)))
	}
	logFindings(logger, h.findings)
	return nil
}

// maxHosts is how many hosts of a site its messages name.
const maxHosts = 8

// inUse has the policies of all handlers, before and after a reload.
var inUse policy.Cache

// config returns the configuration of the policy.
func (h *Handler) config(sources []policy.Source) *policy.Config {
	return &policy.Config{
		Origins:              h.AllowOrigins,
		Regexps:              h.AllowOriginsRegexp,
		Sources:              sources,
		Methods:              h.AllowMethods,
		RequestHeaders:       h.AllowHeaders,
		ExposeHeaders:        h.ExposeHeaders,
		Credentials:          h.AllowCredentials,
		Timing:               h.AllowTiming,
		PrivateNetwork:       h.AllowPrivateNetwork,
		MaxAge:               (*time.Duration)(h.MaxAge),
		PreflightStatus:      h.PreflightStatus,
		PreflightPassthrough: h.PreflightPassthrough,
		RejectDisallowed:     h.RejectDisallowed,
		Waivers:              h.DangerouslyAllow,
		Environment:          environment(),
	}
}

// Cleanup forgets a route that could not be provisioned.
func (h *Handler) Cleanup() error {
	if h.parts != nil {
		h.parts.leave()
	}
	return nil
}

// Validate returns all problems of the policy at once.
func (h *Handler) Validate() error {
	err := h.findings.Err()
	if err != nil && len(h.site) > 0 {
		return fmt.Errorf("site %s: %w", strings.Join(few(h.site, maxHosts), ", "), err)
	}
	return err
}

// ServeHTTP answers a preflight, or passes the request on and sets the CORS
// headers of its response.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if decider, ok := decided(w, h.ReportOnly); ok {
		if h.debug {
			h.logSilenced(decider)
		}
		return next.ServeHTTP(w, r)
	}
	h, d := h.decide(r)
	// A request that comes back in an error route has been counted already.
	counted := setVars(r, &d) && isErrorRoute(r)
	switch {
	case h.ReportOnly:
		return h.report(w, r, next, &d, counted)
	case d.Kind == policy.Preflight && h.PreflightPassthrough:
		return h.passPreflight(w, r, next, &d, counted)
	}
	h.record(r, &d, counted)
	if d.Kind == policy.Preflight {
		h.answerPreflight(w, r, &d)
		return nil
	}
	rw := newResponseWriter(w, r, h.named(), h.policy.Answer(r, &d), d.Origin)
	defer rw.end()
	if h.rejects(r, &d) {
		return caddyhttp.Error(http.StatusForbidden, fmt.Errorf("cross-origin request rejected: %s", d.Reason))
	}
	return next.ServeHTTP(rw, r)
}

// rejects reports whether r is refused, instead of only keeping its response from
// the page.
func (h *Handler) rejects(r *http.Request, d *policy.Decision) bool {
	return h.RejectDisallowed && d.Kind == policy.Actual && d.Result == policy.Denied && !isErrorRoute(r)
}

// isErrorRoute reports whether r is being handled by an error route. The response
// to a refusal is served there, and it cannot be refused again.
func isErrorRoute(r *http.Request) bool {
	return r.Context().Value(caddyhttp.ErrorCtxKey) != nil
}

// environment returns what a policy needs to know of Caddy.
func environment() policy.Environment {
	return policy.Environment{
		Global:       globalPlaceholder,
		Placeholder:  requestPlaceholder,
		TrustedProxy: isTrustedProxy,
	}
}

// globalPlaceholder returns the value of {env.*} or {file.*}, or "".
func globalPlaceholder(name string) string {
	value, _ := caddy.NewReplacer().GetString(name)
	return value
}

// requestPlaceholder returns the value of a placeholder for r, or "".
func requestPlaceholder(r *http.Request, name string) string {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return ""
	}
	value, _ := repl.GetString(name)
	return value
}

// isTrustedProxy reports whether the peer of r is in trusted_proxies.
func isTrustedProxy(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return trusted
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddy.CleanerUpper          = (*Handler)(nil)
	_ caddy.Validator             = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
