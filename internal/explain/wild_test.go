package explain

import (
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// TestWild: texts as people paste them into questions and issues.
func TestWild(t *testing.T) {
	const (
		missing   = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
		preflight = "Response to preflight request doesn't pass access control check: "
		therefore = " Origin '" + anOrigin + "' is therefore not allowed access."
		xhr       = "XMLHttpRequest cannot load " + anURL + ". "
		asset     = "https://cdn.example.com/a.js"
	)
	for _, tc := range []struct {
		text         string
		code         browser.Code // or "" if it is not to be recognized
		url, origin  string
		value, moved string // the value, and where a redirect led
	}{
		// Other text stands around a message.
		{text: "VM12:1 " + accessTo + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "login?next=%2F:1 " + accessTo + preflight + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "2\n14:03:22.512 " + accessTo + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: accessTo + missing + "\nindex.js:12 GET " + anURL + " net::ERR_FAILED 200 (OK)\n(anonymous) @ index.js:12\nUncaught (in promise) TypeError: Failed to fetch\n    at load (index.js:12:3)", code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: accessTo + missing + "\nAxiosError {message: 'Network Error', code: 'ERR_NETWORK'}", code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "CORS error\tMissingAllowOriginHeader\n" + accessTo + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "Access to fetch at 'https://api.example.com/\nitems' from origin '" + anOrigin + "' has been blocked by CORS\npolicy: " + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "Access to fetch at 'https://api.exa\nmple.com/it\nems' (redirected from 'https://old.exam\nple.com/') from origin '" + anOrigin + "' has been blocked by CORS policy: " + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: blocked + "CORS header ‘Access-Control-Allow-Origin’ missing).[Learn More]", code: browser.MissingAllowOrigin, url: anURL},
		{text: "Blocked loading mixed active content “http://api.example.com/items”[Learn More]", code: MixedContent, url: "http://api.example.com/items"},

		// A message about something else does not hide one about CORS.
		{text: "Cookie “sid” has been rejected because it is in a cross-site context and its “SameSite” is “Lax” or “Strict”.\nGET " + asset + " net::ERR_BLOCKED_BY_ORB\n" + accessTo + missing, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "GET " + asset + " net::ERR_BLOCKED_BY_ORB\n" + accessTo + "No 'Access-Control-Allow-Or", code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: "GET " + asset + " net::ERR_BLOCKED_BY_ORB\nTypeError: Failed to fetch", code: OpaqueResponse, url: asset},

		// Old versions.
		{text: xhr + "Origin " + anOrigin + " is not allowed by Access-Control-Allow-Origin.", code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: xhr + preflight + missing + therefore + " The response had HTTP status code 405.", code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin},
		{text: xhr + "Invalid HTTP status code 405", code: browser.PreflightStatus, url: anURL},
		{text: "Failed to load " + anURL + ": Redirect from '" + anURL + "' to 'https://login.example.com/' has been blocked by CORS policy: " + missing + therefore, code: browser.MissingAllowOrigin, url: anURL, origin: anOrigin, moved: "https://login.example.com/"},
		{text: xhr + "Redirect from '" + anURL + "' to 'https://b.example.com/' has been blocked by CORS policy: Request requires preflight, which is disallowed to follow cross-origin redirect.", code: browser.PreflightRedirect, url: anURL, moved: "https://b.example.com/"},
		{text: "Font from origin 'https://cdn.example.com' has been blocked from loading by Cross-Origin Resource Sharing policy: " + missing + therefore, code: browser.MissingAllowOrigin, origin: anOrigin},
		{text: "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at " + anURL + ". This can be fixed by moving the resource to the same domain or enabling CORS.", code: Unspecified, url: anURL},
		{text: blocked + "CORS request failed).", code: Unspecified, url: anURL},
		{text: strings.Replace(accessTo, anURL, "http://192.168.1.2/", 1) + "Request had no target IP address space, yet the resource is in address space `private`.", code: LocalNetwork, url: "http://192.168.1.2/", origin: anOrigin},

		// Firefox does not tell these apart.
		{text: blocked + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘*, *’).", code: browser.MultipleAllowOrigin, url: anURL, value: "*, *"},
		{text: blocked + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘app.example.com’).", code: browser.InvalidAllowOrigin, url: anURL, value: "app.example.com"},
		{text: blocked + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘https://www.example.com’).", code: browser.AllowOriginMismatch, url: anURL, value: "https://www.example.com"},
		{text: blocked + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘null’).", code: browser.AllowOriginMismatch, url: anURL, value: "null"},

		// Other languages.
		{text: "Quellübergreifende (Cross-Origin) Anfrage blockiert: Die Gleiche-Quelle-Regel verbietet das Lesen der externen Ressource auf " + anURL + ". (Grund: CORS-Kopfzeile 'Access-Control-Allow-Origin' fehlt). Statuscode: 200.", code: Unspecified, url: anURL},
		{text: "Blocage d’une requête multiorigines (Cross-Origin Request) : la politique « Same Origin » ne permet pas de consulter la ressource distante située sur " + anURL + ". Raison : l’en-tête CORS « Access-Control-Allow-Origin » est manquant.", code: Unspecified, url: anURL},
		{text: "已拦截跨源请求：同源策略禁止读取位于 " + anURL + " 的远程资源。（原因：CORS 请求未能成功）。", code: Unspecified, url: anURL},
		{text: "A question about CORS: how do I call https://api.example.com/items?", code: ""},

		// Network panels.
		{text: "Cross-Origin Resource Sharing error: PreflightMissingAllowOriginHeader", code: browser.MissingAllowOrigin},
		{text: "items\tCORS error\tfetch\tindex.js:12\t0 B\t23 ms", code: Unspecified},
		{text: "Response body is not available to scripts (Reason: CORS Allow Origin Not Matching Origin)", code: browser.AllowOriginMismatch},
		{text: "CORS Missing Allow Header", code: browser.HeaderNotAllowed},
		{text: "Request Method: OPTIONS\nStatus Code: 403 Forbidden\nReferrer Policy: strict-origin-when-cross-origin", code: ReferrerPolicy},

		// The page or its client says it.
		{text: "Uncaught (in promise) AxiosError {message: 'Network Error', name: 'AxiosError', code: 'ERR_NETWORK'}", code: Unspecified},
		{text: `HttpErrorResponse {status: 0, statusText: "Unknown Error", url: "` + anURL + `", message: "Http failure response for ` + anURL + `: 0 Unknown Error"}`, code: Unspecified, url: anURL},
		{text: "TypeError: fetch failed\n    at node:internal/deps/undici/undici:13392:13\n  [cause]: Error: connect ECONNREFUSED 127.0.0.1:3000", code: NoResponse},
		{text: `The FetchEvent for "` + anURL + `" resulted in a network error response: the promise was rejected.`, code: Unspecified, url: anURL},

		// People take these for CORS.
		{text: "GET " + asset + " net::ERR_BLOCKED_BY_RESPONSE.NotSameOriginAfterDefaultedToSameOriginByCoep 200 (OK)", code: ResourcePolicy, url: asset},
		{text: "GET " + asset + " net::ERR_BLOCKED_BY_ORB", code: OpaqueResponse, url: asset},
		{text: "GET " + asset + " net::ERR_BLOCKED_BY_CLIENT", code: NoResponse, url: asset},
		{text: "GET " + asset + " net::ERR_ABORTED 404 (Not Found)", code: NoResponse, url: asset},
		{text: "GET " + asset + " 404 (Not Found)", code: ""},
		{text: "Fetch API cannot load " + anURL + ". Refused to connect because it violates the document's Content Security Policy.", code: ContentSecurityPolicy, url: anURL},
		{text: "Refused to load the font '" + asset + "' because it violates the following Content Security Policy directive: \"font-src 'self'\".", code: ContentSecurityPolicy, url: asset, value: "font-src"},
		{text: "Uncaught DOMException: Failed to execute 'toDataURL' on 'HTMLCanvasElement': Tainted canvases may not be exported.", code: NoCrossorigin},
		{text: "WebSocket connection to 'wss://ws.example.com/' failed: Error during WebSocket handshake: Unexpected response code: 403", code: WebSocket, url: "wss://ws.example.com/"},
		{text: "Firefox can’t establish a connection to the server at wss://ws.example.com/.", code: WebSocket, url: "wss://ws.example.com/"},
		{text: "Firefox can’t establish a connection to the server at " + anURL + ".", code: Unspecified, url: anURL},
		{text: "Loading module from “" + asset + "” was blocked because of a disallowed MIME type (“text/html”).", code: ""},
	} {
		m := Recognize(tc.text)
		if m == nil {
			m = &Message{}
		}
		if m.Code != tc.code || m.URL != tc.url || m.Origin != tc.origin || m.Value != tc.value && tc.value != "" || m.RedirectTo != tc.moved {
			t.Errorf("%s:\ngot  %+v\nwant %+v", tc.text, m, tc)
		}
		if m.More != 0 {
			t.Errorf("%s: %d more messages", tc.text, m.More)
		}
	}
}

// TestElsewhere: the lines to write for what is near to CORS.
func TestElsewhere(t *testing.T) {
	for text, want := range map[string]string{
		`Refused to get unsafe header "X-Total"`:                   "expose_headers X-Total",
		`Refused to get unsafe header "X-Total{"`:                  "expose_headers X-Total",
		`Refused to get unsafe header "Set-Cookie"`:                `getResponseHeader("Set-Cookie")`,
		`Refused to set unsafe header "Host"`:                      `setRequestHeader("Host", …)`,
		"GET https://cdn.example.com/a.js net::ERR_BLOCKED_BY_CSP": "connect-src 'self' https://cdn.example.com",
		"Refused to load https://cdn.example.com/a.png because it does not appear in the img-src directive of the Content Security Policy.":                                                                                                         "img-src 'self' https://cdn.example.com",
		"GET https://cdn.example.com/a.js net::ERR_BLOCKED_BY_RESPONSE.NotSameOrigin 200 (OK)":                                                                                                                                                      "header >Cross-Origin-Resource-Policy cross-origin",
		"Mixed Content: The page at 'https://app.example.com/' was loaded over HTTPS, but attempted to connect to the insecure WebSocket endpoint 'ws://ws.example.com/'. This request has been blocked; this endpoint must be available over WSS.": "wss://ws.example.com/",
	} {
		m := Recognize(text)
		if m == nil {
			t.Errorf("%s is not recognized", text)
			continue
		}
		if fix := m.Explain().Fixes[0]; fix.Caddyfile+fix.Page != want {
			t.Errorf("%s: got %+v, want %s", text, fix, want)
		}
	}
	for text, want := range map[string]string{
		"GET https://cdn.example.com/a.js net::ERR_ABORTED 404 (Not Found)": "The server responded with the status 404,",
		"TypeError: fetch failed":                   "Node.js got no response,",
		"TypeError: Failed to fetch":                "The browser kept the response",
		"(原因：CORS 请求未能成功) https://api.example.com/": "Firefox kept the response from the page, and says why in a language",
	} {
		if m := Recognize(text); m == nil || !strings.HasPrefix(m.Explain().Meaning, want) {
			t.Errorf("%s: got %+v, want %s", text, m, want)
		}
	}
}

// TestNotAsked: the server is not asked about what CORS does not decide.
func TestNotAsked(t *testing.T) {
	for text, blocked := range map[string]bool{
		"net::ERR_BLOCKED_BY_CSP":                        true,
		`Refused to get unsafe header "X-Total"`:         false,
		"GET https://a.example/ net::ERR_BLOCKED_BY_ORB": false,
		"strict-origin-when-cross-origin":                false,
		"TypeError: fetch failed":                        false,
	} {
		m := Recognize(text)
		e := m.Explain()
		err := e.AskServer(t.Context(), m, check.Check{URL: "https://api.invalid/", Origin: anOrigin})
		if err != nil || e.Check != nil || e.Error == "" || e.Blocked != blocked {
			t.Errorf("%s: got %+v, %v", text, e, err)
		}
	}
}
