package browser

import (
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	page   = "https://app.example"
	target = "https://api.example/items"
)

// header makes fields from lines "Name: value".
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimPrefix(value, " "))
	}
	return h
}

func newRequest(t *testing.T, method, url, origin string, credentials bool, lines ...string) *Request {
	t.Helper()
	r, err := NewRequest(method, url, origin, header(lines...), credentials)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNewRequest(t *testing.T) {
	for _, tc := range []struct{ method, url, field, err string }{
		{"GET", target, "X-A: b", ""},
		{"chicken", target, "", ""},
		{"", target, "", `method "": is not a valid method, so fetch() throws a TypeError; write one such as PUT`},
		{"GET,PUT", target, "", `method "GET,PUT": is not a valid method, so fetch() throws a TypeError; write one such as PUT`},
		{"trace", target, "", `method "trace": is forbidden, so fetch() throws a TypeError; write one such as PUT`},
		{"GET", "https://user:secret@api.example/", "", `URL "https://user:xxxxx@api.example/": has a user name or a password, for which fetch() throws a TypeError; write the URL without them`},
		{"GET", "api.example", "", `URL "api.example": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{"GET", "ws://api.example", "", `URL "ws://api.example": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{"GET", "https://", "", `URL "https://": is not an absolute http or https URL; write one such as https://api.example.com/items`},
		{"GET", "https://api.example/%zz", "", `URL "https://api.example/%zz": invalid URL escape "%zz"`},
		{"GET", target, "X A: b", `header "X A": is not a valid name, so fetch() throws a TypeError; write one such as X-Request-Id`},
		{"GET", target, "X-A: b\x00", `header "X-A": the value is not valid, so fetch() throws a TypeError; write it in one line`},
		{"GET", target, "X-A: b\r\nX-B: c", `header "X-A": the value is not valid, so fetch() throws a TypeError; write it in one line`},
	} {
		got, fields := "", http.Header(nil)
		if tc.field != "" {
			fields = header(tc.field)
		}
		if _, err := NewRequest(tc.method, tc.url, page, fields, false); err != nil {
			got = err.Error()
		}
		if got != tc.err {
			t.Errorf("%s %s %q: got %s, want %s", tc.method, tc.url, tc.field, got, tc.err)
		}
	}
}

func TestNormalizeMethod(t *testing.T) {
	for method, want := range map[string]string{
		"get": "GET", "Head": "HEAD", "post": "POST", "put": "PUT", "delete": "DELETE", "oPTIONS": "OPTIONS",
		"patch": "patch", "Patch": "Patch", "PATCH": "PATCH", "propfind": "propfind", "GETS": "GETS",
	} {
		if got := newRequest(t, method, target, page, false).Method; got != want {
			t.Errorf("%s: got %s, want %s", method, got, want)
		}
	}
}

func TestURL(t *testing.T) {
	for in, want := range map[string]string{
		"HTTPS://API.example:443/A#b": "https://api.example/A",
		"http://api.example:80":       "http://api.example/",
		"http://api80":                "http://api80/",
		"http://api.example:443/?q":   "http://api.example:443/?q",
		"https://api.example:/":       "https://api.example/",
		"https://[::1]:8443":          "https://[::1]:8443/",
		"https://Bücher.example:444/": "https://xn--bcher-kva.example:444/",
	} {
		if got := newRequest(t, "GET", in, page, false).URL().String(); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestForbiddenFields(t *testing.T) {
	for field, want := range map[string]bool{
		"Cookie: a": true, "cookie: a": true, "Sec-A: b": true, "Proxy-A: b": true, "Origin: null": true, "Content-Length: 1": true,
		"X-HTTP-Method-Override: trace": true, "X-Method-Override: GET, CONNECT": true, "X-HTTP-Method: TRACK ": true,
		"X-HTTP-Method-Override: PUT": false, "X-A: trace": false, "Secret: a": false, "User-Agent: a": false,
	} {
		if got := len(newRequest(t, "GET", target, page, false, field).Header) == 0; got != want {
			t.Errorf("%s: got %t", field, got)
		}
	}
}

func TestIsSafelisted(t *testing.T) {
	long := strings.Repeat("a", 129)
	for field, want := range map[string]bool{
		"Accept: */*": true, "accept: */*": true, "Accept: ": true, "Accept: a\tb": true, "Accept: é": true,
		"Accept: \x01": false, "Accept: \x7f": false, "Accept: (a)": false, `Accept: "a"`: false, "Accept: a:b": false, "Accept: <": false, "Accept: @": false,
		"Accept: [a]": false, "Accept: {a}": false, `Accept: \`: false, "Accept: ?": false,
		"Accept: " + long[1:]: true, "Accept: " + long: false,
		"Accept-Language: en-US, en;q=0.5, *": true, "Accept-Language: en_US": false, "Content-Language: de": true, "Content-Language: d\te": false, "Content-Language: é": false,
		"Content-Type: text/plain": true, "Content-Type: TEXT/Plain;charset=UTF-8": true, "Content-Type: text/plain ; charset=utf-8": true, "Content-Type: text/plain;": true,
		"Content-Type: multipart/form-data; boundary=a": true, "Content-Type: application/x-www-form-urlencoded": true, `Content-Type: text/plain; charset="utf-8"`: false,
		"Content-Type: application/json": false, "Content-Type: text/plain, application/json": false, "Content-Type: ": false, "Content-Type: text": false, "Content-Type: text/": false,
		"Content-Type: text /plain": false, "Content-Type: text/ plain": false, "Content-Type: text/plain/": false, "Content-Type: text/html": false, "Content-Type: text/plain;(": false,
		"Range: bytes=0-": true, "Range: bytes=0-255": true, "Range: bytes=5-5": true, "Range: bytes=9-10": true, "Range: bytes=010-9": false, "Range: bytes=10-9": false,
		"Range: bytes=-5": false, "Range: bytes=-": false, "Range: bytes=0-1,3-4": false, "Range: bytes 0-1": false, "Range: Bytes=0-1": false, "Range: bytes= 0-1": false,
		"Range: bytes=0": false, "Range: bytes=99999999999999999999-100000000000000000000": true, "Range: bytes=a-": false, "Range: ": false,
		"X-A: b": false, "Authorization: a": false, "DPR: 1": false, "Save-Data: on": false,
	} {
		name, value, _ := strings.Cut(field, ": ")
		if got := IsSafelisted(name, value); got != want {
			t.Errorf("%q: got %t", field, got)
		}
	}
}

func TestPreflight(t *testing.T) {
	long := strings.Repeat("a", 128)
	for _, tc := range []struct {
		name, method, url, origin string
		fields                    []string
		upload                    bool
		want                      http.Header // nil for none
	}{
		{name: "simple", method: "GET"},
		{name: "head", method: "head"},
		{name: "post", method: "post", fields: []string{"Content-Type: text/plain"}},
		{name: "safelisted fields", method: "GET", fields: []string{"Accept: a", "Accept-Language: de", "Range: bytes=1-"}},
		{name: "same origin", method: "PUT", url: "https://app.example:443/", fields: []string{"X-A: b"}},
		{name: "method", method: "put", want: header("Access-Control-Request-Method: PUT")},
		{name: "options", method: "options", want: header("Access-Control-Request-Method: OPTIONS")},
		{name: "patch as written", method: "patch", want: header("Access-Control-Request-Method: patch")},
		{name: "opaque origin", method: "PUT", origin: "null", want: header("Access-Control-Request-Method: PUT")},
		{name: "another scheme", method: "PUT", url: "http://app.example/", want: header("Access-Control-Request-Method: PUT")},
		{name: "another port", method: "PUT", url: "https://app.example:8443/", want: header("Access-Control-Request-Method: PUT")},
		{name: "upload", method: "POST", upload: true, want: header("Access-Control-Request-Method: POST")},
		{name: "content type", method: "POST", fields: []string{"Content-Type: application/json"}, want: header("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type")},
		{
			name: "sorted", method: "GET", fields: []string{"X-B: 1", "x-c: 1", "X-B: 2", "Authorization: a", "X-A: 1", "Accept: a", "Cookie: b"},
			want: header("Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization,x-a,x-b,x-c"),
		},
		{
			name: "1024 bytes of safelisted values", method: "GET", fields: slices.Repeat([]string{"Accept: " + long}, 8),
		},
		{
			name: "more", method: "GET", fields: append(slices.Repeat([]string{"Accept: " + long}, 8), "Content-Language: d"),
			want: header("Access-Control-Request-Method: GET", "Access-Control-Request-Headers: accept,content-language"),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			url, origin := tc.url, tc.origin
			if url == "" {
				url = target
			}
			if origin == "" {
				origin = page
			}
			r := newRequest(t, tc.method, url, origin, false, tc.fields...)
			r.UsePreflight = tc.upload
			if got := r.NeedsPreflight(); got != (tc.want != nil) {
				t.Fatalf("needs a preflight: %t", got)
			}
			if tc.want != nil {
				tc.want.Set("Accept", "*/*")
				tc.want.Set("Origin", origin)
				if got := r.Preflight(); !reflect.DeepEqual(got, tc.want) {
					t.Errorf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}

const (
	allowed     = "Access-Control-Allow-Origin: " + page
	credentials = "Access-Control-Allow-Credentials: true"
)

// TestCORSCheck: https://fetch.spec.whatwg.org/#concept-cors-check, and the table
// of https://fetch.spec.whatwg.org/#cors-protocol-and-credentials.
func TestCORSCheck(t *testing.T) {
	for _, tc := range []struct {
		origin      string
		credentials bool
		fields      []string
		code        Code
		text        string
	}{
		{page, false, []string{allowed}, "", ""},
		{page, false, []string{"access-control-allow-origin:  " + page + "\t"}, "", ""},
		{page, false, []string{"Access-Control-Allow-Origin: *"}, "", ""},
		{page, false, []string{"Access-Control-Allow-Origin: *", credentials}, "", ""},
		{page, true, []string{allowed, credentials}, "", ""},
		{"null", false, []string{"Access-Control-Allow-Origin: null"}, "", ""},
		{"null", false, []string{"Access-Control-Allow-Origin: *"}, "", ""},
		{page, false, nil, MissingAllowOrigin, "No 'Access-Control-Allow-Origin' header is present on the requested resource."},
		{page, true, []string{credentials}, MissingAllowOrigin, "No 'Access-Control-Allow-Origin' header is present on the requested resource."},
		{page, false, []string{allowed, allowed}, MultipleAllowOrigin, "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.example, https://app.example', but only one is allowed. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: *", "Access-Control-Allow-Origin: *"}, MultipleAllowOrigin, "The 'Access-Control-Allow-Origin' header contains multiple values '*, *', but only one is allowed. Have the server send the header with a valid value."},
		{page, false, []string{allowed + ",https://b.example"}, MultipleAllowOrigin, "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.example,https://b.example', but only one is allowed. Have the server send the header with a valid value."},
		{page, false, []string{allowed + " https://b.example"}, MultipleAllowOrigin, "The 'Access-Control-Allow-Origin' header contains multiple values 'https://app.example https://b.example', but only one is allowed. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin:"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value ''. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: app.example"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'app.example'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'https://'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: true"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'true'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: $http_origin"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value '$http_origin'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://a:65536"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'https://a:65536'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://%zz/"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'https://%zz/'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://<host>"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'https://<host>'. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https:a"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'https:a' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://{host}"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'https://{host}' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: localhost:3000"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'localhost:3000' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: null"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'null' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{"null", false, []string{"Access-Control-Allow-Origin: NULL"}, InvalidAllowOrigin, "The 'Access-Control-Allow-Origin' header contains the invalid value 'NULL'. Have the server send the header with a valid value."},
		{page, false, []string{allowed + "/"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'https://app.example/' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{allowed + ":443"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'https://app.example:443' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: HTTPS://app.example"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'HTTPS://app.example' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, false, []string{"Access-Control-Allow-Origin: https://*.example"}, AllowOriginMismatch, "The 'Access-Control-Allow-Origin' header has a value 'https://*.example' that is not equal to the supplied origin. Have the server send the header with a valid value."},
		{page, true, []string{"Access-Control-Allow-Origin: *", credentials}, WildcardWithCredentials, "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'."},
		{page, true, []string{allowed}, InvalidAllowCredentials, "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'."},
		{page, true, []string{allowed, "Access-Control-Allow-Credentials: True"}, InvalidAllowCredentials, "The value of the 'Access-Control-Allow-Credentials' header in the response is 'True' which must be 'true' when the request's credentials mode is 'include'."},
		{page, true, []string{allowed, credentials, credentials}, InvalidAllowCredentials, "The value of the 'Access-Control-Allow-Credentials' header in the response is 'true, true' which must be 'true' when the request's credentials mode is 'include'."},
	} {
		for _, status := range []int{200, 204, 304, 404, 500} {
			r := newRequest(t, "PUT", target, tc.origin, tc.credentials)
			prefix := "Access to fetch at 'https://api.example/items' from origin '" + tc.origin + "' has been blocked by CORS policy: "
			res := Response{status, header(tc.fields...)}
			check(t, r, r.CheckResponse(res), tc.code, prefix+tc.text)
			// The preflight's response is checked first thing.
			res.Header.Set("Access-Control-Allow-Methods", "PUT")
			f := r.CheckPreflight(res)
			if tc.code == "" && status != 200 && status != 204 {
				check(t, r, f, PreflightStatus, prefix+"Response to preflight request doesn't pass access control check: It does not have HTTP ok status.")
				continue
			}
			check(t, r, f, tc.code, prefix+"Response to preflight request doesn't pass access control check: "+tc.text)
		}
	}
}

// check compares a failure, "" for none, and its message.
func check(t *testing.T, r *Request, f *Failure, code Code, message string) {
	t.Helper()
	switch {
	case f == nil && code != "":
		t.Errorf("no failure, want %s", code)
	case f != nil && f.Code != code:
		t.Errorf("got %s, want %s", f.Code, code)
	case f != nil && r.Message(Chromium, f) != message:
		t.Errorf("got %s, want %s", r.Message(Chromium, f), message)
	}
}

func TestCheckPreflight(t *testing.T) {
	const check = "Response to preflight request doesn't pass access control check: "
	unparsable := func(name string) string {
		return "Cannot parse Access-Control-Allow-" + name + " response header field in preflight response."
	}
	method := func(m string) string {
		return "Method " + m + " is not allowed by Access-Control-Allow-Methods in preflight response."
	}
	field := func(name string) string {
		return "Request header field " + name + " is not allowed by Access-Control-Allow-Headers in preflight response."
	}
	for _, tc := range []struct {
		name        string
		method      string // GET if empty
		fields      []string
		credentials bool
		upload      bool
		status      int // 204 if 0
		header      []string
		code        Code
		text        string
	}{
		{name: "method", method: "PUT", header: []string{"Access-Control-Allow-Methods: PUT"}},
		{name: "one of several", method: "PUT", header: []string{"Access-Control-Allow-Methods: GET, ,PATCH ,\tPUT,"}},
		{name: "several lines", method: "PUT", header: []string{"Access-Control-Allow-Methods: GET", "Access-Control-Allow-Methods: PUT"}},
		{name: "no Allow-Methods", method: "PUT", code: MethodNotAllowed, text: method("PUT")},
		{name: "another method", method: "PUT", header: []string{"Access-Control-Allow-Methods: PATCH"}, code: MethodNotAllowed, text: method("PUT")},
		{name: "an empty list", method: "PUT", header: []string{"Access-Control-Allow-Methods:"}, code: MethodNotAllowed, text: method("PUT")},
		{name: "lower case in the list", method: "PUT", header: []string{"Access-Control-Allow-Methods: put"}, code: MethodNotAllowed, text: method("PUT")},
		{name: "patch", method: "patch", header: []string{"Access-Control-Allow-Methods: PATCH"}, code: MethodNotAllowed, text: method("patch")},
		{name: "safelisted methods need no mention", method: "POST", fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: x-a"}},
		{name: "any method", method: "chicken", header: []string{"Access-Control-Allow-Methods: *"}},
		{name: "any method among others", method: "PUT", header: []string{"Access-Control-Allow-Methods: GET, *"}},
		{name: "any method with credentials", method: "PUT", credentials: true, header: []string{"Access-Control-Allow-Methods: *"}, code: MethodNotAllowed, text: method("PUT")},
		{name: "the method * with credentials", method: "*", credentials: true, header: []string{"Access-Control-Allow-Methods: *"}},
		{name: "malformed methods", method: "PUT", header: []string{"Access-Control-Allow-Methods: PUT, G@T"}, code: MalformedAllowMethods, text: unparsable("Methods")},
		{name: "methods without commas", method: "PUT", header: []string{"Access-Control-Allow-Methods: GET PUT"}, code: MalformedAllowMethods, text: unparsable("Methods")},
		{name: "malformed methods of a safelisted one", fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Methods: ()", "Access-Control-Allow-Headers: x-a"}, code: MalformedAllowMethods, text: unparsable("Methods")},
		{name: "malformed in another line", method: "PUT", header: []string{"Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Methods: a;b"}, code: MalformedAllowMethods, text: unparsable("Methods")},

		{name: "field", fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Headers: x-a"}},
		{name: "field in another case", fields: []string{"X-A: b", "X-B: c"}, header: []string{"Access-Control-Allow-Headers: X-b, X-A"}},
		{name: "no Allow-Headers", fields: []string{"X-A: b"}, code: HeaderNotAllowed, text: field("x-a")},
		{name: "another field", fields: []string{"X-A: b", "X-B: c"}, header: []string{"Access-Control-Allow-Headers: x-a, x-c"}, code: HeaderNotAllowed, text: field("x-b")},
		{name: "content type", method: "POST", fields: []string{"Content-Type: application/json"}, header: []string{"Access-Control-Allow-Headers: accept"}, code: HeaderNotAllowed, text: field("content-type")},
		{name: "any field", fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Headers: *"}},
		{name: "any field with credentials", credentials: true, fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Headers: *"}, code: HeaderNotAllowed, text: field("x-a")},
		{name: "Authorization is not any field", fields: []string{"Authorization: a"}, header: []string{"Access-Control-Allow-Headers: *"}, code: WildcardAuthorization},
		{name: "Authorization with credentials", credentials: true, fields: []string{"Authorization: a"}, header: []string{"Access-Control-Allow-Headers: *"}, code: HeaderNotAllowed, text: field("authorization")},
		{name: "Authorization by name", fields: []string{"Authorization: a", "X-A: b"}, header: []string{"Access-Control-Allow-Headers: *, Authorization"}},
		{name: "malformed names", fields: []string{"X-A: b"}, header: []string{"Access-Control-Allow-Headers: x-a; x-b"}, code: MalformedAllowHeaders, text: unparsable("Headers")},
		{name: "malformed names that nobody asked for", method: "PUT", header: []string{"Access-Control-Allow-Methods: PUT", `Access-Control-Allow-Headers: "x-a"`}, code: MalformedAllowHeaders, text: unparsable("Headers")},
		{name: "both", method: "PUT", fields: []string{"X-A: b"}, code: MethodNotAllowed, text: method("PUT")},

		{name: "upload", method: "POST", upload: true},
		{name: "upload without Allow-Methods", method: "PUT", upload: true},
		{name: "upload with Allow-Methods", method: "PUT", upload: true, header: []string{"Access-Control-Allow-Methods: PATCH"}, code: MethodNotAllowed, text: method("PUT")},

		{name: "status 200", method: "PUT", status: 200, header: []string{"Access-Control-Allow-Methods: PUT"}},
		{name: "status 299", method: "PUT", status: 299, header: []string{"Access-Control-Allow-Methods: PUT"}},
		{name: "status 300", method: "PUT", status: 300, header: []string{"Access-Control-Allow-Methods: PUT"}, code: PreflightStatus, text: check + "It does not have HTTP ok status."},
		{name: "status 401", method: "PUT", status: 401, header: []string{"Access-Control-Allow-Methods: PUT"}, code: PreflightStatus, text: check + "It does not have HTTP ok status."},
		{name: "a redirect", method: "PUT", status: 308, header: []string{"Access-Control-Allow-Methods: PUT", "Location: /"}, code: PreflightRedirect, text: check + "Redirect is not allowed for a preflight request."},
		{name: "a redirect nowhere", method: "PUT", status: 308, header: []string{"Access-Control-Allow-Methods: PUT"}, code: PreflightStatus, text: check + "It does not have HTTP ok status."},
		{name: "the status comes before the lists", method: "PUT", status: 403, code: PreflightStatus, text: check + "It does not have HTTP ok status."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.method == "" {
				tc.method = "GET"
			}
			if tc.status == 0 {
				tc.status = 204
			}
			r := newRequest(t, tc.method, target, page, tc.credentials, tc.fields...)
			r.UsePreflight = tc.upload
			f := r.CheckPreflight(Response{tc.status, header(append(tc.header, allowed, credentials)...)})
			if f != nil && !f.Preflight {
				t.Error("not marked as a preflight's")
			}
			checkMessage(t, r, f, tc.code, tc.text)
		})
	}
}

func checkMessage(t *testing.T, r *Request, f *Failure, code Code, text string) {
	t.Helper()
	if code == WildcardAuthorization {
		check(t, r, f, code, "Authorization will not be covered by the wildcard symbol (*) in CORS `Access-Control-Allow-Headers` handling.")
		return
	}
	check(t, r, f, code, "Access to fetch at 'https://api.example/items' from origin 'https://app.example' has been blocked by CORS policy: "+text)
}

func TestSameOrigin(t *testing.T) {
	r := newRequest(t, "PUT", page+"/a", page, true)
	if f := r.CheckResponse(Response{200, nil}); f != nil {
		t.Errorf("%s", f.Code)
	}
	res := Response{200, header("X-A: b", "Set-Cookie: c", "Etag: d")}
	if got := r.Readable(res); !slices.Equal(got, []string{"etag", "x-a"}) {
		t.Errorf("readable: %v", got)
	}
	if newRequest(t, "GET", page, page, false).SendsOrigin() || !r.SendsOrigin() || !newRequest(t, "GET", target, page, false).SendsOrigin() {
		t.Error("Origin is sent between origins, and with methods other than GET and HEAD")
	}
}

func TestMaxAge(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 5 * time.Second, "0": 0, "7200": 2 * time.Hour, " 10 ": 10 * time.Second, "-1": 5 * time.Second, "1.5": 5 * time.Second, "1h": 5 * time.Second,
		"10, 10": 5 * time.Second, "99999999999999": math.MaxInt64, "99999999999999999999": math.MaxInt64,
	} {
		if got := MaxAge(Response{204, header("Access-Control-Max-Age: " + value)}); got != want {
			t.Errorf("%q: got %s, want %s", value, got, want)
		}
	}
	if got := MaxAge(Response{}); got != 5*time.Second {
		t.Errorf("without: %s", got)
	}
}

func TestReadable(t *testing.T) {
	for _, tc := range []struct {
		expose      []string
		credentials bool
		want        string
	}{
		{nil, false, "content-type expires"},
		{[]string{"X-A"}, false, "content-type expires x-a"},
		{[]string{"x-a,,x-missing", "X-B "}, false, "content-type expires x-a x-b"},
		{[]string{"Set-Cookie"}, false, "content-type expires"},
		{[]string{"*"}, false, "access-control-expose-headers content-type expires x-a x-b"},
		{[]string{"*"}, true, "content-type expires"},
		{[]string{"*, X-A"}, true, "content-type expires x-a"},
		{[]string{"X-A; X-B"}, false, "content-type expires"},
		{[]string{"X-A X-B"}, false, "content-type expires"},
	} {
		res := Response{200, header("Content-Type: a", "Expires: 0", "X-A: 1", "X-B: 2", "Set-Cookie: c=d")}
		if tc.expose != nil {
			res.Header["Access-Control-Expose-Headers"] = tc.expose
		}
		if got := strings.Join(newRequest(t, "GET", target, page, tc.credentials).Readable(res), " "); got != tc.want {
			t.Errorf("%q with credentials %t: got %s, want %s", tc.expose, tc.credentials, got, tc.want)
		}
	}
}
