// Package check asks a running server what a page may do with it. It makes the
// requests that a browser would make, judges the responses as a browser would, and
// says what to change if one is blocked.
package check

import (
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// patience is how long a check may take, with all redirects.
const patience = time.Minute

// Check is a call of fetch() by a page.
type Check struct {
	Method      string
	URL         string
	Origin      string // of the page
	Credentials bool

	// Header has the headers that the page sets. Pages cannot set Cookie: here it has
	// the cookies that the browser would send.
	Header http.Header

	// Browser is the one whose message the report has; Chromium if empty.
	Browser browser.Name

	// Preflight makes the browser ask first, even if the request does not need it.
	Preflight bool

	// Send sends the request itself, whatever its method. Otherwise a request that
	// may change something is not sent, and the check ends with the preflight.
	Send bool

	Transport http.RoundTripper
}

// run is a check under way.
type run struct {
	*Report
	check  *Check
	ctx    context.Context
	home   *url.URL // the cookies belong to its origin
	cookie string
	site   site
}

// Run asks the server. It returns an error if the call is not one that a page can
// make. If the server cannot be asked, the report says so.
func (c *Check) Run(ctx context.Context) (*Report, error) {
	if err := c.checkOrigin(); err != nil {
		return nil, err
	}
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	r, err := browser.NewRequest(c.Method, c.URL, c.Origin, c.Header, c.Credentials)
	if err != nil {
		return nil, err
	}
	r.UsePreflight = c.Preflight
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := &run{Report: newReport(r), check: c, ctx: ctx, home: r.URL(), cookie: strings.Join(c.Header.Values("Cookie"), "; ")}
	p.warnAbout(r)
	p.play(r)
	return p.Report, nil
}

// play does what https://fetch.spec.whatwg.org/#http-fetch says, and, for each
// redirect, https://fetch.spec.whatwg.org/#http-redirect-fetch.
func (p *run) play(r *browser.Request) {
	for r != nil {
		p.site = max(p.site, siteOf(r))
		if r.NeedsPreflight() && !p.preflight(r) {
			return
		}
		if !p.check.Send && !isSafe(r.Method) {
			p.unsent(r)
			return
		}
		r = p.request(r)
	}
}

// isSafe reports whether a method is safe: it is not meant to change anything
// (RFC 9110, section 9.2.1).
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// preflight sends the preflight, and reports whether it permits the request.
func (p *run) preflight(r *browser.Request) bool {
	step := p.step("preflight", http.MethodOptions, r)
	res, ok := p.send(step, r, r.Preflight())
	if !ok {
		return false
	}
	failures := preflightFailures(r, res)
	step.Checks = preflightChecks(r, res, failures)
	if len(failures) > 0 {
		p.block(r, step, failures[0])
		return false
	}
	age := int64(browser.MaxAge(res) / time.Second)
	step.MaxAge = &age
	p.collapse(step)
	return true
}

// unsent ends a check before the request itself.
func (p *run) unsent(r *browser.Request) {
	if r.NeedsPreflight() || !r.IsCORS() {
		p.Verdict = Allowed
		return
	}
	p.Verdict = Unknown
	p.Error = r.Method + " needs no preflight here, so only the response to the request itself can tell; it may change something, and caddy cors check --send sends it"
}

// request sends the request itself. If it is redirected, it returns the next one.
func (p *run) request(r *browser.Request) *browser.Request {
	step := p.step("request", r.Method, r)
	res, ok := p.send(step, r, p.fields(r))
	if !ok {
		return nil
	}
	f := r.CheckResponse(res)
	step.Checks = responseChecks(r, res, f)
	if f != nil {
		p.block(r, step, f)
		return nil
	}
	step = p.collapse(step)
	p.warnAboutCaches(r, res)
	next, f := r.Redirect(res)
	if f != nil {
		step.Checks = append(step.Checks, failed(r, res, f))
		p.block(r, step, f)
		return nil
	}
	if next == nil {
		p.Verdict = Readable
		p.fieldsOf(r, res)
	}
	return next
}

// fields returns the headers of the request itself.
func (p *run) fields(r *browser.Request) http.Header {
	h := http.Header{"Accept": {"*/*"}}
	maps.Copy(h, canonical(r.Header))
	if r.SendsOrigin() {
		h.Set(fetch.Origin, r.SentOrigin())
	}
	if p.cookie != "" && p.Credentials && r.URL().Host == p.home.Host && r.URL().Scheme == p.home.Scheme {
		h.Set("Cookie", p.cookie)
	}
	return h
}

// canonical returns h with all values of a header under one spelling of its name.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			c.Add(name, value)
		}
	}
	return c
}

// send sends one request, and reports whether there was a response.
func (p *run) send(step *Step, r *browser.Request, h http.Header) (browser.Response, bool) {
	req, err := http.NewRequestWithContext(p.ctx, step.Method, r.URL().String(), http.NoBody)
	if err != nil {
		p.fail(err)
		return browser.Response{}, false
	}
	step.Sent = sentFields(h)
	req.Header = h
	p.addBrowserFields(req)
	res, err := p.check.Transport.RoundTrip(req)
	if err != nil {
		p.fail(err)
		return browser.Response{}, false
	}
	_ = res.Body.Close() // only the header matters
	step.Status = res.StatusCode
	step.Received = receivedFields(res.Header)
	return browser.Response{Status: res.StatusCode, Header: res.Header}, true
}

func (p *run) fail(err error) {
	p.Verdict = Unknown
	p.Error = shown(err.Error())
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		p.Error += "; use --cacert to trust its issuer, or --insecure to accept any certificate"
	}
}

// warnAbout warns of what browsers do to the call apart from CORS.
func (p *run) warnAbout(r *browser.Request) {
	if !r.IsCORS() {
		p.warn("the page and the URL have the same origin, so browsers check nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(p.check.Header)) {
		switch _, kept := r.Header[name]; {
		case kept:
		case strings.EqualFold(name, "Cookie"):
			if !p.Credentials {
				p.warn("Cookie is left out: browsers send cookies to another origin only with --credentials")
			}
		default:
			p.warn(shown(name) + " is left out: pages cannot set it")
		}
	}
	if o, ok := origins.Parse(r.Origin); ok && o.Scheme() == "https" && r.URL().Scheme == "http" && !trustworthy(r.URL()) {
		p.warn("browsers block the call before CORS: an https page cannot call http (mixed content)")
	}
}

// warnAboutCaches warns if a cache can hand the response to a page of another
// origin: https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches.
func (p *run) warnAboutCaches(r *browser.Request, res browser.Response) {
	if !r.IsCORS() || res.Header.Get(fetch.AllowOrigin) == "*" || variesByOrigin(res) {
		return
	}
	for name := range fetch.Elements(res.Header.Values(fetch.Vary)) {
		if name == "*" {
			return
		}
	}
	p.warn("Access-Control-Allow-Origin names the origin, but Vary does not name Origin; unless every response is the same, a cache can give one origin's response to another")
}
