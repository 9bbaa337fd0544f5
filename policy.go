package caddycors

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// policy is a compiled configuration. It is immutable.
type policy struct {
	any, null         bool // allow_origins has "*", "null"
	origins           originSet
	credentials       bool
	overrulesInsecure bool // with credentials, insecure origins are denied
	overrulesOpen     bool // with credentials, what only an open pattern of a list allows is

	anyMethod bool
	methods   []string // besides the safelisted ones

	anyField      bool
	authorization bool // named, as anyField does not cover it
	fields        fetch.FieldSet

	// What is said on the responses to preflights, and to other requests.
	preflightAllowed, preflightDenied *answer
	actual, options                   answers
}

// answers are what is said on responses to requests that are no preflights, by
// the result of the decision.
type answers [resultSameOrigin + 1]*answer

// answer returns what is said on the response to r, which is not a preflight.
func (p *policy) answer(r *http.Request, result result) *answer {
	if r.Method == http.MethodOptions {
		return p.options[result]
	}
	return p.actual[result]
}

// Waivers: what dangerously_allow takes.
const (
	waiverInsecure = "insecure_origins"
	waiverNull     = "null_origin"
	waiverOpen     = "open_origins"
)

var waivers = []string{waiverInsecure, waiverNull, waiverOpen}

// safelistedMethods need no permission, but an answer that lists no methods at
// all lets a page that listens to upload events use any
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch, use-CORS-preflight flag).
const safelistedMethods = "GET, HEAD, POST"

// maxTimingOrigins is how many origins Timing-Allow-Origin lists on responses to
// requests without Origin.
const maxTimingOrigins = 16

// compiler turns a configuration into a policy. It does not stop at the first
// problem, so that an operator meets all of them at once.
type compiler struct {
	*Handler
	policy
	patterns []origins.Pattern
	others   []string        // what allows origins beside "*", as it is configured
	needed   map[string]bool // waivers that something needs, or may need
	said     map[string]bool // problems and warnings, as an entry that stands twice counts once

	// Values of response fields, "" where there is nothing to say.
	allowHeaders, exposeHeaders, maxAge string

	problems, warnings []string
}

func (c *compiler) problem(format string, args ...any) {
	c.problems = c.say(c.problems, fmt.Sprintf(format, args...))
}

func (c *compiler) warn(format string, args ...any) {
	c.warnings = c.say(c.warnings, fmt.Sprintf(format, args...))
}

func (c *compiler) say(list []string, message string) []string {
	if c.said[message] {
		return list
	}
	c.said[message] = true
	return append(list, message)
}

// compile returns the policy that the handler's configuration describes, and
// what is wrong with it. The policy is of use only if there are no problems.
func (h *Handler) compile() (p *policy, problems, warnings []string) {
	c := &compiler{Handler: h, needed: make(map[string]bool), said: make(map[string]bool)}
	c.credentials = h.AllowCredentials
	c.overrulesInsecure = h.AllowCredentials && !c.waived(waiverInsecure)
	c.overrulesOpen = h.AllowCredentials && !c.waived(waiverOpen)
	c.compileOrigins()
	c.compileRegexps()
	c.compileSources()
	c.judgeOrigins()
	c.compileMethods()
	c.compileRequestFields()
	c.compileResponseFields()
	c.compileMaxAge()
	c.judgePreflightStatus()
	c.judgeWaivers()
	c.compileAnswers()
	compiled := c.policy // a copy, which does not keep the compiler's lists
	return &compiled, c.problems, c.warnings
}

func (c *compiler) waived(waiver string) bool {
	return slices.Contains(c.DangerouslyAllow, waiver)
}

// compileOrigins reads allow_origins.
func (c *compiler) compileOrigins() {
	c.patterns = make([]origins.Pattern, 0, len(c.AllowOrigins))
	for _, s := range c.AllowOrigins {
		if err := c.compileOrigin(s); err != nil {
			c.problem("allow_origins: %v", err)
		}
	}
}

func (c *compiler) compileOrigin(s string) error {
	if !strings.ContainsAny(s, "{}") {
		return c.compileLiteral(s)
	}
	parts, err := splitPlaceholders(s)
	if err != nil {
		return err
	}
	if parts, err = resolveGlobals(s, parts); err != nil {
		return err
	}
	if len(parts) == 1 && !parts[0].placeholder {
		if err := c.compileLiteral(parts[0].text); err != nil {
			return fmt.Errorf("%q stands for what is no origin: %w", s, err)
		}
		return nil
	}
	c.others = append(c.others, s)
	t, err := parseTemplate(s, parts)
	if err != nil {
		return err
	}
	c.origins.templates = append(c.origins.templates, t)
	switch {
	case t.anyScheme:
		c.mayNeed(waiverInsecure)
	case t.probe.Insecure():
		c.insecure(literal(s))
	}
	return nil
}

func (c *compiler) compileLiteral(s string) error {
	switch s {
	case "*":
		c.any = true
		return nil
	case origins.Null:
		c.null = true
		c.others = append(c.others, s)
		return nil
	}
	if len(c.others) == 0 {
		c.others = append(c.others, s)
	}
	pattern, err := origins.ParsePattern(s)
	if err != nil {
		return err
	}
	c.add(pattern, literal(s))
	return nil
}

// A subject is how problems name a configured origin. It is made when there is
// one, as there may be very many origins.
type subject func() string

func literal(s string) subject {
	return func() string { return fmt.Sprintf("allow_origins %q", s) }
}

// add adds a pattern to the set, and judges it.
func (c *compiler) add(p origins.Pattern, subject subject) {
	c.patterns = append(c.patterns, p)
	if p.Insecure() {
		c.insecure(subject)
	}
	if witness, open := p.Open(); open {
		c.open(subject, witness)
	}
}

// compileRegexps reads allow_origins_regexp. A regexp that stands for a few
// origins becomes those, which costs and judges it like them.
func (c *compiler) compileRegexps() {
	seen := make(map[string]bool, len(c.AllowOriginsRegexp))
	for _, expr := range c.AllowOriginsRegexp {
		if seen[expr] {
			continue
		}
		seen[expr] = true
		re, err := origins.CompileRegexp(expr)
		if err != nil {
			c.problem("allow_origins_regexp: %v", err)
			continue
		}
		patterns, finite := re.Finite()
		switch {
		case !finite:
			c.origins.regexps = append(c.origins.regexps, re)
			c.mayNeed(waiverInsecure, waiverOpen)
		case len(patterns) == 0:
			c.warn("allow_origins_regexp: regexp %q is dead: no origin that a browser sends matches it", expr)
		default:
			for _, p := range patterns {
				c.add(p, func() string { return fmt.Sprintf("allow_origins_regexp %q admits %q, which", expr, p) })
			}
		}
	}
}

// compileSources judges dynamic_origins. What a source will allow, nobody knows
// yet.
func (c *compiler) compileSources() {
	c.origins.sources = c.sources
	for _, source := range c.sources {
		c.mayNeed(waiverInsecure, waiverOpen)
		blind, ok := source.(blindSource)
		if !ok || blind.blind() == "" {
			continue
		}
		const why = "does not look at Origin, and so allows every origin on the requests that it matches"
		switch {
		case !c.credentials:
			c.warn("dynamic_origins: match by %s %s", blind.blind(), why)
		case !c.waived(waiverOpen):
			c.problem(`dynamic_origins: match by %s %s, with allow_credentials also those of strangers: add a matcher such as origin https://*.example.com, or accept that with "dangerously_allow open_origins"`, blind.blind(), why)
		}
	}
}

// judgeOrigins refuses sets of origins that nobody, or anybody, could be in.
func (c *compiler) judgeOrigins() {
	if len(c.AllowOrigins)+len(c.AllowOriginsRegexp)+len(c.sources) == 0 {
		c.problem("no origins: an empty policy allows nobody: write allow_origins and the origins whose pages may read responses, such as https://app.example.com, or * for every origin")
	}
	if c.any {
		c.judgeAny()
	}
	if c.null {
		c.needed[waiverNull] = true
		switch {
		case c.credentials:
			c.problem(`allow_origins "null" with allow_credentials: every sandboxed frame, of any site, has the origin null, and could read your users' data: remove "null" or allow_credentials, as no waiver allows both`)
		case !c.waived(waiverNull):
			c.problem(`allow_origins "null": every sandboxed frame and every local file, whoever wrote it, has the origin null: remove it, or, if anyone may read the responses, accept that with "dangerously_allow null_origin"`)
		}
	}
	c.origins.index = origins.NewIndex(c.patterns)
}

func (c *compiler) judgeAny() {
	others := slices.Concat(c.others, c.AllowOriginsRegexp)
	if len(c.sources) > 0 {
		others = append(others, "dynamic_origins")
	}
	if len(others) > 0 {
		c.problem(`allow_origins "*" beside %q: * allows every origin already: write * alone, or only the origins that you mean`, others[0])
	}
	if c.credentials {
		c.problem(`allow_origins "*" with allow_credentials: browsers refuse that with "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'": either drop allow_credentials, or list the origins that may send credentials, such as https://app.example.com or https://*.example.com`)
	}
	if c.RejectDisallowed {
		c.problem(`reject_disallowed with allow_origins "*": * disallows no origin: drop reject_disallowed, or list the origins`)
	}
}

// mayNeed notes waivers that something will need with credentials, for all that
// can be told when the config loads.
func (c *compiler) mayNeed(waivers ...string) {
	for _, waiver := range waivers {
		c.needed[waiver] = c.needed[waiver] || c.credentials
	}
}

// insecure judges a configured origin that admits plain http.
func (c *compiler) insecure(subject subject) {
	if !c.credentials {
		return
	}
	c.needed[waiverInsecure] = true
	if c.overrulesInsecure {
		c.problem(`%s is insecure: with allow_credentials, whoever is on the network path of an http page can read your users' data: write https://, or accept that with "dangerously_allow insecure_origins"`, subject())
	}
}

// open judges a configured origin that strangers can obtain, such as witness.
func (c *compiler) open(subject subject, witness string) {
	if !c.credentials {
		c.warn("%s is open: anyone can obtain an origin that it allows, such as %q", subject(), witness)
		return
	}
	c.needed[waiverOpen] = true
	if !c.waived(waiverOpen) {
		c.problem(`%s is open: anyone can obtain an origin that it allows, such as %q, and with allow_credentials read your users' data: write the exact origins, or accept that with "dangerously_allow open_origins"`, subject(), witness)
	}
}

// compileMethods reads allow_methods.
func (c *compiler) compileMethods() {
	for _, m := range c.AllowMethods {
		if m == "*" {
			c.anyMethod = true
		} else if err := fetch.CheckMethod(m); err != nil {
			c.problem("allow_methods: %v", err)
		} else if !fetch.IsSafelistedMethod(m) && !slices.Contains(c.methods, m) {
			c.methods = append(c.methods, m)
		}
	}
}

// compileRequestFields reads allow_headers.
func (c *compiler) compileRequestFields() {
	names := c.fieldNames("allow_headers", c.AllowHeaders, fetch.IsForbiddenRequestField, "set")
	c.fields = fetch.NewFieldSet(names)
	c.anyField = slices.Contains(names, "*")
	c.authorization = slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, "Authorization")
	})
	switch {
	case c.anyField && c.credentials: // what else is asked for is echoed
		names = slices.DeleteFunc(names, func(name string) bool { return name == "*" })
	case c.anyField && c.authorization:
		names = []string{"*", "Authorization"}
	case c.anyField:
		names = []string{"*"}
	}
	c.allowHeaders = strings.Join(names, ", ")
}

// compileResponseFields reads expose_headers.
func (c *compiler) compileResponseFields() {
	names := c.fieldNames("expose_headers", c.ExposeHeaders, fetch.IsForbiddenResponseField, "read")
	if slices.Contains(names, "*") {
		if c.credentials {
			c.problem(`expose_headers "*" with allow_credentials: where a request has credentials, browsers take the * for the name of a field: write the names of the fields that pages may read`)
		}
		names = []string{"*"}
	}
	c.exposeHeaders = strings.Join(names, ", ")
}

// fieldNames returns the names of an option that lists fields, each once and
// without those that are forbidden: they stand in many lists, to no effect.
func (c *compiler) fieldNames(option string, list []string, forbidden func(string) bool, verb string) []string {
	var names []string
	for _, name := range list {
		same := func(other string) bool { return strings.EqualFold(name, other) }
		switch {
		case !fetch.IsToken(name):
			c.problem("%s: %q is not the name of a field: write names of letters, digits and hyphens, separated by spaces", option, name)
		case forbidden(name):
			c.warn("%s: %q is left out: browsers let no page %s it", option, name, verb)
		case !slices.ContainsFunc(names, same):
			names = append(names, name)
		}
	}
	return names
}

// compileMaxAge reads max_age.
func (c *compiler) compileMaxAge() {
	if c.MaxAge == nil {
		return
	}
	age := time.Duration(*c.MaxAge)
	switch {
	case age < 0:
		c.problem("max_age %q is negative: write 0 to have no preflight cached, or leave max_age out for the browsers' default of 5s", age)
	case age%time.Second != 0:
		c.problem(`max_age %q is not a number of whole seconds: write one with its unit, such as "600s"`, age)
	case age > 24*time.Hour:
		c.warn("max_age %q is longer than any browser heeds: Firefox caps it at 24h, Chromium at 2h", age)
	}
	c.maxAge = strconv.FormatInt(int64(age/time.Second), 10)
}

// judgePreflightStatus checks preflight_status. Browsers accept any ok status
// (https://fetch.spec.whatwg.org/#ok-status), but 205 and 206 promise something
// about a body.
func (c *compiler) judgePreflightStatus() {
	switch s := c.PreflightStatus; {
	case s < 200 || s > 299:
		c.problem("preflight_status %d: browsers take a preflight for passed only with a status from 200 to 299: write 204, or 200 for old clients", s)
	case s == http.StatusResetContent, s == http.StatusPartialContent:
		c.problem("preflight_status %d means something about a body that a preflight does not have: write 204 or 200", s)
	}
	if c.PreflightPassthrough && c.PreflightStatus != http.StatusNoContent {
		c.warn("preflight_status %d has no effect: with preflight_passthrough the next handler chooses the status", c.PreflightStatus)
	}
}

// judgeWaivers checks dangerously_allow, after all that may need a waiver.
func (c *compiler) judgeWaivers() {
	for _, w := range c.DangerouslyAllow {
		switch {
		case !slices.Contains(waivers, w):
			c.problem("dangerously_allow: unknown waiver %q: write one of %s", w, strings.Join(waivers, ", "))
		case !c.needed[w]:
			c.warn("dangerously_allow: nothing needs the waiver %q: remove it", w)
		}
	}
}
