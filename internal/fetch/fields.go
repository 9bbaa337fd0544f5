package fetch

import (
	"slices"
	"strings"
)

// forbiddenRequestFields is https://fetch.spec.whatwg.org/#forbidden-request-header, in
// lower case.
var forbiddenRequestFields = set(
	"accept-charset", "accept-encoding", "access-control-request-headers",
	"access-control-request-method", "access-control-request-private-network",
	"connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect",
	"host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer",
	"transfer-encoding", "upgrade", "via",
)

func set(names ...string) map[string]bool {
	m := make(map[string]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

// IsForbiddenRequestField reports whether name, in any case, is the name of a header that
// pages cannot set (https://fetch.spec.whatwg.org/#forbidden-request-header).
func IsForbiddenRequestField(name string) bool {
	name = strings.ToLower(name)
	return forbiddenRequestFields[name] || strings.HasPrefix(name, "proxy-") || strings.HasPrefix(name, "sec-")
}

// safelistedResponseHeaders can be read by every page that may read the response
// (https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name).
var safelistedResponseHeaders = []string{
	"Cache-Control", "Content-Language", "Content-Length", "Content-Type", "Expires", "Last-Modified", "Pragma",
}

// IsSafelistedResponseHeader reports whether every page may read the header called
// name, in any case.
func IsSafelistedResponseHeader(name string) bool {
	return slices.ContainsFunc(safelistedResponseHeaders, func(s string) bool { return strings.EqualFold(s, name) })
}

// IsForbiddenResponseField reports whether name, in any case, is the name of a header
// that pages cannot read
// (https://fetch.spec.whatwg.org/#forbidden-response-header-name).
func IsForbiddenResponseField(name string) bool {
	return strings.EqualFold(name, "Set-Cookie") || strings.EqualFold(name, "Set-Cookie2")
}
