package e2e

import "slices"

// call is what a page loads, and how.
type call struct {
	name        string
	way         string // as page.html has it; fetch if empty
	method      string // GET if empty
	fields      map[string]string
	body        string
	credentials bool
	noCORS      bool   // the page may not read it, and the browser does not ask
	tainted     bool   // the last request of it has the origin null
	upload      bool   // with a listener to the events of the upload
	path        string // of the upstream, after the policy's name
	status      int    // 200 if zero
	inOrder     bool   // after all others, and on one URL
}

var (
	asJSON     = map[string]string{"Content-Type": "application/json"}
	withCustom = map[string]string{"X-Custom": "1"}
	withBearer = map[string]string{"Authorization": "Bearer x"}
)

var calls = []call{
	// Whether a beacon was sent is for the server to say. They come first, as
	// browsers send them when they like.
	{name: "beacon", way: "beacon", method: "POST", body: "x", credentials: true, noCORS: true, path: "ok"},
	{name: "beacon of JSON", way: "beacon", method: "POST", body: "[]", fields: asJSON, credentials: true, path: "ok"},

	{name: "GET", path: "ok"},
	{name: "GET with cookies", path: "ok", credentials: true},
	{name: "HEAD", method: "HEAD", path: "ok"},
	{name: "POST", method: "POST", body: "x", path: "ok"},
	{name: "POST of JSON", method: "POST", body: "[]", fields: asJSON, path: "ok"},
	{name: "PUT", method: "PUT", path: "ok"},
	{name: "PUT with cookies", method: "PUT", path: "ok", credentials: true},
	{name: "DELETE", method: "DELETE", path: "ok"},
	{name: "PATCH", method: "PATCH", path: "ok"},
	{name: "patch", method: "patch", path: "ok"},
	{name: "PROPFIND with cookies", method: "PROPFIND", path: "ok", credentials: true},
	{name: "X-Custom", fields: withCustom, path: "ok"},
	{name: "X-Custom with cookies", fields: withCustom, path: "ok", credentials: true},
	{name: "Authorization", fields: withBearer, path: "ok"},
	{name: "Authorization with cookies", fields: withBearer, path: "ok", credentials: true},
	{name: "not found", path: "404", status: 404},
	{name: "error", path: "500", status: 500},
	{name: "error with cookies", path: "500", status: 500, credentials: true},
	{name: "dead upstream", path: "dead", status: 502},
	{name: "PUT to a dead upstream", method: "PUT", path: "dead", status: 502},
	{name: "redirect", path: "redirect"},
	{name: "redirect of PUT", method: "PUT", path: "redirect"},
	{name: "redirect to another origin", path: "elsewhere", tainted: true},
	{name: "streamed", way: "stream", path: "stream"},
	{name: "after early hints", path: "hints"},

	{name: "XMLHttpRequest", way: "xhr", path: "ok"},
	{name: "XMLHttpRequest withCredentials", way: "xhr", credentials: true, path: "ok"},
	{name: "XMLHttpRequest of an error", way: "xhr", path: "500", status: 500},
	{name: "XMLHttpRequest with X-Custom", way: "xhr", fields: withCustom, path: "ok"},
	{name: "XMLHttpRequest with an upload listener", way: "xhr", method: "POST", body: "x", upload: true, path: "ok"},
	{name: "XMLHttpRequest of PUT with an upload listener", way: "xhr", method: "PUT", body: "x", upload: true, path: "ok"},

	{name: "font", way: "font", path: "font"},
	{name: "image", way: "image", noCORS: true, path: "image"},
	{name: "image crossorigin", way: "anonymous image", path: "image"},
	{name: "image crossorigin=use-credentials", way: "image with credentials", credentials: true, path: "image"},
	{name: "script crossorigin", way: "anonymous script", path: "script"},
	{name: "module crossorigin=use-credentials", way: "module with credentials", credentials: true, path: "script"},
	{name: "import()", way: "import", path: "script"},
	{name: "EventSource", way: "events", path: "events"},
	{name: "EventSource withCredentials", way: "events", credentials: true, path: "events"},

	// One URL, on which one preflight tells all there is to know.
	{name: "in a row: field", fields: withCustom, path: "row", inOrder: true},
	{name: "in a row: PUT", method: "PUT", path: "row", inOrder: true},
	{name: "in a row: PATCH", method: "PATCH", path: "row", inOrder: true},
	{name: "in a row: DELETE", method: "DELETE", path: "row", inOrder: true},
}

// safelisted reports whether the method needs no leave
// (https://fetch.spec.whatwg.org/#cors-safelisted-method).
func (c *call) safelisted() bool {
	return slices.Contains([]string{"", "GET", "HEAD", "POST"}, c.method)
}

// preflighted reports whether the browser asks before.
func (c *call) preflighted() bool {
	return !c.noCORS && (!c.safelisted() || len(c.fields) > 0 || c.upload)
}

// tells reports whether a page gets to see the status and fields of the response.
func (c *call) tells() bool {
	return slices.Contains([]string{"", "stream", "xhr"}, c.way)
}
