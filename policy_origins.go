package caddycors

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

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
		c.open(subject, witness, "write the exact origins")
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
			c.judgeRegexp(re)
		case len(patterns) == 0:
			c.dead(expr)
		default:
			for _, p := range patterns {
				c.add(p, func() string { return fmt.Sprintf("allow_origins_regexp %q admits %q, which", expr, p) })
			}
		}
	}
}

// dead warns of a regexp that allows nobody.
func (c *compiler) dead(expr string) {
	c.warn("allow_origins_regexp: regexp %q is dead: no origin that a browser sends matches it", expr)
}

// judgeRegexp judges what a regexp admits, whatever its author has in mind.
func (c *compiler) judgeRegexp(re *origins.Regexp) {
	expr := re.String()
	a := re.Analyze(suffixes.List())
	if a.Dead {
		c.dead(expr)
		return
	}
	named := func() string { return fmt.Sprintf("allow_origins_regexp %q", expr) }
	if a.Insecure != "" {
		c.insecure(func() string { return fmt.Sprintf("%s admits %q, which", named(), a.Insecure) })
	}
	advice := `write a regexp that ends in a domain of your own, such as https://(.+\.)?example\.com, or the exact origins`
	if a.Meant != "" && (a.Unproven || strings.HasPrefix(a.Witness, "http")) {
		advice = `write https://(.+\.)?` + regexp.QuoteMeta(a.Meant) + " for that domain and those below it, or the exact origins"
	}
	switch {
	case a.Unproven:
		c.mayNeed(waiverInsecure)
		c.open(func() string { return named() + " is too complex to find out what it admits, and so" }, "", advice)
	case a.Open:
		c.open(named, a.Witness, advice)
	case c.credentials && len(a.Domains) > 1:
		c.notes = append(c.notes, fmt.Sprintf("%s admits origins of %s", named(), strings.Join(a.Domains, ", ")))
	}
}

// compileSources judges dynamic_origins. What a source will allow, nobody knows
// yet.
func (c *compiler) compileSources() {
	c.origins.sources = c.sources
	for _, source := range c.sources {
		c.mayNeed(waiverInsecure, waiverOpen)
		match, ok := source.(*MatchSource)
		if !ok || match.loose == "" {
			continue
		}
		c.strangers = "whatever a dynamic match lets through, and that by " + match.loose
		switch {
		case !c.credentials:
			c.warn("dynamic_origins: match by %s", match.loose)
		case !c.waived(waiverOpen):
			c.problem(`dynamic_origins: match by %s: with allow_credentials, strangers could read your users' data: add a matcher such as origin https://*.example.com, or accept that with "dangerously_allow open_origins"`, match.loose)
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

// open judges what admits origins that strangers can obtain, such as witness;
// advice is what to write instead.
func (c *compiler) open(subject subject, witness, advice string) {
	example := ""
	if witness != "" {
		example = fmt.Sprintf(", such as %q", witness)
	}
	c.strangers = "origins that anyone can obtain" + example
	if !c.credentials {
		c.warn("%s is open: anyone can obtain an origin that it allows%s", subject(), example)
		return
	}
	c.needed[waiverOpen] = true
	if !c.waived(waiverOpen) {
		c.problem(`%s is open: anyone can obtain an origin that it allows%s, and with allow_credentials read your users' data: %s, or accept that with "dangerously_allow open_origins"`, subject(), example, advice)
	}
}
