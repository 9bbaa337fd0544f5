package caddycors

import "github.com/caddyserver/caddy/v2"

// Build is for the tests outside of the package.
var Build = build

// HeldSources returns how many lists and oracles configurations hold.
func HeldSources() (n int) {
	for _, pool := range []*caddy.UsagePool{lists, oracles} {
		pool.Range(func(any, any) bool {
			n++
			return true
		})
	}
	return n
}
