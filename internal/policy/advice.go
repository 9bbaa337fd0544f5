package policy

import (
	"errors"
	"regexp"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// advice returns what to write instead of an open claim.
func advice(claim *Claim) string {
	switch {
	case claim.Advice != "":
		return claim.Advice
	case claim.Option != "allow_origins_regexp":
		return "write the exact origins"
	}
	s := openness.Suggest(claim.Entry)
	switch {
	case s == "" && claim.Verdict.AnyScheme:
		return `begin with https://, as in https://(.+\.)?example\.com`
	case s == "":
		return `write an expression that ends in a domain of your own, such as https://(.+\.)?example\.com, or the exact origins`
	case claim.Verdict.AnyScheme:
		return "begin with https://, as in " + s
	case strings.HasPrefix(s, openness.BelowDomain):
		s += " for that domain and all below it"
	}
	return "write " + s + ", or the exact origins"
}

// adviceWhenDead returns what to write instead of an expression that is dead.
func adviceWhenDead(claim *Claim) string {
	if placeholder.MatchString(claim.Entry) {
		return "placeholders are not replaced in it, so write the expression itself; in a Caddyfile, {$NAME} works"
	}
	if s := openness.Suggest(claim.Entry); s != "" {
		return "write " + s
	}
	return `write an expression for whole origins, such as https://(.+\.)?example\.com`
}

// placeholder matches what looks like a placeholder in an expression. No origin has a
// brace, so that such an expression is dead.
var placeholder = regexp.MustCompile(`\{\$?[A-Za-z_][^{}]*\}`)

// adviceWhenInsecure returns what to write instead of an entry that admits insecure
// origins.
func adviceWhenInsecure(claim *Claim) string {
	if claim.Option == "allow_origins_regexp" {
		if s := openness.Suggest(claim.Entry); s != "" {
			return "write " + s
		}
		if strings.Contains(claim.Entry, "http://") {
			return "write https:// in place of http://"
		}
		return `write an expression that begins with https://, such as https://(.+\.)?example\.com`
	}
	if rest, ok := strings.CutPrefix(claim.Entry, "http://"); ok {
		var e *origins.Error
		if _, err := origins.ParsePattern("https://" + rest); errors.As(err, &e) && e.Correction != "" {
			return "write " + e.Correction // without the default port
		}
		return "write https://" + rest
	}
	return "write https:// in place of http://"
}
