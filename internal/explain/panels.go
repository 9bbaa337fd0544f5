package explain

import "github.com/seed-56c1dbac/caddy-cors/internal/browser"

// panels are what the network panels of the developer tools say instead of a status.
// Sources:
//   - Chromium: Network.CorsError of the DevTools protocol, and its blocked reasons
//   - Firefox: BLOCKED_REASON_MESSAGES in devtools/client/netmonitor/src/constants.js
var panels = []known{
	{browser: Chromium, code: RequestMode, rank: brief, text: "DisallowedByMode"},
	{browser: Chromium, code: browser.WildcardWithCredentials, rank: brief, text: "WildcardOriginNotAllowed"},
	{browser: Chromium, code: browser.MissingAllowOrigin, rank: brief, text: "MissingAllowOriginHeader"},
	{browser: Chromium, code: browser.MultipleAllowOrigin, rank: brief, text: "MultipleAllowOriginValues"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, rank: brief, text: "InvalidAllowOriginValue"},
	{browser: Chromium, code: browser.AllowOriginMismatch, rank: brief, text: "AllowOriginMismatch"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, rank: brief, text: "InvalidAllowCredentials"},
	{browser: Chromium, code: UnsupportedScheme, rank: brief, text: "CorsDisabledScheme"},
	{browser: Chromium, code: browser.PreflightStatus, rank: brief, text: "PreflightInvalidStatus"},
	{browser: Chromium, code: browser.PreflightRedirect, rank: brief, text: "PreflightDisallowedRedirect"},
	{browser: Chromium, code: browser.WildcardWithCredentials, rank: brief, text: "PreflightWildcardOriginNotAllowed"},
	{browser: Chromium, code: browser.MissingAllowOrigin, rank: brief, text: "PreflightMissingAllowOriginHeader"},
	{browser: Chromium, code: browser.MultipleAllowOrigin, rank: brief, text: "PreflightMultipleAllowOriginValues"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, rank: brief, text: "PreflightInvalidAllowOriginValue"},
	{browser: Chromium, code: browser.AllowOriginMismatch, rank: brief, text: "PreflightAllowOriginMismatch"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, rank: brief, text: "PreflightInvalidAllowCredentials"},
	{browser: Chromium, code: PrivateNetwork, rank: brief, text: "PreflightMissingAllowPrivateNetwork"},
	{browser: Chromium, code: PrivateNetwork, rank: brief, text: "PreflightInvalidAllowPrivateNetwork"},
	{browser: Chromium, code: browser.MalformedAllowMethods, rank: brief, text: "InvalidAllowMethodsPreflightResponse"},
	{browser: Chromium, code: browser.MalformedAllowHeaders, rank: brief, text: "InvalidAllowHeadersPreflightResponse"},
	{browser: Chromium, code: browser.MethodNotAllowed, rank: brief, text: "MethodDisallowedByPreflightResponse"},
	{browser: Chromium, code: browser.HeaderNotAllowed, rank: brief, text: "HeaderDisallowedByPreflightResponse"},
	{browser: Chromium, code: browser.RedirectCredentials, rank: brief, text: "RedirectContainsCredentials"},
	{browser: Chromium, code: LocalNetwork, rank: brief, text: "InsecureLocalNetwork"},
	{browser: Chromium, code: LocalNetwork, rank: brief, text: "InvalidLocalNetworkAccess"},
	{browser: Chromium, code: LocalNetwork, rank: brief, text: "LocalNetworkAccessPermissionDenied"},
	{browser: Chromium, code: LocalNetwork, rank: brief, text: "InsecurePrivateNetwork"},
	{browser: Chromium, code: ContentSecurityPolicy, rank: brief, text: "(blocked:csp)"},
	{browser: Chromium, code: MixedContent, rank: brief, text: "(blocked:mixed-content)"},
	{browser: Chromium, code: Unspecified, rank: vague, text: "CORS error"},

	{browser: Firefox, code: UnsupportedScheme, rank: brief, text: "CORS Not HTTP"},
	{browser: Firefox, code: browser.MultipleAllowOrigin, rank: brief, text: "CORS Multiple Origin Not Allowed"},
	{browser: Firefox, code: browser.MissingAllowOrigin, rank: brief, text: "CORS Missing Allow Origin"},
	{browser: Firefox, code: browser.WildcardWithCredentials, rank: brief, text: "CORS No Allow Credentials"},
	{browser: Firefox, code: browser.AllowOriginMismatch, rank: brief, text: "CORS Allow Origin Not Matching Origin"},
	{browser: Firefox, code: browser.InvalidAllowCredentials, rank: brief, text: "CORS Missing Allow Credentials"},
	{browser: Firefox, code: BrowserFault, rank: brief, text: "CORS Origin Header Missing"},
	{browser: Firefox, code: browser.PreflightRedirect, rank: brief, text: "CORS External Redirect Not Allowed"},
	{browser: Firefox, code: browser.PreflightStatus, rank: brief, text: "CORS Preflight Did Not Succeed"},
	{browser: Firefox, code: browser.MalformedAllowMethods, rank: brief, text: "CORS Invalid Allow Method"},
	{browser: Firefox, code: browser.MethodNotAllowed, rank: brief, text: "CORS Method Not Found"},
	{browser: Firefox, code: browser.MalformedAllowHeaders, rank: brief, text: "CORS Invalid Allow Header"},
	{browser: Firefox, code: browser.HeaderNotAllowed, rank: brief, text: "CORS Missing Allow Header"},
	{browser: Firefox, code: Unspecified, rank: vague, text: "CORS Failed"},
}
