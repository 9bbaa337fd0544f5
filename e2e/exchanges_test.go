package e2e

// answer is a response, with {origin} for the page's origin, {api} for the
// server's host and port, and {cell} for the index of the exchange.
type answer struct {
	status int // 200 if zero
	fields []string
}

// exchange is what a page asks for and a server answers, without Caddy.
type exchange struct {
	name        string
	method      string // GET if empty
	fields      map[string]string
	credentials bool
	preflight   answer
	answer      answer
}

const (
	allowOrigin      = "Access-Control-Allow-Origin: "
	allowCredentials = "Access-Control-Allow-Credentials: "
	allowMethods     = "Access-Control-Allow-Methods: "
	allowHeaders     = "Access-Control-Allow-Headers: "
	allowPage        = allowOrigin + "{origin}"
)

func with(fields ...string) answer { return answer{fields: fields} }

var good = answer{fields: []string{allowPage, allowCredentials + "true"}}

var exchanges = []exchange{
	{name: "allowed", answer: good},
	{name: "allowed with cookies", credentials: true, answer: good},
	{name: "allowed to everyone", answer: with(allowOrigin + "*")},
	{name: "no origin", answer: with()},
	{name: "no origin, with cookies", credentials: true, answer: with(allowCredentials + "true")},
	{name: "another origin", answer: with(allowOrigin + "https://other.example")},
	{name: "the origin null", answer: with(allowOrigin + "null")},
	{name: "a slash after the origin", answer: with(allowPage + "/")},
	{name: "no scheme", answer: with(allowOrigin + "app.localhost")},
	{name: "an empty origin", answer: with(allowOrigin)},
	{name: "two origins", answer: with(allowPage + ", https://other.example")},
	{name: "two fields of the same", answer: with(allowPage, allowPage)},
	{name: "* with cookies", credentials: true, answer: with(allowOrigin+"*", allowCredentials+"true")},
	{name: "no credentials", credentials: true, answer: with(allowPage)},
	{name: "credentials false", credentials: true, answer: with(allowPage, allowCredentials+"false")},
	{name: "credentials in the wrong case", credentials: true, answer: with(allowPage, allowCredentials+"True")},
	{name: "credentials twice", credentials: true, answer: with(allowPage, allowCredentials+"true", allowCredentials+"true")},

	{name: "PUT allowed", method: "PUT", preflight: with(allowPage, allowMethods+"PUT"), answer: good},
	{name: "PUT allowed with 299", method: "PUT", preflight: answer{299, []string{allowPage, allowMethods + "PUT"}}, answer: good},
	{name: "all allowed", method: "PUT", fields: withCustom, preflight: with(allowOrigin+"*", allowMethods+"*", allowHeaders+"*"), answer: good},
	{name: "preflight: no origin", method: "PUT", preflight: with(allowMethods + "PUT"), answer: good},
	{name: "preflight: another origin", method: "PUT", preflight: with(allowOrigin+"https://other.example", allowMethods+"PUT"), answer: good},
	{name: "preflight: two origins", method: "PUT", preflight: with(allowPage, allowPage, allowMethods+"PUT"), answer: good},
	{name: "preflight: * with cookies", method: "PUT", credentials: true, preflight: with(allowOrigin+"*", allowMethods+"PUT"), answer: good},
	{name: "preflight: no credentials", method: "PUT", credentials: true, preflight: with(allowPage, allowMethods+"PUT"), answer: good},
	{name: "preflight: 403", method: "PUT", preflight: answer{403, []string{allowPage, allowMethods + "PUT"}}, answer: good},
	{name: "preflight: 403 without a field", method: "PUT", preflight: answer{403, nil}, answer: good},
	{name: "preflight: 401", fields: withBearer, preflight: answer{401, []string{allowPage, allowHeaders + "Authorization"}}, answer: good},
	{name: "preflight: redirect", method: "PUT", preflight: answer{308, []string{allowPage, allowMethods + "PUT", "Location: /elsewhere"}}, answer: good},
	{name: "preflight: malformed methods", method: "PUT", preflight: with(allowPage, allowMethods+"PUT; POST"), answer: good},
	{name: "preflight: malformed fields", method: "PUT", preflight: with(allowPage, allowMethods+"PUT", allowHeaders+"X Custom"), answer: good},
	{name: "preflight: no methods", method: "PUT", preflight: with(allowPage), answer: good},
	{name: "preflight: other methods", method: "DELETE", preflight: with(allowPage, allowMethods+"PUT, PATCH"), answer: good},
	{name: "preflight: method in lower case", method: "PUT", preflight: with(allowPage, allowMethods+"put"), answer: good},
	{name: "preflight: patch is not PATCH", method: "patch", preflight: with(allowPage, allowMethods+"PATCH"), answer: good},
	{name: "preflight: methods * with cookies", method: "PUT", credentials: true, preflight: with(allowPage, allowCredentials+"true", allowMethods+"*"), answer: good},
	{name: "preflight: no fields", fields: withCustom, preflight: with(allowPage), answer: good},
	{name: "preflight: other fields", fields: withCustom, preflight: with(allowPage, allowHeaders+"X-Other"), answer: good},
	{name: "preflight: fields * with cookies", fields: withCustom, credentials: true, preflight: with(allowPage, allowCredentials+"true", allowHeaders+"*"), answer: good},
	{name: "preflight: Authorization by *", fields: withBearer, preflight: with(allowOrigin+"*", allowHeaders+"*"), answer: good},
	{name: "preflight: the type of JSON", method: "POST", fields: asJSON, preflight: with(allowPage), answer: good},
	{name: "preflight allowed, answer not", method: "PUT", preflight: with(allowPage, allowMethods+"PUT"), answer: with()},

	{name: "redirect without a field", answer: answer{302, []string{"Location: ?cell={cell}"}}},
	{name: "redirect with user info", answer: answer{302, []string{allowPage, "Location: http://user:password@{api}/?cell={cell}"}}},
	{name: "redirect without end", answer: answer{302, []string{allowPage, "Location: ?cell={cell}"}}},
	{name: "redirect to FTP", answer: answer{302, []string{allowPage, "Location: ftp://{api}/?cell={cell}"}}},
	{name: "redirect to an app", answer: answer{302, []string{allowPage, "Location: app://{api}/?cell={cell}"}}},
	{name: "redirect to a scheme of its own", answer: answer{302, []string{allowPage, "Location: data:,cell={cell}"}}},
}
