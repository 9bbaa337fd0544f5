package explain

import (
	"fmt"
	"io"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// Print writes the explanation as text.
func (e *Explanation) Print(w io.Writer, c check.Colors) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", e.Meaning)
	for _, f := range e.Fixes {
		fmt.Fprintf(&b, "\n%s:\n", f.When)
		for line := range strings.Lines(f.Caddyfile + f.Page) {
			fmt.Fprintf(&b, "\t%s", line)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\nMore: %s\n", e.Page)
	switch e.More {
	case 0:
	case 1:
		b.WriteString("The text has another message. Paste it alone to have it explained.\n")
	default:
		fmt.Fprintf(&b, "The text has %d other messages. Paste one alone to have it explained.\n", e.More)
	}
	if e.Error != "" {
		fmt.Fprintf(&b, "\nThe server was not asked: %s.\n", e.Error)
	}
	if e.Check != nil {
		b.WriteString("\nThe server was asked just now.\n\n")
	}
	if _, err := io.WriteString(w, b.String()); err != nil || e.Check == nil {
		return err
	}
	if err := e.Check.Print(w, c); err != nil {
		return err
	}
	if e.Check.Verdict != check.Readable && e.Check.Verdict != check.Allowed {
		return nil
	}
	_, err := io.WriteString(w, "\nThe server allows this call now. If the page still fails, empty the browser's cache, which keeps responses to\npreflights, and compare the method, the headers and the credentials of the call with those above.\n")
	return err
}

// Unrecognized is the result for a text that has no message that is known.
type Unrecognized struct {
	Error   string `json:"error"`
	Nearest string `json:"nearest,omitempty"` // the known message that resembles the text most
	Page    string `json:"documentation"`
}

// NewUnrecognized returns the result for a text.
func NewUnrecognized(text string) *Unrecognized {
	return &Unrecognized{Error: "the text is not a message about CORS that this command knows", Nearest: Nearest(text), Page: documentation}
}

// Print writes the result as text.
func (u *Unrecognized) Print(w io.Writer, _ check.Colors) error {
	_, err := io.WriteString(w, u.String()+"\n")
	return err
}

// String returns the result as text.
func (u *Unrecognized) String() string {
	if u.Nearest == "" {
		return u.Error + "; the messages that it knows are in " + u.Page
	}
	return u.Error + "; the nearest is:\n  " + u.Nearest + "\nAll messages: " + u.Page
}
