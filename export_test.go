package caddycors

// Build is for the tests outside of the package.
var Build = build
