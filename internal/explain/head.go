package explain

import (
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// head is the part of a message before the reason. It is the same for all reasons.
type head struct {
	browser                     string
	url, redirectedFrom, origin string
	end                         int // where the reason starts
}

func (h *head) fill(m *Message) {
	m.URL, m.RedirectedFrom, m.Origin = h.url, h.redirectedFrom, h.origin
}

// label returns the last words of the head, which the text of some messages has.
func (h *head) label() string {
	if h.browser == Firefox {
		return "Reason: "
	}
	return "CORS policy: "
}

var (
	// A terminal breaks a long URL in two lines, or in three.
	chromiumHead = lazy(`(?i)access to [a-z ]{1,40}? at (\S+?(?: \S+?){0,2}?) (?:\(redirected from (\S+?(?: \S+?){0,2}?)\) )?from origin (\S+?) has been blocked by CORS policy: ?`)
	firefoxHead  = lazy(`(?i)cross-origin request (?:blocked|warning): the same origin policy (?:will )?disallows? reading the remote resource at (\S+?)(?: soon)?\. ?\(reason: ?`)
	// The head of a message that is cut off within it.
	cutHead = lazy(`(?i)access to [a-z ]{1,40}? at (\S+)(?: from origin (\S+))?|cross-origin request (?:blocked|warning): the same origin policy (?:will )?disallow(?:s reading the remote resource at (\S+)\. )?`)
)

// findHeads returns the heads in a normalized text, in their order.
func findHeads(line string) (heads []*head) {
	const most = 50
	for _, at := range chromiumHead().FindAllStringSubmatchIndex(line, most) {
		h := &head{browser: Chromium, url: joined(line[at[2]:at[3]]), origin: line[at[6]:at[7]], end: at[1]}
		if at[4] >= 0 {
			h.redirectedFrom = joined(line[at[4]:at[5]])
		}
		heads = append(heads, h)
	}
	for _, at := range firefoxHead().FindAllStringSubmatchIndex(line, most) {
		heads = append(heads, &head{browser: Firefox, url: line[at[2]:at[3]], end: at[1]})
	}
	return heads
}

// joined returns a URL that was broken into lines.
func joined(url string) string { return strings.ReplaceAll(url, " ", "") }

// translated matches a message of Firefox in another language than English: the reason
// follows a colon, mostly in parentheses, and names CORS in every language.
var translated = lazy(`[(（][^()（）:：]{1,30}[:：] ?[^()（）:：]{0,80}CORS|\pL ?[:：] [^:：]{0,40}CORS .*Access-Control-`)

var anyURL = lazy(`\bhttps?://[^\s<>()（）]+`)

// textTranslated stands for messages in other languages.
const textTranslated = "Cross-Origin Request Blocked, in another language"

// recognizeTranslated returns the message of a text in another language. It tells
// nothing but the URL.
func recognizeTranslated(line string) *Message {
	to := anyURL().FindString(line)
	if to == "" || !translated().MatchString(line) {
		return nil
	}
	m := &Message{Browser: Firefox, Code: Unspecified, Text: textTranslated, URL: strings.TrimRight(to, ".,;")}
	m.clean()
	return m
}

// recognizeHead returns the message of a head whose reason is missing or unknown.
func recognizeHead(line string, heads []*head) *Message {
	m := &Message{Code: Unspecified}
	switch at := cutHead().FindStringSubmatch(line); {
	case len(heads) > 0:
		h := heads[0]
		m.Browser = h.browser
		m.Preflight = strings.HasPrefix(strings.ToLower(line[h.end:]), "response to pre")
		h.fill(m)
	case at == nil:
		return nil
	case at[1] != "":
		m.Browser = Chromium
		// A URL or an origin at the end of the text can be cut off.
		if !strings.HasSuffix(line, at[0]) {
			m.URL, m.Origin = at[1], at[2]
		} else if at[2] != "" {
			m.URL = at[1]
		}
	default:
		m.Browser, m.URL = Firefox, at[3]
	}
	m.Text = map[string]string{
		Chromium: "Access to fetch at '{url}' from origin '{origin}' has been blocked by CORS policy",
		Firefox:  "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at {url}",
	}[m.Browser]
	m.clean()
	return m
}

// ofResponse is what Chromium prints before the reason if a preflight fails.
const ofResponse = "Response to preflight request doesn't pass access control check: "

// recognizeCut returns the message of a reason that is cut off, as the consoles and the
// tickets that people copy from do. It returns nil if the rest does not tell one reason.
func recognizeCut(text string) *Message {
	for part := range strings.Lines(text) {
		line := strings.TrimRight(normalize(part), ".… ")
		heads := findHeads(line)
		if len(heads) == 0 {
			continue
		}
		h := heads[len(heads)-1]
		reason, preflight := strings.CutPrefix(line[h.end:], ofResponse)
		if strings.HasPrefix(ofResponse, reason) {
			continue
		}
		matches := map[browser.Code]*Message{}
		for i := range messages() {
			k := &messages()[i]
			fields, ok := k.startsWith(reason)
			if !ok {
				fields, ok = k.startsWith(h.label() + reason)
			}
			if ok && k.browser == h.browser && k.rank == specific && len(reason) >= 8 {
				m := &Message{Browser: h.browser, Code: k.code, Text: k.text, Preflight: preflight || slices.Contains(ofPreflight, k.code)}
				m.Method, m.Header, m.Value = fields["method"], fields["header"], fields["value"]
				matches[k.code] = m
			}
		}
		if len(matches) != 1 {
			continue
		}
		for _, m := range matches {
			h.fill(m)
			m.clean()
			m.refine()
			return m
		}
	}
	return nil
}

// startsWith reports whether a text is the beginning of the message, and returns the
// words in braces that are whole.
func (k *known) startsWith(text string) (fields map[string]string, ok bool) {
	fields = map[string]string{}
	for i, literal := range k.literals {
		text, literal = strings.TrimLeft(text, " "), strings.TrimSpace(literal)
		n := min(len(text), len(literal))
		if !strings.EqualFold(text[:n], literal[:n]) {
			return nil, false
		}
		text = strings.TrimLeft(text[n:], " ")
		if text == "" || i == len(k.fields) {
			return fields, true
		}
		end := strings.IndexByte(text, ' ')
		if k.fields[i] == "value" {
			end = strings.Index(text, strings.TrimSpace(k.literals[i+1]))
		}
		if end < 0 {
			return fields, true
		}
		fields[k.fields[i]] = strings.TrimSpace(text[:end])
		text = text[end:]
	}
	return fields, true
}
