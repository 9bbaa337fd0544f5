package explain

import (
	"slices"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// panels are what the network panels of the developer tools say instead of a status.
// Sources:
//   - Chromium: Network.CorsError of the DevTools protocol, and its blocked reasons
//   - Firefox: BLOCKED_REASON_MESSAGES in devtools/client/netmonitor/src/constants.js
var panels = slices.Concat(
	panelOf(Chromium, "CORS error", []reason{
		{RequestMode, "DisallowedByMode"},
		{browser.WildcardWithCredentials, "WildcardOriginNotAllowed"},
		{browser.MissingAllowOrigin, "MissingAllowOriginHeader"},
		{browser.MultipleAllowOrigin, "MultipleAllowOriginValues"},
		{browser.InvalidAllowOrigin, "InvalidAllowOriginValue"},
		{browser.AllowOriginMismatch, "AllowOriginMismatch"},
		{browser.InvalidAllowCredentials, "InvalidAllowCredentials"},
		{UnsupportedScheme, "CorsDisabledScheme"},
		{browser.PreflightStatus, "PreflightInvalidStatus"},
		{browser.PreflightRedirect, "PreflightDisallowedRedirect"},
		{browser.WildcardWithCredentials, "PreflightWildcardOriginNotAllowed"},
		{browser.MissingAllowOrigin, "PreflightMissingAllowOriginHeader"},
		{browser.MultipleAllowOrigin, "PreflightMultipleAllowOriginValues"},
		{browser.InvalidAllowOrigin, "PreflightInvalidAllowOriginValue"},
		{browser.AllowOriginMismatch, "PreflightAllowOriginMismatch"},
		{browser.InvalidAllowCredentials, "PreflightInvalidAllowCredentials"},
		{PrivateNetwork, "PreflightMissingAllowPrivateNetwork"},
		{PrivateNetwork, "PreflightInvalidAllowPrivateNetwork"},
		{browser.MalformedAllowMethods, "InvalidAllowMethodsPreflightResponse"},
		{browser.MalformedAllowHeaders, "InvalidAllowHeadersPreflightResponse"},
		{browser.MethodNotAllowed, "MethodDisallowedByPreflightResponse"},
		{browser.HeaderNotAllowed, "HeaderDisallowedByPreflightResponse"},
		{browser.RedirectCredentials, "RedirectContainsCredentials"},
		{LocalNetwork, "InsecureLocalNetwork"},
		{LocalNetwork, "InvalidLocalNetworkAccess"},
		{LocalNetwork, "LocalNetworkAccessPermissionDenied"},
		{LocalNetwork, "InsecurePrivateNetwork"},
		{ContentSecurityPolicy, "(blocked:csp)"},
		{MixedContent, "(blocked:mixed-content)"},
	}),
	panelOf(Firefox, "CORS Failed", []reason{
		{UnsupportedScheme, "CORS Not HTTP"},
		{browser.MultipleAllowOrigin, "CORS Multiple Origin Not Allowed"},
		{browser.MissingAllowOrigin, "CORS Missing Allow Origin"},
		{browser.WildcardWithCredentials, "CORS No Allow Credentials"},
		{browser.AllowOriginMismatch, "CORS Allow Origin Not Matching Origin"},
		{browser.InvalidAllowCredentials, "CORS Missing Allow Credentials"},
		{BrowserFault, "CORS Origin Header Missing"},
		{browser.PreflightRedirect, "CORS External Redirect Not Allowed"},
		{browser.PreflightStatus, "CORS Preflight Did Not Succeed"},
		{browser.MalformedAllowMethods, "CORS Invalid Allow Method"},
		{browser.MethodNotAllowed, "CORS Method Not Found"},
		{browser.MalformedAllowHeaders, "CORS Invalid Allow Header"},
		{browser.HeaderNotAllowed, "CORS Missing Allow Header"},
	}),
)

// reason is a text of a network panel, and what it means.
type reason struct {
	code browser.Code
	text string
}

// panelOf returns the messages of the network panel of a browser: the vague one, which
// has no reason, and those that have.
func panelOf(name, vagueText string, reasons []reason) []known {
	list := []known{{browser: name, code: Unspecified, rank: vague, text: vagueText}}
	for _, r := range reasons {
		list = append(list, known{browser: name, code: r.code, rank: aside, text: r.text})
	}
	return list
}
