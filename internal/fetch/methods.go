package fetch

import (
	"fmt"
	"slices"
	"strings"
)

// Methods that are told apart from misspelled ones: those of RFC 9110 and PATCH.
var standardMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

// https://fetch.spec.whatwg.org/#forbidden-method
var forbiddenMethods = []string{"CONNECT", "TRACE", "TRACK"}

// CheckMethod returns an error if m cannot be the method of a request that a
// browser sends for a page: it is no token, it is a forbidden method
// (https://fetch.spec.whatwg.org/#forbidden-method), or it is a standard method
// in the wrong case. Methods are case-sensitive.
func CheckMethod(m string) error {
	if !IsToken(m) {
		return fmt.Errorf("method %q is not a token: write methods such as PUT, separated by spaces", m)
	}
	upper := strings.ToUpper(m)
	switch {
	case IsForbiddenMethod(m):
		return fmt.Errorf("method %q is forbidden: browsers never send it: remove it", m)
	case upper != m && slices.Contains(standardMethods, upper):
		return fmt.Errorf("method %q is not %s: methods are case-sensitive: write %s", m, upper, upper)
	}
	return nil
}

// IsForbiddenMethod reports whether m is a forbidden method, in any case
// (https://fetch.spec.whatwg.org/#forbidden-method).
func IsForbiddenMethod(m string) bool {
	return slices.Contains(forbiddenMethods, strings.ToUpper(m))
}

// IsSafelistedMethod reports whether m is a CORS-safelisted method
// (https://fetch.spec.whatwg.org/#cors-safelisted-method), which no page needs
// permission for.
func IsSafelistedMethod(m string) bool {
	return m == "GET" || m == "HEAD" || m == "POST"
}
