package fetch

import "golang.org/x/net/http/httpguts"

// IsToken reports whether s is a token (RFC 9110, section 5.6.2). Methods and names of
// headers are tokens.
func IsToken(s string) bool { return httpguts.ValidHeaderFieldName(s) }
