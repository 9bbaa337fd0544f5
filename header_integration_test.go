package caddycors_test

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
			s := serve(t, `
			cors https://a.example {
				expose_headers X-Total
				allow_credentials
			}
			`+tc.directive+`
			reverse_proxy /up `+upstream+`
			respond / body`)
			exposed := merge(credentialed, lines("Access-Control-Expose-Headers: X-Total"))
			for range 3 {
				for path, vary := range map[string]string{"/": tc.vary, "/up": tc.proxied} {
					names := "Vary: Origin"
					if vary != "" {
						names += ", " + vary
					}
					s.check(t, call{path: path, status: 200, want: lines(names)})
					s.check(t, call{path: path, status: 200, header: lines(origin), want: merge(exposed, lines(names))})
					s.check(t, call{path: path, status: 200, header: lines(foreign), want: lines(names)})
				}
				s.check(t, call{
					method: "OPTIONS", header: lines(origin, forPUT), status: 204,
					want: merge(exposed, lines("Access-Control-Allow-Methods: GET, HEAD, POST", varyAll)),
				})
				s.check(t, call{method: "OPTIONS", header: lines(foreign, forPUT), status: 403, want: lines(varyAll)})
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
			lines(allowed, vary), lines(allowed, methods, varyAll),
		},
		{
			"deferred", ">Access-Control-Allow-Origin *",
			lines("Access-Control-Allow-Origin: *", vary), lines("Access-Control-Allow-Origin: *", methods, varyAll),
		},
		{
			"deferred replacement", ">Access-Control-Allow-Origin a.example edited\n>Vary Origin edited",
			lines("Access-Control-Allow-Origin: https://edited", "Vary: edited"),
			lines("Access-Control-Allow-Origin: https://edited", methods, "Vary: edited, Access-Control-Request-Method, Access-Control-Request-Headers"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, `
			@edit header Edit *
			route {
				header @edit {
					`+tc.header+`
				}
				cors https://a.example
			}
			respond body`)
			for range 3 {
				s.check(t, call{header: lines(origin, "Edit: 1"), want: tc.actual})
				s.check(t, call{header: lines(origin), want: lines(allowed, vary)})
				s.check(t, call{method: "OPTIONS", header: lines(origin, forPUT, "Edit: 1"), want: tc.preflight})
				s.check(t, call{method: "OPTIONS", header: lines(origin, forPUT), want: lines(allowed, methods, varyAll)})
			}
		})
	}
}
