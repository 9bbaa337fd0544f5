package browser

import (
	"fmt"
	"strings"
)

// Name names a browser engine. The set is closed.
type Name string

// Names of browsers. Other browsers print the messages of the one whose engine they
// share: Chrome and Edge those of Chromium, Safari those of WebKit.
const (
	Chromium Name = "chromium"
	Firefox  Name = "firefox"
	WebKit   Name = "webkit"
)

// Names lists all names.
var Names = []Name{Chromium, Firefox, WebKit}

// Title returns the name as it is written in a sentence.
func (n Name) Title() string {
	return map[Name]string{Chromium: "Chromium", Firefox: "Firefox", WebKit: "WebKit"}[n]
}

// Message returns the message on a browser's console about a failure of the request:
// one line, or two of WebKit. It is empty if the browser prints nothing. The texts are
// those of Chromium 156, Firefox 153 and WebKitGTK 2.50.
func (r *Request) Message(n Name, f *Failure) string {
	switch n {
	case Firefox:
		return r.firefoxMessage(f)
	case WebKit:
		return r.webkitMessage(f)
	default:
		return r.chromiumMessage(f)
	}
}

// firefoxMessage returns the message of Firefox
// (dom/locales/en-US/chrome/security/security.properties).
func (r *Request) firefoxMessage(f *Failure) string {
	const (
		blocked = "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
		failed  = "CORS request did not succeed). Status code: (null)."
	)
	status := fmt.Sprintf("). Status code: %d.", f.Status)
	at := r.URL().String()
	reason := ""
	switch f.Code {
	case MissingAllowOrigin:
		reason = "CORS header ‘Access-Control-Allow-Origin’ missing" + status
	case MultipleAllowOrigin, InvalidAllowOrigin, AllowOriginMismatch:
		reason = "CORS header ‘Access-Control-Allow-Origin’ does not match ‘" + f.Value + "’)."
		if f.Repeated {
			reason = "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed)."
		}
	case WildcardWithCredentials:
		at = "‘" + at + "’"
		reason = "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’)."
	case InvalidAllowCredentials:
		reason = "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’)."
	case PreflightRedirect:
		reason = "CORS request external redirect not allowed)."
	case PreflightStatus:
		reason = "CORS preflight response did not succeed" + status
	case MalformedAllowMethods:
		reason = "invalid token ‘" + f.Value + "’ in CORS header ‘Access-Control-Allow-Methods’)."
	case MalformedAllowHeaders:
		reason = "invalid token ‘" + f.Value + "’ in CORS header ‘Access-Control-Allow-Headers’)."
	case MethodNotAllowed:
		reason = "Did not find method in CORS header ‘Access-Control-Allow-Methods’)."
	case HeaderNotAllowed:
		reason = "header ‘" + f.Value + "’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response)."
	case WildcardAuthorization:
		return "Cross-Origin Request Warning: The Same Origin Policy will disallow reading the remote resource at " + at +
			" soon. (Reason: When the `Access-Control-Allow-Headers` is `*`, the `Authorization` header is not covered." +
			" To include the `Authorization` header, it must be explicitly listed in CORS header `Access-Control-Allow-Headers`)."
	case InvalidRedirect:
		reason = failed
		if f.Target != "" && !strings.HasPrefix(f.Target, "data:") {
			at, reason = f.Target, "CORS request not http)."
		}
	case RedirectCredentials, TooManyRedirects:
		reason = failed
	}
	return blocked + at + ". (Reason: " + reason
}

// webkitMessage returns the message of WebKit: the reason, and then the URL
// (Source/WebCore/loader/CrossOriginAccessControl.cpp and
// Source/WebKit/NetworkProcess/NetworkLoadChecker.cpp).
func (r *Request) webkitMessage(f *Failure) string {
	// It lets the request pass.
	if f.Code == WildcardAuthorization {
		return ""
	}
	reason := r.webkitReason(f)
	if f.Target != "" && reason != noFTP {
		reason = "Cross-origin redirection to " + f.Target + " denied by Cross-Origin Resource Sharing policy: " + reason
	}
	return reason + "\nFetch API cannot load " + r.URL().String() + " due to access control checks."
}

const noFTP = "FTP URLs are disabled"

func (r *Request) webkitReason(f *Failure) string {
	// It looks at the status of a preflight first, whatever else is wrong.
	if f.Preflight && (f.Status < 200 || f.Status > 299) {
		return fmt.Sprintf("Preflight response is not successful. Status code: %d", f.Status)
	}
	switch f.Code {
	case MultipleAllowOrigin, InvalidAllowOrigin, AllowOriginMismatch, MissingAllowOrigin:
		if strings.Contains(f.Value, ",") {
			return "Access-Control-Allow-Origin cannot contain more than one origin."
		}
		return fmt.Sprintf("Origin %s is not allowed by Access-Control-Allow-Origin. Status code: %d", r.SentOrigin(), f.Status)
	case WildcardWithCredentials:
		return "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true."
	case InvalidAllowCredentials:
		return `Credentials flag is true, but Access-Control-Allow-Credentials is not "true".`
	case MalformedAllowMethods:
		return "Header Access-Control-Allow-Methods has an invalid value: " + f.Value
	case MalformedAllowHeaders:
		return "Header Access-Control-Allow-Headers has an invalid value: " + f.Value
	case MethodNotAllowed:
		return "Method " + f.Value + " is not allowed by Access-Control-Allow-Methods."
	case HeaderNotAllowed:
		return "Request header field " + r.spelled(f.Value) + " is not allowed by Access-Control-Allow-Headers."
	case RedirectCredentials:
		return "redirection URL " + f.Value + " has credentials"
	case InvalidRedirect:
		if strings.HasPrefix(f.Target, "ftp:") {
			return noFTP
		}
		return "not allowed to follow a cross-origin CORS redirection with non CORS scheme"
	case TooManyRedirects:
		return "Load cannot follow more than 20 redirections"
	default:
		return string(f.Code)
	}
}

// spelled returns the name of a header as the page spells it.
func (r *Request) spelled(lower string) string {
	for name := range r.Header {
		if strings.EqualFold(name, lower) {
			return name
		}
	}
	return lower
}
