package origins

import (
	"fmt"
	"iter"
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
	text = strings.TrimPrefix(text, byteOrderMark)
	var bad LinesError
	for line := range eachLine(text) {
		l.commented = l.commented || strings.HasPrefix(line.rest, "#")
		if line.entry == "" {
			continue
		}
		switch p, ok := line.parse(); {
		case ok:
			l.risks[risksOf(p, open)].add(line.number)
		case len(bad.Lines) < maxLines:
			bad.Lines = append(bad.Lines, line.explain())
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

const byteOrderMark = "\uFEFF"

// A Remark is what there is to say about a line of a list.
type Remark struct {
	Line  int        // from 1
	Err   *ListError // what is wrong with the line, or nil
	Entry string     // of a good line
	Risks Risks      // of the entry
}

// Remarks yields a remark about each line of a list that is bad, or has an entry
// with a risk. A *LinesError has only the first bad lines, since a log has to be
// short. open is as for ParseList.
func Remarks(text string, open func(Pattern) bool) iter.Seq[Remark] {
	return func(yield func(Remark) bool) {
		for line := range eachLine(strings.TrimPrefix(text, byteOrderMark)) {
			if line.entry == "" {
				continue
			}
			r := Remark{Line: line.number}
			if p, ok := line.parse(); !ok {
				r.Err = line.explain()
			} else if r.Entry, r.Risks = line.entry, risksOf(p, open); r.Risks == 0 {
				continue
			}
			if !yield(r) {
				return
			}
		}
	}
}

// line is a line of a list.
type line struct {
	number      int // from 1
	text        string
	entry, rest string // as of splitLine
}

// eachLine yields the lines of a list.
func eachLine(text string) iter.Seq[line] {
	return func(yield func(line) bool) {
		for number, rest := 1, text; rest != ""; number++ {
			l := line{number: number}
			l.text, rest, _ = strings.Cut(rest, "\n")
			if l.entry, l.rest = splitLine(l.text); !yield(l) {
				return
			}
		}
	}
}

// splitLine returns the entry at the start of a line, and what follows it: a
// comment in a good line.
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

// parse parses the entry of a line, and reports whether the line is good.
func (l *line) parse() (p Pattern, ok bool) {
	if l.rest != "" && l.rest[0] != '#' {
		return p, false
	}
	p, ok = parsePattern(l.entry)
	return p, ok && !p.anyHost
}

// explain returns what is wrong with a line that parse refuses.
func (l *line) explain() *ListError {
	err := l.reason()
	err.Entry = strings.ToValidUTF8(strings.TrimSuffix(l.text[:min(len(l.text), maxQuote)], "\r"), "\uFFFD")
	return &ListError{l.number, err}
}

// reason is explain without the place.
func (l *line) reason() *Error {
	if l.rest != "" && l.rest[0] != '#' || strings.Contains(l.entry, ",") {
		return &Error{Reason: "has more than one entry", Advice: "write one origin a line, and # before a comment"}
	}
	p, ok := parsePattern(l.entry)
	switch {
	case l.entry == "*":
		return &Error{Reason: "allows every origin, which a list cannot", Advice: "write allow_origins *"}
	case l.entry == Null:
		return &Error{Reason: "is the opaque origin, which every sandboxed page has, and a list cannot allow it", Advice: "remove it"}
	case ok && p.anyHost:
		return &Error{Reason: "allows a whole scheme, which a list cannot", Advice: "write it in allow_origins"}
	case len(l.entry) > maxQuote: // the correction would quote it
		return &Error{Reason: "is not a valid origin"}
	}
	return explain(l.entry)
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
