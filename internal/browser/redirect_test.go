package browser

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestRedirect(t *testing.T) {
	const b, c = "https://b.example/", "https://c.example/"
	for _, tc := range []struct {
		name      string
		method    string // GET if empty
		fields    []string
		url       string // target if empty
		status    int    // 302 if 0
		locations []string
		want      string // method, last URL, Origin, the names of fields
		code      Code
		message   string
	}{
		{name: "same origin", locations: []string{"/other?q#f"}, want: "GET https://api.example/other?q https://app.example"},
		{name: "another origin", locations: []string{b}, want: "GET https://b.example/ null"},
		{name: "relative to the protocol", locations: []string{"//b.example"}, want: "GET https://b.example/ null"},
		{name: "from the page's own origin", url: page, locations: []string{b}, want: "GET https://b.example/ https://app.example"},
		{name: "and on", url: page, locations: []string{b, c}, want: "GET https://c.example/ null"},
		{name: "back to the page's own origin", locations: []string{page}, want: "GET https://app.example/ null"},
		{name: "another port", locations: []string{"https://api.example:8443/"}, want: "GET https://api.example:8443/ null"},
		{name: "another scheme", locations: []string{"http://api.example/"}, want: "GET http://api.example/ null"},
		{name: "tainted for good", locations: []string{b, "/x", "/y"}, want: "GET https://b.example/y null"},

		{name: "302 of a POST", method: "POST", fields: []string{"Content-Type: text/plain", "X-A: b"}, locations: []string{"/"}, want: "GET https://api.example/ https://app.example X-A"},
		{name: "301 of a POST", method: "POST", status: 301, locations: []string{"/"}, want: "GET https://api.example/ https://app.example"},
		{name: "303 of a PUT", method: "PUT", status: 303, fields: []string{"content-type: text/plain"}, locations: []string{"/"}, want: "GET https://api.example/ https://app.example"},
		{name: "303 of a HEAD", method: "HEAD", status: 303, locations: []string{"/"}, want: "HEAD https://api.example/ https://app.example"},
		{name: "302 of a PUT", method: "PUT", fields: []string{"Content-Type: text/plain"}, locations: []string{"/"}, want: "PUT https://api.example/ https://app.example Content-Type"},
		{name: "307 of a POST", method: "POST", status: 307, locations: []string{"/"}, want: "POST https://api.example/ https://app.example"},
		{name: "Authorization stays", fields: []string{"Authorization: a"}, locations: []string{"/"}, want: "GET https://api.example/ https://app.example Authorization"},
		{name: "Authorization goes", fields: []string{"Authorization: a", "X-A: b"}, locations: []string{b}, want: "GET https://b.example/ null X-A"},

		{name: "20", locations: slices.Repeat([]string{"/"}, 20), want: "GET https://api.example/ https://app.example"},
		{name: "21", locations: slices.Repeat([]string{"/"}, 21), code: TooManyRedirects, message: "GET https://api.example/items net::ERR_TOO_MANY_REDIRECTS"},
		{name: "data", locations: []string{"data:,a"}, code: InvalidRedirect, message: "GET https://api.example/items net::ERR_UNSAFE_REDIRECT"},
		{name: "no URL", locations: []string{"https://[/"}, code: InvalidRedirect, message: "GET https://api.example/items net::ERR_UNSAFE_REDIRECT"},
		{
			name: "user info", locations: []string{b, "https://u:p@b.example/"}, code: RedirectCredentials,
			message: "Access to fetch at 'https://b.example/' (redirected from 'https://api.example/items') from origin 'https://app.example' has been blocked by CORS policy: " +
				"Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
		},
		{
			name: "user info from the page's own origin", url: page, locations: []string{"https://u@b.example/"}, code: RedirectCredentials,
			message: "Access to fetch at 'https://app.example/' from origin 'https://app.example' has been blocked by CORS policy: " +
				"Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
		},
		{name: "user info within the page's own origin", url: page, locations: []string{"https://u@app.example/"}, want: "GET https://u@app.example/ https://app.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.method == "" {
				tc.method = "GET"
			}
			if tc.url == "" {
				tc.url = target
			}
			if tc.status == 0 {
				tc.status = 302
			}
			r := newRequest(t, tc.method, tc.url, page, false, tc.fields...)
			for _, location := range tc.locations {
				next, f := r.Redirect(Response{tc.status, header("Location: " + location)})
				if f != nil {
					check(t, r, f, tc.code, tc.message)
					return
				}
				r = next
			}
			got := []string{r.Method, r.URL().String(), r.SentOrigin()}
			got = append(got, slices.Sorted(maps.Keys(r.Header))...)
			if strings.Join(got, " ") != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}

	for _, res := range []Response{{200, header("Location: /")}, {304, header("Location: /")}, {300, header("Location: /")}, {302, nil}} {
		if next, f := newRequest(t, "GET", target, page, false).Redirect(res); next != nil || f != nil {
			t.Errorf("%d %v is no redirect", res.Status, res.Header)
		}
	}
}

// TestAfterRedirect: what is judged once the origin is tainted.
func TestAfterRedirect(t *testing.T) {
	r := newRequest(t, "PUT", target, page, false)
	next, _ := r.Redirect(Response{307, header("Location: https://b.example/")})
	if got := next.Preflight().Get("Origin"); got != "null" || !next.NeedsPreflight() {
		t.Errorf("preflight with Origin %s", got)
	}
	const message = "Access to fetch at 'https://b.example/' (redirected from 'https://api.example/items') from origin 'https://app.example' has been blocked by CORS policy: "
	check(t, next, next.CheckResponse(Response{200, header(allowed)}), AllowOriginMismatch,
		message+"The 'Access-Control-Allow-Origin' header has a value 'https://app.example' that is not equal to the supplied origin. Have the server send the header with a valid value.")
	check(t, next, next.CheckResponse(Response{200, header("Access-Control-Allow-Origin: null")}), "", "")

	// Back on the page's own origin, the response is checked all the same.
	back, _ := r.Redirect(Response{307, header("Location: " + page)})
	if f := back.CheckResponse(Response{200, nil}); f == nil || f.Code != MissingAllowOrigin {
		t.Errorf("got %v", f)
	}
}
