package integration

import (
	"net/http"
	"strings"
	"testing"
)

// TestHeaderDirective: whatever header sets, adds, replaces or deletes beside
// cors, now or deferred, the policy has the last word on its own fields, and
// adds to Vary what is missing. What header does once does not show a second
// time: the values that it edits are the response's own.
func TestHeaderDirective(t *testing.T) {
	upstream := newUpstream(t, map[string]http.HandlerFunc{"/up": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Vary"] = []string{"Cookie"}
		write(200)(w, r)
	}})
	for _, tc := range []struct {
		directive string
		vary      string // on what respond writes
		proxied   string // on what the upstream writes
	}{
		{"header Vary X", "X", "X, Cookie"},
		{"header >Vary X", "X", "X"},
		{"header ?Vary X", "X", "Cookie"},
		{"header +Vary X", "X", "X, Cookie"},
		{"header +Vary Origin", "", "Cookie"},
		{"header -Vary", "", ""},
		{"header {\n-Server\nVary X\n}", "X", "X"},
		{"header {\n-Server\nVary origin\n}", "", ""},
		{"header Vary X Y", "", "Cookie"},
		{"header -Access-Control-*", "", "Cookie"},
		{"header Access-Control-Allow-Origin *", "", "Cookie"},
		{"header >Access-Control-Allow-Origin *", "", "Cookie"},
		{"header +Access-Control-Allow-Origin https://b.example", "", "Cookie"},
		{"header ?Access-Control-Allow-Origin *", "", "Cookie"},
		{"header -Access-Control-Allow-Credentials", "", "Cookie"},
		{"header Access-Control-Allow-Origin a b", "", "Cookie"},
		{"header Access-Control-Allow-Origin https: evil:", "", "Cookie"},
		{"header >Access-Control-Allow-Methods GET ALL", "", "Cookie"},
		{"header Access-Control-Max-Age 1\nheader Access-Control-Expose-Headers *", "", "Cookie"},
		{"header Access-Control-Allow-Headers *\nheader >Access-Control-Private-Network true", "", "Cookie"},
	} {
		t.Run(strings.ReplaceAll(tc.directive, "\n", " "), func(t *testing.T) {
			s := startSite(t, `
			cors https://a.example {
				expose_headers X-Total
				allow_credentials
			}
			`+tc.directive+`
			reverse_proxy /up `+upstream+`
			respond / body`)
			exposed := merge(credentialed, fields("Access-Control-Expose-Headers: X-Total"))
			for range 3 {
				for path, vary := range map[string]string{"/": tc.vary, "/up": tc.proxied} {
					names := "Vary: Origin"
					if vary != "" {
						names += ", " + vary
					}
					s.check(t, call{path: path, status: 200, want: fields(names)})
					s.check(t, call{path: path, status: 200, header: fields(origin), want: merge(exposed, fields(names))})
					s.check(t, call{path: path, status: 200, header: fields(foreign), want: fields(names)})
				}
				s.check(t, call{
					method: "OPTIONS", header: fields(origin, forPUT), status: 204,
					want: merge(exposed, fields("Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)),
				})
				s.check(t, call{method: "OPTIONS", header: fields(foreign, forPUT), status: 403, want: fields(varyAll)})
			}
		})
	}
}

// TestHeaderAround: a header that stands around cors comes after it, so what it
// defers stands. But it stands in that one response: the values that it edits in
// place are nobody else's.
func TestHeaderAround(t *testing.T) {
	const methods = "Access-Control-Allow-Methods: GET, HEAD, POST"
	for _, tc := range []struct {
		name      string
		header    string
		actual    http.Header
		preflight http.Header
	}{
		{
			"now", "Access-Control-Allow-Origin *",
			fields(allowed, vary), fields(allowed, methods, varyAll),
		},
		{
			"deferred", ">Access-Control-Allow-Origin *",
			fields("Access-Control-Allow-Origin: *", vary), fields("Access-Control-Allow-Origin: *", methods, varyAll),
		},
		{
			"deferred replacement", ">Access-Control-Allow-Origin a.example edited\n>Vary Origin edited",
			fields("Access-Control-Allow-Origin: https://edited", "Vary: edited"),
			fields("Access-Control-Allow-Origin: https://edited", methods, "Vary: edited, Access-Control-Request-Method, Access-Control-Request-Headers"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := startSite(t, `
			@edit header Edit *
			route {
				header @edit {
					`+tc.header+`
				}
				cors https://a.example
			}
			respond body`)
			for range 3 {
				s.check(t, call{header: fields(origin, "Edit: 1"), want: tc.actual})
				s.check(t, call{header: fields(origin), want: fields(allowed, vary)})
				s.check(t, call{method: "OPTIONS", header: fields(origin, forPUT, "Edit: 1"), want: tc.preflight})
				s.check(t, call{method: "OPTIONS", header: fields(origin, forPUT), want: fields(allowed, methods, varyAll)})
			}
		})
	}
}
