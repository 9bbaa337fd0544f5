package caddycors

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// A part of a configured origin: text, or the name of a placeholder.
type part struct {
	text        string
	placeholder bool
}

// splitPlaceholders cuts s into its literal parts and its placeholders. There
// is no escape: no origin contains a brace.
func splitPlaceholders(s string) ([]part, error) {
	var parts []part
	for rest := s; rest != ""; {
		start := strings.IndexByte(rest, '{')
		if start < 0 {
			start = len(rest)
		}
		if start > 0 {
			if strings.IndexByte(rest[:start], '}') >= 0 {
				return nil, fmt.Errorf("origin %q has a closing brace without an opening one: write placeholders such as {http.vars.tenant}", s)
			}
			parts = append(parts, part{text: rest[:start]})
			rest = rest[start:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		if end < 0 || strings.IndexByte(rest[1:end], '{') >= 0 {
			return nil, fmt.Errorf("origin %q has an opening brace without a closing one: write placeholders such as {http.vars.tenant}", s)
		}
		if end == 1 {
			return nil, fmt.Errorf("origin %q has an empty placeholder: write its name, such as {http.vars.tenant}", s)
		}
		parts = append(parts, part{text: rest[1:end], placeholder: true})
		rest = rest[end+1:]
	}
	return parts, nil
}

// resolveGlobals replaces the placeholders whose values are known when the
// config loads, {env.*} and {file.*}. What remains is text and request-time
// placeholders. A value that itself contains braces is an error: expanding it
// again would hand the choice of the placeholder to whoever writes the value.
func resolveGlobals(s string, parts []part) ([]part, error) {
	repl := caddy.NewReplacer()
	var resolved []part
	for _, p := range parts {
		if p.placeholder && isGlobalPlaceholder(p.text) {
			value, _ := repl.GetString(p.text)
			switch {
			case value == "":
				return nil, fmt.Errorf("origin %q: {%s} is empty or not set: set it, or remove the origin", s, p.text)
			case strings.ContainsAny(value, "{}"):
				return nil, fmt.Errorf("origin %q: the value of {%s}, %q, contains a brace, and values are not expanded twice: write an origin", s, p.text, value)
			}
			p = part{text: value}
		}
		// Adjacent text is one part, so that parts without placeholders are one.
		if n := len(resolved); n > 0 && !p.placeholder && !resolved[n-1].placeholder {
			resolved[n-1].text += p.text
			continue
		}
		resolved = append(resolved, p)
	}
	return resolved, nil
}

func isGlobalPlaceholder(name string) bool {
	return strings.HasPrefix(name, "env.") || strings.HasPrefix(name, "file.")
}

// isRequestPlaceholder reports whether a page cannot choose the placeholder's
// value by itself: the host that was asked for, a variable that the operator
// sets, or what a map directive puts out. It is an allow-list, because any
// other part of a request, its Origin above all, is the page's own choice.
func isRequestPlaceholder(name string) bool {
	return name == "http.request.host" ||
		strings.HasPrefix(name, "http.request.host.labels.") ||
		strings.HasPrefix(name, "http.vars.") ||
		!strings.HasPrefix(name, "http.")
}

// longPlaceholder returns what a shorthand stands for, or "". Caddyfiles replace
// them before a handler sees them, JSON does not.
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

// template is a configured origin with request-time placeholders.
type template struct {
	parts []part
	// probe is an origin that the template could yield, judged when the config
	// loads; the zero Origin where the text around the placeholders says nothing.
	probe origins.Origin
	// anyScheme says that a placeholder yields the scheme, too.
	anyScheme bool
}

// parseTemplate makes a template of a configured origin's resolved parts.
func parseTemplate(s string, parts []part) (*template, error) {
	var probe strings.Builder
	for i, p := range parts {
		switch {
		case !p.placeholder:
			if strings.ContainsRune(p.text, '*') {
				return nil, fmt.Errorf("origin %q has both a wildcard and a placeholder, but a placeholder stands for one value: write the origins without the wildcard, or without the placeholder", s)
			}
			probe.WriteString(p.text)
		case longPlaceholder(p.text) != "":
			return nil, fmt.Errorf("origin %q: {%s} is a shorthand of Caddyfiles: write {%s}", s, p.text, longPlaceholder(p.text))
		case !isRequestPlaceholder(p.text):
			return nil, fmt.Errorf("origin %q: a page could choose the value of {%s}, and with it allow itself: write {http.request.host}, {http.request.host.labels.*}, {http.vars.*} or an output of map", s, p.text)
		case i == 0 && (len(parts) == 1 || !strings.HasPrefix(parts[1].text, "://")):
			probe.WriteString("https://a") // a whole origin, or its beginning
		case strings.HasSuffix(probe.String(), "["):
			probe.WriteString("::1") // an address
		case strings.HasSuffix(probe.String(), ":"):
			probe.WriteByte('1') // a port
		default:
			probe.WriteByte('a') // a scheme, a label, a host
		}
	}
	t := &template{parts: parts, anyScheme: parts[0].placeholder}
	pattern, err := origins.ParsePattern(probe.String())
	if err != nil {
		return nil, fmt.Errorf("origin %q can never be an origin, whatever its placeholders stand for: write it as browsers send it, scheme://host or scheme://host:port", s)
	}
	t.probe, _ = origins.Parse(pattern.String())
	return t, nil
}

// matches reports whether the template's value for r is exactly o. The values
// are compared where they stand, so they are never expanded again, and no
// string is built. A placeholder without a value matches nothing.
func (t *template) matches(r *http.Request, o origins.Origin) bool {
	repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return false
	}
	rest := o.String()
	for _, p := range t.parts {
		text := p.text
		if p.placeholder {
			if text, _ = repl.GetString(p.text); text == "" {
				return false
			}
		}
		if rest, ok = strings.CutPrefix(rest, text); !ok {
			return false
		}
	}
	return rest == ""
}
