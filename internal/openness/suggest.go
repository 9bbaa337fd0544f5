package openness

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// Suggest returns the expression that was probably meant by expr, which is dead,
// open or insecure, or does not compile. The suggestion is none of these. Suggest
// returns "" if it finds none. It is safe for concurrent use.
func Suggest(expr string) string {
	for _, s := range suggestions(bare(expr)) {
		if len(s) > maxSuggestion {
			continue
		}
		re, err := origins.CompileRegexp(s)
		if err != nil {
			continue
		}
		if v := JudgeRegexp(re); !v.Dead && !v.Open && v.Insecure == "" {
			return s
		}
	}
	return ""
}

// maxSuggestion is the length of the longest suggestion, which a message shows whole.
const maxSuggestion = 256

// bare returns an expression without what other languages write around it, such as
// the slashes of a literal in JavaScript, and without anchors, which are not needed.
func bare(expr string) string {
	expr = strings.Trim(expr, " \t\"'`")
	if literal := slashes.FindStringSubmatch(expr); literal != nil {
		expr = literal[1]
	}
	expr = strings.ReplaceAll(expr, `\/`, "/")
	for _, anchor := range []string{"^", `\A`} {
		expr = strings.TrimPrefix(expr, anchor)
	}
	for _, anchor := range []string{"$", `\z`, `\Z`} {
		expr = strings.TrimSuffix(expr, anchor)
	}
	return strings.TrimPrefix(expr, "//") // of a URL that leaves the scheme to the page
}

var (
	slashes = regexp.MustCompile(`^/(.+)/[a-z]*$`)
	// webScheme is an expression for schemes of the web, or for any scheme.
	webScheme = regexp.MustCompile(`^\(?(?:\?:)?(?:https?[?*]?|wss?\??|http\(s\)\?|https?\|https?|\.[*+]\??|\\w[*+]|\[[^\]]*\][*+])\)?$`)
	// schemes are the schemes of the alternatives of an expression.
	schemes = regexp.MustCompile(`\((?:\?:)?https?\??://\)\??|(?:\((?:\?:)?(?:https?\|https?|https?\??)\)|http\(s\)\?|https?\??|wss?\??)://`)
	// plain is an expression that spells out one host.
	plain = regexp.MustCompile(`^[A-Za-z0-9.:/*@_-]+$`)
)

// suggestions returns what may be meant by a bare expression, the likely ones first.
func suggestions(expr string) (list []string) {
	if s, ok := spelledOut(expr); ok {
		list = append(list, s)
	}
	scheme, host, ok := strings.Cut(expr, "://")
	switch {
	case !ok && (!strings.Contains(expr, ".") || neverSent(expr)):
		return list
	case !ok:
		host = expr
	case !webScheme.MatchString(strings.TrimPrefix(scheme, "^")) && !strings.HasPrefix(host, ")"):
		return list
	default:
		list = variants(list, schemes.ReplaceAllString(expr, "https://"))
		host = strings.TrimPrefix(host, ")?") // of (https?://)?
	}
	if outside(host, '|', true) >= 0 {
		host = "(" + host + ")"
	}
	list = variants(list, "https://"+host)
	if re, err := origins.CompileRegexp("https://" + host); err == nil {
		if domain := JudgeRegexp(re).Meant; domain != "" {
			list = append(list, BelowDomain+regexp.QuoteMeta(domain))
		}
	}
	return list
}

// neverSent reports whether an expression begins with a scheme of which browsers send
// no origin, and a colon.
func neverSent(expr string) bool {
	scheme, _, ok := strings.Cut(expr, ":")
	return ok && slices.Contains(origins.NeverSent(), scheme)
}

// BelowDomain is the beginning of an expression for a domain and all below it.
const BelowDomain = `https://(.+\.)?`

// variants appends to a list an expression, and the same with common mistakes put
// right: dots that are not escaped, a path, upper case.
func variants(list []string, expr string) []string {
	const scheme = "https://"
	list = append(list, expr, escapeDots(expr))
	if i := outside(expr[min(len(scheme), len(expr)):], '/', false); i >= 0 {
		host := strings.TrimSuffix(expr[:len(scheme)+i], "(")
		list = append(list, host, escapeDots(host))
		expr = host
	}
	if !strings.Contains(strings.ReplaceAll(expr, `\.`, ""), `\`) { // nothing that means another thing in lower case
		list = append(list, escapeDots(strings.ToLower(expr)))
	}
	return list
}

// spelledOut returns the expression for a host that is written as text, with or
// without backslashes. A text that begins with a dot, or is the domain alone, was
// written to be found within an origin, and so means the domain and all below it.
func spelledOut(expr string) (string, bool) {
	text := strings.NewReplacer(`\.`, ".", `\-`, "-", `\:`, ":").Replace(expr)
	domain, below := strings.CutPrefix(text, ".")
	isHost := strings.ContainsAny(text, ".:") || text == "localhost"
	if !plain.MatchString(text) || !isHost || below && strings.HasPrefix(domain, "*") {
		return "", false
	}
	p, err := origins.ParsePattern(domain)
	if err != nil {
		var e *origins.Error
		if !errors.As(err, &e) || e.Correction == "" {
			return "", false
		}
		if p, err = origins.ParsePattern(e.Correction); err != nil {
			return "", false
		}
	}
	if p.Exact() && !strings.Contains(text, "://") {
		o, _ := origins.Parse(p.String())
		host := o.Host()
		alone := suffixes.List().Registrable(host) == host || strings.Count(host, ".") == 1
		if below || alone {
			return BelowDomain + regexp.QuoteMeta(strings.TrimPrefix(p.String(), "https://")), o.Scheme() == "https"
		}
	}
	expr = regexp.QuoteMeta(p.String())
	expr = strings.Replace(expr, `://\*\.`, `://.+\.`, 1) // labels
	if anyPort := `:\*`; strings.HasSuffix(expr, anyPort) {
		expr = strings.TrimSuffix(expr, anyPort) + `(:\d+)?`
	}
	return strings.Replace(expr, `\*`, `[a-z0-9-]+`, 1), true // a part of a label
}

// escapeDots returns an expression with a backslash before each dot that stands
// between parts of a name. A dot that is repeated stands for any character.
func escapeDots(expr string) string {
	var b strings.Builder
	class := false
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		switch {
		case c == '\\' && i+1 < len(expr):
			b.WriteByte(c)
			i++
			c = expr[i]
		case c == '[':
			class = true
		case c == ']':
			class = false
		case c == '.' && !class && (i+1 == len(expr) || strings.IndexByte("*+?{", expr[i+1]) < 0):
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// outside returns where a byte first stands in an expression, but for those in square
// brackets, and, if asked for, for those in parentheses. It returns -1 if there is none.
func outside(expr string, want byte, groups bool) int {
	class, depth := false, 0
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == want && !class && (depth == 0 || !groups):
			return i
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
	}
	return -1
}
