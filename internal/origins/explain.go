package origins

import (
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// An Error says what is wrong with an entry of a policy or of a list, and what to
// write instead.
type Error struct {
	Entry  string
	Reason string // the first thing that a reader would point at, with its verb
	// Correction is the text that was probably meant. It is valid, and may be copied
	// as it is. If it is "", Advice says what to write.
	Correction string
	Advice     string
}

// Error quotes the entry.
func (e *Error) Error() string { return Quote(e.Entry) + ": " + e.String() }

// String returns the reason and what to write, without the entry.
func (e *Error) String() string {
	switch {
	case e.Correction != "":
		return e.Reason + "; write " + e.Correction
	case e.Advice != "":
		return e.Reason + "; " + e.Advice
	}
	return e.Reason + "; write an origin such as https://app.example.com"
}

// explain returns the error about s, which is not a pattern.
func explain(s string) *Error {
	e := errorOf(s)
	e.Entry = s
	if correction, ok := correct(s); ok {
		e.Correction = correction
	}
	return e
}

func errorOf(s string) *Error {
	switch {
	case s == "":
		return &Error{Reason: "is empty"}
	case strings.EqualFold(s, Null) && s != Null:
		return &Error{Reason: "has upper-case letters, but browsers send lower case"}
	case s == "*" || s == Null:
		return &Error{Reason: "is not a pattern"}
	case isKeyword(s):
		return &Error{Reason: "is not an origin", Advice: keywords[keyword(s)]}
	case strings.ContainsFunc(s, isSeparator):
		e := &Error{Reason: "is a list"}
		if list := correctAll(strings.FieldsFunc(s, isSeparator)); len(list) > 0 {
			e.Advice = "write an entry for each origin: " + strings.Join(list, " ")
		}
		return e
	case strings.ContainsAny(s, "{}"):
		return &Error{Reason: "has a placeholder, which is not replaced here"}
	case unquote(s) != s:
		return &Error{Reason: "has quotation marks, which browsers do not send"}
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' }):
		return &Error{Reason: "has a character that cannot occur in an origin"}
	}
	if name, rest, ok := strings.Cut(strings.ToLower(s), ":"); ok && slices.Contains(neverSent, name) && !isNumber(rest) {
		return schemeError(name)
	}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return &Error{Reason: "has no scheme, but browsers send one"}
	case strings.Contains(scheme, "*"):
		return &Error{Reason: "has a wildcard in the scheme", Advice: "write one origin for each scheme, such as https://app.example.com"}
	case scanScheme(strings.ToLower(scheme)) != len(scheme) || scheme == "":
		return &Error{Reason: "has an invalid scheme"}
	case misspelledSchemes[strings.ToLower(scheme)] != "":
		return &Error{Reason: "has the scheme " + scheme + ", which browsers do not know"}
	}
	if before, _, ok := strings.Cut(rest, "://"); ok && scanScheme(strings.ToLower(before)) == len(before) {
		return &Error{Reason: "has two schemes"}
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		if rest[i:] == "/" {
			return &Error{Reason: "has a trailing slash, which browsers do not send"}
		}
		return &Error{Reason: "has a path, which browsers do not send"}
	}
	if strings.Contains(rest, "@") {
		return &Error{Reason: "has user information, which browsers do not send"}
	}
	return authorityError(scheme, rest)
}

// schemeError is errorOf for a scheme of which browsers send no origin.
func schemeError(scheme string) *Error {
	switch scheme {
	case "ws", "wss":
		return &Error{Reason: "has the scheme " + scheme + ", but browsers send the origin of the page that opens the connection"}
	case "ftp":
		return &Error{Reason: "has the scheme ftp, from which browsers load no pages"}
	case "about", "blob", "javascript":
		return &Error{
			Reason: "has the scheme " + scheme + ", whose pages have the origin of the page that opened them, or null",
			Advice: "write the origin of that page, such as https://app.example.com",
		}
	}
	return &Error{
		Reason: "has the scheme " + scheme + ", whose pages have the origin null",
		Advice: "serve the page over HTTP, and write that origin, such as http://localhost:8080",
	}
}

// authorityError is errorOf for a scheme that is well formed, but for its case, and
// for the text that follows it.
func authorityError(scheme, authority string) *Error {
	upper := scheme+authority != strings.ToLower(scheme+authority)
	scheme = strings.ToLower(scheme)
	host, port := SplitPort(authority)
	_, _, within := cutLabel(host)
	stars := strings.Count(host, "*")
	switch {
	case host == "":
		return &Error{Reason: "has no host"}
	case host == "*" && isWeb(scheme):
		return &Error{Reason: "allows every host", Advice: "write * to allow every origin, or https://*.example.com for the subdomains of a host"}
	case stars > 1 || stars == 1 && !strings.HasPrefix(host, "*.") && !(within && isWeb(scheme)):
		return &Error{
			Reason: "has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label",
			Advice: "write https://*.example.com or https://app-*.example.com",
		}
	case strings.HasPrefix(host, "*.") && isIP(host[2:]):
		return &Error{Reason: "has a wildcard before an IP address, which has no subdomains"}
	case port != "" && port != "*" && strings.Contains(port, "*"):
		return &Error{Reason: "has a misplaced *, which stands for a whole port", Advice: "write :* for any port"}
	case strings.Contains(host, "%"):
		return &Error{Reason: "has percent-encoding in the host, which browsers do not send"}
	case strings.ContainsFunc(host, func(c rune) bool { return c >= 0x80 }):
		return &Error{Reason: "has characters beyond ASCII in the host, which browsers send in Punycode"}
	case strings.HasSuffix(host, ".") && (stars > 0 || port == "*"):
		return &Error{Reason: "has a trailing dot, which makes it another host and cannot be combined with a *"}
	case strings.HasSuffix(host, ".") && isIP(strings.TrimSuffix(host, ".")):
		return &Error{Reason: "has a trailing dot, which browsers do not send after an IP address"}
	case upper:
		return &Error{Reason: "has upper-case letters, but browsers send lower case"}
	case strings.HasSuffix(authority, ":"):
		return &Error{Reason: "has an empty port, which browsers do not send"}
	case port != "" && port != "*" && !validPort(":"+port, ""):
		return &Error{Reason: "has a port that is not a number from 1 to 65535 without leading zeros"}
	case port != "" && port != "*" && !validPort(":"+port, scheme):
		return &Error{Reason: "has the default port of its scheme, which browsers leave out"}
	case strings.HasPrefix(host, "[") || isIP(host):
		return &Error{Reason: "has an IP address that browsers spell differently"}
	case len(host) > maxHost-len("*."):
		return &Error{Reason: "has a host that is too long"}
	}
	return &Error{Reason: "has an invalid host"}
}

// unquote returns s without the quotation marks at its ends.
func unquote(s string) string { return strings.Trim(s, "'\"`´‘’‚‛“”„‟«»‹›") }

func isSeparator(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\t' }

// correctAll returns what was probably meant by the elements of a list.
func correctAll(list []string) (corrections []string) {
	for _, s := range list {
		if correction, ok := correct(s); ok {
			corrections = append(corrections, correction)
		}
	}
	return corrections
}

// correct returns the pattern that was probably meant by s, spelled as browsers
// send it.
func correct(s string) (string, bool) {
	s = unquote(s)
	if strings.ContainsAny(s, "{}, \t;\\%") || s == "" || s == Null {
		return "", false
	}
	if strings.EqualFold(s, Null) {
		return Null, true
	}
	if isKeyword(s) || isNumber(s) { // which could be a port
		return "", false
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if before, after, twice := strings.Cut(rest, "://"); twice && scanScheme(strings.ToLower(before)) == len(before) {
		scheme, rest = before, after
	}
	if typo := halfScheme.FindString(s); !ok && typo != "" {
		if scheme, rest, ok = strings.TrimRight(typo, ":/"), s[len(typo):], true; isNumber(rest) {
			return "", false // a port without a host
		}
	}
	if !ok {
		scheme, rest = "https", strings.TrimPrefix(s, "//")
		if host, _, _ := strings.Cut(s, ":"); isLoopback(strings.ToLower(host)) || strings.HasPrefix(s, "[::1]") {
			scheme = "http" // a server for development
		}
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "ws":
		scheme = "http"
	case "wss", "ftp":
		scheme = "https"
	case "blob:http", "blob:https":
		scheme = strings.TrimPrefix(scheme, "blob:")
	}
	if meant := misspelledSchemes[scheme]; meant != "" {
		scheme = meant
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	host, port := SplitPort(rest)
	if host == "*" {
		port = "" // the host's wildcard covers it
	}
	host, err := canonicalHost(host)
	if err != nil {
		return "", false
	}
	if n, err := strconv.Atoi(port); err == nil {
		if port = strconv.Itoa(n); port == DefaultPort(scheme) {
			port = ""
		}
	}
	correction := scheme + "://" + host
	if port != "" {
		correction += ":" + port
	}
	_, ok = parsePattern(correction)
	return correction, ok
}

// misspelledSchemes are likely misspellings of the schemes of the web, which would
// otherwise be schemes of apps.
var misspelledSchemes = map[string]string{
	"hhtp": "http", "hhttp": "http", "hppt": "http", "htp": "http", "htpp": "http", "htt": "http", "httl": "http", "httpp": "http", "htttp": "http", "ttp": "http",
	"hhtps": "https", "hhttps": "https", "hppts": "https", "htps": "https", "htpps": "https", "httos": "https", "httpss": "https", "https-": "https", "htts": "https", "httsp": "https", "htttps": "https", "ttps": "https",
}

// keywords are words of other tools where they expect an origin, and values of programs
// that have none, with what to write instead.
var keywords = map[string]string{
	"all": everyOrigin, "any": everyOrigin, "self": sameOrigin, "same-origin": sameOrigin,
	"http": "", "https": "", "true": "", "false": "", "none": "", "undefined": "",
}

const (
	everyOrigin = "write * to allow every origin"
	sameOrigin  = "remove it, since the pages of the site itself need no permission"
)

func keyword(s string) string { return strings.ToLower(unquote(s)) }

func isKeyword(s string) bool {
	_, ok := keywords[keyword(s)]
	return ok
}

// halfScheme is a scheme of the web with not all of what follows it.
var halfScheme = regexp.MustCompile(`^(?i:https?)(:/?|/+)`)

// canonicalHost returns host as browsers serialize it, after a wildcard.
func canonicalHost(host string) (string, error) {
	if literal, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("not an IPv6 address")
		}
		return "[" + string(appendIPv6(nil, addr)) + "]", nil
	}
	host, wildcard := strings.CutPrefix(host, "*.")
	host, dot := strings.CutSuffix(strings.ToLower(host), ".")
	for _, c := range host {
		if c >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(host)
			if err != nil {
				return "", err
			}
			host = ascii
			break
		}
	}
	if addr, ok := parseIPv4(host); ok {
		host = addr
	}
	switch {
	case wildcard:
		host = "*." + host
	case dot && !isIP(host):
		host += "."
	}
	return host, nil
}

// SplitPort cuts an authority into host, an IPv6 address with its brackets, and
// port, "" if there is none.
func SplitPort(authority string) (host, port string) {
	i := strings.LastIndexByte(authority, ':')
	if i < 0 || strings.IndexByte(authority[i:], ']') >= 0 {
		return authority, ""
	}
	return authority[:i], authority[i+1:]
}

func isIP(host string) bool {
	_, ok := parseIPv4(host)
	return ok || strings.HasPrefix(host, "[")
}

// parseIPv4 returns the dotted quad that browsers make of host, which may have
// fewer parts, and octal or hexadecimal ones
// (https://url.spec.whatwg.org/#concept-ipv4-parser).
func parseIPv4(host string) (string, bool) {
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return "", false
	}
	var addr uint64
	for i, part := range parts {
		base, digits := 10, part
		switch {
		case strings.HasPrefix(part, "0x"):
			base, digits = 16, part[2:]
		case len(part) > 1 && part[0] == '0':
			base, digits = 8, part[1:]
		}
		n, err := strconv.ParseUint(digits, base, 32)
		last := i == len(parts)-1
		if err != nil || !last && n > 255 || last && n >= 1<<(8*(5-len(parts))) {
			return "", false
		}
		if last {
			addr = addr<<(8*(5-len(parts))) | n
		} else {
			addr = addr<<8 | n
		}
	}
	return netip.AddrFrom4([4]byte{byte(addr >> 24), byte(addr >> 16), byte(addr >> 8), byte(addr)}).String(), true
}
