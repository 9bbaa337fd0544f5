// Package check asks a running server what a page may do with it: it makes the
// requests that a browser would make, judges the answers as a browser would, and
// says what is to be changed where one is blocked.
package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// patience is for how long a check may last, with all redirects.
const patience = time.Minute

// Check is a call of fetch() by a page.
type Check struct {
	Method      string
	URL         string
	Origin      string // of the page
	Credentials bool

	// Header has the fields that the page sets. Cookie, which no page sets, stands
	// for the cookies that the browser has.
	Header http.Header

	// Send says to send the request itself, whatever its method. Otherwise one that
	// may change something is not sent, and the check ends with the preflight.
	Send bool

	Transport http.RoundTripper
}

// run is a check under way.
type run struct {
	*Report
	check  *Check
	ctx    context.Context
	home   *url.URL // to whose origin the cookies are sent
	cookie string
	site   site
}

// Run asks the server. An error means that the call makes no sense; that the
// server could not be asked stands in the report.
func (c *Check) Run(ctx context.Context) (*Report, error) {
	if c.Origin == "" {
		return nil, errors.New("the page's origin is missing: write --origin https://app.example.com, or whatever site the page is from")
	}
	if c.Origin != origins.Null {
		if _, ok := origins.Parse(c.Origin); !ok {
			return nil, badOrigin(c.Origin)
		}
	}
	r, err := browser.NewRequest(c.Method, c.URL, c.Origin, c.Header, c.Credentials)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	p := &run{Report: newReport(r), check: c, ctx: ctx, home: r.URL(), cookie: strings.Join(c.Header.Values("Cookie"), "; ")}
	p.warnAbout(r)
	p.play(r)
	return p.Report, nil
}

// badOrigin returns the error about an origin that no browser sends. What
// policies take for a pattern is none either.
func badOrigin(origin string) error {
	if _, err := origins.ParsePattern(origin); err != nil {
		return fmt.Errorf("--%w", err)
	}
	return fmt.Errorf("--origin %q is a pattern: write the origin of one page", origin)
}

// play is https://fetch.spec.whatwg.org/#http-fetch and, where the server says so,
// #http-redirect-fetch.
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

// isSafe reports whether a method is made to change nothing (RFC 9110, section
// 9.2.1).
func isSafe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// preflight asks for permission, and reports whether it is given.
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
	return true
}

// unsent ends a check before the request itself.
func (p *run) unsent(r *browser.Request) {
	if r.NeedsPreflight() || !r.IsCORS() {
		p.Verdict = Allowed
		return
	}
	p.Verdict = Unknown
	p.Error = r.Method + " needs no preflight here, so only its own response can tell, and it may change something: --send sends it"
}

// request makes the request itself. It returns the one that follows a redirect.
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

// fields returns the fields of the request itself.
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

// canonical returns h with the values of each field under one name.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for _, name := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[name] {
			c.Add(name, value)
		}
	}
	return c
}

// send makes one request, and reports whether there was an answer.
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
	_ = res.Body.Close() // of no interest
	step.Status = res.StatusCode
	step.Received = receivedFields(res.Header)
	return browser.Response{Status: res.StatusCode, Header: res.Header}, true
}

func (p *run) fail(err error) {
	p.Verdict = Unknown
	p.Error = shown(err.Error())
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		p.Error += ": --cacert names who signs it, --insecure takes any"
	}
}

// warnAbout says what a browser would do to the call beside CORS.
func (p *run) warnAbout(r *browser.Request) {
	if !r.IsCORS() {
		p.warn("the page and the URL have the same origin: browsers check nothing")
	}
	for _, name := range slices.Sorted(maps.Keys(p.check.Header)) {
		switch _, kept := r.Header[name]; {
		case kept:
		case strings.EqualFold(name, "Cookie"):
			if !p.Credentials {
				p.warn("Cookie is left out: browsers send cookies to another origin only with --credentials")
			}
		default:
			p.warn(shown(name) + " is left out: browsers let no page set it")
		}
	}
	if o, ok := origins.Parse(r.Origin); ok && o.Scheme() == "https" && r.URL().Scheme == "http" && !trustworthy(r.URL()) {
		p.warn("browsers block the call before any CORS: a page of https must not call http (mixed content)")
	}
}

// warnAboutCaches: https://fetch.spec.whatwg.org/#cors-protocol-and-http-caches.
func (p *run) warnAboutCaches(r *browser.Request, res browser.Response) {
	if !r.IsCORS() || res.Header.Get(fetch.AllowOrigin) == "*" {
		return
	}
	for _, line := range res.Header.Values(fetch.Vary) {
		for name := range strings.SplitSeq(line, ",") {
			if name = strings.TrimSpace(name); name == "*" || strings.EqualFold(name, fetch.Origin) {
				return
			}
		}
	}
	p.warn("Access-Control-Allow-Origin names the origin, but Vary does not name Origin: unless every response says the same, a cache can hand one origin's response to another")
}
