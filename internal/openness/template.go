package openness

import (
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// A Part is a part of a template: text, or the name of a placeholder without its
// braces.
type Part struct {
	Text        string
	Placeholder bool
}

// JudgeTemplate returns the verdict on what a template admits. The visitor of a
// site chooses the host of a request, and so its labels, and whatever a variable
// has of them. A template is open if a placeholder supplies a part of the
// registrable domain of an origin. It is closed if a variable supplies the whole
// domain, which is the operator's own decision, or if the domain is that of the
// request, to which the cookies belong anyway. A template without placeholders in
// its host is closed.
func JudgeTemplate(parts []Part) (v Verdict) {
	scheme, host, end := hostParts(parts)
	t := template{scheme: scheme, host: host}
	last := -1
	for i, p := range host {
		if p.Placeholder {
			last = i
		}
	}
	if last < 0 || strings.HasPrefix(host[0].Text, "[") && !host[0].Placeholder {
		return v
	}
	if scheme == "http" {
		v.Insecure = t.insecure(end)
	}
	for _, p := range host[last+1:] {
		t.tail += p.Text
	}
	t.last = last
	if name := t.stranger(); name != "" {
		v.Open, v.Witness = true, scheme+"://"+name+end
		web := scheme == "http" || scheme == "https"
		if o, ok := origins.Parse(v.Witness); !ok || web && suffixes.List().Registrable(o.Host()) == "" {
			v.Witness = "" // strangers can have one, but it is not as plain
		}
	}
	return v
}

// FollowsHost reports whether the host of a template ends in a label of the request's
// host, after something else. Whether its registrable domain is that of the request
// depends on how many labels the public suffix of the request's host has.
func FollowsHost(parts []Part) bool {
	_, host, _ := hostParts(parts)
	if n := len(host); n > 1 && host[n-1] == (Part{Text: "."}) {
		host = host[:n-1]
	}
	return len(host) > 1 && label(host[len(host)-1]) >= 0
}

// hostParts returns the scheme, https if a placeholder supplies it, the parts of the
// host, and the port with its colon, if it is constant.
func hostParts(parts []Part) (scheme string, host []Part, port string) {
	scheme = "https"
	for i, p := range parts {
		before, after, ok := strings.Cut(p.Text, "://")
		if p.Placeholder || !ok {
			continue
		}
		switch first := parts[0]; {
		case i == 0:
			scheme = before
		case !first.Placeholder && !strings.HasPrefix(scheme, first.Text):
			scheme = first.Text + "a" // whatever follows, it is not of the web
		}
		host = append([]Part{{Text: after}}, parts[i+1:]...)
		break
	}
	if host == nil {
		host = parts // the first placeholder also supplies the scheme
	}
	for len(host) > 0 && host[0].Text == "" {
		host = host[1:]
	}
	for i, p := range host {
		if p.Placeholder || strings.HasPrefix(host[0].Text, "[") {
			continue
		}
		before, after, ok := strings.Cut(p.Text, ":")
		if !ok {
			continue
		}
		if i == len(host)-1 && after != "" {
			port = ":" + after
		}
		host = append([]Part(nil), host[:i]...)
		if before != "" {
			host = append(host, Part{Text: before})
		}
		break
	}
	return scheme, host, port
}

// template is the host of a template, of which at least one part is a placeholder.
type template struct {
	scheme string
	host   []Part
	last   int    // the last placeholder
	tail   string // the text behind it
}

// stranger returns a host that a stranger can have, or "" if the template is closed.
func (t *template) stranger() string {
	if t.scheme != "http" && t.scheme != "https" {
		if len(t.host) == 1 && label(t.host[0]) < 0 && t.host[0].Text != "http.request.host" {
			return "" // the operator's decision
		}
		return t.fill("evil") // nobody assigns the hosts of other schemes
	}
	if t.tail != "" && t.tail != "." {
		return t.beforeTail()
	}
	before := t.host[:t.last]
	switch last := t.host[t.last]; {
	case len(before) == 0:
		return "" // the host of the request, one label of it, or the operator's decision
	case label(last) >= 0:
		if t.isOwnTail() {
			return ""
		}
		return t.fill("com")
	case dotted(before):
		return ""
	default:
		return t.fill("example.com") // such as app{http.request.host}
	}
}

// beforeTail is stranger for hosts that end in constant text.
func (t *template) beforeTail() string {
	tail, dot := strings.CutSuffix(t.tail, ".")
	end := ""
	if dot {
		end = "."
	}
	list := suffixes.List()
	// The registrable domain must begin behind a dot of the text.
	_, constant, hasDot := strings.Cut(tail, ".")
	for _, name := range []string{"evil", "evil.evil"} {
		host := t.fill(name)
		if domain := list.Registrable(host); domain != "" {
			if hasDot && (domain == constant || strings.HasSuffix(constant, "."+domain)) {
				break
			}
			return host
		}
	}
	several := t.last > 0 || label(t.host[t.last]) < 0 // labels may come from placeholders
	if !several {
		return ""
	}
	if rest, ok := strings.CutPrefix(tail, "."); ok { // as https://*.example.com
		if p, err := origins.ParsePattern("https://*." + rest); err == nil {
			if name := stranger(p); name != "" {
				return name + "." + rest + end
			}
		}
		return ""
	}
	if name := completed(tail); name != "" {
		return name + end
	}
	return ""
}

// completed returns a host that a stranger can have and that ends in a text, of which
// the first label may be only the end of one, or "".
func completed(tail string) string {
	end, parent, _ := strings.Cut(tail, ".")
	node, ok := suffixes.List().Find(parent)
	if !ok {
		return ""
	}
	if node.Wildcard() {
		return "evil.evil" + tail
	}
	for label, child := range node.Children {
		name := strings.TrimSuffix(label+"."+parent, ".")
		if !strings.HasSuffix(label, end) {
			continue
		}
		if child.Suffix() {
			return "evil." + name
		}
		if below := suffixBelow(child); below != "" {
			return "evil." + below + name
		}
	}
	return ""
}

// isOwnTail reports whether the host ends in several labels of the request's host,
// in their order and up to its end, after nothing or a dot.
func (t *template) isOwnTail() bool {
	want, i := 0, t.last
	for ; i >= 0 && label(t.host[i]) == want; i-- {
		want++
		if i == 0 {
			break
		}
		if i--; t.host[i] != (Part{Text: "."}) {
			return want > 1 && dotted(t.host[:i+1])
		}
	}
	return want > 1 && i <= 0
}

// fill returns the host with a value for the last placeholder, and plain ones for
// the others.
func (t *template) fill(last string) string {
	var host strings.Builder
	for i, p := range t.host {
		switch {
		case !p.Placeholder:
			host.WriteString(p.Text)
		case i == t.last:
			host.WriteString(last)
		default:
			host.WriteString("evil")
		}
	}
	return host.String()
}

// insecure returns an insecure origin of a template of http, or "" if the text says
// that there is none.
func (t *template) insecure(end string) string {
	for _, value := range []string{"a", "a.example.com"} {
		u := *t
		for i, p := range u.host {
			if p.Placeholder {
				u.last = i
			}
		}
		if o, ok := origins.Parse("http://" + u.fill(value) + end); ok && o.Insecure() {
			return o.String()
		}
	}
	return ""
}

// dotted reports whether parts end in a dot.
func dotted(parts []Part) bool {
	last := parts[len(parts)-1]
	return !last.Placeholder && strings.HasSuffix(last.Text, ".")
}

// label returns which label of the request's host a placeholder stands for, -1 if
// none.
func label(p Part) int {
	number, ok := strings.CutPrefix(p.Text, "http.request.host.labels.")
	if n, err := strconv.Atoi(number); ok && p.Placeholder && err == nil && n >= 0 {
		return n
	}
	return -1
}
