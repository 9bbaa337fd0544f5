package caddycors

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"weak"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// parts are the handlers of one route, which are parts of one policy: the first
// that allows the origin of a request decides about it.
type parts struct {
	handlers []*Handler    // in the order of the route
	missing  int           // how many are not provisioned yet
	compiled []policy.Part // of the handlers, until all are provisioned
}

// unfinished has the parts of the routes that are being provisioned. Caddy
// provisions the handlers of a route one after the other.
var unfinished struct {
	sync.Mutex
	routes map[*caddyhttp.Route]*parts
}

// join finds out whether other handlers of the route are parts of the same policy,
// and joins them. It returns nil if the handler stands alone.
func (h *Handler) join(ctx caddy.Context) *parts {
	if h.ReportOnly {
		return nil
	}
	route := routeOf(ctx)
	if route == nil {
		h.logger.Debug("the route of this handler is not known, so it decides alone")
		return nil
	}
	unfinished.Lock()
	defer unfinished.Unlock()
	p := unfinished.routes[route]
	if p == nil {
		n := countParts(route.HandlersRaw)
		if n < 2 {
			return nil
		}
		p = &parts{missing: n}
		if unfinished.routes == nil {
			unfinished.routes = make(map[*caddyhttp.Route]*parts)
		}
		unfinished.routes[route] = p
	}
	p.handlers = append(p.handlers, h)
	if p.missing--; p.missing == 0 {
		delete(unfinished.routes, route)
	}
	return p
}

// leave forgets the parts of a route that could not be provisioned.
func (p *parts) leave() {
	unfinished.Lock()
	defer unfinished.Unlock()
	for route, other := range unfinished.routes {
		if other == p {
			delete(unfinished.routes, route)
		}
	}
}

// countParts counts the handlers of a route that are parts of a policy.
func countParts(handlers []json.RawMessage) (n int) {
	for _, raw := range handlers {
		var config struct {
			Handler    string `json:"handler"`
			ReportOnly bool   `json:"report_only"`
		}
		if json.Unmarshal(raw, &config) == nil && config.Handler == "cors" && !config.ReportOnly {
			n++
		}
	}
	return n
}

// routeOf returns the route whose handlers are being provisioned, or nil if it
// cannot be found: it is the first one that still has its raw handlers, in the
// subroute or the server that the handler is in.
func routeOf(ctx caddy.Context) *caddyhttp.Route {
	modules := ctx.Modules()
	if len(modules) < 2 {
		return nil
	}
	switch parent := modules[len(modules)-2].(type) { // the last one is the handler
	case *caddyhttp.Subroute:
		if route := firstRaw(parent.Routes); route != nil || parent.Errors == nil {
			return route
		}
		return firstRaw(parent.Errors.Routes)
	case *caddyhttp.App:
		server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
		if !ok {
			return nil
		}
		if route := firstRawOf(server); route != nil || server.Errors == nil {
			return route
		}
		return firstRaw(server.Errors.Routes)
	}
	return nil
}

// siteOf returns the hosts of the site that a handler is in, or nil if the config
// cannot tell.
func siteOf(ctx caddy.Context) []string {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil
	}
	route := firstRawOf(server)
	if route == nil {
		return nil
	}
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			if hosts, ok := matcher.(*caddyhttp.MatchHost); ok {
				return *hosts
			}
		}
	}
	return nil
}

// progress has how far the routes of a server have been provisioned. To look at all
// of them for each handler would take seconds where there are thousands.
var progress struct {
	sync.Mutex
	routes weak.Pointer[caddyhttp.Route] // the first of them
	done   int                           // how many have no raw handlers any more
}

// firstRawOf returns the first route of a server that still has its raw handlers,
// or nil.
func firstRawOf(server *caddyhttp.Server) *caddyhttp.Route {
	if len(server.Routes) == 0 {
		return nil
	}
	progress.Lock()
	defer progress.Unlock()
	if routes := weak.Make(&server.Routes[0]); progress.routes != routes {
		progress.routes, progress.done = routes, 0
	}
	for ; progress.done < len(server.Routes); progress.done++ {
		if route := &server.Routes[progress.done]; len(route.HandlersRaw) > 0 {
			return route
		}
	}
	return nil
}

func firstRaw(routes caddyhttp.RouteList) *caddyhttp.Route {
	i := slices.IndexFunc(routes, func(r caddyhttp.Route) bool { return len(r.HandlersRaw) > 0 })
	if i < 0 {
		return nil
	}
	return &routes[i]
}

// compile compiles the policy of the part that is being provisioned, behind those of
// the parts before it. A nil *parts is a policy of one part.
func (p *parts) compile(config *policy.Config) (*policy.Policy, *policy.Findings) {
	if p == nil {
		return inUse.Compile(config)
	}
	config.Shared, config.Earlier = true, p.compiled
	compiled, findings := inUse.Compile(config)
	if p.compiled = append(p.compiled, policy.Part{Config: config, Policy: compiled}); p.missing == 0 {
		p.compiled = nil
	}
	return compiled, findings
}

// decide decides about r, and returns the part that does.
func (h *Handler) decide(r *http.Request) (*Handler, policy.Decision) {
	d := h.policy.Decide(r)
	if h.parts != nil && (d.Result == policy.Denied || d.Result == policy.SameOrigin) {
		for _, part := range h.parts.handlers {
			if part == h {
				continue
			}
			if other := part.policy.Decide(r); other.Result == policy.Allowed {
				return part, other
			}
		}
	}
	return h, d
}

// named returns the handler for messages at debug level, or nil if none are logged.
func (h *Handler) named() any {
	if h.debug {
		return h
	}
	return nil
}

// logSilenced logs that another handler decides, at debug level, unless it is a
// part of the same policy.
func (h *Handler) logSilenced(other any) {
	decider, ok := other.(*Handler)
	if !ok || decider == h || h.parts != nil && h.parts == decider.parts {
		return
	}
	if entry := h.logger.Check(zap.DebugLevel, "another cors decides"); entry != nil {
		entry.Write(zap.Strings("decides", decider.origins()), zap.Strings("silenced", h.origins()))
	}
}

// origins returns a few words by which an operator recognizes a handler.
func (h *Handler) origins() []string {
	return few(slices.Concat(h.AllowOrigins, h.AllowOriginsRegexp), 3)
}

// few returns what messages show of a list that may have thousands of elements: n at
// most.
func few(list []string, n int) []string {
	if len(list) > n {
		return append(list[:n:n], "…")
	}
	return list
}
