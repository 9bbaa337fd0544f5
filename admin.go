package caddycors

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
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
	return json.NewEncoder(w).Encode(liveSources())
}

// sourceStatus is what operators are told about a source.
type sourceStatus struct {
	// Source is its kind, and the base name or the host of its place.
	Source string `json:"source"`
	// Origins is how many origins and patterns it lists, or, of ask, how many yes
	// it remembers.
	Origins int `json:"origins"`
	// LastRefresh is when it was last found good, or, of ask, when it answered.
	LastRefresh *time.Time `json:"last_refresh,omitempty"`
	// RefreshErrors is how many refreshes, or questions, have failed.
	RefreshErrors uint64     `json:"refresh_errors"`
	LastError     string     `json:"last_error,omitempty"`
	LastErrorTime *time.Time `json:"last_error_time,omitempty"`
}

// liveSources returns the sources of all live configurations, by name.
func liveSources() []sourceStatus {
	sources := []sourceStatus{} // not null in JSON
	for _, pool := range []*caddy.UsagePool{lists, oracles} {
		pool.Range(func(_, value any) bool {
			if s, ok := value.(interface{ status() (sourceStatus, bool) }).status(); ok {
				sources = append(sources, s)
			}
			return true
		})
	}
	slices.SortStableFunc(sources, func(a, b sourceStatus) int { return cmp.Compare(a.Source, b.Source) })
	return sources
}

// refreshLog is what a source remembers of its refreshes. Its owner locks it.
type refreshLog struct {
	succeeded, failed time.Time
	failures          uint64
	failure           string
}

func (l *refreshLog) success() {
	l.succeeded = time.Now()
}

func (l *refreshLog) fail(failure string) {
	l.failed, l.failure = time.Now(), failure
	l.failures++
}

func (l *refreshLog) status(source string, origins int) sourceStatus {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return sourceStatus{
		Source:        source,
		Origins:       origins,
		LastRefresh:   known(l.succeeded),
		RefreshErrors: l.failures,
		LastError:     l.failure,
		LastErrorTime: known(l.failed),
	}
}

// Interface guards
var _ caddy.AdminRouter = adminAPI{}
