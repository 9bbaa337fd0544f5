package proof

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// verdict is what came of a call of fetch().
type verdict struct {
	preflight preflight
	age       time.Duration // how long the preflight's answer is kept, if it passed
	read      bool          // the page may read the response
	fields    []string      // which fields of the response's it may read, in lower case and sorted
}

type preflight string

const (
	preflightNone   preflight = ""
	preflightPassed preflight = "passed"
	preflightFailed preflight = "failed"
)

func (v verdict) String() string {
	return fmt.Sprintf("preflight %q for %s, read %t %q", string(v.preflight), v.age, v.read, v.fields)
}

func (v verdict) equal(other verdict) bool {
	return v.preflight == other.preflight && v.age == other.age && v.read == other.read && slices.Equal(v.fields, other.fields)
}

// responseFields are those of every response of the application.
var responseFields = http.Header{
	"Content-Type": {"text/plain"}, "Cache-Control": {"no-store"}, "Etag": {`"1"`}, "Link": {"</>"},
	"Set-Cookie": {"a=b"}, "X-Total": {"1"}, "X-Secret": {"1"},
}

var application = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	maps.Copy(w.Header(), responseFields)
	w.WriteHeader(http.StatusOK)
})

// fetch has the browser carry out a request, with a server that answers at once.
// It returns the answer to the preflight, too, if there was one.
func fetch(h http.Handler, r *browser.Request) (v verdict, answer *browser.Response) {
	if r.NeedsPreflight() {
		res := send(h, http.MethodOptions, r.Preflight())
		if r.CheckPreflight(res) != nil {
			return verdict{preflight: preflightFailed}, &res
		}
		v.preflight, v.age, answer = preflightPassed, browser.MaxAge(res), &res
	}
	fields := make(http.Header, len(r.Header)+1)
	for name, values := range r.Header {
		fields[http.CanonicalHeaderKey(name)] = append(fields[http.CanonicalHeaderKey(name)], values...)
	}
	if r.SendsOrigin() {
		fields["Origin"] = []string{r.SentOrigin()}
	}
	res := send(h, r.Method, fields)
	if r.CheckResponse(res) != nil {
		return v, answer
	}
	v.read = true
	// Libraries may say different things about CORS and Vary. That is not compared.
	v.fields = slices.DeleteFunc(r.Readable(res), func(name string) bool { return responseFields[http.CanonicalHeaderKey(name)] == nil })
	return v, answer
}

const (
	api    = "https://api.example.net"
	target = api + "/items"
)

var targetURL, _ = url.Parse(target)

// send sends a request to a server.
func send(h http.Handler, method string, fields http.Header) browser.Response {
	w := &recorder{header: make(http.Header)}
	h.ServeHTTP(w, &http.Request{Method: method, URL: targetURL, Host: targetURL.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: fields, Body: http.NoBody})
	return browser.Response{Status: max(w.status, http.StatusOK), Header: w.header}
}

// recorder keeps the status and the fields of a response.
type recorder struct {
	header http.Header
	status int
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return len(p), nil
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// lowerNames returns the well-formed elements of lists, in lower case.
func lowerNames(lines []string) []string {
	var names []string
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.ToLower(strings.Trim(name, " \t")); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}
