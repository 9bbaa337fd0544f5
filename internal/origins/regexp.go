package origins

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

const (
	maxRegexp = 1024 // bytes of an expression
	maxFinite = 256  // origins that a finite regexp stands for
)

// Regexp is a regular expression (RE2) that the whole of an origin must match. It
// keeps only what matching needs.
type Regexp struct {
	expr string
	// An origin that matches has these at its ends, and in between what re matches.
	prefix, suffix string
	re             *regexp.Regexp
}

// CompileRegexp compiles an expression. It returns an *Error if the syntax is wrong,
// if the expression is longer than 1,024 bytes, or if it matches the empty string or
// "null", the opaque origin.
func CompileRegexp(expr string) (*Regexp, error) {
	re, err := compile(expr)
	if err != nil {
		return nil, err
	}
	switch {
	case re.matches(Null):
		return nil, &Error{Entry: expr, Reason: `matches "null", the opaque origin, which every sandboxed page has`, Advice: beginWithScheme}
	case re.matches(""):
		return nil, &Error{Entry: expr, Reason: "matches the empty string, which is not an origin", Advice: beginWithScheme}
	}
	return re, nil
}

const beginWithScheme = "begin every alternative with https://"

func compile(expr string) (*Regexp, error) {
	if len(expr) > maxRegexp {
		return nil, &Error{
			Entry:  expr,
			Reason: fmt.Sprintf("has %d bytes, but at most %d are allowed", len(expr), maxRegexp),
			Advice: "write several regexps, or list the origins",
		}
	}
	// Parsed by itself, so that no parenthesis closes the group that anchors it.
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, syntaxError(expr, err)
	}
	prefix, rest, suffix := trim(parsed)
	re, err := regexp.Compile(`\A(?:` + rest.String() + `)\z`)
	if err != nil {
		return nil, syntaxError(expr, err)
	}
	return &Regexp{expr: expr, prefix: prefix, suffix: suffix, re: re}, nil
}

func syntaxError(expr string, err error) *Error {
	reason := "does not compile"
	var e *syntax.Error
	if errors.As(err, &e) {
		reason = fmt.Sprintf("has a syntax error at %s, %s", Quote(e.Expr), e.Code)
	}
	return &Error{Entry: expr, Reason: reason, Advice: "write the syntax of https://pkg.go.dev/regexp/syntax"}
}

// trim cuts the constant ends off an expression that is to match a whole text. To
// compare them costs less than to run an automaton over them, in time and memory.
func trim(parsed *syntax.Regexp) (prefix string, rest *syntax.Regexp, suffix string) {
	if parsed.Op != syntax.OpConcat {
		return "", parsed, ""
	}
	subs := parsed.Sub
	for len(subs) > 0 && (subs[0].Op == syntax.OpBeginText || subs[0].Op == syntax.OpBeginLine) {
		subs = subs[1:]
	}
	for len(subs) > 0 && (subs[len(subs)-1].Op == syntax.OpEndText || subs[len(subs)-1].Op == syntax.OpEndLine) {
		subs = subs[:len(subs)-1]
	}
	if slices.ContainsFunc(subs, asserts) { // which looks at what would be cut off
		return "", parsed, ""
	}
	isText := func(re *syntax.Regexp) bool {
		return re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase == 0
	}
	if len(subs) > 0 && isText(subs[0]) {
		prefix, subs = string(subs[0].Rune), subs[1:]
	}
	if len(subs) > 0 && isText(subs[len(subs)-1]) {
		suffix, subs = string(subs[len(subs)-1].Rune), subs[:len(subs)-1]
	}
	return prefix, &syntax.Regexp{Op: syntax.OpConcat, Sub: subs, Flags: parsed.Flags}, suffix
}

// asserts reports whether an expression looks at what surrounds its match.
func asserts(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return true
	default:
		return slices.ContainsFunc(re.Sub, asserts)
	}
}

// Syntax parses the expression once more.
func (re *Regexp) Syntax() *syntax.Regexp {
	parsed, err := syntax.Parse(re.expr, syntax.Perl)
	if err != nil { // not possible, as it has been parsed before
		return &syntax.Regexp{Op: syntax.OpNoMatch}
	}
	return parsed
}

// Match reports whether the whole of o matches.
func (re *Regexp) Match(o Origin) bool { return re.matches(o.s) }

func (re *Regexp) matches(s string) bool {
	return len(s) >= len(re.prefix)+len(re.suffix) && strings.HasPrefix(s, re.prefix) && strings.HasSuffix(s, re.suffix) &&
		re.re.MatchString(s[len(re.prefix):len(s)-len(re.suffix)])
}

// String returns the expression as it was written.
func (re *Regexp) String() string { return re.expr }

// Finite returns all origins that match, if the expression spells out at most a
// few hundred of them. None means that it is dead: it matches no origin.
func (re *Regexp) Finite() (patterns []Pattern, ok bool) {
	candidates, ok := enumerate(re.Syntax().Simplify())
	if !ok {
		return nil, false
	}
	slices.Sort(candidates)
	for _, s := range slices.Compact(candidates) {
		// The candidates disregard assertions, which the expression itself judges.
		if p, ok := parsePattern(s); ok && p.Exact() && re.matches(s) {
			patterns = append(patterns, p)
		}
	}
	return patterns, true
}

// enumerate returns a superset of the strings that a simplified expression
// matches, as far as they could be parts of origins, if there are few.
func enumerate(re *syntax.Regexp) (list []string, ok bool) {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil, true
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}, true
	case syntax.OpLiteral:
		list = []string{""}
		for _, r := range re.Rune {
			runes := []rune{r, r}
			if re.Flags&syntax.FoldCase != 0 {
				runes = foldings(r)
			}
			if list, ok = product(list, spellings(runes)); !ok {
				return nil, false
			}
		}
		return list, true
	case syntax.OpCharClass:
		return spellings(re.Rune), true
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return spellings([]rune{0, 0x7f}), true
	case syntax.OpCapture:
		return enumerate(re.Sub[0])
	case syntax.OpQuest:
		list, ok = enumerate(re.Sub[0])
		return append(list, ""), ok && len(list) < maxFinite
	case syntax.OpStar, syntax.OpPlus:
		// Finite only if nothing, or nothing but the empty string, repeats.
		list, ok = enumerate(re.Sub[0])
		if !ok || slices.ContainsFunc(list, func(s string) bool { return s != "" }) {
			return nil, false
		}
		if re.Op == syntax.OpStar {
			list = []string{""}
		}
		return list, true
	case syntax.OpConcat:
		list = []string{""}
		for _, sub := range re.Sub {
			next, ok := enumerate(sub)
			if !ok {
				return nil, false
			}
			if list, ok = product(list, next); !ok {
				return nil, false
			}
		}
		return list, true
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			next, ok := enumerate(sub)
			if !ok || len(list)+len(next) > maxFinite {
				return nil, false
			}
			list = append(list, next...)
		}
		return list, true
	default:
		return nil, false
	}
}

// foldings returns r in both cases, as ranges.
func foldings(r rune) []rune {
	ranges := []rune{r, r}
	if r >= 'A' && r <= 'Z' {
		return append(ranges, r|0x20, r|0x20)
	}
	if r >= 'a' && r <= 'z' {
		return append(ranges, r&^0x20, r&^0x20)
	}
	return ranges
}

// spellings returns the characters of ranges that may stand in an origin.
func spellings(ranges []rune) []string {
	var list []string
	for i := 0; i < len(ranges); i += 2 {
		for r := ranges[i]; r <= min(ranges[i+1], 0x7f); r++ {
			if class[r] != 0 || r == ':' || r == '/' || r == '[' || r == ']' {
				list = append(list, string(r))
			}
		}
	}
	return list
}

// product returns each of a followed by each of b, without those too long.
func product(a, b []string) ([]string, bool) {
	if len(a)*len(b) > maxFinite {
		return nil, false
	}
	list := make([]string, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			if len(x)+len(y) <= MaxLen {
				list = append(list, x+y)
			}
		}
	}
	return list, true
}
