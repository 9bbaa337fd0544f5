// Package explain reads the messages about CORS that browsers print on their consoles.
// It recognizes the messages of Chromium, Firefox and WebKit, explains them, and says
// what to write in a Caddyfile or in the page.
package explain

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// MaxText is the length of the longest text that Recognize reads, in bytes.
const MaxText = 64 << 10

// Message is a message of a browser. Fields that the message does not name, or that are
// not valid, are empty. All of them can be printed as they are.
type Message struct {
	Browser   string
	Code      browser.Code
	Text      string // as the browser prints it, with words in braces for what differs
	Preflight bool   // it is about the response to a preflight

	Origin         string // of the page
	URL            string // that the browser called last
	RedirectedFrom string // the URL that the page called, if there was a redirect
	RedirectTo     string // the URL of a redirect that the browser did not follow
	Method         string
	Header         string // the name of a header that the page sets
	Value          string // the value of a header of the response
	Status         int    // of the response

	More int // how many other messages the text has
}

// found is a match of a known message in a text.
type found struct {
	*known
	start, end int
	fields     map[string]string
	head       *head
}

// Recognize returns the message in a text that tells most, and the first of those. It
// returns nil if there is none. A text that is longer than MaxText is cut off.
func Recognize(text string) *Message {
	text = text[:min(len(text), MaxText)]
	line := normalize(text)
	heads := findHeads(line)
	list := find(line, heads)
	if len(list) == 0 {
		if m := recognizeCut(text); m != nil {
			return m
		}
		if m := recognizeHead(line, heads); m != nil {
			return m
		}
		return recognizeTranslated(line)
	}
	best := list[0]
	if best.rank != specific {
		// The reason can be cut off, while a vague message beside it is whole.
		if m := recognizeCut(text); m != nil {
			return m
		}
		if best.head == nil && len(heads) > 0 {
			return recognizeHead(line, heads)
		}
	}
	m := best.message(line)
	others := map[string]bool{}
	for _, f := range list {
		if f.rank == specific {
			other := f.message(line)
			others[string(other.Code)+" "+other.URL+" "+other.Origin] = true
		}
	}
	m.More = max(len(others)-1, 0)
	return m
}

// find returns the known messages in a normalized text: the specific ones first, in the
// order of the text.
func find(line string, heads []*head) (list []*found) {
	const most = 50 // of each known message
	lower := strings.ToLower(line)
	for i := range messages() {
		k := &messages()[i]
		if !strings.Contains(lower, k.anchor) {
			continue
		}
		for _, at := range k.pattern.FindAllStringSubmatchIndex(line, most) {
			f := &found{known: k, start: at[0], end: at[1], fields: map[string]string{}}
			for j, name := range k.fields {
				f.fields[name] = line[at[2*j+2]:at[2*j+3]]
			}
			if len(k.fields) > 0 && k.literals[len(k.fields)] == "" { // the end of a sentence, or of a quotation
				last := k.fields[len(k.fields)-1]
				f.fields[last] = strings.TrimRight(f.fields[last], ".,;)]}'")
			}
			if f.code == NoResponse && strings.EqualFold(f.fields["word"], "FAILED") {
				continue // Chromium prints it beside every message about CORS
			}
			for _, h := range heads {
				if h.end <= f.start+len("CORS policy: ") && f.start-h.end < 100 {
					f.head = h
				}
			}
			list = append(list, f)
		}
	}
	slices.SortStableFunc(list, func(a, b *found) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		if a.start != b.start {
			return a.start - b.start
		}
		return b.end - a.end
	})
	// Of messages that overlap, the first and longest counts.
	kept := list[:0]
	for _, f := range list {
		if len(kept) == 0 || kept[len(kept)-1].rank != f.rank || f.start >= kept[len(kept)-1].end {
			kept = append(kept, f)
		}
	}
	return kept
}

// message returns the message, with all that the text around it tells.
func (f *found) message(line string) *Message {
	m := &Message{Browser: f.browser, Code: f.code, Text: f.text}
	if f.head != nil {
		f.head.fill(m)
		m.Preflight = strings.Contains(strings.ToLower(line[f.head.end:max(f.head.end, f.start)]), "preflight")
	}
	m.Preflight = m.Preflight || strings.Contains(strings.ToLower(f.text), "preflight") || slices.Contains(ofPreflight, f.code)
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&m.URL, f.fields["url"])
	set(&m.Origin, f.fields["origin"])
	if page, err := url.Parse(f.fields["page"]); err == nil && page.Host != "" {
		set(&m.Origin, page.Scheme+"://"+page.Host)
	}
	m.Method, m.Header, m.RedirectTo = f.fields["method"], f.fields["header"], f.fields["to"]
	m.Value = f.fields["value"]
	if m.Value == "" {
		m.Value = f.fields["word"]
	}
	if status := statusAfter().FindStringSubmatch(line[f.end:]); status != nil {
		m.Status, _ = strconv.Atoi(status[1] + status[2])
	} else if f.fields["status"] != "" {
		m.Status, _ = strconv.Atoi(f.fields["status"])
	}
	f.look(line, m)
	m.clean()
	m.refine()
	return m
}

// ofPreflight are the codes of failures that only preflights have.
var ofPreflight = []browser.Code{
	browser.PreflightRedirect, browser.PreflightStatus, browser.MalformedAllowMethods, browser.MalformedAllowHeaders,
	browser.MethodNotAllowed, browser.HeaderNotAllowed, browser.WildcardAuthorization, PrivateNetwork,
}

var (
	statusAfter  = lazy(`(?i)^(?:[^:]{0,20}\. status code: (\d{3})| (\d{3}) \()`)
	redirectedTo = lazy(`(?i)(?:cross-origin redirection to (\S+) denied by cross-origin resource sharing policy|redirect from \S+ to (\S+) has been blocked by cors policy): $`)
	networkCall  = lazy(`\b([A-Z]{3,10}) (\S+) $`)
	// Messages that stand beside the one that tells the reason.
	besides = lazy(`(?i)(?:cannot|failed to) load (\S+?)(?: due to access control checks|[.:] )|\b[A-Z]+ (\S+) net::ERR_|origin (\S+) is therefore not allowed access`)
)

// look looks for what the message itself does not tell in the text around it: after
// it first, and then before it.
func (f *found) look(line string, m *Message) {
	before := line[max(f.start-4096, 0):f.start]
	if to := redirectedTo().FindStringSubmatch(before); to != nil {
		m.RedirectTo = to[1] + to[2]
	}
	if f.head != nil || m.URL != "" && m.Origin != "" {
		return // Firefox: other lines can be about other calls
	}
	if call := networkCall().FindStringSubmatch(before); call != nil && strings.HasPrefix(f.text, "net::") {
		m.Method, m.URL = call[1], call[2]
	}
	for _, part := range []string{line[f.start:min(len(line), f.end+4096)], before} {
		for _, at := range besides().FindAllStringSubmatch(part, 5) {
			if to := at[1] + at[2]; m.URL == "" && strings.Contains(to, ":") {
				m.URL = to
			}
			if m.Origin == "" {
				m.Origin = at[3]
			}
		}
	}
}

// clean removes what is not valid, so that nothing of a foreign text gets into a
// Caddyfile or onto a terminal.
func (m *Message) clean() {
	for _, field := range []*string{&m.URL, &m.RedirectedFrom, &m.RedirectTo} {
		if u, err := url.Parse(*field); err != nil || u.Scheme == "" || len(*field) > 2048 || check.Clean(*field) != *field {
			*field = ""
		}
	}
	if _, ok := origins.Parse(m.Origin); !ok && m.Origin != origins.Null {
		m.Origin = ""
	}
	if !fetch.IsToken(m.Method) || len(m.Method) > 100 {
		m.Method = ""
	}
	if !fetch.IsToken(m.Header) || len(m.Header) > 100 {
		m.Header = ""
	}
	m.Value = check.Clean(strings.TrimRight(m.Value, ".,) "))
	if len(m.Value) > 300 {
		m.Value = m.Value[:300] + "…"
	}
}

// refine tells apart the causes of one message.
func (m *Message) refine() {
	if m.Code == UnsupportedScheme && (m.Origin == origins.Null || strings.HasPrefix(m.URL, "file:")) {
		m.Code = FilePage
	}
	if m.Code == browser.PreflightStatus && m.Status >= 300 && m.Status <= 399 {
		m.Code = browser.PreflightRedirect // WebKit
	}
	if m.Code == UnsupportedScheme && m.RedirectedFrom != "" {
		m.Code = browser.InvalidRedirect
	}
	if m.Code == browser.AllowOriginMismatch && m.Browser == Firefox && strings.Contains(m.Text, "{value}") { // it does not tell these apart
		switch _, ok := origins.Parse(m.Value); {
		case strings.Contains(m.Value, ","):
			m.Code = browser.MultipleAllowOrigin
		case !ok && m.Value != origins.Null:
			m.Code = browser.InvalidAllowOrigin
		}
	}
	if m.Code == Unspecified && (strings.HasPrefix(m.URL, "ws:") || strings.HasPrefix(m.URL, "wss:")) {
		m.Code = WebSocket
	}
}
