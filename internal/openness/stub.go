package openness

import (
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// JudgePattern judges a pattern.
func JudgePattern(p origins.Pattern) (v Verdict) {
	v.Witness, v.Open = p.Open()
	if p.Insecure() {
		v.Insecure = p.String()
	}
	return v
}

// JudgeRegexp judges an expression.
func JudgeRegexp(re *origins.Regexp) Verdict {
	if patterns, finite := re.Finite(); finite {
		v := Verdict{Dead: len(patterns) == 0}
		for _, p := range patterns {
			if p.Insecure() {
				v.Insecure = p.String()
			}
		}
		return v
	}
	a := re.Analyze(suffixes.List())
	return Verdict{Open: a.Open, Unproven: a.Unproven, Witness: a.Witness, Domains: a.Domains, Meant: a.Meant, Insecure: a.Insecure, Dead: a.Dead}
}
