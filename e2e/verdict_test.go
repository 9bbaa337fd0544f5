package e2e

import (
	"slices"
	"strings"
	"testing"
)

// reason is what a response has or lacks for that the Fetch standard does not
// let a page read it (https://fetch.spec.whatwg.org/#cors-check,
// https://fetch.spec.whatwg.org/#cors-preflight-fetch).
type reason string

const (
	none             reason = ""
	lacksOrigin      reason = "no Access-Control-Allow-Origin"
	isWildcard       reason = "Access-Control-Allow-Origin is *, with credentials"
	lacksCredentials reason = "no Access-Control-Allow-Credentials"
	lacksMethod      reason = "a method that is not in Access-Control-Allow-Methods"
	failsPreflight   reason = "a preflight with the status 403" // for browsers that look at that first
	lacksField       reason = "a field that is not in Access-Control-Allow-Headers"
	notAsked         reason = "no-cors" // whatever the response says
)

// refuses returns the reason why a page may not read the response to a call, or
// none, and the method or field that is missing.
func (p *policy) refuses(page string, c *call) (reason, string) {
	switch {
	case c.noCORS:
		return notAsked, ""
	case !p.allows(page), c.tainted && !p.allows("null"):
		return lacksOrigin, ""
	case c.credentials && p.star:
		return isWildcard, ""
	case c.credentials && !p.credentials:
		return lacksCredentials, ""
	case !c.safelisted() && !slices.Contains(p.methods, c.method):
		return lacksMethod, c.method
	}
	for name := range c.fields {
		lower := strings.ToLower(name)
		if !slices.Contains(p.fields, lower) && (!slices.Contains(p.fields, "*") || lower == "authorization") {
			return lacksField, name
		}
	}
	return none, ""
}

// deviation is where a browser lets a page read what the standard does not.
type deviation struct {
	browser, policy, call string // every browser, every policy if empty
}

var deviations = []deviation{
	// Browsers still let * cover Authorization, which the standard does not:
	// https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name
	{"", "everyone", "Authorization"},
	// WebKit loads fonts of any origin, on purpose:
	// https://lists.webkit.org/pipermail/webkit-dev/2011-January/015797.html
	{"webkit", "", "font"},
}

// concerns reports whether a deviation is one of a browser, in a cell.
func (d deviation) concerns(b *browser, c *cell) bool {
	return (d.browser == "" || d.browser == b.Name) && (d.policy == "" || d.policy == c.policy.name) && d.call == c.call.name
}

// deviates reports whether a browser is known to deviate from the standard.
func (c *cell) deviates(b *browser) bool {
	return slices.ContainsFunc(deviations, func(d deviation) bool { return d.concerns(b, c) })
}

// judgeDeviations checks that a browser still deviates as it is said to.
func (s *site) judgeDeviations(t *testing.T, b *browser) {
	t.Helper()
	for _, d := range deviations {
		refused, read := 0, 0
		for _, c := range s.cells {
			if reason, _ := c.policy.refuses(c.page, c.call); reason == none || !d.concerns(b, c) || c.result == nil {
				continue
			}
			if refused++; c.result.Read {
				read++
			}
		}
		if read != refused {
			t.Errorf("%+v: %s deviates in %d of %d cells", d, b.Name, read, refused)
		}
	}
}

// refused returns the reason why a browser may not let the page of a cell read,
// or none. Where it is known to deviate it may do either.
func (c *cell) refused(b *browser) (reason, string) {
	if c.deviates(b) && c.result != nil && c.result.Read {
		return none, ""
	}
	reason, name := c.policy.refuses(c.page, c.call)
	if b.complaints[failsPreflight] != "" && reason == lacksOrigin && c.call.preflighted() {
		reason = failsPreflight
	}
	return reason, name
}

// sent reports whether more than a preflight is sent for a cell.
func (c *cell) sent(b *browser) bool {
	reason, _ := c.refused(b)
	return reason == none || !c.call.preflighted()
}
