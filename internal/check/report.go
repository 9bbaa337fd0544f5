package check

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// Verdict is the result of the call. The set is closed.
type Verdict string

const (
	// Readable: the page gets the response.
	Readable Verdict = "readable"
	// Allowed: the preflight permits the request, which was not sent.
	Allowed Verdict = "allowed"
	// Blocked: the page gets an error.
	Blocked Verdict = "blocked"
	// Unknown: there was no response, or only a response that was not asked for can tell.
	Unknown Verdict = "unknown"
)

// Report tells what happened in a check. Whatever the server sends, no text in it is
// too long to read or has characters that control a terminal.
type Report struct {
	Origin      string  `json:"origin"`
	Method      string  `json:"method"`
	URL         string  `json:"url"`
	Credentials bool    `json:"credentials"`
	Steps       []*Step `json:"steps"`
	Verdict     Verdict `json:"verdict"`

	// If blocked: the first check that failed, the message on the console of
	// the browser, and the lines of a Caddyfile that put it right.
	Code    browser.Code `json:"code,omitempty"`
	Browser browser.Name `json:"browser,omitempty"`
	Message string       `json:"message,omitempty"`
	Fix     string       `json:"fix,omitempty"`

	// If readable: the names of the response's headers.
	Readable []string `json:"readable,omitempty"`
	Hidden   []string `json:"hidden,omitempty"`

	// If unknown: why.
	Error string `json:"error,omitempty"`

	Warnings []string `json:"warnings,omitempty"`
}

// Step is a request and its response.
type Step struct {
	Name     string   `json:"step"`             // preflight, or request
	Times    int      `json:"times,omitempty"`  // how often, if more than once
	Reason   string   `json:"reason,omitempty"` // why there is a preflight
	Method   string   `json:"method"`
	URL      string   `json:"url"`
	Sent     []Field  `json:"sent"`
	Status   int      `json:"status,omitempty"` // 0 without a response
	Received []Field  `json:"received"`
	Checks   []Result `json:"checks"`
	MaxAge   *int64   `json:"max_age,omitempty"` // how many seconds a browser may keep the response
}

// Field is a header and its value.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Result is the result of one check.
type Result struct {
	Passed bool         `json:"passed"`
	Text   string       `json:"text"`
	Code   browser.Code `json:"code,omitempty"`
	Cause  string       `json:"cause,omitempty"` // why, probably
	Fix    string       `json:"fix,omitempty"`   // lines of a Caddyfile
}

func newReport(r *browser.Request) *Report {
	return &Report{Origin: r.Origin, Method: r.Method, URL: shown(r.URL().String()), Credentials: r.Credentials, Steps: []*Step{}}
}

func (rep *Report) step(name, method string, r *browser.Request) *Step {
	s := &Step{Name: name, Method: method, URL: shown(r.URL().String()), Sent: []Field{}, Received: []Field{}, Checks: []Result{}}
	if name == "preflight" {
		var reasons []string
		if !fetch.IsSafelistedMethod(r.Method) {
			reasons = append(reasons, "the method "+r.Method)
		}
		if names := r.UnsafeHeaders(); len(names) > 0 {
			reasons = append(reasons, strings.Join(names, ", "))
		}
		if len(reasons) == 0 {
			reasons = append(reasons, "a request that needs one")
		}
		s.Reason = strings.Join(reasons, " and ")
	}
	rep.Steps = append(rep.Steps, s)
	return s
}

// collapse removes the last step if an earlier one was the same, as in a loop of
// redirects, and counts it there. It returns the step that the report has.
func (rep *Report) collapse(last *Step) *Step {
	for _, s := range rep.Steps {
		if s != last && s.Name == last.Name && s.Method == last.Method && s.URL == last.URL && s.Status == last.Status &&
			slices.Equal(s.Sent, last.Sent) && slices.Equal(s.Received, last.Received) && slices.Equal(s.Checks, last.Checks) {
			s.Times = max(s.Times, 1) + 1
			rep.Steps = rep.Steps[:len(rep.Steps)-1]
			return s
		}
	}
	return last
}

func (rep *Report) warn(text string) {
	if !slices.Contains(rep.Warnings, text) {
		rep.Warnings = append(rep.Warnings, text)
	}
}

// block ends a check with a failure.
func (p *run) block(r *browser.Request, step *Step, f *browser.Failure) {
	p.Verdict, p.Code, p.Browser = Blocked, f.Code, p.check.Browser
	if p.Browser == "" {
		p.Browser = browser.Chromium
	}
	brief := *f
	brief.Value, brief.Target = shown(f.Value), shown(f.Target)
	lines := strings.Split(r.Message(p.Browser, &brief), "\n")
	for i, line := range lines {
		lines[i] = limited(line, 2000)
	}
	p.Message = strings.Join(lines, "\n")
	for _, result := range step.Checks {
		if result.Code == f.Code {
			p.Fix = result.Fix
			break
		}
	}
}

// fieldsOf notes which headers of the response the page may read.
func (rep *Report) fieldsOf(r *browser.Request, res browser.Response) {
	readable := r.Readable(res)
	rep.Readable = few(readable)
	var hidden []string
	for name := range res.Header {
		if lower := strings.ToLower(name); !slices.Contains(readable, lower) && !fetch.IsForbiddenResponseField(name) && !isOfCORS(name) {
			hidden = append(hidden, lower)
		}
	}
	slices.Sort(hidden)
	rep.Hidden = few(hidden)
}

func isOfCORS(name string) bool {
	return strings.HasPrefix(name, fetch.ResponsePrefix) || name == fetch.Vary || name == fetch.TimingAllowOrigin
}

// few returns the names, and only the first ones if they are too many to read.
func few(names []string) []string {
	const most = 50
	var list []string
	for i, name := range names {
		if i == most {
			return append(list, fmt.Sprintf("… %d more", len(names)-most))
		}
		list = append(list, shown(name))
	}
	return list
}

// sentFields returns the headers that the page or CORS adds to a request, without
// those that say nothing. Values that may be secrets are replaced by an ellipsis.
func sentFields(h http.Header) []Field {
	fields := []Field{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			switch {
			case name == "Accept" && value == "*/*":
				continue
			case name != fetch.Origin && !strings.HasPrefix(name, fetch.ResponsePrefix) && name != "Content-Type" && !browser.IsSafelisted(name, value):
				value = "…"
			}
			fields = append(fields, Field{shown(name), shown(value)})
		}
	}
	return fields
}

// receivedFields returns the headers of a response that explain the verdict.
func receivedFields(h http.Header) []Field {
	const most = 30
	fields := []Field{}
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if !isOfCORS(name) && name != "Location" && name != "Www-Authenticate" && name != "Allow" {
			continue
		}
		for _, value := range h[name] {
			if len(fields) == most {
				return append(fields, Field{"…", "more"})
			}
			fields = append(fields, Field{shown(name), shown(value)})
		}
	}
	return fields
}

// shown returns a value cleaned and shortened, so that it can be printed.
func shown(s string) string { return limited(s, 400) }

// limited returns a text cleaned, and cut off if it is longer than most bytes.
func limited(s string, most int) string {
	if len(s) <= most {
		return Clean(s)
	}
	cut := s[:most]
	for !utf8.ValidString(cut) && len(cut) > most-utf8.UTFMax {
		cut = cut[:len(cut)-1]
	}
	return fmt.Sprintf("%s… (%d bytes)", Clean(cut), len(s))
}

// Clean escapes characters that are not printable. Foreign text must not move the
// cursor, reverse the text, or print a line that looks like one of ours.
func Clean(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case unicode.IsPrint(c):
			b.WriteRune(c)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(c), "'"))
		}
		s = s[size:]
	}
	return b.String()
}
