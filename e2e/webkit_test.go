package e2e

import (
	"slices"
	"strings"
)

// nameless reports whether WebKit does not name the URL in messages about a call:
// where it loads scripts it says only why.
func (b *browser) nameless(c *call) bool {
	return b.Name == "webkit" && slices.Contains([]string{"anonymous script", "module with credentials", "import"}, c.way)
}

// scriptDenied follows the reason where a script is not a module.
const scriptDenied = "Cross-origin script load denied by Cross-Origin Resource Sharing policy."

// owed returns how often something is still to be said without a URL, or, where
// that is less than zero, was said too often.
func (s *site) owed(b *browser, session *session) map[string]int {
	owed := make(map[string]int)
	if b.Name != "webkit" {
		return owed
	}
	for _, c := range s.cells {
		text := b.complaint(c)
		// A message about a beacon is repeated, with the URL.
		if text == "" || !b.nameless(c.call) && c.call.way != "beacon" {
			continue
		}
		owed[text]++
		if c.call.way == "anonymous script" {
			owed[scriptDenied]++
		}
	}
	for _, text := range session.Messages() {
		if strings.Contains(text, " cannot load ") || strings.Contains(text, "Cannot load ") || !blocked.MatchString(text) {
			continue
		}
		for want := range owed {
			if strings.Contains(text, want) {
				text = want
			}
		}
		owed[text]--
	}
	return owed
}
