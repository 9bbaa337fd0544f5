package policy

import (
	"cmp"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// template is a configured origin with placeholders that are replaced for each
// request. It is a Source.
type template struct {
	entry string
	parts []openness.Part
	value func(r *http.Request, name string) string
	claim Claim
	// follows says that the host ends in labels of the request's, so that only a
	// request tells whether its registrable domain is that of the request.
	follows bool
}

// splitPlaceholders cuts s into its literal parts and its placeholders. There is
// no escape, since no origin contains a brace.
func splitPlaceholders(s string) ([]openness.Part, error) {
	const example = "; write a placeholder such as {http.vars.tenant}"
	var parts []openness.Part
	for rest := s; rest != ""; {
		start := strings.IndexByte(rest, '{')
		if start < 0 {
			start = len(rest)
		}
		if start > 0 {
			if strings.IndexByte(rest[:start], '}') >= 0 {
				return nil, fmt.Errorf("%s: a closing brace has no opening one"+example, origins.Quote(s))
			}
			parts = append(parts, openness.Part{Text: rest[:start]})
			rest = rest[start:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 || strings.IndexByte(rest[1:end], '{') >= 0 {
			return nil, fmt.Errorf("%s: an opening brace has no closing one"+example, origins.Quote(s))
		}
		if end == 1 {
			return nil, fmt.Errorf("%s: a placeholder has no name"+example, origins.Quote(s))
		}
		name := rest[1:end]
		if correction := misspelled(name); correction != "" {
			return nil, fmt.Errorf("%s: {%s} is not a known placeholder; write {%s}", origins.Quote(s), name, correction)
		}
		parts = append(parts, openness.Part{Text: name, Placeholder: true})
		rest = rest[end+1:]
	}
	return parts, nil
}

// replaceGlobals replaces the placeholders whose values are known when the config
// loads, {env.*} and {file.*}. It returns text and request-time placeholders. A
// value that contains braces is an error: expanding it again would hand the choice
// of the placeholder to whoever writes the value.
func replaceGlobals(s string, parts []openness.Part, global func(name string) string) ([]openness.Part, error) {
	var replaced []openness.Part
	for _, p := range parts {
		if isGlobal(p) {
			value := global(p.Text)
			switch {
			case value == "":
				return nil, fmt.Errorf("%s: {%s} is empty or not set; set it, or remove the entry", origins.Quote(s), p.Text)
			case strings.ContainsAny(value, "{}"):
				return nil, fmt.Errorf("%s: the value of {%s} contains a brace, and values are not expanded twice; set it to an origin", origins.Quote(s), p.Text)
			}
			p = openness.Part{Text: value}
		}
		// Adjacent text is one part, so that parts without placeholders are one.
		if n := len(replaced); n > 0 && !p.Placeholder && !replaced[n-1].Placeholder {
			replaced[n-1].Text += p.Text
			continue
		}
		replaced = append(replaced, p)
	}
	return replaced, nil
}

// isGlobal reports whether a part is a placeholder whose value is known when the
// config loads.
func isGlobal(p openness.Part) bool { return p.Placeholder && IsGlobalPlaceholder(p.Text) }

// misspelled returns the placeholder that was probably meant by name, or "". Without
// this check, a misspelled one would be treated as an output of map, or as a variable,
// without a value.
func misspelled(name string) string {
	if variable, ok := strings.CutPrefix(name, "$"); ok { // which only Caddyfiles replace
		variable, _, _ = strings.Cut(variable, ":")
		return "env." + cmp.Or(variable, "CORS_ORIGINS")
	}
	if number, ok := strings.CutPrefix(name, "http.request.host.labels."); ok {
		if _, err := strconv.ParseUint(number, 10, 8); err != nil {
			return "http.request.host.labels.1"
		}
	}
	if name == "http.vars." || name == "http.vars.*" { // as messages name all of them
		return "http.vars.tenant"
	}
	if IsGlobalPlaceholder(name) {
		return ""
	}
	prefix, rest := name, ""
	if i := strings.IndexAny(name, ".:"); i >= 0 {
		prefix, rest = name[:i], name[i+1:]
	}
	prefix = strings.ToLower(prefix)
	letters := []rune(prefix)
	slices.Sort(letters)
	switch sorted := string(letters); {
	case sorted == "env", sorted == "ensv", rest != "" && strings.HasPrefix("environment", prefix) && len(prefix) > 1, rest != "" && strings.HasPrefix(prefix, "envi"):
		return "env." + cmp.Or(rest, "CORS_ORIGINS")
	case sorted == "efil", sorted == "efils":
		return "file." + cmp.Or(rest, "/run/secrets/cors_origins")
	}
	return ""
}

// IsGlobalPlaceholder reports whether the value of a placeholder is known when the
// config loads.
func IsGlobalPlaceholder(name string) bool {
	return strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.")
}

// isRequestPlaceholder reports whether a page cannot choose the placeholder's
// value by itself: the host that was asked for, a variable that the operator sets,
// or an output of a map directive. It is an allow-list, because a page chooses
// every other part of a request, its Origin above all.
func isRequestPlaceholder(name string) bool {
	return ofTheHost(name) ||
		strings.HasPrefix(name, "http.vars.") ||
		!strings.HasPrefix(name, "http.") && !ofThePage.MatchString(name)
}

// ofTheHost reports whether a placeholder stands for the request's host or for one of
// its labels, and so never for a scheme.
func ofTheHost(name string) bool {
	return name == "http.request.host" || strings.HasPrefix(name, "http.request.host.labels.")
}

// ofThePage matches the shorthands of Caddyfiles for what a page can choose. JSON does
// not replace them. Those without a dot may be outputs of map there.
var ofThePage = regexp.MustCompile(`^(?:header|cookie|path|query|re|rp|resp|err|file_match)\.`)

// longPlaceholder returns the long form of a shorthand, or "". Caddyfiles replace
// shorthands before a handler sees them, JSON does not.
func longPlaceholder(name string) string {
	for short, long := range map[string]string{"labels.": "http.request.host.labels.", "vars.": "http.vars."} {
		if rest, ok := strings.CutPrefix(name, short); ok {
			return long + rest
		}
	}
	if name == "host" {
		return "http.request.host"
	}
	return ""
}

// newTemplate makes a template of the parts of a configured origin, with global
// placeholders replaced.
func newTemplate(option, s string, parts []openness.Part, value func(r *http.Request, name string) string) (*template, error) {
	var probe strings.Builder
	for i, p := range parts {
		switch {
		case !p.Placeholder:
			if strings.ContainsRune(p.Text, '*') {
				return nil, fmt.Errorf("%s: has both a wildcard and a placeholder, but a placeholder stands for one value; write the origins without the wildcard, or without the placeholder", origins.Quote(s))
			}
			probe.WriteString(p.Text)
		case longPlaceholder(p.Text) != "":
			return nil, fmt.Errorf("%s: {%s} is a shorthand of Caddyfiles; write {%s}", origins.Quote(s), p.Text, longPlaceholder(p.Text))
		case !isRequestPlaceholder(p.Text):
			return nil, fmt.Errorf("%s: a page could choose the value of {%s}, and so allow itself; write {http.request.host}, {http.request.host.labels.1}, {http.vars.tenant} or an output of map", origins.Quote(s), p.Text)
		case i == 0 && ofTheHost(p.Text) && (len(parts) == 1 || !strings.HasPrefix(parts[1].Text, "://")):
			return nil, fmt.Errorf("%s: has no scheme, but browsers send one; write https://%s", origins.Quote(s), s)
		case i == 0 && (len(parts) == 1 || !strings.HasPrefix(parts[1].Text, "://")):
			probe.WriteString("https://a") // a whole origin, or its beginning
		case strings.HasSuffix(probe.String(), "["):
			probe.WriteString("::1") // an address
		case strings.HasSuffix(probe.String(), ":"):
			probe.WriteByte('1') // a port
		default:
			probe.WriteByte('a') // a scheme, a label, a host
		}
	}
	o, ok := origins.Parse(probe.String())
	if !ok {
		return nil, fmt.Errorf("%s: cannot be an origin, whatever its placeholders stand for; write scheme://host or scheme://host:port", origins.Quote(s))
	}
	claim := Claim{
		Option: option, Entry: s, Verdict: openness.JudgeTemplate(parts),
		Advice: "write a domain of your own after the placeholder, such as https://{http.request.host.labels.2}.app.example.com, or the exact origins",
	}
	follows := openness.FollowsHost(parts)
	claim.Runtime = parts[0].Placeholder || follows
	// A placeholder in front may bring the scheme: insecure origins are denied then.
	if claim.Verdict.Insecure = ""; o.Insecure() && !parts[0].Placeholder {
		claim.Verdict.Insecure = s
	}
	return &template{entry: s, parts: parts, value: value, claim: claim, follows: follows}, nil
}

// Allows reports whether the template's value for r is exactly o. The values are
// compared in place, so they are never expanded again, and no string is built. A
// placeholder without a value matches nothing.
func (t *template) Allows(r *http.Request, o origins.Origin) (Admission, error) {
	rest := o.String()
	for _, p := range t.parts {
		text := p.Text
		if p.Placeholder {
			if text = t.value(r, p.Text); text == "" {
				return Refused, nil
			}
		}
		after, ok := strings.CutPrefix(rest, text)
		if !ok {
			return Refused, nil
		}
		rest = after
	}
	if rest != "" {
		return Refused, nil
	}
	if t.follows && t.leaves(r, o) {
		return AdmittedOpen, nil
	}
	return Admitted, nil
}

// leaves reports whether the registrable domain of o is another one than that of the
// host of r. At api.example.co.uk, app.{labels.1}.{labels.0} is app.co.uk, which a
// stranger can have.
func (t *template) leaves(r *http.Request, o origins.Origin) bool {
	domain := suffixes.List().Registrable(o.Host())
	return domain != "" && domain != suffixes.List().Registrable(t.value(r, "http.request.host"))
}

// Claims yields the template.
func (t *template) Claims() iter.Seq[Claim] {
	return func(yield func(Claim) bool) { yield(t.claim) }
}
