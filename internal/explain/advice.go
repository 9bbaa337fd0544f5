package explain

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/check"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// advice is what there is to say about a code.
type advice struct {
	section string // of docs/errors.md
	meaning func(*Message) string
	fixes   func(*Message) []Fix
}

// says returns a meaning that is the same for all messages.
func says(text string) func(*Message) string { return func(*Message) string { return text } }

// page returns a way to put it right that is the same for all messages, in the page.
func page(when, text string) func(*Message) []Fix {
	return func(*Message) []Fix { return []Fix{{When: when, Page: text}} }
}

var advices = map[browser.Code]advice{
	browser.MissingAllowOrigin: {"The response allows no origin", missingMeaning, missingFixes},
	browser.MultipleAllowOrigin: {
		"Several origins are allowed",
		says("The response names more than one origin in Access-Control-Allow-Origin, but browsers accept exactly one. Usually both the application and the proxy in front of it add the header."),
		replaced,
	},
	browser.InvalidAllowOrigin: {
		"The allowed origin is not valid",
		func(m *Message) string {
			return "The Access-Control-Allow-Origin header of the response" + quoted(m.Value, " is %, which") + " is not a valid origin. The application sets it, or a header line of the Caddyfile; cors replaces both."
		},
		replaced,
	},
	browser.AllowOriginMismatch: {
		"Another origin is allowed",
		func(m *Message) string {
			return "The response allows " + quoted(m.Value, "%, ") + "another origin than the page's. The application sets the header, or a header line of the Caddyfile; cors replaces both and answers each origin with itself."
		},
		replaced,
	},
	browser.WildcardWithCredentials: {
		"The wildcard, with credentials",
		says("The page sends the request with credentials (cookies or HTTP authentication), but the response allows every origin with *. Browsers accept * only for requests without credentials."),
		wildcardFixes,
	},
	browser.InvalidAllowCredentials: {
		"Credentials are not allowed",
		says("The page sends the request with credentials (cookies or HTTP authentication), but the response does not allow them. Its Access-Control-Allow-Credentials header must be exactly true."),
		func(m *Message) []Fix {
			if m.Origin == origins.Null {
				return []Fix{ownOrigin}
			}
			return []Fix{{When: "If the page needs credentials, add allow_credentials to the cors directive" + m.at(), Caddyfile: m.directive(true)}, omit}
		},
	},
	browser.PreflightRedirect: {
		"A preflight is redirected",
		says("The browser sent a preflight (OPTIONS) before the request, and the server redirected it. Browsers do not follow redirects of a preflight."),
		redirectFixes,
	},
	browser.PreflightStatus: {
		"A preflight fails by its status",
		func(m *Message) string {
			status := ""
			if m.Status != 0 {
				status = ": it is " + strconv.Itoa(m.Status)
			}
			cause := "The response allows the origin, so something else than cors answered, such as the application."
			if m.Browser == WebKit { // it checks the status first
				cause = "The origin is not listed, or something else than cors answered, such as the application or authentication."
			}
			return "The browser sent a preflight (OPTIONS) before the request, and the status of the response is not 200 to 299" + status + ". " + cause
		},
		func(m *Message) []Fix {
			return []Fix{{When: "Let cors answer preflights" + m.at() + ", outside of handle and route, and without preflight_passthrough", Caddyfile: m.directive(false)}}
		},
	},
	browser.MalformedAllowMethods: {
		"A list is malformed",
		says("The browser sent a preflight (OPTIONS) before the request, and the Access-Control-Allow-Methods header of the response is not a list of methods. The methods must be separated by commas."),
		replaced,
	},
	browser.MalformedAllowHeaders: {
		"A list is malformed",
		says("The browser sent a preflight (OPTIONS) before the request, and the Access-Control-Allow-Headers header of the response is not a list of names. The names must be separated by commas."),
		replaced,
	},
	browser.MethodNotAllowed: {
		"A method is not allowed",
		func(m *Message) string {
			return "The page calls with " + or(m.Method, "a method") + ", and the response to the preflight does not allow it. Without allow_methods, cors allows GET, HEAD and POST."
		},
		methodFixes,
	},
	browser.HeaderNotAllowed: {
		"A request header is not allowed",
		func(m *Message) string {
			return "The page sets the header " + or(http.CanonicalHeaderKey(m.Header), "that the message names") + ", and the response to the preflight does not allow it. Browsers name one header at a time, so list all that the page sets."
		},
		func(m *Message) []Fix {
			line := "allow_headers " + or(http.CanonicalHeaderKey(m.Header), "Content-Type")
			if strings.EqualFold(m.Header, "Authorization") {
				return []Fix{{When: "Add this to the block of the cors directive" + m.at() + "; it is also needed beside allow_headers *", Caddyfile: line}}
			}
			return []Fix{{When: "Add this to the block of the cors directive" + m.at(), Caddyfile: line}}
		},
	},
	browser.WildcardAuthorization: {
		"`*` does not cover `Authorization`",
		says("The page sets the header Authorization, and the response to the preflight allows headers with *, which does not cover this one. It is a warning: browsers still allow the request, but the standard does not."),
		func(m *Message) []Fix {
			return []Fix{{When: "Write this into the block of the cors directive" + m.at(), Caddyfile: "allow_headers * Authorization"}}
		},
	},
	browser.RedirectCredentials: {
		"A redirect has a password",
		says("The server redirects to a URL with a user name or a password. Browsers do not follow such a redirect to another origin."),
		page("Redirect to a URL without them, and let the page send a header", "Authorization: Basic …"),
	},
	browser.TooManyRedirects: {
		"A redirect leads in a circle",
		says("The server redirects more than 20 times, probably in a loop. A common loop: Caddy redirects to https, and the CDN in front of it calls http."),
		func(m *Message) []Fix {
			return []Fix{{When: "Follow the redirects", Page: "curl -sIL " + shell(m.URL)}}
		},
	},
	browser.InvalidRedirect: {
		"A redirect leads to an app",
		says("The server redirects to a URL that is not http or https, such as one of an app. A script cannot follow such a redirect, but a link can."),
		page("Let the page open the URL as a link", `location.href = "…"`),
	},
	UnsupportedScheme: {
		"The URL has no `https://`",
		says("The page calls a URL whose scheme is not http or https. Often the scheme is missing: localhost:3000 has the scheme localhost."),
		page("Let the page call a whole URL", "http://localhost:3000/items"),
	},
	FilePage: {
		"The page is a file",
		says("The page was opened as a file (file://), so its origin is null. Modules, fonts and fetch() need a web server."),
		page("Serve the folder of the page, and open http://localhost:8000", "caddy file-server --listen :8000"),
	},
	MixedContent: {
		"Mixed content",
		says("A page of https may not call a URL of http. This is not CORS, and no header allows it."),
		func(m *Message) []Fix {
			return []Fix{{When: "Let the page call https, which Caddy serves for a site address without http:// and :80", Page: m.secured("https://api.example.com/items")}}
		},
	},
	NoResponse: {
		"No response",
		noResponseMeaning,
		func(m *Message) []Fix {
			return []Fix{{When: "Open the URL in a tab, where the browser says more, or ask", Page: "curl -v " + shell(m.URL)}}
		},
	},
	RequestMode: {
		"The page itself forbids it",
		says("The page calls another origin, but its own options forbid that. No header of a response changes it."),
		page("Leave out mode in the options of fetch; no-cors does not help, since it hides the response", "fetch(url)"),
	},
	LocalNetwork: {
		"Local networks",
		says("A page of the internet calls the visitor's own machine or network, which needs the visitor's permission. No header of a response gives it."),
		page("Serve the page with https, and allow it in frames", `<iframe allow="local-network-access">`),
	},
	PrivateNetwork: {
		"Local networks",
		says("The page calls a private network, and the response to the preflight does not allow that. Browsers and apps with an older Chromium ask for it with Access-Control-Request-Private-Network."),
		func(m *Message) []Fix {
			return []Fix{{When: "Add this to the block of the cors directive" + m.at(), Caddyfile: "allow_private_network"}}
		},
	},
	BrowserFault: {
		"Rare ones",
		says("The browser itself, its settings or an extension cause this. The server cannot change it."),
		page("Try a private window without extensions, or a new profile, and the setting", "about:config: content.cors.disable"),
	},
	Unspecified: {
		"See what was decided",
		func(m *Message) string {
			if m.Text == textTranslated {
				return "Firefox kept the response from the page, and says why in a language that this command does not read. The server can tell the reason."
			}
			return "The browser kept the response from the page, but this message does not say why. Another line of the console does."
		},
		func(m *Message) []Fix {
			return []Fix{{When: "Add the page's origin to the cors directive" + m.at() + ", if it is missing", Caddyfile: m.directive(false)}}
		},
	},
}

func noResponseMeaning(m *Message) string {
	switch {
	case m.Browser == Node:
		return "Node.js got no response, and it knows no CORS. The reason follows as the cause: nothing listens, or the certificate is not trusted."
	case m.Status != 0:
		return "The server responded with the status " + strconv.Itoa(m.Status) + ", but the page does not get the response. CORS is not the reason."
	}
	return "The browser got no response, so CORS is not the reason. Nothing listens, the certificate is not trusted, or an extension blocks the request."
}

func missingMeaning(m *Message) string {
	meaning := "The response has no Access-Control-Allow-Origin header, so the browser keeps it from the page."
	switch {
	case m.Browser == WebKit:
		meaning = "The Access-Control-Allow-Origin header of the response is missing or names another origin, so the browser keeps the response from the page."
	case m.Preflight:
		meaning = "The browser sent a preflight (OPTIONS) before the request, and the response has no Access-Control-Allow-Origin header."
	}
	switch {
	case m.crossRedirect():
		return meaning + " After a redirect from one foreign origin to another, browsers send the origin null, which the server does not allow."
	case m.RedirectTo != "":
		return meaning + " It is the response that redirects to " + m.RedirectTo + "."
	case m.Origin == origins.Null:
		return meaning + " The page has the origin null, since it was opened as a file or runs in a sandboxed frame."
	}
	return meaning + " Either no cors directive answers this URL, or the directive does not list the origin " + or(m.Origin, "of the page") + "."
}

func missingFixes(m *Message) []Fix {
	switch {
	case m.crossRedirect():
		return []Fix{{When: "Let the page call the last URL itself", Page: m.URL}}
	case m.RedirectTo != "":
		return []Fix{{When: "Let the page call the last URL itself", Page: m.RedirectTo}}
	case m.Origin == origins.Null:
		return []Fix{
			ownOrigin,
			{When: "If everyone may read the responses, allow the origin null" + m.at(), Caddyfile: m.directive(false)},
		}
	}
	when := "Add the origin to the cors directive" + m.at() + ", or write one"
	if m.Preflight {
		when += "; list in allow_methods and allow_headers what the page uses"
	}
	return []Fix{{When: when, Caddyfile: m.directive(false)}}
}

// replaced returns the fix for headers that the application sets, and cors replaces.
func replaced(m *Message) []Fix {
	return []Fix{{When: "Remove header lines that set Access-Control headers, and write cors" + m.at() + ", which replaces what the application sets", Caddyfile: m.directive(false)}}
}

var (
	ownOrigin = Fix{When: "Serve the page from a web server, so that it has an origin of its own", Page: "caddy file-server --listen :8000"}
	omit      = Fix{When: "If the page does not need credentials, leave them out of its call (for XMLHttpRequest: withCredentials = false)", Page: `fetch(url, { credentials: "omit" })`}
)

func wildcardFixes(m *Message) []Fix {
	if m.Origin == origins.Null {
		return []Fix{omit, ownOrigin}
	}
	return []Fix{omit, {
		When:      "If the page needs credentials, replace * in the cors directive" + m.at() + " by the origins of your pages, and allow credentials",
		Caddyfile: m.directive(true),
	}}
}

func redirectFixes(m *Message) []Fix {
	cors := Fix{When: "Let cors answer preflights before anything redirects" + m.at(), Caddyfile: m.directive(false)}
	if strings.HasPrefix(m.URL, "http://") {
		return []Fix{{When: "If the server redirects http to https, let the page call https", Page: m.secured("")}, cors}
	}
	return []Fix{cors, {When: "Or let the page call the URL that the server redirects to, often the same with or without a slash at its end", Page: m.URL}}
}

func methodFixes(m *Message) []Fix {
	method := or(m.Method, "PUT PATCH DELETE")
	if m.Method != "" && fetch.CheckMethod(m.Method) != nil {
		upper := strings.ToUpper(m.Method)
		return []Fix{
			{When: "Methods are case-sensitive; let the page write", Page: "method: " + strconv.Quote(upper)},
			{When: "Add this to the block of the cors directive" + m.at(), Caddyfile: "allow_methods " + upper},
		}
	}
	return []Fix{{When: "Add this to the block of the cors directive" + m.at(), Caddyfile: "allow_methods " + method}}
}

// directive returns the smallest cors directive that allows the call.
func (m *Message) directive(credentials bool) string {
	var headers []string
	if m.Header != "" {
		headers = []string{m.Header}
	}
	return check.Directive(or(m.Origin, "https://app.example.com"), or(m.Method, http.MethodGet), headers, credentials)
}

// at names the site of the URL, if the message has one.
func (m *Message) at() string {
	if u, err := url.Parse(m.URL); err == nil && u.Host != "" {
		return " of the site " + u.Host
	}
	return ""
}

// crossRedirect reports whether a redirect led from one foreign origin to another.
func (m *Message) crossRedirect() bool {
	from, err := url.Parse(m.RedirectedFrom)
	to, err2 := url.Parse(m.URL)
	if err != nil || err2 != nil || m.RedirectedFrom == "" || m.URL == "" {
		return false
	}
	first, last := from.Scheme+"://"+from.Host, to.Scheme+"://"+to.Host
	return first != last && first != m.Origin
}

// secured returns the URL with https.
func (m *Message) secured(example string) string {
	if rest, ok := strings.CutPrefix(m.URL, "http://"); ok {
		return "https://" + rest
	}
	if rest, ok := strings.CutPrefix(m.URL, "ws://"); ok {
		return "wss://" + rest
	}
	return or(m.URL, example)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// quoted returns a text with a value for %, or "" if there is none.
func quoted(value, text string) string {
	if value == "" {
		return ""
	}
	return strings.ReplaceAll(text, "%", value)
}

// shell returns a URL as an argument of a shell.
func shell(text string) string {
	return "'" + strings.ReplaceAll(or(text, "https://api.example.com/items"), "'", `'\''`) + "'"
}
