// Command caddy is the standard Caddy with the cors module built in.
//
// It is the same program that `xcaddy build --with github.com/seed-56c1dbac/caddy-cors`
// builds, for users who have only Go.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	// The standard modules of Caddy, and this one.
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-56c1dbac/caddy-cors"
)

func main() {
	caddycmd.Main()
}
