package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// from are headers with an Origin.
func from(o string) http.Header { return fields("Origin: " + o) }

// TestParts: several cors of one route are parts of one policy, wherever Caddy
// keeps the route. The first part that allows the origin decides, with its own
// options; each response varies by Origin.
func TestParts(t *testing.T) {
	const directives = `
		cors https://a.example {
			allow_credentials
			expose_headers X-A
		}
		cors https://b.example {
			allow_methods PUT
			allow_timing
		}
		cors * *
	`
	for name, site := range map[string]string{
		"a site":           directives + "respond body",
		"a route":          "route {\n" + directives + "respond body\n}",
		"a handle":         "handle {\n" + directives + "respond body\n}",
		"deeper":           "handle {\nroute {\n" + directives + "respond body\n}\n}",
		"with a matcher":   strings.ReplaceAll(directives, "cors ", "cors /* ") + "respond body",
		"others between":   "route {\n" + strings.ReplaceAll(directives, "cors https://b", "header X-Between y\ncors https://b") + "respond body\n}",
		"an error route":   "error 404\nhandle_errors {\n" + directives + "respond body 200\n}",
		"one that reports": "cors https://r.example {\nreport_only\n}\n" + directives + "respond body",
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, site)
			s.check(t, call{want: fields(vary)})
			s.check(t, call{header: from("https://a.example"), want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-A", vary)})
			s.check(t, call{header: from("https://b.example"), want: fields("Access-Control-Allow-Origin: https://b.example", "Timing-Allow-Origin: https://b.example", vary)})
			s.check(t, call{header: from("https://c.example"), want: fields("Access-Control-Allow-Origin: *", vary)})
			s.check(t, call{header: from("null"), want: fields("Access-Control-Allow-Origin: *", vary)})
			if name == "an error route" {
				return // preflights do not fail, and so do not come there
			}
			preflight := func(o string) http.Header {
				return fields("Origin: "+o, "Access-Control-Request-Method: PUT")
			}
			s.check(t, call{method: "OPTIONS", header: preflight("https://a.example"), status: 204, want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: GET, HEAD, POST", "Access-Control-Expose-Headers: X-A", varyAll)})
			s.check(t, call{method: "OPTIONS", header: preflight("https://b.example"), status: 204, want: fields("Access-Control-Allow-Origin: https://b.example", "Access-Control-Allow-Methods: PUT", varyAll)})
			s.check(t, call{method: "OPTIONS", header: preflight("https://c.example"), status: 204, want: fields("Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)})
		})
	}
}

// TestPartsDeny: what no part allows, the first part denies; another matcher is
// another route.
func TestPartsDeny(t *testing.T) {
	s := startSite(t, `
		cors /admin/* https://admin.example
		cors https://a.example {
			reject_disallowed
		}
		cors https://b.example
		respond body`)
	cross := func(o string) http.Header { return fields("Origin: "+o, "Sec-Fetch-Site: cross-site") }
	s.check(t, call{header: cross("https://b.example"), status: 200, want: fields("Access-Control-Allow-Origin: https://b.example", vary)})
	s.check(t, call{header: cross("https://c.example"), status: 403, want: fields(vary)})
	s.check(t, call{path: "/admin/", header: cross("https://admin.example"), status: 200, want: fields("Access-Control-Allow-Origin: https://admin.example", vary)})
	s.check(t, call{path: "/admin/", header: cross("https://a.example"), status: 200, want: fields(vary)})
}

// TestPartsReload: parts are found anew at each reload, also after one that is
// refused in the middle of a route.
func TestPartsReload(t *testing.T) {
	part := func(o string) string { return fmt.Sprintf(`{"handler": "cors", "allow_origins": [%q]}`, o) }
	c := control(t, part("https://a.example"), part("https://b.example"))
	c.checkOrigins(t, "ab")
	for range 3 {
		bad := c.config(part("https://a.example"), part("https://c.example/"), part("https://b.example"))
		if status, response := c.api(t, "POST", "/load", bad); status != http.StatusBadRequest || !strings.Contains(response, "https://c.example") {
			t.Fatalf("%d %s", status, response)
		}
		c.checkOrigins(t, "ab")
		c.mustAPI(t, "POST", "/load", c.config(part("https://c.example"), part("https://a.example")))
		corstest.Eventually(t, "the new parts", func() bool { return c.allowed(t) == "ac" })
		c.mustAPI(t, "POST", "/load", c.config(part("https://a.example"), part("https://b.example")))
		corstest.Eventually(t, "the old parts", func() bool { return c.allowed(t) == "ab" })
	}
}
