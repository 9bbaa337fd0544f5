package proof

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// The oracle says what a policy means, in the plainest words that there are,
// with no code of the module but the browser's.

// Shapes of origins and of parts of them. A label of a host is what DNS can have.
const (
	label  = `[a-z0-9_-]{1,63}`
	number = `[1-9][0-9]{0,4}`
)

var (
	shape      = regexp.MustCompile(`^https?://((` + label + `)(\.` + label + `)*|\[[0-9a-f:]+\])(:` + number + `)?$`)
	otherShape = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]{1,253}(:` + number + `)?$`)
)

// compile makes regexps of the patterns.
func (p *policy) compile() {
	for _, pattern := range p.origins {
		p.shapes = append(p.shapes, compilePattern(pattern))
	}
	for _, expr := range p.regexps {
		p.shapes = append(p.shapes, regexp.MustCompile(`\A(?:`+expr+`)\z`))
	}
}

// The hosts of schemes that are not the web's are opaque, and their labels with
// them.
var (
	anyPort    = `(?::` + number + `)?`
	webParts   = strings.NewReplacer(`://\*\.`, `://(?:`+label+`\.)+`, `:\*`, anyPort, `\*`, `[a-z0-9-]+`)
	otherParts = strings.NewReplacer(`://\*\.`, `://[A-Za-z0-9._-]+\.`, `:\*`, anyPort, `://\*`, `://[A-Za-z0-9._-]+`+anyPort)
)

func compilePattern(pattern string) *regexp.Regexp {
	parts := otherParts
	if strings.HasPrefix(pattern, "http") {
		parts = webParts
	}
	return regexp.MustCompile(`\A` + parts.Replace(regexp.QuoteMeta(pattern)) + `\z`)
}

func (p *policy) any() bool { return slices.Contains(p.origins, "*") }

func (p *policy) allowsOrigin(origin string) bool {
	switch {
	case p.any():
		return true
	case origin == "null":
		return slices.Contains(p.origins, "null")
	case !isWellFormed(origin):
		return false
	}
	return slices.ContainsFunc(p.shapes, func(re *regexp.Regexp) bool { return re.MatchString(origin) })
}

// isWellFormed reports whether an origin has the shape that a policy can allow.
func isWellFormed(origin string) bool {
	switch scheme, _, _ := strings.Cut(origin, ":"); scheme {
	case "file":
		return false
	case "http", "https":
		parts := shape.FindStringSubmatch(origin)
		return parts != nil && len(parts[1]) <= 253
	}
	return otherShape.MatchString(origin)
}

func (p *policy) allowsMethod(method string) bool {
	switch method {
	case "GET", "HEAD", "POST":
		return true
	}
	return slices.Contains(p.methods, method) || slices.Contains(p.methods, "*")
}

// allowsFields reports whether a page may set the fields, which are in lower
// case. Where the standard takes * literally, at most 4 KiB of names are allowed
// by it.
func (p *policy) allowsFields(names []string) bool {
	beyond := p.credentials && len(strings.Join(names, ",")) > 4<<10
	for _, name := range names {
		byWildcard := slices.Contains(p.headers, "*") && name != "authorization" && !beyond
		if !byWildcard && !wants(p.headers, name) {
			return false
		}
	}
	return true
}

// preflightAge is how long the answer to a preflight is kept.
func (p *policy) preflightAge() time.Duration {
	if p.maxAge < 0 {
		return 5 * time.Second
	}
	return time.Duration(p.maxAge) * time.Second
}

// verdict says what a page may do under the policy, and read of a response that
// has the fields.
func (p *policy) verdict(r *browser.Request, fields http.Header) verdict {
	granted := p.allowsOrigin(r.Origin) && (p.credentials || !r.Credentials)
	v := verdict{read: granted || !r.IsCORS()}
	if r.NeedsPreflight() {
		v.preflight = preflightFailed
		if !granted || !p.allowsMethod(r.Method) || !p.allowsFields(r.UnsafeHeaders()) {
			return verdict{preflight: preflightFailed}
		}
		v.preflight, v.age = preflightPassed, p.preflightAge()
	}
	if !v.read {
		return v
	}
	for name := range fields {
		name = strings.ToLower(name)
		switch name {
		case "set-cookie":
			continue
		case "cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma":
		default:
			if r.IsCORS() && !wants(p.expose, name) && !slices.Contains(p.expose, "*") {
				continue
			}
		}
		v.fields = append(v.fields, name)
	}
	slices.Sort(v.fields)
	return v
}
