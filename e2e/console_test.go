package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var chromiumComplaints = map[reason]string{
	lacksOrigin:      "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
	lacksCredentials: "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
	isWildcard:       "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
	lacksMethod:      "Method %s is not allowed by Access-Control-Allow-Methods in preflight response.",
	lacksField:       "Request header field %s is not allowed by Access-Control-Allow-Headers in preflight response.",
}

// Firefox never says which method is missing.
var firefoxComplaints = map[reason]string{
	lacksOrigin:      "(Reason: CORS header ‘Access-Control-Allow-Origin’ missing)",
	lacksCredentials: "(Reason: expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’)",
	isWildcard:       "(Reason: Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’)",
	lacksMethod:      "(Reason: Did not find method in CORS header ‘Access-Control-Allow-Methods’)",
	lacksField:       "(Reason: header ‘%s’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response)",
}

// WebKit spells names of fields as the page does, the others in lower case.
var webkitComplaints = map[reason]string{
	lacksOrigin:      "is not allowed by Access-Control-Allow-Origin. Status code: ",
	failsPreflight:   "Preflight response is not successful. Status code: 403",
	lacksCredentials: `Credentials flag is true, but Access-Control-Allow-Credentials is not "true".`,
	isWildcard:       "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
	lacksMethod:      "Method %s is not allowed by Access-Control-Allow-Methods.",
	lacksField:       "Request header field %s is not allowed by Access-Control-Allow-Headers.",
}

// blocked matches what browsers say on the console of CORS.
var blocked = regexp.MustCompile(`CORS|Cross-Origin|Access-Control|access control|Preflight`)

// complaint returns what a browser says on the console about a cell, if anything.
func (b *browser) complaint(c *cell) string {
	reason, name := c.refused(b)
	text := b.complaints[reason]
	if reason == lacksField && b.Name != "webkit" {
		name = strings.ToLower(name)
	}
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, name)
	}
	return text
}

// judgeConsole checks what was said on the console about a cell: what it lacks,
// once, and nothing if it lacks nothing.
func (b *browser) judgeConsole(t *testing.T, c *cell, said []string) {
	t.Helper()
	said = slices.DeleteFunc(said, func(text string) bool { return !blocked.MatchString(text) })
	if want := b.complaint(c); want != "" && !b.nameless(c.call) {
		n := len(said)
		said = slices.DeleteFunc(said, func(text string) bool { return strings.Contains(text, want) })
		if n-len(said) != 1 {
			t.Errorf("%s: on the console %d times, want once: %s", c, n-len(said), want)
		}
		// Firefox adds this, with the status null.
		said = slices.DeleteFunc(said, func(text string) bool { return strings.Contains(text, "(Reason: CORS request did not succeed)") })
	}
	for _, text := range said {
		t.Errorf("%s: unexpected on the console: %s", c, text)
	}
}

// cellInURL matches the cell in a URL of a message on the console.
var cellInURL = regexp.MustCompile(`\?cell=(\d+)`)

// byCell returns the messages on the console, by the cell in their URL.
func (s *session) byCell() map[int][]string {
	said := make(map[int][]string)
	for _, text := range s.Messages() {
		if m := cellInURL.FindStringSubmatch(text); m != nil {
			id, _ := strconv.Atoi(m[1])
			said[id] = append(said[id], text)
		}
	}
	return said
}

// waitFor waits for a message with the text in it about a cell, for as long as
// that may take, and returns all about the cell.
func (s *session) waitFor(cell int, text string) []string {
	for deadline := time.After(aftermath); ; {
		said := s.byCell()[cell]
		if text == "" || contain(said, text) {
			return said
		}
		select {
		case <-s.Said():
		case <-deadline:
			return said
		}
	}
}

// contain reports whether one of the messages has the text in it.
func contain(messages []string, text string) bool {
	return slices.ContainsFunc(messages, func(m string) bool { return strings.Contains(m, text) })
}
