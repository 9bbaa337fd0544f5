package explain

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// Names of browsers. Those that share an engine print the same messages.
const (
	Chromium = "Chromium"
	Firefox  = "Firefox"
	WebKit   = "WebKit"
)

// Codes of messages that no check of the CORS protocol leads to.
const (
	UnsupportedScheme browser.Code = "unsupported_scheme"
	FilePage          browser.Code = "file_page"
	MixedContent      browser.Code = "mixed_content"
	NoResponse        browser.Code = "no_response"
	RequestMode       browser.Code = "request_mode"
	LocalNetwork      browser.Code = "local_network"
	PrivateNetwork    browser.Code = "private_network"
	BrowserFault      browser.Code = "browser_fault"
	Unspecified       browser.Code = "unspecified" // the message does not tell the reason
)

// Ranks of messages. Browsers print vague messages beside the one that matters.
const (
	specific = iota
	aside    // a few words of a network panel, or not about CORS
	network  // there was no response, or so it seems
	vague
)

// known is a message, or the part of one that tells the reason. Words in braces stand
// for what differs.
type known struct {
	browser string
	code    browser.Code
	rank    int
	text    string

	pattern  *regexp.Regexp
	fields   []string // the names of the pattern's groups
	literals []string // the parts between the words in braces, normalized
	anchor   string   // in lower case: every match has it
}

// texts are the messages of Chromium, Firefox and WebKit. Sources:
//   - Chromium: third_party/blink/renderer/platform/loader/cors/cors_error_string.cc
//   - Firefox: dom/locales/en-US/chrome/security/security.properties
//   - WebKit: Source/WebCore/loader/CrossOriginAccessControl.cpp, and
//     CrossOriginPreflightResultCache.cpp and ThreadableLoader.cpp beside it
var texts = []known{
	{browser: Chromium, code: browser.MissingAllowOrigin, text: "No 'Access-Control-Allow-Origin' header is present on the requested resource"},
	{browser: Chromium, code: browser.MultipleAllowOrigin, text: "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but only one is allowed"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, text: "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'. Have the server send the header with a valid value"},
	{browser: Chromium, code: browser.InvalidAllowOrigin, text: "The 'Access-Control-Allow-Origin' header contains the invalid value '{word}'"},
	{browser: Chromium, code: browser.AllowOriginMismatch, text: "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal to the supplied origin"},
	{browser: Chromium, code: browser.WildcardWithCredentials, text: "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'"},
	{browser: Chromium, code: browser.WildcardWithCredentials, text: "A wildcard '*' cannot be used in the 'Access-Control-Allow-Origin' header when the credentials flag is true"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, text: "The value of the 'Access-Control-Allow-Credentials' header in the response is '{value}' which must be 'true' when the request's credentials mode is 'include'"},
	{browser: Chromium, code: browser.InvalidAllowCredentials, text: "Credentials flag is 'true', but the 'Access-Control-Allow-Credentials' header is"},
	{browser: Chromium, code: browser.PreflightRedirect, text: "Redirect is not allowed for a preflight request"},
	{browser: Chromium, code: browser.PreflightRedirect, text: "which is disallowed for cross-origin requests that require preflight"},
	{browser: Chromium, code: browser.PreflightRedirect, text: "Request requires preflight, which is disallowed to follow cross-origin redirect"},
	{browser: Chromium, code: browser.PreflightStatus, text: "It does not have HTTP ok status"},
	{browser: Chromium, code: browser.PreflightStatus, text: "Response for preflight does not have HTTP ok status"},
	{browser: Chromium, code: browser.PreflightStatus, text: "Response for preflight has invalid HTTP status code {status}"},
	{browser: Chromium, code: browser.PreflightStatus, text: "cannot load {url}. Invalid HTTP status code {status}"},
	{browser: Chromium, code: browser.MalformedAllowMethods, text: "Cannot parse Access-Control-Allow-Methods response header field in preflight response"},
	{browser: Chromium, code: browser.MalformedAllowHeaders, text: "Cannot parse Access-Control-Allow-Headers response header field in preflight response"},
	{browser: Chromium, code: browser.MethodNotAllowed, text: "Method {method} is not allowed by Access-Control-Allow-Methods in preflight response"},
	{browser: Chromium, code: browser.HeaderNotAllowed, text: "Request header field {header} is not allowed by Access-Control-Allow-Headers in preflight response"},
	{browser: Chromium, code: browser.WildcardAuthorization, text: "Authorization will not be covered by the wildcard symbol (*) in CORS `Access-Control-Allow-Headers` handling"},
	{browser: Chromium, code: browser.RedirectCredentials, text: "Redirect location '{value}' contains a username and password, which is disallowed for cross-origin requests"},
	{browser: Chromium, code: browser.TooManyRedirects, text: "net::ERR_TOO_MANY_REDIRECTS"},
	{browser: Chromium, code: browser.InvalidRedirect, text: "net::ERR_UNSAFE_REDIRECT"},
	{browser: Chromium, code: UnsupportedScheme, text: "Cross origin requests are only supported for protocol schemes"},
	{browser: Chromium, code: UnsupportedScheme, text: "Fetch API cannot load {url}. URL scheme \"{word}\" is not supported"},
	{browser: Chromium, code: RequestMode, text: "Fetch API cannot load {url}. Request mode is \"same-origin\" but the URL's origin is not same as the request origin {origin}"},
	{browser: Chromium, code: RequestMode, text: "Cross origin requests are not allowed by request mode"},
	{browser: Chromium, code: MixedContent, text: "Mixed Content: The page at '{page}' was loaded over HTTPS, but requested an insecure {kind} '{url}'. This"},
	{browser: Chromium, code: LocalNetwork, text: "Permission was denied for this request to access the `{word}` address space"},
	{browser: Chromium, code: LocalNetwork, text: "The request client is not a secure context and the resource is in more-private address space `{word}`"},
	{browser: Chromium, code: LocalNetwork, text: "Request had a target IP address space of `{word}` yet the resource is in address space `{word}`"},
	{browser: Chromium, code: PrivateNetwork, text: "No 'Access-Control-Allow-Private-Network' header was present in the preflight response"},
	{browser: Chromium, code: PrivateNetwork, text: "The 'Access-Control-Allow-Private-Network' header in the preflight response"},
	{browser: Chromium, code: BrowserFault, text: "CORS policy: The response is invalid"},
	{browser: Chromium, code: NoResponse, rank: network, text: "net::ERR_{word}"},
	{browser: Chromium, code: Unspecified, rank: vague, text: "net::ERR_FAILED"},
	{browser: Chromium, code: Unspecified, rank: vague, text: "TypeError: Failed to fetch"},

	{browser: Firefox, code: browser.MissingAllowOrigin, text: "CORS header ‘Access-Control-Allow-Origin’ missing"},
	{browser: Firefox, code: browser.MultipleAllowOrigin, text: "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed"},
	{browser: Firefox, code: browser.AllowOriginMismatch, text: "CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value}’)"},
	{browser: Firefox, code: browser.WildcardWithCredentials, text: "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’"},
	{browser: Firefox, code: browser.InvalidAllowCredentials, text: "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’"},
	{browser: Firefox, code: browser.PreflightRedirect, text: "CORS request external redirect not allowed"},
	{browser: Firefox, code: browser.PreflightStatus, text: "CORS preflight response did not succeed"},
	{browser: Firefox, code: browser.PreflightStatus, text: "CORS preflight channel did not succeed"},
	{browser: Firefox, code: browser.MalformedAllowMethods, text: "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Methods’"},
	{browser: Firefox, code: browser.MalformedAllowHeaders, text: "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Headers’"},
	{browser: Firefox, code: browser.MethodNotAllowed, text: "Did not find method in CORS header ‘Access-Control-Allow-Methods’"},
	{browser: Firefox, code: browser.HeaderNotAllowed, text: "header ‘{header}’ is not allowed according to header ‘Access-Control-Allow-Headers’ from CORS preflight response"},
	{browser: Firefox, code: browser.HeaderNotAllowed, text: "missing token ‘{header}’ in CORS header ‘Access-Control-Allow-Headers’ from CORS preflight channel"},
	{browser: Firefox, code: browser.WildcardAuthorization, text: "When the `Access-Control-Allow-Headers` is `*`, the `Authorization` header is not covered"},
	{browser: Firefox, code: UnsupportedScheme, text: "CORS request not http"},
	{browser: Firefox, code: MixedContent, text: "Blocked loading mixed active content “{url}”"},
	{browser: Firefox, code: RequestMode, text: "Security Error: Content at {page} may not load data from {url}"},
	{browser: Firefox, code: BrowserFault, text: "Reason: CORS disabled"},
	{browser: Firefox, code: BrowserFault, text: "CORS header ‘Origin’ cannot be added"},
	{browser: Firefox, code: NoResponse, rank: network, text: "CORS request did not succeed"},
	{browser: Firefox, code: Unspecified, rank: vague, text: "NetworkError when attempting to fetch resource"},

	{browser: WebKit, code: browser.MissingAllowOrigin, text: "Origin {origin} is not allowed by Access-Control-Allow-Origin"},
	{browser: WebKit, code: browser.MultipleAllowOrigin, text: "Access-Control-Allow-Origin cannot contain more than one origin"},
	{browser: WebKit, code: browser.WildcardWithCredentials, text: "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true"},
	{browser: WebKit, code: browser.InvalidAllowCredentials, text: "Credentials flag is true, but Access-Control-Allow-Credentials is not \"true\""},
	{browser: WebKit, code: browser.PreflightStatus, text: "Preflight response is not successful"},
	{browser: WebKit, code: browser.MalformedAllowMethods, text: "Header Access-Control-Allow-Methods has an invalid value"},
	{browser: WebKit, code: browser.MalformedAllowHeaders, text: "Header Access-Control-Allow-Headers has an invalid value"},
	{browser: WebKit, code: browser.MethodNotAllowed, text: "Method {method} is not allowed by Access-Control-Allow-Methods"},
	{browser: WebKit, code: browser.HeaderNotAllowed, text: "Request header field {header} is not allowed by Access-Control-Allow-Headers"},
	{browser: WebKit, code: browser.RedirectCredentials, text: "redirection URL {to} has credentials"},
	{browser: WebKit, code: browser.InvalidRedirect, text: "not allowed to follow a cross-origin CORS redirection with non CORS scheme"},
	{browser: WebKit, code: browser.InvalidRedirect, text: "FTP URLs are disabled"},
	{browser: WebKit, code: browser.TooManyRedirects, text: "Load cannot follow more than 20 redirections"},
	{browser: WebKit, code: UnsupportedScheme, text: "Cross origin requests are only supported for HTTP"},
	{browser: WebKit, code: MixedContent, text: "[blocked] The page at {page} requested insecure content from {url}. This content was blocked"},
	{browser: WebKit, code: MixedContent, text: "[blocked] The page at {page} was not allowed to {word} insecure content from {url}"},
	{browser: WebKit, code: MixedContent, text: "Not allowed to request resource"},
	{browser: WebKit, code: RequestMode, text: "Cross origin requests are not allowed when using same-origin fetch mode"},
	{browser: WebKit, code: NoResponse, rank: network, text: "Could not connect to the server"},
	{browser: WebKit, code: Unspecified, rank: vague, text: "Cannot load image {url} due to access control checks"},
	{browser: WebKit, code: Unspecified, rank: vague, text: "Fetch API cannot load {url}"},
	{browser: WebKit, code: Unspecified, rank: vague, text: "cannot load {url} due to access control checks"},
	{browser: WebKit, code: Unspecified, rank: vague, text: "denied by Cross-Origin Resource Sharing policy"},
	{browser: WebKit, code: Unspecified, rank: vague, text: "TypeError: Load failed"},
}

// messages returns the texts, ready to be matched. It compiles the patterns when they are
// needed first, and not at the start of every Caddy that has this package.
var messages = sync.OnceValue(func() []known { return compile(slices.Concat(texts, panels, elsewhere)) })

// lazy returns a function that compiles a pattern when it is needed first.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// patterns are the patterns of the words in braces, inside and at the end of a message.
var patterns = map[string][2]string{
	"value":  {`(.*?)`, `(.*)`},
	"kind":   {`([a-z ]+?)`, `([a-z ]+)`},
	"status": {`(\d{3})`, `(\d{3})`},
	"":       {`(\S+?)`, `([^\s<>]+)`}, // all others
}

var brace = lazy(`\{(\w+)\}`)

// compile returns a copy of the list with the patterns.
func compile(list []known) []known {
	list = slices.Clone(list)
	for i := range list {
		k := &list[i]
		for _, name := range brace().FindAllStringSubmatch(k.text, -1) {
			k.fields = append(k.fields, name[1])
		}
		// A word that a quote may touch, as the quotes are left out of normalized texts.
		const stand = "\uFFFC"
		literals := strings.Split(normalize(brace().ReplaceAllString(k.text, stand)), stand)
		var pattern strings.Builder
		pattern.WriteString("(?i)")
		for j, literal := range literals {
			// Shells remove the apostrophe of a message that is not quoted.
			literal = strings.ReplaceAll(regexp.QuoteMeta(literal), "'", "'?")
			// A value can be empty, and has one space beside it then.
			if j > 0 && k.fields[j-1] == "value" && strings.HasPrefix(literal, " ") {
				literal = " ?" + literal[1:]
			}
			if j < len(k.fields) && k.fields[j] == "value" && strings.HasSuffix(literal, " ") {
				literal = literal[:len(literal)-1] + " ?"
			}
			pattern.WriteString(literal)
			if j < len(k.fields) {
				forms, ok := patterns[k.fields[j]]
				if !ok {
					forms = patterns[""]
				}
				if j == len(k.fields)-1 && literals[j+1] == "" {
					pattern.WriteString(forms[1])
				} else {
					pattern.WriteString(forms[0])
				}
			}
		}
		k.pattern = regexp.MustCompile(pattern.String())
		k.literals = literals
		parts := strings.Split(strings.Join(literals, "'"), "'")
		longest := slices.MaxFunc(parts, func(a, b string) int { return len(a) - len(b) })
		k.anchor = strings.ToLower(strings.TrimSpace(longest))
	}
	return list
}
