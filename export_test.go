package caddycors

import "github.com/seed-56c1dbac/caddy-cors/internal/sources"

// Build is for the tests outside of the package.
var Build = build

// HeldSources returns how many sources configurations hold.
func HeldSources() int { return len(sources.Live()) }
