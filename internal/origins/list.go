package origins

import (
	"fmt"
	"strings"
)

// List is a set of patterns that is written as a text: one pattern a line, and
// comments that begin with #.
type List struct {
	closed, open Index
	commented    bool
	risks        [numRisks]Lines // by the risks that the entries of a line have
}

// A LinesError tells what is wrong with a list.
type LinesError struct {
	Lines []*ListError // the first 10 bad lines
	More  int          // how many other lines are bad
}

// Error returns the errors of the lines, one a line.
func (e *LinesError) Error() string {
	var text strings.Builder
	for i, line := range e.Lines {
		if i > 0 {
			text.WriteByte('\n')
		}
		text.WriteString(line.Error())
	}
	if e.More > 0 {
		fmt.Fprintf(&text, "\nand %d more bad lines", e.More)
	}
	return text.String()
}

// Unwrap returns the errors of the lines.
func (e *LinesError) Unwrap() (errs []error) {
	for _, line := range e.Lines {
		errs = append(errs, line)
	}
	return errs
}

// Places says which lines are bad, without their text.
func (e *LinesError) Places() string {
	bad := Lines{Count: len(e.Lines) + e.More}
	for _, line := range e.Lines {
		bad.First = append(bad.First, line.Line)
	}
	if bad.Count == 1 {
		return bad.String() + " is not a valid entry of a list"
	}
	return bad.String() + " are not valid entries of a list"
}

// A ListError says what is wrong with a line of a list.
type ListError struct {
	Line int    // from 1
	Err  *Error // its entry is the text of the line, shortened
}

// Error quotes the text.
func (e *ListError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the error about the text.
func (e *ListError) Unwrap() error { return e.Err }

// maxQuote is how much of a bad line is quoted, in bytes. A text that is read as a
// list by mistake may be a secret, or very long.
const maxQuote = 64

// ParseList parses the text of a list. It may hold exact origins and patterns
// with wildcards for subdomains and ports: neither "*" nor "null", nor a whole
// scheme. The list keeps the text. If a line is bad, the whole list is, and the
// error is a *LinesError. open reports whether strangers can obtain an origin of a
// pattern; it is asked about each more than once.
func ParseList(text string, open func(Pattern) bool) (*List, error) {
	l := new(List)
	text = strings.TrimPrefix(text, "\uFEFF")
	number := 0
	var bad LinesError
	for rest := text; rest != ""; {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		number++
		entry, comment := splitLine(line)
		l.commented = l.commented || strings.HasPrefix(comment, "#")
		if entry == "" && (comment == "" || comment[0] == '#') {
			continue
		}
		switch p, ok := parseEntry(entry, comment); {
		case ok:
			l.risks[risksOf(p, open)].add(number)
		case len(bad.Lines) < maxLines:
			err := explainEntry(entry, comment)
			err.Entry = strings.ToValidUTF8(strings.TrimSuffix(line[:min(len(line), maxQuote)], "\r"), "\uFFFD")
			bad.Lines = append(bad.Lines, &ListError{number, err})
		default:
			bad.More++
		}
	}
	if len(bad.Lines) > 0 {
		return nil, &bad
	}
	entries := func(want bool) func(func(Pattern, int)) {
		return func(yield func(Pattern, int)) {
			eachEntry(text, func(p Pattern, at int) {
				if open(p) == want {
					yield(p, at)
				}
			})
		}
	}
	l.closed.build(text, entries(false))
	l.open.build(text, entries(true))
	return l, nil
}

// splitLine returns the entry at the start of a line, and what follows it.
func splitLine(line string) (entry, rest string) {
	const space = " \t\r"
	line = strings.Trim(line, space)
	if strings.HasPrefix(line, "#") {
		return "", line
	}
	if i := strings.IndexAny(line, space); i >= 0 {
		return line[:i], strings.TrimLeft(line[i:], space)
	}
	return line, ""
}

// parseEntry parses an entry and what follows it on its line.
func parseEntry(entry, comment string) (p Pattern, ok bool) {
	if comment != "" && comment[0] != '#' {
		return p, false
	}
	p, ok = parsePattern(entry)
	return p, ok && !p.anyHost
}

// explainEntry returns what is wrong with an entry that parseEntry refuses.
func explainEntry(entry, comment string) *Error {
	if comment != "" && comment[0] != '#' {
		return &Error{Reason: "has more than one entry", Advice: "write one origin a line, and # before a comment"}
	}
	p, ok := parsePattern(entry)
	switch {
	case entry == "*":
		return &Error{Reason: "allows every origin, which a list cannot", Advice: "write allow_origins *"}
	case entry == Null:
		return &Error{Reason: "is the opaque origin, which every sandboxed page has, and a list cannot allow it", Advice: "remove it"}
	case ok && p.anyHost:
		return &Error{Reason: "allows a whole scheme, which a list cannot", Advice: "write it in allow_origins"}
	case len(entry) > maxQuote: // the correction would quote it
		return &Error{Reason: "is not a valid origin"}
	}
	return explain(entry)
}

// eachEntry yields the patterns of a list without faults, and where in the text
// they begin.
func eachEntry(text string, yield func(Pattern, int)) {
	for at := 0; at < len(text); {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		line := text[at : at+end]
		if entry, _ := splitLine(line); entry != "" {
			p, _ := parsePattern(entry)
			yield(p, at+strings.Index(line, entry))
		}
		at += end + 1
	}
}

// Len returns how many different patterns are in the list.
func (l *List) Len() int { return l.closed.n + l.open.n }

// Blank reports whether there is nothing in the list, not even a comment, as if
// its text had been lost.
func (l *List) Blank() bool { return l.Len() == 0 && !l.commented }

// Allows reports whether a pattern of the list admits o, and if so, whether only
// open patterns do, those under which strangers can obtain an origin. It does
// not allocate.
func (l *List) Allows(o Origin) (allowed, open bool) {
	if l.closed.Allows(o) {
		return true, false
	}
	if l.open.Allows(o) {
		return true, true
	}
	return false, false
}
