package explain

import (
	"strings"
	"unicode"
)

// Nearest returns the known message about CORS that has most of its words in the text, or
// "" if no message has more than a third of its words there.
func Nearest(text string) string {
	words := map[string]bool{}
	for word := range wordsOf(text[:min(len(text), MaxText)]) {
		words[word] = true
	}
	best, nearest := 0.34, ""
	for i := range texts {
		all, common := 0, 0
		for word := range wordsOf(brace().ReplaceAllString(texts[i].text, "")) {
			all++
			if words[word] {
				common++
			}
		}
		if score := float64(common) / float64(max(all, 3)); score > best {
			best, nearest = score, texts[i].text
		}
	}
	return nearest
}

// wordsOf returns the words of a text, without those that all texts have.
func wordsOf(text string) map[string]bool {
	words := map[string]bool{}
	for _, word := range strings.FieldsFunc(strings.ToLower(normalize(text)), func(c rune) bool {
		return !unicode.IsLetter(c) && c != '-' && c != '_' && c != ':'
	}) {
		if word = strings.Trim(word, ":-"); len(word) > 3 {
			words[word] = true
		}
	}
	return words
}
