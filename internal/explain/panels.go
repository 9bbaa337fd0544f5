package explain

import "github.com/seed-56c1dbac/caddy-cors/internal/browser"

// panels are what the network panels of the developer tools say instead of a status.
// Sources:
//   - Chromium: Network.CorsError of the DevTools protocol, and its blocked reasons
//   - Firefox: BLOCKED_REASON_MESSAGES in devtools/client/netmonitor/src/constants.js
var panels = []known{
	{browser: Chromium, code: RequestMode, rank: aside, text: "DisallowedByMode"},
	{browser: Chromium, code: browser.WildcardWithCredentials, rank: aside, text: "WildcardOriginNotAllowed"},
	{browser: Chromium, code: browser.MissingAllowOrigin, rank: aside, text: "MissingAllowOriginHeader"},
	{browser: Chromium, code: browser.MultipleAllowOrigin, rank: aside, text: "MultipleAllowOriginValues"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, rank: aside, text: "InvalidAllowOriginValue"},
	{browser: Chromium, code: browser.AllowOriginMismatch, rank: aside, text: "AllowOriginMismatch"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, rank: aside, text: "InvalidAllowCredentials"},
	{browser: Chromium, code: UnsupportedScheme, rank: aside, text: "CorsDisabledScheme"},
	{browser: Chromium, code: browser.PreflightStatus, rank: aside, text: "PreflightInvalidStatus"},
	{browser: Chromium, code: browser.PreflightRedirect, rank: aside, text: "PreflightDisallowedRedirect"},
	{browser: Chromium, code: browser.WildcardWithCredentials, rank: aside, text: "PreflightWildcardOriginNotAllowed"},
	{browser: Chromium, code: browser.MissingAllowOrigin, rank: aside, text: "PreflightMissingAllowOriginHeader"},
	{browser: Chromium, code: browser.MultipleAllowOrigin, rank: aside, text: "PreflightMultipleAllowOriginValues"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, rank: aside, text: "PreflightInvalidAllowOriginValue"},
	{browser: Chromium, code: browser.AllowOriginMismatch, rank: aside, text: "PreflightAllowOriginMismatch"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, rank: aside, text: "PreflightInvalidAllowCredentials"},
	{browser: Chromium, code: PrivateNetwork, rank: aside, text: "PreflightMissingAllowPrivateNetwork"},
	{browser: Chromium, code: PrivateNetwork, rank: aside, text: "PreflightInvalidAllowPrivateNetwork"},
	{browser: Chromium, code: browser.MalformedAllowMethods, rank: aside, text: "InvalidAllowMethodsPreflightResponse"},
	{browser: Chromium, code: browser.MalformedAllowHeaders, rank: aside, text: "InvalidAllowHeadersPreflightResponse"},
	{browser: Chromium, code: browser.MethodNotAllowed, rank: aside, text: "MethodDisallowedByPreflightResponse"},
	{browser: Chromium, code: browser.HeaderNotAllowed, rank: aside, text: "HeaderDisallowedByPreflightResponse"},
	{browser: Chromium, code: browser.RedirectCredentials, rank: aside, text: "RedirectContainsCredentials"},
	{browser: Chromium, code: LocalNetwork, rank: aside, text: "InsecureLocalNetwork"},
	{browser: Chromium, code: LocalNetwork, rank: aside, text: "InvalidLocalNetworkAccess"},
	{browser: Chromium, code: LocalNetwork, rank: aside, text: "LocalNetworkAccessPermissionDenied"},
	{browser: Chromium, code: LocalNetwork, rank: aside, text: "InsecurePrivateNetwork"},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: "(blocked:csp)"},
	{browser: Chromium, code: MixedContent, rank: aside, text: "(blocked:mixed-content)"},
	{browser: Chromium, code: Unspecified, rank: vague, text: "CORS error"},

	{browser: Firefox, code: UnsupportedScheme, rank: aside, text: "CORS Not HTTP"},
	{browser: Firefox, code: browser.MultipleAllowOrigin, rank: aside, text: "CORS Multiple Origin Not Allowed"},
	{browser: Firefox, code: browser.MissingAllowOrigin, rank: aside, text: "CORS Missing Allow Origin"},
	{browser: Firefox, code: browser.WildcardWithCredentials, rank: aside, text: "CORS No Allow Credentials"},
	{browser: Firefox, code: browser.AllowOriginMismatch, rank: aside, text: "CORS Allow Origin Not Matching Origin"},
	{browser: Firefox, code: browser.InvalidAllowCredentials, rank: aside, text: "CORS Missing Allow Credentials"},
	{browser: Firefox, code: BrowserFault, rank: aside, text: "CORS Origin Header Missing"},
	{browser: Firefox, code: browser.PreflightRedirect, rank: aside, text: "CORS External Redirect Not Allowed"},
	{browser: Firefox, code: browser.PreflightStatus, rank: aside, text: "CORS Preflight Did Not Succeed"},
	{browser: Firefox, code: browser.MalformedAllowMethods, rank: aside, text: "CORS Invalid Allow Method"},
	{browser: Firefox, code: browser.MethodNotAllowed, rank: aside, text: "CORS Method Not Found"},
	{browser: Firefox, code: browser.MalformedAllowHeaders, rank: aside, text: "CORS Invalid Allow Header"},
	{browser: Firefox, code: browser.HeaderNotAllowed, rank: aside, text: "CORS Missing Allow Header"},
	{browser: Firefox, code: Unspecified, rank: vague, text: "CORS Failed"},
}
