// Package modules runs Caddy with caddy-cors and with the modules of others that
// docs/with-other-modules.md is about. What the page shows of a Caddyfile or of
// labels is what runs here.
package modules

import (
	"testing"

	_ "github.com/aksdb/caddy-cgi/v2"
	_ "github.com/corazawaf/coraza-caddy"
	_ "github.com/dunglas/mercure/caddy"
	_ "github.com/greenpau/caddy-security"
	_ "github.com/lucaslorentz/caddy-docker-proxy/v2"
	_ "github.com/mholt/caddy-l4"
	_ "github.com/mholt/caddy-ratelimit"
	_ "github.com/seed-56c1dbac/caddy-cors"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	_ "github.com/caddyserver/cache-handler"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/caddyserver/replace-response"
)

func TestMain(m *testing.M) { corstest.Main(m, caddycmd.Main) }
