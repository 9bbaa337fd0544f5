package explain

import (
	"context"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// Explanation is what there is to say about a message.
type Explanation struct {
	Browser string       `json:"browser"`
	Code    browser.Code `json:"code"`
	Message string       `json:"message"` // as the browser prints it, with words in braces for what differs
	Origin  string       `json:"origin,omitempty"`
	URL     string       `json:"url,omitempty"`
	Meaning string       `json:"meaning"`
	Fixes   []Fix        `json:"fixes"`
	Page    string       `json:"documentation"` // the address of a page with more
	More    int          `json:"more,omitempty"`

	// Check is what the server answers now. Error is why it was not asked.
	Check *check.Report `json:"check,omitempty"`
	Error string        `json:"error,omitempty"`

	// Blocked: the server was not asked, since the browser blocks the call anyway.
	Blocked bool `json:"blocked,omitempty"`
}

// Fix is a way to put it right.
type Fix struct {
	When      string `json:"when"`                // in words
	Caddyfile string `json:"caddyfile,omitempty"` // lines of a Caddyfile
	Page      string `json:"page,omitempty"`      // what the page has to do
}

// documentation is the page with all messages.
const documentation = "https://github.com/seed-56c1dbac/caddy-cors/blob/main/docs/errors.md"

// Explain explains a message, without asking the server.
func (m *Message) Explain() *Explanation {
	a := advices[m.Code]
	e := &Explanation{
		Browser: m.Browser, Code: m.Code, Message: m.Text, Origin: m.Origin, URL: m.URL,
		Meaning: a.meaning(m), Fixes: []Fix{}, Page: documentation + "#" + anchor(m.section()), More: m.More,
	}
	e.Fixes = append(e.Fixes, a.fixes(m)...)
	return e
}

// section returns the heading in the documentation.
func (m *Message) section() string {
	if m.Code == browser.MissingAllowOrigin && m.Preflight {
		return "The response to a preflight allows no origin"
	}
	return advices[m.Code].section
}

// anchor returns the anchor of a heading on GitHub.
func anchor(heading string) string {
	return strings.ReplaceAll(notAnchor().ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

var notAnchor = lazy(`[^\w -]`)

// AskServer sends the call of the message to the server, with what c has beside it: the
// options of the user, which win over the message. It returns an error for options that
// are not valid.
func (e *Explanation) AskServer(ctx context.Context, m *Message, c check.Check) error {
	if slices.Contains(ofBrowser, m.Code) {
		e.Error, e.Blocked = "the browser blocks the call whatever the server answers", true
		return nil
	}
	if slices.Contains(notAsked, m.Code) || m.Browser == Node {
		e.Error = "a check of CORS cannot find the reason of this message"
		return nil
	}
	m.complete(&c)
	if m.Browser != "" {
		c.Browser = browser.Name(strings.ToLower(m.Browser))
	}
	switch {
	case c.URL == "" && c.Origin == "":
		e.Error = "the message names neither the URL nor the origin of the page; add --url https://api.example.com/items --origin https://app.example.com"
		return nil
	case c.URL == "":
		e.Error = "the message does not name the URL; add --url https://api.example.com/items"
		return nil
	case c.Origin == "":
		e.Error = "the message does not name the origin of the page; add --origin https://app.example.com"
		return nil
	}
	report, err := c.Run(ctx)
	e.Check = report
	return err
}

// ofBrowser are the codes of calls that the browser blocks whatever the server answers.
var ofBrowser = []browser.Code{UnsupportedScheme, FilePage, MixedContent, RequestMode, BrowserFault, ContentSecurityPolicy, Worker, Frame}

// notAsked are the codes of messages of which the answers about CORS tell nothing.
var notAsked = []browser.Code{NotExposed, ResourcePolicy, OpaqueResponse, ForbiddenHeader, WebSocket, Cookie, ReferrerPolicy}

// complete fills in what the message tells about the call.
func (m *Message) complete(c *check.Check) {
	if c.URL == "" {
		if c.URL = m.RedirectedFrom; c.URL == "" {
			c.URL = m.URL
		}
	}
	if c.Origin == "" {
		c.Origin = m.Origin
	}
	if c.Method == "" {
		c.Method = m.Method
	}
	if c.Method == "" {
		c.Method = "GET"
	}
	if m.Header != "" && len(c.Header.Values(m.Header)) == 0 {
		value := "1"
		if strings.EqualFold(m.Header, "Content-Type") {
			value = "application/json"
		}
		c.Header.Set(m.Header, value)
	}
	c.Credentials = c.Credentials || m.Code == browser.WildcardWithCredentials || m.Code == browser.InvalidAllowCredentials
	// With this, a response without Access-Control-Allow-Methods allows every method.
	c.Preflight = m.Preflight && fetch.IsSafelistedMethod(browser.NormalizeMethod(c.Method))
}
