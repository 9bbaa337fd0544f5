package browser

import "fmt"

// Code names the check that failed. The set is closed.
type Code string

// Codes of the CORS check (https://fetch.spec.whatwg.org/#concept-cors-check), both of
// preflights and of requests.
const (
	MissingAllowOrigin      Code = "missing_allow_origin"
	MultipleAllowOrigin     Code = "multiple_allow_origin"
	InvalidAllowOrigin      Code = "invalid_allow_origin"
	AllowOriginMismatch     Code = "allow_origin_mismatch"
	WildcardWithCredentials Code = "wildcard_with_credentials"
	InvalidAllowCredentials Code = "invalid_allow_credentials"
)

// Codes of the preflight (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
const (
	PreflightRedirect     Code = "preflight_redirect"
	PreflightStatus       Code = "preflight_status"
	MalformedAllowMethods Code = "malformed_allow_methods"
	MalformedAllowHeaders Code = "malformed_allow_headers"
	MethodNotAllowed      Code = "method_not_allowed"
	HeaderNotAllowed      Code = "header_not_allowed"

	// Browsers do not follow the standard here: they allow the request.
	WildcardAuthorization Code = "wildcard_authorization"
)

// Codes of redirects (https://fetch.spec.whatwg.org/#http-redirect-fetch).
const (
	RedirectCredentials Code = "redirect_credentials"
	InvalidRedirect     Code = "invalid_redirect"
	TooManyRedirects    Code = "too_many_redirects"
)

// Codes lists all codes.
var Codes = []Code{
	MissingAllowOrigin, MultipleAllowOrigin, InvalidAllowOrigin, AllowOriginMismatch, WildcardWithCredentials, InvalidAllowCredentials,
	PreflightRedirect, PreflightStatus, MalformedAllowMethods, MalformedAllowHeaders, MethodNotAllowed, HeaderNotAllowed, WildcardAuthorization,
	RedirectCredentials, InvalidRedirect, TooManyRedirects,
}

// Failure is the reason why the page does not get the response.
type Failure struct {
	Code      Code
	Preflight bool   // it is the response to a preflight
	Status    int    // of the response
	Target    string // the URL that it redirects to, without user info; or empty
	Repeated  bool   // it has the header more than once
	Value     string // the server's value; or the method or the name of the header that is not allowed
}

// chromiumMessage returns the message of Chromium
// (third_party/blink/renderer/platform/loader/cors/cors_error_string.cc).
func (r *Request) chromiumMessage(f *Failure) string {
	switch f.Code {
	case InvalidRedirect:
		return fmt.Sprintf("%s %s net::ERR_UNSAFE_REDIRECT", r.Method, r.URL())
	case TooManyRedirects:
		return fmt.Sprintf("%s %s net::ERR_TOO_MANY_REDIRECTS", r.Method, r.urls[0])
	case WildcardAuthorization:
		return "Authorization will not be covered by the wildcard symbol (*) in CORS `Access-Control-Allow-Headers` handling."
	default:
	}
	redirected := ""
	if len(r.urls) > 1 {
		redirected = fmt.Sprintf(" (redirected from '%s')", r.urls[0])
	}
	return fmt.Sprintf("Access to fetch at '%s'%s from origin '%s' has been blocked by CORS policy: %s", r.URL(), redirected, r.Origin, f.text())
}

func (f *Failure) text() string {
	const valid = " Have the server send the header with a valid value."
	check := ""
	if f.Preflight {
		check = "Response to preflight request doesn't pass access control check: "
	}
	switch f.Code {
	case MissingAllowOrigin:
		return check + "No 'Access-Control-Allow-Origin' header is present on the requested resource."
	case MultipleAllowOrigin:
		return check + "The 'Access-Control-Allow-Origin' header contains multiple values '" + f.Value + "', but only one is allowed." + valid
	case InvalidAllowOrigin:
		return check + "The 'Access-Control-Allow-Origin' header contains the invalid value '" + f.Value + "'." + valid
	case AllowOriginMismatch:
		return check + "The 'Access-Control-Allow-Origin' header has a value '" + f.Value + "' that is not equal to the supplied origin." + valid
	case WildcardWithCredentials:
		return check + "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'."
	case InvalidAllowCredentials:
		return check + "The value of the 'Access-Control-Allow-Credentials' header in the response is '" + f.Value + "' which must be 'true' when the request's credentials mode is 'include'."
	case PreflightRedirect:
		return check + "Redirect is not allowed for a preflight request."
	case PreflightStatus:
		return check + "It does not have HTTP ok status."
	case MalformedAllowMethods:
		return "Cannot parse Access-Control-Allow-Methods response header field in preflight response."
	case MalformedAllowHeaders:
		return "Cannot parse Access-Control-Allow-Headers response header field in preflight response."
	case MethodNotAllowed:
		return "Method " + f.Value + " is not allowed by Access-Control-Allow-Methods in preflight response."
	case HeaderNotAllowed:
		return "Request header field " + f.Value + " is not allowed by Access-Control-Allow-Headers in preflight response."
	case RedirectCredentials:
		// Chromium prints an empty location, although its source has one.
		return "Redirect location '' contains a username and password, which is disallowed for cross-origin requests."
	default:
		return string(f.Code)
	}
}
