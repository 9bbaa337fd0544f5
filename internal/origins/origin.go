// Package origins knows web origins: their serialized form (RFC 6454, section
// 6.2, and https://html.spec.whatwg.org/#ascii-serialisation-of-an-origin),
// patterns of them, and sets of patterns.
package origins

import (
	"net/netip"
	"slices"
	"strings"
)

const (
	// MaxLen is the length of the longest origin: a scheme of 64 bytes, "://", a
	// host of 253 bytes, ":" and a port of 5 digits.
	MaxLen = maxScheme + len("://") + maxHost + len(":65535")

	// Null is the serialization of an opaque origin, which any page can have.
	Null = "null"

	maxScheme = 64
	maxHost   = 253
	maxLabel  = 63
)

// Origin is a well-formed tuple origin. The zero Origin is none.
type Origin struct {
	s string
	// s[:schemeEnd] is the scheme; s[portAt:] is "", or ":" and the port.
	schemeEnd, portAt uint16
}

// Parse parses an origin as browsers serialize it. It is strict: it refuses
// everything that no browser sends, and "null". It does not allocate.
func Parse(s string) (Origin, bool) {
	if len(s) > MaxLen {
		return Origin{}, false
	}
	n := scanScheme(s)
	if n == 0 || !strings.HasPrefix(s[n:], "://") {
		return Origin{}, false
	}
	scheme, rest := s[:n], s[n+len("://"):]
	var h int
	var ok bool
	switch {
	case isWeb(scheme):
		h, ok = scanHost(rest)
	case !slices.Contains(neverSent, scheme):
		h, ok = scanOpaqueHost(rest)
	}
	if !ok || !validPort(rest[h:], scheme) {
		return Origin{}, false
	}
	return Origin{s, uint16(n), uint16(n + len("://") + h)}, true
}

// String returns the origin as it was parsed, which is its only spelling.
func (o Origin) String() string { return o.s }

// Scheme returns the scheme.
func (o Origin) Scheme() string { return o.s[:o.schemeEnd] }

// Host returns the host, an IPv6 address with its brackets.
func (o Origin) Host() string { return o.s[int(o.schemeEnd)+len("://") : o.portAt] }

// Port returns the port, or "" if it is the scheme's default.
func (o Origin) Port() string { return strings.TrimPrefix(o.s[o.portAt:], ":") }

// Insecure reports whether what comes from the origin can be forged on the
// network: its scheme is http, and its host is not the machine itself
// (https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy).
func (o Origin) Insecure() bool {
	return o.Scheme() == "http" && !isLoopback(o.Host())
}

// neverSent are the schemes of which browsers send no origin, although URLs have
// them. Their pages have the origin null, or that of the page that opened them. A
// WebSocket has the origin of its page. Browsers load no pages by ftp.
var neverSent = []string{"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"}

// NeverSent returns the schemes of which browsers send no origin.
func NeverSent() []string { return slices.Clone(neverSent) }

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

func isLoopback(host string) bool {
	if name := strings.TrimSuffix(host, "."); name == "localhost" || strings.HasSuffix(name, ".localhost") || host == "[::1]" {
		return true
	}
	return strings.HasPrefix(host, "127.") && isIPv4(host)
}

// Classes of bytes.
const (
	lower  = 1 << iota // a-z
	digit              // 0-9
	dash               // - and _, which stand in the labels of hosts
	scheme             // + - and .
	opaque             // other bytes that a host of an unknown scheme may have
)

var class = func() (table [256]uint8) {
	for c := 'a'; c <= 'z'; c++ {
		table[c] = lower | opaque
	}
	for c := 'A'; c <= 'Z'; c++ {
		table[c] = opaque
	}
	for c := '0'; c <= '9'; c++ {
		table[c] = digit | opaque
	}
	table['-'] = dash | scheme | opaque
	table['_'] = dash | opaque
	table['.'] = scheme | opaque
	table['+'] = scheme
	return table
}()

// scanScheme returns the length of the scheme at the start of s, or 0.
func scanScheme(s string) int {
	if strings.HasPrefix(s, "https:") { // as nearly always
		return len("https")
	}
	if s == "" || class[s[0]]&lower == 0 {
		return 0
	}
	i := 1
	for i < len(s) && class[s[i]]&(lower|digit|scheme) != 0 {
		i++
	}
	if i > maxScheme {
		return 0
	}
	return i
}

// scanHost returns the length of the host at the start of s, a domain or an IP
// address as the URL standard serializes them.
func scanHost(s string) (n int, ok bool) {
	if s != "" && s[0] == '[' {
		return scanIPv6(s)
	}
	var label, i int // where the last label begins and ends
	for next := 0; ; {
		for next < len(s) && class[s[next]]&(lower|digit|dash) != 0 {
			next++
		}
		if next == label || next-label > maxLabel {
			return 0, false
		}
		if i = next; i == len(s) || s[i] != '.' {
			break
		}
		if next++; next == len(s) || class[s[next]]&(lower|digit|dash) == 0 {
			break
		}
		label = next
	}
	if i > maxHost {
		return 0, false
	}
	dot := i < len(s) && s[i] == '.' // which makes it another host than without
	// A host whose last label is a number is an IPv4 address, which browsers write
	// without a dot at the end, or not a host at all
	// (https://url.spec.whatwg.org/#ends-in-a-number-checker).
	if class[s[label]]&digit != 0 && isNumber(s[label:i]) && (dot || !isIPv4(s[:i])) {
		return 0, false
	}
	if dot {
		i++
	}
	return i, true
}

func isNumber(label string) bool {
	digits, hex := label, false
	if strings.HasPrefix(label, "0x") {
		digits, hex = label[2:], true
	}
	for i := range len(digits) {
		c := digits[i]
		if class[c]&digit == 0 && !(hex && c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// isIPv4 reports whether host is a dotted quad without leading zeros.
func isIPv4(host string) bool {
	for i := range 4 {
		part := host
		if i < 3 {
			dot := strings.IndexByte(host, '.')
			if dot < 0 {
				return false
			}
			part, host = host[:dot], host[dot+1:]
		}
		if len(part) == 0 || len(part) > 3 || len(part) > 1 && part[0] == '0' {
			return false
		}
		n := 0
		for j := range len(part) {
			if class[part[j]]&digit == 0 {
				return false
			}
			n = n*10 + int(part[j]-'0')
		}
		if n > 255 {
			return false
		}
	}
	return true
}

// scanIPv6 returns the length of the bracketed IPv6 address at the start of s, if
// it is compressed, in lower case, and without a dotted tail
// (https://url.spec.whatwg.org/#concept-ipv6-serializer).
func scanIPv6(s string) (n int, ok bool) {
	end := strings.IndexByte(s, ']')
	if end < 0 || end > len("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") {
		return 0, false
	}
	addr, err := netip.ParseAddr(s[1:end])
	if err != nil || addr.Zone() != "" || !addr.Is6() {
		return 0, false
	}
	var buf [64]byte
	return end + 1, string(appendIPv6(buf[:0], addr)) == s[1:end]
}

// appendIPv6 appends addr as the URL standard serializes it: as netip does, but
// never with a dotted tail.
func appendIPv6(b []byte, addr netip.Addr) []byte {
	if !addr.Is4In6() {
		return addr.AppendTo(b)
	}
	const hex = "0123456789abcdef"
	b = append(b, "::ffff:"...)
	raw := addr.As16()
	for i := 12; i < 16; i += 2 {
		if i > 12 {
			b = append(b, ':')
		}
		piece := uint16(raw[i])<<8 | uint16(raw[i+1])
		started := false
		for shift := 12; shift >= 0; shift -= 4 {
			if d := piece >> shift & 15; d != 0 || started || shift == 0 {
				started = true
				b = append(b, hex[d])
			}
		}
	}
	return b
}

// scanOpaqueHost returns the length of the host at the start of s, where the
// scheme says nothing about hosts.
func scanOpaqueHost(s string) (n int, ok bool) {
	i := 0
	for i < len(s) && class[s[i]]&opaque != 0 {
		i++
	}
	return i, i > 0 && i <= maxHost
}

// validPort reports whether s is empty, or ":" and a port that is not the
// default of the scheme (https://url.spec.whatwg.org/#special-scheme).
func validPort(s, scheme string) bool {
	if s == "" {
		return true
	}
	if s[0] != ':' || len(s) < 2 || len(s) > len(":65535") || s[1] == '0' {
		return false
	}
	port := 0
	for i := 1; i < len(s); i++ {
		if class[s[i]]&digit == 0 {
			return false
		}
		port = port*10 + int(s[i]-'0')
	}
	return port <= 65535 && s[1:] != DefaultPort(scheme)
}

// DefaultPort returns the default port of a scheme
// (https://url.spec.whatwg.org/#special-scheme), or "".
func DefaultPort(scheme string) string {
	switch scheme {
	case "http":
		return "80"
	case "https":
		return "443"
	}
	return ""
}
