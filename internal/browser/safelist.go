package browser

import (
	"maps"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// UnsafeHeaders returns the names of the headers that need permission, in lower case,
// sorted, each once
// (https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names).
func (r *Request) UnsafeHeaders() []string {
	unsafe, safe := map[string]bool{}, map[string]bool{}
	size := 0
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		for _, value := range values {
			if IsSafelisted(name, value) {
				safe[lower] = true
				size += len(value)
			} else {
				unsafe[lower] = true
			}
		}
	}
	if size > 1024 {
		maps.Copy(unsafe, safe)
	}
	return slices.Sorted(maps.Keys(unsafe))
}

// IsSafelisted reports whether a header is a CORS-safelisted request-header, which pages
// can set without permission
// (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
func IsSafelisted(name, value string) bool {
	if len(value) > 128 {
		return false
	}
	switch strings.ToLower(name) {
	case "accept":
		return !hasUnsafeByte(value)
	case "accept-language", "content-language":
		return strings.Trim(value, languageBytes) == ""
	case "content-type":
		switch essence(value) {
		case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
			return !hasUnsafeByte(value)
		}
	case "range":
		return isSimpleRange(value)
	}
	return false
}

const languageBytes = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz *,-.;="

// hasUnsafeByte is https://fetch.spec.whatwg.org/#cors-unsafe-request-header-byte.
func hasUnsafeByte(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f || strings.IndexByte(`"():<>?@[\]{}`, c) >= 0 {
			return true
		}
	}
	return false
}

// essence returns the type and the subtype of a media type in lower case, or "" if the
// value is not one (https://mimesniff.spec.whatwg.org/#parse-a-mime-type).
func essence(value string) string {
	value, _, _ = strings.Cut(normalizeValue(value), ";")
	kind, subtype, found := strings.Cut(strings.TrimRight(value, " \t\r\n"), "/")
	if !found || !fetch.IsToken(kind) || !fetch.IsToken(subtype) {
		return ""
	}
	return strings.ToLower(kind + "/" + subtype)
}

// isSimpleRange reports whether value is a single range of bytes with a start
// (https://fetch.spec.whatwg.org/#simple-range-header-value).
func isSimpleRange(value string) bool {
	value, found := strings.CutPrefix(value, "bytes=")
	start, end, dash := strings.Cut(value, "-")
	if !found || !dash || start == "" || !isDigits(start) || !isDigits(end) {
		return false
	}
	return end == "" || compareDigits(start, end) <= 0
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// compareDigits compares two numbers of any size.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
