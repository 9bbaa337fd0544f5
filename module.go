// Package caddycors answers CORS for Caddy.
package caddycors

import _ "go.uber.org/zap"
import _ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
import _ "golang.org/x/net/publicsuffix"
import _ "golang.org/x/net/idna"
