package policy

import (
	"net/http"
	"slices"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// judgeReach refuses a part that can never decide, since earlier parts allow
// everything that it allows.
func (c *compiler) judgeReach() {
	if len(c.config.Earlier) == 0 {
		return
	}
	for _, part := range c.config.Earlier {
		if part.Policy.any || part.Policy.reflects {
			c.problem("", "", `this cors can never decide: an earlier one allows every origin ("*"); write this one before it`)
			return
		}
	}
	if len(c.config.Origins)+len(c.config.Regexps) > 0 && len(c.config.Sources) == 0 && !c.any && !c.reflects && !c.reaches() {
		c.problem("", "", "this cors can never decide: earlier ones allow each of its origins; remove it, or the origins from the earlier ones")
	}
}

// reaches reports whether the policy allows an origin that no earlier part allows,
// as far as equal entries and exact origins show.
func (c *compiler) reaches() bool {
	entries := func(list func(*Config) []string, entry string) bool {
		return slices.ContainsFunc(c.config.Earlier, func(p Part) bool { return slices.Contains(list(p.Config), entry) })
	}
	for _, e := range c.patterns.entries {
		if s := e.pattern.String(); !entries(func(p *Config) []string { return p.Origins }, s) && !c.allowedEarlier(s) {
			return true
		}
	}
	for _, s := range c.config.Origins {
		if _, literal := origins.ParsePattern(s); literal != nil && !entries(func(p *Config) []string { return p.Origins }, s) {
			return true
		}
	}
	for _, s := range c.config.Regexps {
		if !entries(func(p *Config) []string { return p.Regexps }, s) && !c.finite[s] {
			return true
		}
	}
	return false
}

// allowedEarlier reports whether an earlier part allows an exact origin, whatever
// the request.
func (c *compiler) allowedEarlier(s string) bool {
	o, ok := origins.Parse(s)
	r := new(http.Request)
	return ok && slices.ContainsFunc(c.config.Earlier, func(p Part) bool {
		if p.Policy.patterns.AllowsExact(s) {
			return true
		}
		admission, _ := ask(p.Policy.sources[:p.Policy.numStatic], r, o, true)
		return admission == Admitted
	})
}
