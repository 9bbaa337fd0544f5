package caddycors

import (
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/caddytls"
	_ "github.com/caddyserver/caddy/v2/modules/filestorage"
	_ "github.com/caddyserver/caddy/v2/modules/logging"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

func TestMain(m *testing.M) { corstest.Main(m, caddycmd.Main) }
