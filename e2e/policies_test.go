package e2e

import (
	"fmt"
	"slices"
	"strings"
)

// policy is a cors directive, and what it comes to.
type policy struct {
	name        string
	directive   string // after "cors /name/*"
	allows      func(origin string) bool
	credentials bool
	methods     []string // besides GET, HEAD and POST
	fields      []string // in lower case; "*" for all but Authorization
	exposed     bool     // X-Exposed
	star        bool     // every origin, which credentials do not go with
}

func (s *site) policies() []*policy {
	app, x := s.origin("app.localhost"), s.origin("x.app.localhost")
	only := func(origins ...string) func(string) bool {
		return func(origin string) bool { return slices.Contains(origins, origin) }
	}
	return []*policy{
		{
			name: "exact", allows: only(app),
			directive: app,
		},
		{
			name: "wildcard", credentials: true, exposed: true, allows: only(x),
			directive: fmt.Sprintf("%s {\nallow_credentials\nallow_methods PUT\nallow_headers X-Custom Content-Type\nexpose_headers X-Exposed\n}", s.origin("*.app.localhost")),
			methods:   []string{"PUT"}, fields: []string{"x-custom", "content-type"},
		},
		{
			name: "everyone", star: true, exposed: true,
			directive: "* {\nallow_methods *\nallow_headers *\nexpose_headers *\n}",
			allows:    func(string) bool { return true },
			methods:   []string{"PUT", "DELETE", "PATCH", "PROPFIND", "patch"}, fields: []string{"*"},
		},
		{
			name: "null", allows: only("null"),
			directive: "null {\ndangerously_allow null_origin\n}",
		},
		{
			name: "regexp", exposed: true,
			directive: fmt.Sprintf("{\nallow_origins_regexp %s://(x\\.)?app\\.localhost:\\d+\nallow_methods DELETE PATCH\nallow_headers Authorization Content-Type\nexpose_headers X-Exposed\nmax_age 1m\n}", s.scheme),
			allows: func(origin string) bool {
				return strings.HasPrefix(origin, s.scheme+"://app.localhost:") || strings.HasPrefix(origin, s.scheme+"://x.app.localhost:")
			},
			methods: []string{"DELETE", "PATCH"}, fields: []string{"authorization", "content-type"},
		},
		{
			name: "echo", credentials: true, exposed: true, allows: only(app),
			directive: app + " {\nallow_credentials\nallow_methods *\nallow_headers * Authorization\nexpose_headers *\n}",
			methods:   []string{"PUT", "DELETE", "PATCH", "PROPFIND", "patch"}, fields: []string{"*", "authorization"},
		},
		{
			name: "cached", exposed: true,
			allows:    func(origin string) bool { return strings.HasSuffix(origin, ".localhost:"+s.port) },
			directive: fmt.Sprintf("%s {\nallow_methods PUT PATCH DELETE\nallow_headers X-Custom\nexpose_headers X-Exp*\nmax_age 5m\n}", s.origin("*.localhost")),
			methods:   []string{"PUT", "PATCH", "DELETE"}, fields: []string{"x-custom"},
		},
	}
}
