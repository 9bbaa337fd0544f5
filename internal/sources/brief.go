package sources

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// maxForeign is how much is kept, logged or shown of a text that a server or
// another program has written, in bytes.
const maxForeign = 256

// Brief returns an error that is at most 256 bytes long. Errors of net/http quote
// what a server sends, which may be very long. An error that is cut does not keep
// the original, which would keep the memory.
func Brief(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) <= maxForeign {
		return err
	}
	const more = "…"
	n := maxForeign - len(more)
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return errors.New(strings.Clone(text[:n]) + more)
}
