package caddycors

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/time/rate"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// report passes a request on, and reports the decision, and how it compares with
// the response. It changes nothing.
func (h *Handler) report(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, d *policy.Decision, counted bool) error {
	sw := &statusWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, reporter: h}
	if d.Result == policy.None || d.Result == policy.SameOrigin {
		h.record(r, d, counted)
		return next.ServeHTTP(sw, r)
	}
	if !counted { // now, since the response may take long to end
		h.counters.count(d)
	}
	// The next handler may change the request: request_header -Origin is common.
	asked := r.Clone(r.Context())
	upstream, differences := agreementUnknown, []string(nil)
	defer func() { // also if next panics
		if !counted {
			h.counters.countReport(d.Kind, upstream)
		}
		h.log(asked, d, zap.Stringer("upstream", upstream))
		if upstream == agreementDifferent {
			entry := h.logger.Check(zapcore.InfoLevel, "the response allows something else than the policy of cors")
			if entry != nil && h.reports.Allow() {
				writeDecision(entry, h.policy, asked, d, zap.Strings("differences", differences))
			}
		}
	}()
	err := next.ServeHTTP(sw, r)
	switch {
	case err != nil && sw.status == 0: // it is for an error route to respond
	case h.rejects(asked, d):
		upstream, differences = agreementDifferent, []string{"the policy rejects the request with 403"}
	case isJudged(asked):
		upstream, differences = h.compare(asked, d, browser.Response{Status: sw.result(err), Header: w.Header()})
	}
	return err
}

// newReports returns a limiter that allows ten entries a minute, since a difference is
// likely to recur on every request. A sampler of zap would take half a megabyte.
func newReports() *rate.Limiter { return rate.NewLimiter(rate.Every(time.Minute/10), 10) }

// isJudged reports whether browsers check the response to r. They do not if r is
// same-origin, a navigation, or the handshake of a WebSocket.
func isJudged(r *http.Request) bool {
	if policy.IsSameOrigin(r, isTrustedProxy) || len(r.Header["Sec-Websocket-Key"]) > 0 || r.ProtoMajor > 1 && r.Method == http.MethodConnect {
		return false
	}
	mode := r.Header["Sec-Fetch-Mode"]
	return len(mode) == 0 || len(mode) == 1 && mode[0] == "cors"
}

// compare compares a response with the one that an enforced policy would have
// made, with credentials and without: the server cannot know which of them the
// page has used.
func (h *Handler) compare(r *http.Request, d *policy.Decision, theirs browser.Response) (agreement, []string) {
	if theirs.Status == http.StatusNotModified && len(theirs.Header.Values(fetch.AllowOrigin)) == 0 {
		return agreementUnknown, nil // the browser's cache has the headers
	}
	ours := h.enforced(r, d, theirs)
	var differences []string
	for _, credentials := range []bool{false, true} {
		request, err := pageRequest(r, d.Kind, credentials)
		if err != nil {
			return agreementUnknown, nil
		}
		check := request.CheckResponse
		if d.Kind == policy.Preflight {
			check = request.CheckPreflight
		}
		mode := map[bool]string{false: "without credentials", true: "with credentials"}[credentials]
		switch mine, yours := check(ours), check(theirs); {
		case mine == nil && yours != nil:
			differences = append(differences, fmt.Sprintf("%s, the policy allows it, but the response does not: %s", mode, yours.Code))
		case mine != nil && yours == nil:
			differences = append(differences, fmt.Sprintf("%s, the response allows it, but the policy does not: %s", mode, mine.Code))
		case mine == nil && d.Kind == policy.Actual:
			differences = append(differences, compareNames(mode, request.Readable(ours), request.Readable(theirs))...)
		}
	}
	if len(differences) > 0 {
		return agreementDifferent, differences
	}
	return agreementSame, nil
}

// enforced returns the response that an enforced policy would have made.
func (h *Handler) enforced(r *http.Request, d *policy.Decision, theirs browser.Response) browser.Response {
	status := theirs.Status
	if d.Kind == policy.Preflight && !h.PreflightPassthrough {
		status = h.policy.PreflightStatus(d)
	}
	header := theirs.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	h.policy.Answer(r, d).Apply(header, d.Origin, nil)
	return browser.Response{Status: status, Header: header}
}

// pageRequest returns the request of a page: r itself, or the request that r is the
// preflight of.
func pageRequest(r *http.Request, kind policy.Kind, credentials bool) (*browser.Request, error) {
	method, header := r.Method, http.Header(nil)
	if kind == policy.Preflight {
		method, header = r.Header.Get(fetch.RequestMethod), make(http.Header)
		for name := range policy.RequestedHeaders(r.Header[fetch.RequestHeaders]) {
			header[name] = []string{unsafeValue}
		}
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return browser.NewRequest(method, scheme+"://"+r.Host, r.Header.Get(fetch.Origin), header, credentials)
}

// unsafeValue is longer than the value of any header that needs no permission
// (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
var unsafeValue = strings.Repeat("x", 129)

// compareNames says which headers only one of two responses exposes, CORS headers
// aside.
func compareNames(mode string, ours, theirs []string) (differences []string) {
	for _, side := range []struct {
		who             string
		exposes, others []string
	}{{"the policy", ours, theirs}, {"the response", theirs, ours}} {
		only := slices.DeleteFunc(slices.Clone(side.exposes), func(name string) bool {
			return slices.Contains(side.others, name) || policy.IsResponseHeader(name)
		})
		if len(only) > 0 {
			differences = append(differences, fmt.Sprintf("%s, only %s exposes %s", mode, side.who, strings.Join(only, ", ")))
		}
	}
	return differences
}
