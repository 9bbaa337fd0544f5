package policy

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// acceptRisk comes before the name of a waiver that accepts a risk.
const acceptRisk = ", or accept the risk with dangerously_allow "

// compileOrigins reads allow_origins, allow_origins_regexp and dynamic_origins,
// and has all that they admit judged.
func (c *compiler) compileOrigins() {
	var templates, regexps, finite []Source
	c.patterns.entries = make([]patternEntry, 0, len(c.config.Origins))
	for _, s := range c.config.Origins {
		t, err := c.compileOrigin(s)
		if err != nil {
			c.problem("allow_origins", s, "allow_origins %v", err)
		} else if t != nil {
			templates = append(templates, t)
		}
	}
	seen := make(map[string]bool, len(c.config.Regexps))
	for _, expr := range c.config.Regexps {
		c.other(expr)
		if seen[expr] {
			continue
		}
		seen[expr] = true
		re, err := origins.CompileRegexp(expr)
		if err != nil {
			c.problem("allow_origins_regexp", expr, "allow_origins_regexp %v", suggested(expr, err))
			continue
		}
		// An expression that stands for a few origins becomes those, which costs a
		// request no more than they do.
		patterns, ok := re.Finite()
		if !ok {
			regexps = append(regexps, &regexpSource{re})
			continue
		}
		finite = append(finite, &regexpSource{re})
		c.finite[expr] = true
		for _, p := range patterns {
			c.patterns.entries = append(c.patterns.entries, patternEntry{p, true})
		}
	}
	if len(c.patterns.entries) > 0 {
		c.sources = append(c.sources, c.patterns)
	}
	c.sources = append(append(c.sources, templates...), regexps...)
	c.numStatic = len(c.sources)
	if len(c.config.Sources) > 0 {
		c.other("dynamic_origins")
		c.sources = append(c.sources, c.config.Sources...)
	}
	for _, sources := range [][]Source{c.sources, finite} {
		for _, source := range sources {
			for claim := range source.Claims() {
				c.judge(&claim)
			}
		}
	}
	c.judgeSpecial()
}

// suggested adds to the error about an expression that does not compile the one that
// was probably meant.
func suggested(expr string, err error) error {
	var e *origins.Error
	if _, malformed := syntax.Parse(expr, syntax.Perl); malformed != nil && errors.As(err, &e) {
		e.Correction = openness.Suggest(expr)
	}
	return err
}

// compileOrigin reads an entry of allow_origins: a template, which it returns, or
// one or several literals.
func (c *compiler) compileOrigin(s string) (*template, error) {
	if !strings.ContainsAny(s, "{}") {
		return nil, c.compileLiteral(s)
	}
	parts, err := splitPlaceholders(s)
	if err != nil {
		return nil, err
	}
	if c.config.Global == nil && slices.ContainsFunc(parts, isGlobal) {
		c.other(s)
		c.mayNeed(WaiverInsecure, WaiverOpen)
		c.needed[WaiverNull] = true
		return nil, nil // it is judged when the config loads
	}
	alone := len(parts) == 1 && isGlobal(parts[0])
	if parts, err = replaceGlobals(s, parts, c.config.Global); err != nil {
		return nil, err
	}
	if len(parts) > 1 || parts[0].Placeholder {
		c.other(s)
		return newTemplate("allow_origins", s, parts, c.config.Placeholder)
	}
	values := []string{parts[0].Text}
	if alone {
		// A variable that other programs read may hold several origins.
		if values = SplitOrigins(parts[0].Text); len(values) == 0 {
			return nil, fmt.Errorf("%s: has no origins in its value; set it, or remove the entry", origins.Quote(s))
		}
	}
	for _, value := range values {
		if err := c.compileLiteral(value); err != nil {
			if len(value) > maxSecret { // it may be one, and it is not an origin
				err = fmt.Errorf("has %d bytes that are not a valid origin", len(value))
			}
			return nil, fmt.Errorf("%s: does not resolve to an origin: %w", origins.Quote(s), err)
		}
	}
	return nil, nil
}

// maxSecret is the length of the longest value of a placeholder that an error
// shows, in bytes.
const maxSecret = 64

// SplitOrigins returns the elements of a list of origins, which are separated by
// spaces, line breaks and commas. A file may begin with a byte order mark.
func SplitOrigins(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\uFEFF' || unicode.IsSpace(r) })
}

func (c *compiler) compileLiteral(s string) error {
	switch s {
	case "*":
		c.any = true
		return nil
	case origins.Null:
		c.null = true
		c.other(s)
		return nil
	}
	c.other(s)
	pattern, err := origins.ParsePattern(s)
	if err != nil {
		if list := SplitOrigins(s); strings.Contains(s, ",") && len(list) > 1 {
			for i, element := range list {
				var e *origins.Error
				if _, err := origins.ParsePattern(element); errors.As(err, &e) && e.Correction != "" {
					list[i] = e.Correction
				}
			}
			return fmt.Errorf(`%s: is a list in one entry; write ["%s"]`, origins.Quote(s), strings.Join(list, `", "`))
		}
		return err
	}
	c.patterns.entries = append(c.patterns.entries, patternEntry{pattern: pattern})
	return nil
}

// other notes an entry that allows origins and is not "*".
func (c *compiler) other(entry string) {
	if c.others == "" {
		c.others = entry
	}
}

// judge says what follows from the verdict on a claim. It is the one place that
// does: each way to admit an origin ends here.
func (c *compiler) judge(claim *Claim) {
	v := &claim.Verdict
	if claim.Runtime || v.Unproven {
		c.mayNeed(WaiverInsecure)
	}
	if claim.Runtime {
		c.mayNeed(WaiverOpen)
	}
	switch {
	case v.Dead:
		c.problem(claim.Option, claim.Entry, "%s: never matches, since it must match the whole of an origin as browsers send it; %s", claim.name(), adviceWhenDead(claim))
		return
	case v.Insecure != "" && c.credentials:
		c.needed[WaiverInsecure] = true
		if c.overrulesInsecure {
			admits := ""
			if v.Insecure != claim.Entry {
				admits = " admits " + origins.Quote(v.Insecure) + ", which"
			}
			c.problem(claim.Option, claim.Entry, "%s:%s is insecure: with allow_credentials, anyone on the network path of an http page can read your users' data; %s"+acceptRisk+WaiverInsecure, claim.name(), admits, adviceWhenInsecure(claim))
		}
	}
	switch {
	case v.Open:
		c.judgeOpen(claim)
	case c.credentials && len(v.Domains) > 1:
		c.findings.Notes.add(Message{claim.Option, claim.Entry, fmt.Sprintf("%s: admits origins of %s", claim.name(), strings.Join(v.Domains, ", "))})
	}
}

// judgeOpen judges a claim that admits origins that strangers can obtain.
func (c *compiler) judgeOpen(claim *Claim) {
	claim.Advice = advice(claim)
	if c.findings.Open == nil {
		first := *claim // so that the others need no memory
		c.findings.Open = &first
	}
	why := "strangers can obtain an origin that it allows"
	switch {
	case claim.Why != "":
		why = claim.Why
	case claim.Verdict.Unproven:
		why = "it is too complex to find out which origins it allows"
	case claim.Verdict.Witness != "":
		why += ", such as " + origins.Quote(claim.Verdict.Witness)
		if o, ok := origins.Parse(claim.Verdict.Witness); ok && suffixes.Own(o.Host()) != "" {
			why += ", since anyone can get a name below " + suffixes.Own(o.Host())
		}
		if claim.Verdict.AnyScheme {
			why = "leaves the scheme open, so that " + why
		}
	}
	if !c.credentials {
		c.warn(claim.Option, claim.Entry, "%s: %s", claim.name(), why)
		return
	}
	c.needed[WaiverOpen] = true
	if !c.waived(WaiverOpen) {
		c.problem(claim.Option, claim.Entry, "%s: %s, and with allow_credentials strangers could read your users' data; %s"+acceptRisk+WaiverOpen, claim.name(), why, claim.Advice)
	}
}

// judgeSpecial judges what is neither an entry nor a source: "*", "null", and
// nothing at all.
func (c *compiler) judgeSpecial() {
	if len(c.config.Origins)+len(c.config.Regexps)+len(c.config.Sources) == 0 {
		c.problem("", "", "no origins: an empty policy allows nobody; write allow_origins and the origins whose pages may read responses, such as https://app.example.com, or * for every origin")
	}
	if c.any {
		c.judgeAny()
	}
	if c.null {
		c.needed[WaiverNull] = true
		if c.findings.Open == nil {
			c.findings.Open = &Claim{Option: "allow_origins", Entry: origins.Null, Verdict: openness.Verdict{Open: true, Witness: origins.Null}}
		}
		switch {
		case c.credentials:
			c.problem("allow_origins", origins.Null, `allow_origins "null" with allow_credentials: every sandboxed frame, of any site, has the origin null, and could read your users' data; remove "null" or allow_credentials, since no waiver allows both`)
		case !c.waived(WaiverNull):
			c.problem("allow_origins", origins.Null, `allow_origins "null": every sandboxed frame and every local file, whoever wrote it, has the origin null; remove it, or, if anyone may read the responses, accept the risk with dangerously_allow null_origin`)
		}
	}
}

// judgeAny judges "*". With credentials it stands for every origin only if that is
// waived; the answer then names the origin of the request.
func (c *compiler) judgeAny() {
	if c.findings.Open == nil {
		c.findings.Open = &Claim{Option: "allow_origins", Entry: "*", Verdict: openness.Anyone}
	}
	if c.others != "" {
		c.problem("allow_origins", "*", `allow_origins "*" beside %s: * allows every origin already; write * alone, or only the other origins`, origins.Quote(c.others))
	}
	switch {
	case c.credentials && c.waived(WaiverOpen):
		c.any, c.reflects = false, true
		c.sources = append([]Source{everyOrigin{}}, c.sources...)
		c.numStatic++
		c.warn("allow_origins", "*", `allow_origins "*" with allow_credentials: every site on the web can act as the users of this one and read their data, since dangerously_allow open_origins accepts it; list the origins instead where you know them`)
	case c.credentials:
		c.problem("allow_origins", "*", `allow_origins "*" with allow_credentials: browsers refuse that with "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'"; either drop allow_credentials, or list the origins that may send credentials, such as https://app.example.com or https://*.example.com; if every site may read your users' data, accept that with dangerously_allow open_origins`)
	case c.config.RejectDisallowed:
		c.problem("reject_disallowed", "", `reject_disallowed with allow_origins "*": * disallows no origin; drop reject_disallowed, or list the origins`)
	}
	if c.credentials {
		c.needed[WaiverOpen] = true
		c.mayNeed(WaiverInsecure)
	}
	if c.config.PrivateNetwork {
		c.problem("allow_private_network", "", `allow_private_network with allow_origins "*": every site on the web could reach into your network; list the origins`)
	}
}
