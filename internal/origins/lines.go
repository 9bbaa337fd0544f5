package origins

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxLines is how many lines of a list a message names.
const maxLines = 10

// Lines are lines of a text, for a message that names the first ones and counts
// the others.
type Lines struct {
	First []int // in ascending order, at most 10
	Count int   // of all
}

func (l *Lines) add(number int) {
	if l.Count++; len(l.First) < maxLines {
		l.First = append(l.First, number)
	}
}

// String returns the lines in words, such as "lines 3, 7 and 12 more".
func (l Lines) String() string {
	more := l.Count - len(l.First)
	if l.Count == 1 {
		return fmt.Sprint("line ", l.First[0])
	}
	words := make([]string, 0, len(l.First)+1)
	for _, number := range l.First {
		words = append(words, strconv.Itoa(number))
	}
	if more > 0 {
		words = append(words, fmt.Sprint(more, " more"))
	}
	last := len(words) - 1
	return "lines " + strings.Join(words[:last], ", ") + " and " + words[last]
}

// Risks are what a policy with credentials may object to in an entry.
type Risks uint8

// The risks.
const (
	RiskInsecure Risks = 1 << iota // it admits an insecure origin
	RiskOpen                       // strangers can obtain an origin that it admits
	numRisks
)

// risksOf returns the risks of a pattern.
func risksOf(p Pattern, open func(Pattern) bool) (r Risks) {
	if p.Insecure() {
		r |= RiskInsecure
	}
	if open(p) {
		r |= RiskOpen
	}
	return r
}

// Risky returns the lines whose entries have one of the given risks.
func (l *List) Risky(risks Risks) (lines Lines) {
	for r, of := range l.risks {
		if Risks(r)&risks != 0 {
			lines.First = append(lines.First, of.First...)
			lines.Count += of.Count
		}
	}
	slices.Sort(lines.First)
	lines.First = lines.First[:min(len(lines.First), maxLines)]
	return lines
}
