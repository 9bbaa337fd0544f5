package caddycors

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// adminAPI is a module that adds `GET /cors/sources` to the admin API: the live
// sources of origins. It has no configuration.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.cors",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes returns the route of the sources.
func (adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{{Pattern: "/cors/sources", Handler: caddy.AdminHandlerFunc(serveSources)}}
}

func serveSources(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("method %s not allowed", r.Method)}
	}
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(sources.Live())
}

// Interface guards
var _ caddy.AdminRouter = adminAPI{}
