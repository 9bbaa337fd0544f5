package explain

import (
	"strings"
	"unicode"
)

// escapes matches what colors a text on a terminal.
var escapes = lazy("\x1b\\[[0-9;]*[A-Za-z]")

// entities are the quotes that a text has after it was copied from HTML or JSON.
var entities = strings.NewReplacer(
	"&#39;", "'", "&#x27;", "'", "&apos;", "'", "&quot;", "'", "&lsquo;", "'", "&rsquo;", "'", "&ldquo;", "'", "&rdquo;", "'",
	`\"`, "'", `\'`, "'", "\\`", "'",
)

// normalize returns a text in one line with single spaces, without the characters that
// copying, shells and consoles change: quotes, control characters, invisible ones. A
// quote inside a word is kept, as in "doesn't" and in URLs.
func normalize(text string) string {
	text = strings.ReplaceAll(entities.Replace(escapes().ReplaceAllString(text, "")), "[Learn More]", " ") // Firefox's link
	runes := make([]rune, 0, len(text))
	for _, c := range text {
		switch {
		case isQuote(c):
			runes = append(runes, '\'')
		case unicode.IsSpace(c) || unicode.IsControl(c):
			runes = append(runes, ' ')
		case unicode.Is(unicode.Cf, c): // invisible
		default:
			runes = append(runes, c)
		}
	}
	// A quote is inside a word if the word has more than punctuation on both sides.
	inside := make([]bool, len(runes))
	started := false
	for i, c := range runes {
		inside[i] = started
		started = c != ' ' && (started || !strings.ContainsRune("'([{<", c))
	}
	continues := false
	for i := len(runes) - 1; i >= 0; i-- {
		inside[i] = inside[i] && continues
		continues = runes[i] != ' ' && (continues || !strings.ContainsRune("').,:;]}>…", runes[i]))
	}
	var b strings.Builder
	space := true // at the end of b
	for i, c := range runes {
		switch {
		case c == '\'' && !inside[i]:
		case c != ' ':
			b.WriteRune(c)
			space = false
		case !space:
			b.WriteByte(' ')
			space = true
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}

// isQuote reports whether a character is a quote of any kind.
func isQuote(c rune) bool {
	return strings.ContainsRune("'\"`´‘’‚‛“”„‟′″«»", c)
}
