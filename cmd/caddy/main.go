// Command caddy is the standard Caddy with the cors module built in.
//
// It is what `xcaddy build --with github.com/seed-56c1dbac/caddy-cors` produces,
// for those who have only Go installed.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	// Caddy's standard modules, and this one.
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/seed-56c1dbac/caddy-cors"
)

func main() {
	caddycmd.Main()
}
