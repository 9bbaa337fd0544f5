// Package fleet runs several Caddys whose storage is one Redis.
package fleet

import (
	"testing"

	_ "github.com/pberkel/caddy-storage-redis"
	_ "github.com/seed-56c1dbac/caddy-cors"
	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

func TestMain(m *testing.M) { corstest.Main(m, caddycmd.Main) }
