package policy

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

// Waivers are the values of dangerously_allow.
const (
	WaiverInsecure = "insecure_origins"
	WaiverNull     = "null_origin"
	WaiverOpen     = "open_origins"
)

var waivers = []string{WaiverInsecure, WaiverNull, WaiverOpen}

// safelistedMethods are listed where an answer would list no methods. They need no
// permission, but without a list a page that listens to upload events may use any
// (https://fetch.spec.whatwg.org/#cors-preflight-fetch, use-CORS-preflight flag).
const safelistedMethods = "GET, HEAD, POST"

// maxTimingOrigins is how many origins Timing-Allow-Origin lists on responses to
// requests without Origin.
const maxTimingOrigins = 16

// compiler turns a configuration into a policy. It does not stop at the first
// problem, so that an operator meets all of them at once.
type compiler struct {
	Policy
	config   *Config
	findings Findings
	patterns *patternSource
	finite   map[string]bool // expressions that spell out their origins
	others   string          // an entry that allows origins beside "*"
	needed   map[string]bool // waivers that something needs, or may need

	// Values of response headers, "" where there is nothing to say.
	allowHeaders, exposeHeaders, maxAge string
	exposed                             *exposed
}

// Compile returns the policy that a configuration describes, and what an operator
// has to know about it. The policy must be used only if there are no problems.
func Compile(config *Config) (*Policy, *Findings) {
	c := &compiler{config: config, patterns: new(patternSource), needed: make(map[string]bool), finite: make(map[string]bool)}
	c.credentials = config.Credentials
	c.overrulesInsecure = config.Credentials && !c.waived(WaiverInsecure)
	c.overrulesOpen = config.Credentials && !c.waived(WaiverOpen)
	c.trustedProxy = config.TrustedProxy
	c.compileOrigins()
	c.judgeReach()
	c.compileMethods()
	c.compileRequestHeaders()
	c.compileExposeHeaders()
	c.compileMaxAge()
	c.compilePreflightStatus()
	c.judgeWaivers()
	c.compileAnswers()
	c.compilePatterns()
	if c.overrulesInsecure || c.overrulesOpen {
		c.Overrule(c.overrulesInsecure, c.overrulesOpen)
	}
	compiled, findings := c.Policy, c.findings // copies, which do not keep the compiler's lists
	return &compiled, &findings
}

// compilePatterns builds the index of all patterns. Their source has nothing to do
// where all of them are exact.
func (c *compiler) compilePatterns() {
	c.Policy.patterns = c.patterns.build(c.overrulesInsecure)
	if i := slices.Index(c.sources, Source(c.patterns)); i >= 0 && !c.Policy.patterns.HasWildcards() {
		c.sources = slices.Delete(c.sources, i, i+1)
		c.numStatic--
	}
}

// problem adds a problem of an entry of an option.
func (c *compiler) problem(option, entry, format string, args ...any) {
	c.findings.Problems.add(Message{option, entry, fmt.Sprintf(format, args...)})
}

// warn adds a warning about an entry of an option.
func (c *compiler) warn(option, entry, format string, args ...any) {
	c.findings.Warnings.add(Message{option, entry, fmt.Sprintf(format, args...)})
}

func (c *compiler) waived(waiver string) bool {
	return slices.Contains(c.config.Waivers, waiver) || slices.Contains(c.config.Accepted, waiver)
}

// mayNeed notes waivers that something may need with credentials.
func (c *compiler) mayNeed(waivers ...string) {
	for _, waiver := range waivers {
		c.needed[waiver] = c.needed[waiver] || c.credentials
	}
}

// compileMethods reads allow_methods.
func (c *compiler) compileMethods() {
	for _, m := range c.config.Methods {
		if m == "*" {
			c.anyMethod = true
		} else if err := fetch.CheckMethod(m); err != nil {
			c.problem("allow_methods", m, "allow_methods %v", err)
		} else if !slices.Contains(c.methods, m) {
			c.methods = append(c.methods, m)
		}
	}
}

// compileRequestHeaders reads allow_headers.
func (c *compiler) compileRequestHeaders() {
	var names []string
	names, c.anyHeader, c.prefixes = c.headerNames("allow_headers", c.config.RequestHeaders, fetch.IsForbiddenRequestField, "set")
	c.authorization = slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, "Authorization")
	})
	if c.anyHeader {
		c.prefixes = nil
	}
	switch {
	case c.anyHeader && c.credentials: // the answer echoes all others
	case c.anyHeader && c.authorization:
		names = []string{"*", "Authorization"}
	case c.anyHeader:
		names = []string{"*"}
	}
	c.headers = fetch.NewFieldSet(names)
	c.allowHeaders = strings.Join(names, ", ")
}

// compileExposeHeaders reads expose_headers. Where a request has credentials,
// browsers read the * as the name of a header.
func (c *compiler) compileExposeHeaders() {
	names, every, prefixes := c.headerNames("expose_headers", c.config.ExposeHeaders, fetch.IsForbiddenResponseField, "read")
	switch {
	case every && !c.credentials:
		names = []string{"*"}
	case every, len(prefixes) > 0:
		c.exposed = &exposed{names, strings.Join(names, ", "), every, prefixes}
	}
	c.exposeHeaders = strings.Join(names, ", ")
}

// headerNames returns the names of an option that lists headers, each once and
// without forbidden ones, which many copied lists contain to no effect. every says
// that * is among them, and prefixes are the names that end in *.
func (c *compiler) headerNames(option string, list []string, forbidden func(string) bool, verb string) (names []string, every bool, prefixes prefixes) {
	for _, name := range list {
		same := func(other string) bool { return strings.EqualFold(name, other) }
		prefix, isPrefix := strings.CutSuffix(name, "*")
		err := fetch.CheckName(name)
		switch {
		case err != nil:
			c.problem(option, name, "%s %v", option, err)
		case name == "*":
			every = true
		case forbidden(prefix):
			c.warn(option, name, "%s %s: ignored, since browsers do not let pages %s this header; remove it", option, origins.Quote(name), verb)
		case isPrefix:
			prefixes = append(prefixes, strings.ToLower(prefix))
		case !slices.ContainsFunc(names, same):
			names = append(names, name)
		}
	}
	return names, every, prefixes
}

// compileMaxAge reads max_age.
func (c *compiler) compileMaxAge() {
	if c.config.MaxAge == nil {
		return
	}
	age := *c.config.MaxAge
	switch {
	case age < 0:
		c.problem("max_age", "", "max_age %s: must not be negative; write 0 to have no preflight cached, or leave max_age out for the browsers' default of 5s", age)
	case age < time.Microsecond*100 && age > 0: // JSON has nanoseconds where it has no unit
		c.problem("max_age", "", "max_age %d: has no unit, and so is a number of nanoseconds; write \"%[1]ds\"", int64(age))
	case age%time.Second != 0:
		c.problem("max_age", "", "max_age %s: must be a number of whole seconds; write one with its unit, such as 600s", age)
	case age > 24*time.Hour:
		c.warn("max_age", "", "max_age %s: browsers keep a preflight for less, Firefox for 24h at most and Chromium for 2h; write 24h or less", age)
	}
	c.maxAge = strconv.FormatInt(int64(age/time.Second), 10)
}

// compilePreflightStatus reads preflight_status. Browsers accept any ok status
// (https://fetch.spec.whatwg.org/#ok-status), but 205 and 206 promise something
// about a body.
func (c *compiler) compilePreflightStatus() {
	c.preflightStatus = http.StatusNoContent
	if c.config.PreflightStatus != 0 {
		c.preflightStatus = c.config.PreflightStatus
	}
	switch s := c.preflightStatus; {
	case s < 200 || s > 299:
		c.problem("preflight_status", "", "preflight_status %d: browsers accept a preflight only with a status from 200 to 299; write 204, or 200 for old clients", s)
	case s == http.StatusResetContent, s == http.StatusPartialContent:
		c.problem("preflight_status", "", "preflight_status %d: this status describes a body, which a preflight does not have; write 204 or 200", s)
	}
	if c.config.PreflightPassthrough && c.preflightStatus != http.StatusNoContent {
		c.warn("preflight_status", "", "preflight_status %d: has no effect, since with preflight_passthrough the next handler chooses the status; remove it", c.preflightStatus)
	}
}

// judgeWaivers checks dangerously_allow, after everything that may need a waiver.
func (c *compiler) judgeWaivers() {
	refused := c.findings.Problems.Len() > 0 // what is refused may need a waiver once it is put right
	for _, w := range c.config.Waivers {
		switch {
		case !slices.Contains(waivers, w):
			c.problem("dangerously_allow", w, "dangerously_allow %s: not a known waiver; write one of %s", origins.Quote(w), strings.Join(waivers, ", "))
		case !c.needed[w] && !refused:
			c.warn("dangerously_allow", w, "dangerously_allow %s: nothing needs this waiver; remove it", w)
		}
	}
}
