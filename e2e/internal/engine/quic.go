package engine

import (
	"crypto/x509"
	"slices"
	"strings"
)

// OverQUIC returns Chromium that uses HTTP/3 for hosts with ports, and nothing else.
func OverQUIC(hosts []string) *Engine {
	e := *Chromium
	e.args = func(profile, url string, trust *x509.Certificate) []string {
		args := slices.DeleteFunc(Chromium.args(profile, url, trust), func(arg string) bool { return arg == "--disable-quic" })
		return append([]string{"--enable-quic", "--origin-to-force-quic-on=" + strings.Join(hosts, ",")}, args...)
	}
	return &e
}
