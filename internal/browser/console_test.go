package browser

import (
	"strings"
	"testing"
)

// TestMessages: what each browser prints of the same failure. In e2e, the browsers
// themselves print these messages.
func TestMessages(t *testing.T) {
	const (
		chromium = "Access to fetch at 'https://api.example/items' from origin 'https://app.example' has been blocked by CORS policy: "
		firefox  = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at https://api.example/items. (Reason: "
		webkit   = "\nFetch API cannot load https://api.example/items due to access control checks."
		redirect = "Cross-origin redirection to https://api.example/b denied by Cross-Origin Resource Sharing policy: "
		check    = "Response to preflight request doesn't pass access control check: "
	)
	put := []string{allowed, "Access-Control-Allow-Methods: PUT"}
	for _, tc := range []struct {
		name                      string
		method                    string
		field                     string
		credentials               bool
		preflight                 bool
		res                       Response
		chromium, firefox, webkit string
	}{
		{
			name: "no origin", res: Response{404, nil},
			chromium: chromium + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			firefox:  firefox + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 404.",
			webkit:   "Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 404" + webkit,
		},
		{
			name: "a list of origins", res: Response{200, header(allowed + ", https://b.example")},
			chromium: chromium + "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.example, https://b.example', but only one is allowed. Have the server send the header with a valid value.",
			firefox:  firefox + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://app.example, https://b.example’).",
			webkit:   "Access-Control-Allow-Origin cannot contain more than one origin." + webkit,
		},
		{
			name: "the header twice", res: Response{200, header(allowed, allowed)},
			chromium: chromium + "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.example, https://app.example', but only one is allowed. Have the server send the header with a valid value.",
			firefox:  firefox + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
			webkit:   "Access-Control-Allow-Origin cannot contain more than one origin." + webkit,
		},
		{
			name: "a redirect without the header", res: Response{302, header("Location: https://u:p@api.example/b")},
			chromium: chromium + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			firefox:  firefox + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 302.",
			webkit:   redirect + "Origin https://app.example is not allowed by Access-Control-Allow-Origin. Status code: 302" + webkit,
		},
		{
			name: "a redirect with a password", res: Response{302, header(allowed, "Location: https://u:p@api.example/b")},
			chromium: chromium + "Redirect location '' contains a username and password, which is disallowed for cross-origin requests.",
			firefox:  firefox + "CORS request did not succeed). Status code: (null).",
			webkit:   redirect + "redirection URL https://u:p@api.example/b has credentials" + webkit,
		},
		{
			name: "a redirect to an app", res: Response{302, header(allowed, "Location: app://a/b")},
			chromium: "GET https://api.example/items net::ERR_UNSAFE_REDIRECT",
			firefox:  "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at app://a/b. (Reason: CORS request not http).",
			webkit:   strings.Replace(redirect, "https://api.example/b", "app://a/b", 1) + "not allowed to follow a cross-origin CORS redirection with non CORS scheme" + webkit,
		},
		{
			name: "a refused preflight", method: "PUT", preflight: true, res: Response{403, nil},
			chromium: chromium + check + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
			firefox:  firefox + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 403.",
			webkit:   "Preflight response is not successful. Status code: 403" + webkit,
		},
		{
			name: "a preflight that is redirected", method: "PUT", preflight: true, res: Response{308, header(allowed, "Location: /b")},
			chromium: chromium + check + "Redirect is not allowed for a preflight request.",
			firefox:  firefox + "CORS request external redirect not allowed).",
			webkit:   "Preflight response is not successful. Status code: 308" + webkit,
		},
		{
			name: "a method", method: "PATCH", preflight: true, res: Response{204, header(put...)},
			chromium: chromium + "Method PATCH is not allowed by Access-Control-Allow-Methods in preflight response.",
			firefox:  firefox + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
			webkit:   "Method PATCH is not allowed by Access-Control-Allow-Methods." + webkit,
		},
		{
			name: "a header", method: "PUT", field: "X-Custom: 1", preflight: true, res: Response{204, header(put...)},
			chromium: chromium + "Request header field x-custom is not allowed by Access-Control-Allow-Headers in preflight response.",
			firefox:  firefox + "header ‘x-custom’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response).",
			webkit:   "Request header field X-Custom is not allowed by Access-Control-Allow-Headers." + webkit,
		},
		{
			name: "* with credentials", credentials: true, res: Response{200, header("Access-Control-Allow-Origin: *")},
			chromium: chromium + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
			firefox:  strings.Replace(firefox, "https://api.example/items", "‘https://api.example/items’", 1) + "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).",
			webkit:   "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true." + webkit,
		},
		{
			name: "Authorization by *", method: "GET", field: "Authorization: a", preflight: true,
			res:      Response{204, header("Access-Control-Allow-Origin: *", "Access-Control-Allow-Headers: *")},
			chromium: "Authorization will not be covered by the wildcard symbol (*) in CORS `Access-Control-Allow-Headers` handling.",
			firefox: "Cross-Origin Request Warning: The Same Origin Policy will disallow reading the remote resource at https://api.example/items soon. " +
				"(Reason: When the `Access-Control-Allow-Headers` is `*`, the `Authorization` header is not covered. To include the `Authorization` header, it must be explicitly listed in CORS header `Access-Control-Allow-Headers`).",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var fields []string
			if tc.field != "" {
				fields = append(fields, tc.field)
			}
			if tc.method == "" {
				tc.method = "GET"
			}
			r := newRequest(t, tc.method, "https://api.example/items", page, tc.credentials, fields...)
			var f *Failure
			if tc.preflight {
				f = r.CheckPreflight(tc.res)
			} else if f = r.CheckResponse(tc.res); f == nil {
				_, f = r.Redirect(tc.res)
			}
			if f == nil {
				t.Fatal("no failure")
			}
			for name, want := range map[Name]string{Chromium: tc.chromium, Firefox: tc.firefox, WebKit: tc.webkit} {
				if got := r.Message(name, f); got != want {
					t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
				}
			}
		})
	}
}
