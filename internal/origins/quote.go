package origins

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxQuoted is the longest text that is quoted whole, in bytes.
	maxQuoted = 256
	// maxCut is how much is quoted of a longer one.
	maxCut = 64
)

// Quote returns s in quotes for a message, as it is to be copied: with no
// backslash before another one. It escapes s only if a quote or a character that
// does not print is in it, and shows only the beginning of a very long one.
func Quote(s string) string {
	cut := ""
	if len(s) > maxQuoted {
		n := maxCut
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, cut = s[:n], "…"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == utf8.RuneError || !unicode.IsPrint(r) }) {
		return strconv.Quote(s) + cut
	}
	return `"` + s + `"` + cut
}
