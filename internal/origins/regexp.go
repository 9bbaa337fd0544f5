package origins

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"
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
	prefix, suffix constant
	re             *regexp.Regexp
}

// constant is a text that an expression has at one of its ends.
type constant struct {
	text string
	fold bool // whether the case does not matter
}

func (c *constant) equals(s string) bool {
	return s == c.text || c.fold && strings.EqualFold(s, c.text)
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
	prefix, rest, suffix := trim(narrow(parsed))
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

// narrow makes an expression smaller that is to match ASCII text only: classes lose
// other characters, of which there are very many, and nobody asks what groups capture.
func narrow(re *syntax.Regexp) *syntax.Regexp {
	for i, sub := range re.Sub {
		re.Sub[i] = narrow(sub)
	}
	switch re.Op {
	case syntax.OpCapture:
		return re.Sub[0]
	case syntax.OpCharClass:
		re.Rune = narrowClass(re.Rune)
		if len(re.Rune) == 0 {
			re.Op = syntax.OpNoMatch
		}
	case syntax.OpConcat: // what a group had in a row
		var subs []*syntax.Regexp
		for _, sub := range re.Sub {
			if sub.Op == syntax.OpConcat {
				subs = append(subs, sub.Sub...)
			} else {
				subs = append(subs, sub)
			}
		}
		re.Sub = subs
	default:
	}
	return re
}

// narrowClass returns the ASCII characters of ranges.
func narrowClass(ranges []rune) []rune {
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i] > unicode.MaxASCII {
			return ranges[:i:i]
		}
		ranges[i+1] = min(ranges[i+1], unicode.MaxASCII)
	}
	return ranges
}

// trim cuts the constant ends off an expression that is to match a whole text. To
// compare them costs less than to run an automaton over them, in time and memory.
func trim(parsed *syntax.Regexp) (prefix constant, rest *syntax.Regexp, suffix constant) {
	if parsed.Op != syntax.OpConcat {
		return prefix, parsed, suffix
	}
	subs := parsed.Sub
	for len(subs) > 0 && (subs[0].Op == syntax.OpBeginText || subs[0].Op == syntax.OpBeginLine) {
		subs = subs[1:]
	}
	for len(subs) > 0 && (subs[len(subs)-1].Op == syntax.OpEndText || subs[len(subs)-1].Op == syntax.OpEndLine) {
		subs = subs[:len(subs)-1]
	}
	if slices.ContainsFunc(subs, asserts) { // which looks at what would be cut off
		return prefix, parsed, suffix
	}
	cut := func(re *syntax.Regexp) constant {
		return constant{string(re.Rune), re.Flags&syntax.FoldCase != 0}
	}
	if len(subs) > 0 && subs[0].Op == syntax.OpLiteral {
		prefix, subs = cut(subs[0]), subs[1:]
	}
	if len(subs) > 0 && subs[len(subs)-1].Op == syntax.OpLiteral {
		suffix, subs = cut(subs[len(subs)-1]), subs[:len(subs)-1]
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

// matches reports whether the whole of s, which is ASCII, matches.
func (re *Regexp) matches(s string) bool {
	begin, end := len(re.prefix.text), len(s)-len(re.suffix.text)
	return begin <= end && re.prefix.equals(s[:begin]) && re.suffix.equals(s[end:]) && re.re.MatchString(s[begin:end])
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
		if text := string(re.Rune); re.Flags&syntax.FoldCase == 0 && len(text) <= MaxLen {
			if strings.ContainsFunc(text, func(r rune) bool { return !spells(r) }) {
				return nil, true
			}
			return []string{text}, true
		}
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
		for r := ranges[i]; r <= min(ranges[i+1], unicode.MaxASCII); r++ {
			if spells(r) {
				list = append(list, string(r))
			}
		}
	}
	return list
}

// spells reports whether a character may stand in an origin.
func spells(r rune) bool {
	return r <= unicode.MaxASCII && (class[r] != 0 || r == ':' || r == '/' || r == '[' || r == ']')
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
