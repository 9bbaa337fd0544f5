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

	notes     []string // what an operator may want to know when the config loads
	strangers string   // says what of strangers the policy allows, "" if nothing that is known

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
type answers [results]*answer

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
	given    []string        // waivers that are not configured
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
// what is wrong with it. The policy is of use only if there are no problems. The
// waivers given hold besides those configured, and need not be needed.
func (h *Handler) compile(waivers ...string) (p *policy, problems, warnings []string) {
	c := &compiler{Handler: h, needed: make(map[string]bool), said: make(map[string]bool), given: waivers}
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
	return slices.Contains(c.DangerouslyAllow, waiver) || slices.Contains(c.given, waiver)
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
	c.fields = fetch.NewFieldSet(names)
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
