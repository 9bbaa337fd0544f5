package fetch

import "golang.org/x/net/http/httpguts"

// IsToken reports whether s is a token (RFC 9110, section 5.6.2). Methods and names of
// headers are tokens.
func IsToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }

// lower returns a name with its ASCII letters in lower case. strings.ToLower takes the
// Kelvin sign for a k, and any byte that is not UTF-8 for another one.
func lower(name string) string {
	for i := range len(name) {
		if lowerByte(name[i]) != name[i] {
			b := []byte(name)
			for ; i < len(b); i++ {
				b[i] = lowerByte(b[i])
			}
			return string(b)
		}
	}
	return name
}

// equal reports whether two names differ at most in the case of ASCII letters
// (RFC 9110, section 5.1), as lower has it.
func equal(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}
