package explain

import (
	"maps"
	"net/url"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// Codes of messages that people take for CORS, or that are near to it.
const (
	NotExposed            browser.Code = "header_not_exposed"
	NoCrossorigin         browser.Code = "no_crossorigin"
	ContentSecurityPolicy browser.Code = "content_security_policy"
	ResourcePolicy        browser.Code = "resource_policy"
	OpaqueResponse        browser.Code = "opaque_response"
	ForbiddenHeader       browser.Code = "forbidden_header"
	Worker                browser.Code = "worker"
	Frame                 browser.Code = "frame"
	WebSocket             browser.Code = "websocket"
	Cookie                browser.Code = "cookie"
	ReferrerPolicy        browser.Code = "referrer_policy"
)

// Node is what prints the message if it is not a browser.
const Node = "Node.js"

// elsewhere are messages that people take for CORS, or that stand beside one about it. The
// wordings of older versions are marked.
var elsewhere = []known{
	{browser: Chromium, code: NotExposed, rank: aside, text: `Refused to get unsafe header "{word}"`},

	{browser: Chromium, code: NoCrossorigin, rank: aside, text: "Tainted canvases may not be exported"},
	{browser: Chromium, code: NoCrossorigin, rank: aside, text: "The canvas has been tainted by cross-origin data"},
	{browser: Chromium, code: NoCrossorigin, rank: aside, text: "contains cross-origin data, and may not be loaded"},
	{browser: Chromium, code: NoCrossorigin, rank: aside, text: "Failed to read the 'cssRules' property from 'CSSStyleSheet': Cannot access rules"},
	{browser: Chromium, code: NoCrossorigin, rank: aside, text: "Subresource Integrity: The resource '{url}' has an integrity attribute, but the resource requires the request to be CORS enabled"},
	{browser: Firefox, code: NoCrossorigin, rank: aside, text: "“{url}” is not eligible for integrity checks since it’s neither CORS-enabled nor same-origin"},
	{browser: Firefox, code: NoCrossorigin, rank: aside, text: "CSSStyleSheet.cssRules getter: Not allowed to access cross-origin stylesheet"},
	{browser: WebKit, code: NoCrossorigin, rank: aside, text: "Unable to get image data from canvas because the canvas has been tainted by cross-origin data"},
	{browser: WebKit, code: NoCrossorigin, rank: aside, text: "Not allowed to access cross-origin stylesheet"},

	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: `Connecting to '{url}' violates the following Content Security Policy directive: "{word}`},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: `Loading the {kind} '{url}' violates the following Content Security Policy directive: "{word}`},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: `Refused to connect to '{url}' because it violates the following Content Security Policy directive: "{word}`}, // older versions
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: `Refused to load the {kind} '{url}' because it violates the following Content Security Policy directive: "{word}`},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: "Fetch API cannot load {url}. Refused to connect because it violates the document's Content Security Policy"},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: "Refused to connect because it violates the document's Content Security Policy"},
	{browser: Chromium, code: ContentSecurityPolicy, rank: aside, text: "net::ERR_BLOCKED_BY_CSP"},
	{browser: Firefox, code: ContentSecurityPolicy, rank: aside, text: "The page’s settings blocked the loading of a resource ({word}) at {url} because it violates the following directive"},
	{browser: Firefox, code: ContentSecurityPolicy, rank: aside, text: "The page’s settings blocked the loading of a resource at {url} (“{word}”)"}, // older versions
	{browser: WebKit, code: ContentSecurityPolicy, rank: aside, text: "Refused to connect to {url} because it does not appear in the {word} directive of the Content Security Policy"},
	{browser: WebKit, code: ContentSecurityPolicy, rank: aside, text: "Refused to load {url} because it does not appear in the {word} directive of the Content Security Policy"},

	{browser: Chromium, code: ResourcePolicy, rank: aside, text: "net::ERR_BLOCKED_BY_RESPONSE"},
	{browser: Firefox, code: ResourcePolicy, rank: aside, text: "The resource at “{url}” was blocked due to its Cross-Origin-Resource-Policy header"},
	{browser: WebKit, code: ResourcePolicy, rank: aside, text: "Cancelled load to {url} because it violates the resource's Cross-Origin-Resource-Policy response header"},

	{browser: Chromium, code: OpaqueResponse, rank: aside, text: "net::ERR_BLOCKED_BY_ORB"},
	{browser: Chromium, code: OpaqueResponse, rank: aside, text: "Cross-Origin Read Blocking (CORB) blocked cross-origin response {url} with MIME type"}, // older versions
	{browser: Chromium, code: OpaqueResponse, rank: aside, text: "Response was blocked by CORB"},
	{browser: Firefox, code: OpaqueResponse, rank: aside, text: "The resource at “{url}” was blocked by OpaqueResponseBlocking"},
	{browser: Firefox, code: OpaqueResponse, rank: aside, text: "blocked by OpaqueResponseBlocking"},

	{browser: Chromium, code: ForbiddenHeader, rank: aside, text: `Refused to set unsafe header "{word}"`},
	{browser: Firefox, code: ForbiddenHeader, rank: aside, text: "Attempt to set a forbidden header was denied: {word}"},

	{browser: Chromium, code: Worker, rank: aside, text: "Failed to construct '{word}': Script at '{url}' cannot be accessed from origin '{origin}'"},
	{browser: Chromium, code: Worker, rank: aside, text: "Failed to register a ServiceWorker: The origin of the provided scriptURL"},

	{browser: Chromium, code: Frame, rank: aside, text: `Blocked a frame with origin "{origin}" from accessing a`},
	{browser: Firefox, code: Frame, rank: aside, text: `Permission denied to access property "{word}" on cross-origin object`},

	{browser: Chromium, code: WebSocket, rank: aside, text: "WebSocket connection to '{url}' failed"},

	{browser: Firefox, code: Cookie, rank: aside, text: "Cookie “{word}” has been rejected because it is in a cross-site context and its “SameSite” is"},
	{browser: Chromium, code: Cookie, rank: aside, text: `blocked because it had the "SameSite={word}" attribute but came from a cross-site response`},

	{browser: Chromium, code: RequestMode, text: `an "opaque" response was used for a request whose type is not no-cors`},
	{browser: Chromium, code: MixedContent, text: "Mixed Content: The page at '{page}' was loaded over HTTPS, but attempted to connect to the insecure WebSocket endpoint '{url}'"},
	{browser: Chromium, code: LocalNetwork, text: "net::ERR_BLOCKED_BY_LOCAL_NETWORK_ACCESS_CHECKS"},
	{browser: Chromium, code: LocalNetwork, text: "net::ERR_BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS"},
	{browser: Chromium, code: LocalNetwork, text: "Request had no target IP address space, yet the resource is in address space `{word}`"}, // older versions

	{browser: WebKit, code: NoResponse, rank: network, text: "The network connection was lost"},
	{browser: WebKit, code: NoResponse, rank: network, text: "The request timed out"},
	{browser: WebKit, code: NoResponse, rank: network, text: "A server with the specified hostname could not be found"},
	{browser: WebKit, code: NoResponse, rank: network, text: "An SSL error has occurred and a secure connection to the server cannot be made"},
	{browser: WebKit, code: NoResponse, rank: network, text: "The certificate for this server is invalid"},
	{browser: Node, code: NoResponse, rank: network, text: "TypeError: fetch failed"},

	// Firefox prints this of an EventSource after the reason.
	{browser: Firefox, code: Unspecified, rank: vague, text: "Firefox can’t establish a connection to the server at {url}"},
	{browser: Firefox, code: Unspecified, rank: vague, text: "NS_ERROR_DOM_BAD_URI"},
	{browser: Firefox, code: Unspecified, rank: vague, text: "bad URI or cross-site access not allowed source: {url}"}, // fonts
	{browser: Chromium, code: Unspecified, rank: vague, text: `The FetchEvent for "{url}" resulted in a network error response`},
	{code: Unspecified, rank: vague, text: "Http failure response for {url}: 0 Unknown Error"}, // Angular
	{code: Unspecified, rank: vague, text: "Network Error"},                                    // axios
	{code: Unspecified, rank: vague, text: "Network request failed"},
	{code: ReferrerPolicy, rank: vague, text: "strict-origin-when-cross-origin"},
}

const notCORS = "It is not CORS"

func init() {
	maps.Copy(advices, map[browser.Code]advice{
		NotExposed: {"A header reads `null`", notExposedMeaning, notExposedFixes},
		NoCrossorigin: {
			"An element has no `crossorigin`",
			says("The page loads an image, a script or a style sheet of another origin without CORS. So the page can use it, but not read it."),
			func(m *Message) []Fix {
				return []Fix{
					{When: "Give the element the attribute crossorigin, before its URL", Page: `<img crossorigin src="…">`},
					{When: "Add the page's origin to the cors directive" + m.at() + ", or write one", Caddyfile: m.directive(false)},
				}
			},
		},
		ContentSecurityPolicy: {
			notCORS,
			says("The Content-Security-Policy of the page does not let it load the URL. This is not CORS: the browser does not ask the server at all."),
			func(m *Message) []Fix {
				return []Fix{{When: "Add the origin of the URL to this directive of the page's policy", Page: m.policyDirective()}}
			},
		},
		ResourcePolicy: {
			notCORS,
			says("The server's Cross-Origin-Resource-Policy header, or the page's Cross-Origin-Embedder-Policy, keeps the page from loading the URL. This is not CORS, which concerns only what a page reads."),
			func(m *Message) []Fix {
				return []Fix{{When: "If pages of every site may load the URL, write this into the block" + or(m.at(), " of its site"), Caddyfile: "header >Cross-Origin-Resource-Policy cross-origin"}}
			},
		},
		OpaqueResponse: {
			notCORS,
			says("An element such as <script> or <img> got a response of another type, such as an error page or data. This is not CORS, since the element loads without it."),
			func(m *Message) []Fix {
				return []Fix{
					{When: "See what the server sends", Page: "curl -si " + shell(m.URL)},
					{When: "To read data, let the page call fetch, and add its origin to the cors directive" + m.at(), Caddyfile: m.directive(false)},
				}
			},
		},
		ForbiddenHeader: {
			notCORS,
			func(m *Message) string {
				return "The page sets the request header " + or(m.token(), "that the message names") + ", but only the browser may set it. This is not CORS: the browser sends the request without that line."
			},
			func(m *Message) []Fix {
				return []Fix{{When: "Remove this from the page", Page: "setRequestHeader(\"" + or(m.token(), "Origin") + "\", …)"}}
			},
		},
		Worker: {
			notCORS,
			says("The script of a worker must have the origin of its page. No header of a response changes that."),
			page("Serve the script from the page's own origin", `new Worker("/worker.js")`),
		},
		Frame: {
			notCORS,
			says("A page and its frame have different origins, so neither can reach into the other. No header of a response changes that."),
			page("Let them send each other messages", `frame.contentWindow.postMessage(data, "https://…")`),
		},
		WebSocket: {
			notCORS,
			says("The WebSocket was not opened: the server refused it, or there was no response. CORS is not the reason, since browsers let every page open a WebSocket."),
			func(m *Message) []Fix {
				return []Fix{{When: "See what the server responds", Page: "curl -si " + shell(strings.Replace(m.URL, "ws", "http", 1))}}
			},
		},
		Cookie: {
			notCORS,
			says("The page and the server belong to two sites, and the cookie is only for requests within one. This is not CORS, which only permits a page to ask for cookies."),
			page("Let the application send the cookie in this way, or serve both under one registrable domain", "Set-Cookie: name=value; SameSite=None; Secure"),
		},
		ReferrerPolicy: {
			notCORS,
			says("This is the referrer policy, which browsers show of every request. It blocks nothing, so the reason is in the console."),
			page("Look for a message such as this one, and paste it", "Access to fetch at … has been blocked by CORS policy: …"),
		},
	})
}

// token returns the name of a header that the message has as its value, or "".
func (m *Message) token() string {
	if !fetch.IsToken(m.Value) || len(m.Value) > 100 {
		return ""
	}
	return m.Value
}

// unreadable reports whether the header is one that no page can read.
func (m *Message) unreadable() bool {
	return strings.EqualFold(m.Value, "Set-Cookie") || strings.EqualFold(m.Value, "Set-Cookie2")
}

func notExposedMeaning(m *Message) string {
	if m.unreadable() {
		return "The page reads the response header " + m.Value + ". Browsers never let a page read it."
	}
	return "The page reads the response header " + or(m.token(), "that the message names") + ", but the server does not expose it to other origins. Without expose_headers, pages can read Content-Type and a few others."
}

func notExposedFixes(m *Message) []Fix {
	if m.unreadable() {
		return []Fix{{When: "Let the application send what the page needs in its body, and remove this from the page", Page: `getResponseHeader("` + m.Value + `")`}}
	}
	return []Fix{{When: "Add this to the block of the cors directive" + m.at(), Caddyfile: "expose_headers " + or(m.token(), "X-Total")}}
}

var fetchDirective = lazy(`^(?:connect|font|frame|img|manifest|media|object|script|style|worker)-src(?:-elem)?$`)

// policyDirective returns the directive of a Content-Security-Policy that permits the URL.
func (m *Message) policyDirective() string {
	name := m.Value
	if !fetchDirective().MatchString(name) {
		name = "connect-src"
	}
	origin := "https://api.example.com"
	if u, err := url.Parse(m.URL); err == nil && u.Host != "" {
		origin = u.Scheme + "://" + u.Host
	}
	return name + " 'self' " + origin
}
