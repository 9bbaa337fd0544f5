package check

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// Colors are escape sequences for a terminal. The zero value prints no colors.
type Colors struct{ good, bad, warning, end string }

// TerminalColors are the colors of ECMA-48, which terminals know.
var TerminalColors = Colors{good: "\x1b[32m", bad: "\x1b[31m", warning: "\x1b[33m", end: "\x1b[0m"}

// Print writes the report as text.
func (rep *Report) Print(w io.Writer, c Colors) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	credentials := "without"
	if rep.Credentials {
		credentials = "with"
	}
	line("A page of %s calls %s %s %s credentials.", rep.Origin, rep.Method, rep.URL, credentials)
	const first, last = 3, 2 // of many redirects
	for i, s := range rep.Steps {
		switch hidden := len(rep.Steps) - first - last; {
		case hidden < 2 || i < first || i >= first+hidden:
			s.print(line, c)
		case i == first:
			line("\n%d more requests follow redirects like these. Use --json to print them all.", hidden)
		}
	}
	line("")
	switch rep.Verdict {
	case Readable:
		line("%sReadable.%s The page gets the status, the body, and %s.", c.good, c.end, names(rep.Readable))
		if len(rep.Hidden) > 0 {
			line("It does not get %s. List them in expose_headers if the page needs them.", names(rep.Hidden))
		}
	case Allowed:
		line("%sAllowed.%s The preflight permits the request. The request may change something, so it was not sent.", c.good, c.end)
		line("Only its response can tell whether the page may read it. Use caddy cors check --send to send it.")
	case Blocked:
		name := rep.Browser.Title()
		switch {
		case rep.Code == browser.WildcardAuthorization && rep.Message == "":
			line("%sBlocked%s by the standard. %s still allows the request, and prints no warning.", c.bad, c.end, name)
		case rep.Code == browser.WildcardAuthorization:
			line("%sBlocked%s by the standard. %s still allows the request, and warns:", c.bad, c.end, name)
		default:
			line("%sBlocked.%s %s's console says:", c.bad, c.end, name)
		}
		for text := range strings.Lines(rep.Message) {
			line("  %s", strings.TrimSuffix(text, "\n"))
		}
	case Unknown:
		line("%sUnknown.%s %s", c.bad, c.end, rep.Error)
	}
	for _, text := range rep.Warnings {
		line("%sWarning:%s %s.", c.warning, c.end, text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Step) print(line func(string, ...any), c Colors) {
	line("")
	if s.Name == "preflight" {
		line("Preflight%s, for %s:", s.times(), s.Reason)
	} else {
		line("The request itself%s:", s.times())
	}
	line("  > %s %s", s.Method, s.URL)
	for _, f := range s.Sent {
		line("  > %s: %s", f.Name, f.Value)
	}
	if s.Status == 0 {
		return
	}
	line("  < %s", strings.TrimSpace(fmt.Sprintf("%d %s", s.Status, http.StatusText(s.Status))))
	for _, f := range s.Received {
		line("  < %s: %s", f.Name, f.Value)
	}
	for _, r := range s.Checks {
		if r.Passed {
			line("  %sok%s      %s", c.good, c.end, r.Text)
			continue
		}
		line("  %sfailed%s  %s", c.bad, c.end, r.Text)
		if r.Cause != "" {
			line("          %s", r.Cause)
		}
		if r.Fix != "" {
			line("          Caddyfile: %s", strings.ReplaceAll(r.Fix, "\n", "\n                     "))
		}
	}
	if s.MaxAge != nil {
		line("  The browser may keep this response for %d s.", *s.MaxAge)
	}
}

// times returns how often the step happened, if more than once.
func (s *Step) times() string {
	if s.Times == 0 {
		return ""
	}
	return fmt.Sprintf(", %d times", s.Times)
}

// names joins names of headers.
func names(list []string) string {
	if len(list) == 0 {
		return "no header"
	}
	return strings.Join(list, ", ")
}
