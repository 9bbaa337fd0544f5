package origins

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// A fault is what is wrong with a text that was to be a pattern.
type fault struct {
	reason string // the first thing that a reader would point at
	write  string // instead, "" if that depends on the text
}

// explain returns the error about s, which is not a pattern.
func explain(s string) error {
	return fmt.Errorf("origin %q %s", s, advise(s))
}

// advise returns what is wrong with s, and what to write instead.
func advise(s string) string {
	f := faultOf(s)
	if correction, ok := correct(s); ok {
		f.write = strconv.Quote(correction)
	}
	if f.write == "" {
		f.write = "origins such as https://app.example.com"
	}
	return f.reason + ": write " + f.write
}

func faultOf(s string) fault {
	switch {
	case s == "":
		return fault{reason: "is empty"}
	case strings.EqualFold(s, Null) && s != Null:
		return fault{reason: "has upper-case letters, and browsers send lower case"}
	case s == "*" || s == Null:
		return fault{reason: "stands for itself and is not a pattern"}
	case strings.ContainsFunc(s, isSeparator):
		return fault{"is a list", strings.Join(correctAll(strings.FieldsFunc(s, isSeparator)), " ") + ", each by itself"}
	case strings.ContainsAny(s, "{}"):
		return fault{reason: "has a placeholder where none is replaced"}
	case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' }):
		return fault{reason: "has a character that no origin has"}
	}
	scheme, rest, ok := strings.Cut(s, "://")
	switch {
	case !ok:
		return fault{reason: "has no scheme, and browsers send one"}
	case strings.EqualFold(scheme, "file"):
		return fault{reason: "is a file's, whose pages have the origin null"}
	case strings.Contains(scheme, "*"):
		return fault{"has a wildcard for the scheme", "the scheme, and one origin for each"}
	case scanScheme(strings.ToLower(scheme)) != len(scheme) || scheme == "":
		return fault{reason: "has a malformed scheme"}
	}
	if i := strings.IndexAny(rest, "/?#\\"); i >= 0 {
		if rest[i:] == "/" {
			return fault{reason: "has a trailing slash, and browsers send none"}
		}
		return fault{reason: "has a path, and browsers send none"}
	}
	if strings.Contains(rest, "@") {
		return fault{reason: "has user information, and browsers send none"}
	}
	return authorityFault(scheme, rest)
}

// authorityFault is faultOf for a scheme that is well formed, but for its case, and
// for what follows it.
func authorityFault(scheme, authority string) fault {
	upper := scheme+authority != strings.ToLower(scheme+authority)
	scheme = strings.ToLower(scheme)
	host, port := SplitPort(authority)
	_, _, within := cutLabel(host)
	stars := strings.Count(host, "*")
	switch {
	case host == "":
		return fault{reason: "has no host"}
	case host == "*" && isWeb(scheme):
		return fault{"allows every host", "* to allow every origin, or https://*.example.com for the subdomains of a host"}
	case stars > 1 || stars == 1 && !strings.HasPrefix(host, "*.") && !(within && isWeb(scheme)):
		return fault{"has a misplaced *, which stands for whole labels at the left of the host, or for a part of its first label", "https://*.example.com or https://app-*.example.com"}
	case strings.HasPrefix(host, "*.") && isIP(host[2:]):
		return fault{reason: "has a wildcard before an IP address, which has no subdomains"}
	case port != "" && port != "*" && strings.Contains(port, "*"):
		return fault{"has a misplaced *, which stands for a whole port", ":*"}
	case strings.Contains(host, "%"):
		return fault{reason: "has percent-encoding in the host, and browsers send none"}
	case strings.ContainsFunc(host, func(c rune) bool { return c >= 0x80 }):
		return fault{reason: "has characters beyond ASCII in the host, which browsers send in Punycode"}
	case strings.HasSuffix(host, ".") && (stars > 0 || port == "*"):
		return fault{reason: "has a trailing dot, which makes it another host than without and cannot stand beside a *"}
	case strings.HasSuffix(host, ".") && isIP(strings.TrimSuffix(host, ".")):
		return fault{reason: "has a trailing dot, and browsers send none after an IP address"}
	case upper:
		return fault{reason: "has upper-case letters, and browsers send lower case"}
	case strings.HasSuffix(authority, ":"):
		return fault{reason: "has an empty port, and browsers send none"}
	case port != "" && port != "*" && !validPort(":"+port, ""):
		return fault{reason: "has a port that is not a number from 1 to 65535 without leading zeros"}
	case port != "" && port != "*" && !validPort(":"+port, scheme):
		return fault{reason: "has the default port of its scheme, and browsers leave it out"}
	case strings.HasPrefix(host, "[") || isIP(host):
		return fault{reason: "has an IP address that is not spelled as browsers spell it"}
	case len(host) > maxHost-len("*."):
		return fault{reason: "has a host that is too long"}
	}
	return fault{reason: "has a malformed host"}
}

func isSeparator(c rune) bool { return c == ',' || c == ';' || c == ' ' || c == '\t' }

// correctAll returns what was probably meant by the elements of a list.
func correctAll(list []string) (corrections []string) {
	for _, s := range list {
		if correction, ok := correct(s); ok {
			corrections = append(corrections, correction)
		}
	}
	if len(corrections) == 0 {
		return []string{"origins such as https://app.example.com"}
	}
	return corrections
}

// correct returns the pattern that was probably meant by s, spelled as browsers
// send it.
func correct(s string) (string, bool) {
	if strings.ContainsAny(s, "{}, \t;\\%") || s == "" || s == Null {
		return "", false
	}
	if strings.EqualFold(s, Null) {
		return Null, true
	}
	scheme, rest, ok := strings.Cut(s, "://")
	if typo := halfScheme.FindString(s); !ok && typo != "" {
		if scheme, rest, ok = strings.TrimRight(typo, ":/"), s[len(typo):], true; isNumber(rest) {
			return "", false // a port, and no host
		}
	}
	if !ok {
		scheme, rest = "https", s
		if host, _, _ := strings.Cut(s, ":"); isLoopback(strings.ToLower(host)) || strings.HasPrefix(s, "[::1]") {
			scheme = "http" // a server for development
		}
	}
	scheme = strings.ToLower(scheme)
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

// halfScheme is a scheme of the web with not all of what follows it.
var halfScheme = regexp.MustCompile(`^(?i:https?)(:/?|/+)`)

// canonicalHost returns host as browsers serialize it, after a wildcard.
func canonicalHost(host string) (string, error) {
	if literal, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", errors.New("no IPv6 address")
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
