package fetch

import (
	"fmt"
	"slices"
	"strings"
)

// standardMethods are the methods of RFC 9110 and PATCH. In another case, they are
// misspelled.
var standardMethods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}

// forbiddenMethods is https://fetch.spec.whatwg.org/#forbidden-method.
var forbiddenMethods = []string{"CONNECT", "TRACE", "TRACK"}

// CheckMethod returns an error if a browser cannot send a request with the method m for
// a page. Such an m is not a token, or it is a forbidden method
// (https://fetch.spec.whatwg.org/#forbidden-method). It also returns an error for a
// standard method in the wrong case, since methods are case-sensitive.
func CheckMethod(m string) error {
	upper := strings.ToUpper(m)
	switch {
	case strings.ContainsAny(m, "{}"):
		return fmt.Errorf("%q: placeholders are not replaced here; write methods such as PUT", m)
	case strings.ContainsRune(m, ',') && len(elements(m)) > 0:
		return fmt.Errorf("%q: is a list; write %s, separated by spaces, or as elements in JSON", m, strings.Join(elements(m), " "))
	case strings.ContainsRune(m, '*') && m != "*":
		return fmt.Errorf("%q: a * cannot stand for a part of a method; write the methods, or * for all", m)
	case !IsToken(m):
		return fmt.Errorf("%q: not a valid method; write methods such as PUT", m)
	case IsForbiddenMethod(m):
		return fmt.Errorf("%q: browsers never send this method; remove it", m)
	case upper != m && slices.Contains(standardMethods, upper):
		return fmt.Errorf("%q: methods are case-sensitive; write %s", m, upper)
	}
	return nil
}

// elements returns the elements of a list that is separated by commas or spaces.
func elements(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// CheckName returns an error if name cannot be the name of a header, or the
// beginning of one followed by an asterisk.
func CheckName(name string) error {
	prefix, _ := strings.CutSuffix(name, "*")
	switch {
	case name == "*" || IsToken(prefix) && !strings.ContainsRune(prefix, '*'):
		return nil
	case strings.ContainsAny(name, "{}"):
		return fmt.Errorf("%q: placeholders are not replaced here; write header names such as Content-Type", name)
	case strings.ContainsRune(name, ',') && len(elements(name)) > 0:
		return fmt.Errorf("%q: is a list; write %s, separated by spaces, or as elements in JSON", name, strings.Join(elements(name), " "))
	case strings.ContainsRune(name, '*'):
		return fmt.Errorf("%q: a * may stand only at the end of a header name; write one such as X-Amz-*", name)
	}
	return fmt.Errorf("%q: not a valid header name; write names of letters, digits and hyphens, such as Content-Type", name)
}

// IsForbiddenMethod reports whether m is a forbidden method, in any case
// (https://fetch.spec.whatwg.org/#forbidden-method).
func IsForbiddenMethod(m string) bool {
	return slices.Contains(forbiddenMethods, strings.ToUpper(m))
}

// IsSafelistedMethod reports whether m is a CORS-safelisted method
// (https://fetch.spec.whatwg.org/#cors-safelisted-method). Pages use these without
// permission.
func IsSafelistedMethod(m string) bool {
	return m == "GET" || m == "HEAD" || m == "POST"
}
