package check

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// Colors of results, as a terminal takes them. The zero Colors are none.
type Colors struct{ good, bad, warning, end string }

// TerminalColors are those of ECMA-48.
var TerminalColors = Colors{good: "\x1b[32m", bad: "\x1b[31m", warning: "\x1b[33m", end: "\x1b[0m"}

// Print writes the report in words.
func (rep *Report) Print(w io.Writer, c Colors) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	credentials := "without"
	if rep.Credentials {
		credentials = "with"
	}
	line("A page of %s calls %s %s %s credentials.", rep.Origin, rep.Method, rep.URL, credentials)
	for _, s := range rep.Steps {
		s.print(line, c)
	}
	line("")
	switch rep.Verdict {
	case Readable:
		line("%sReadable.%s The page gets the status, the body, and %s.", c.good, c.end, names(rep.Readable))
		if len(rep.Hidden) > 0 {
			line("It does not get %s: expose_headers would name them.", names(rep.Hidden))
		}
	case Allowed:
		line("%sAllowed.%s The browser sends the request, which may change something and was not sent here;", c.good, c.end)
		line("whether the page may read the response, only the response can tell: --send sends it.")
	case Blocked:
		if rep.Code == browser.WildcardAuthorization {
			line("%sBlocked%s by the standard. Chromium still lets it pass, and warns:", c.bad, c.end)
			line("  %s", rep.Message)
			break
		}
		line("%sBlocked.%s Chromium's console says:", c.bad, c.end)
		line("  %s", rep.Message)
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
		line("Preflight, for %s:", s.Reason)
	} else {
		line("The request itself:")
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
		line("  The browser may keep this answer for %d s.", *s.MaxAge)
	}
}

// names joins names of fields.
func names(list []string) string {
	if len(list) == 0 {
		return "no field"
	}
	return strings.Join(list, ", ")
}
