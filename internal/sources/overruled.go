package sources

import (
	"strings"

	"go.uber.org/zap"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// Overrule says that a policy denies insecure origins of the list, or those that
// only an open entry admits. The log warns of such entries now, and whenever the
// list changes.
func (l *List) Overrule(insecure, open bool) {
	var denied origins.Risks
	if insecure {
		denied |= origins.RiskInsecure
	}
	if open {
		denied |= origins.RiskOpen
	}
	l.shared.mu.Lock()
	defer l.shared.mu.Unlock()
	l.denied |= denied
	if v := l.shared.current.Load(); v != nil {
		l.warn(v, denied)
	}
}

// replace makes v, which was read through a user, the current version. It warns
// once of the entries that a policy of any user denies.
func (s *sharedList) replace(user *List, v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Store(v)
	var denied origins.Risks
	for _, u := range s.users {
		denied |= u.denied
	}
	user.warn(v, denied)
}

// warn warns of the entries of a version that policies deny.
func (l *List) warn(v *version, denied origins.Risks) {
	lines := v.Risky(denied)
	if lines.Count == 0 {
		return
	}
	var reasons, waivers []string
	for _, c := range []struct {
		risk           origins.Risks
		reason, waiver string
	}{
		{origins.RiskInsecure, "they are insecure (http)", policy.WaiverInsecure},
		{origins.RiskOpen, "strangers can obtain their origins", policy.WaiverOpen},
	} {
		if v.Risky(denied&c.risk).Count > 0 {
			reasons, waivers = append(reasons, c.reason), append(waivers, c.waiver)
		}
	}
	l.Logger.Warn("the list has entries that have no effect with allow_credentials, since "+strings.Join(reasons, " or ")+
		": "+lines.String()+"; remove them, or accept the risk with dangerously_allow "+strings.Join(waivers, " "),
		zap.String("source", l.Name), zap.Ints("lines", lines.First), zap.Int("entries", lines.Count))
}
