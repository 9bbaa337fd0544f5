package caddycors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

func init() {
	caddy.RegisterModule(HTTPSource{})
}

// HTTPSource allows the origins of a list that a URL serves, written as for the
// source `file`. The list is fetched in the background, with conditional requests
// where the server has an `ETag` or `Last-Modified`, and what it answers must have
// the status 200 or 304. Until the first good answer, no origin is allowed; when
// an answer is bad, the list from before stays.
type HTTPSource struct {
	// The URL, with `http` or `https`. Redirects are not followed. The
	// placeholders `{env.*}` and `{file.*}` are replaced. Required.
	URL string `json:"url,omitempty"`

	// How often to fetch the list. Default: 1m.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	// How long an answer may take. Default: 10s.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// Request fields to send, such as `Authorization`. The placeholders `{env.*}`
	// and `{file.*}` are replaced. Default: none.
	HeaderUp http.Header `json:"header_up,omitempty"`

	client *http.Client
	listSource
}

// CaddyModule returns the Caddy module information.
func (HTTPSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".http",
		New: func() caddy.Module { return new(HTTPSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	http <url> {
//	    refresh   <duration>
//	    timeout   <duration>
//	    header_up <field> <value>
//	}
func (s *HTTPSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalListSource(d, "a URL", "https://config.example.com/origins", &s.URL, &s.Refresh, map[string]func() error{
		"timeout": func() error { return unmarshalDuration(d, &s.Timeout) },
		"header_up": func() error {
			var field, value string
			if !d.Args(&field, &value) || d.NextArg() {
				return d.Err("header_up takes a field and a value: quote a value that has spaces")
			}
			if s.HeaderUp == nil {
				s.HeaderUp = make(http.Header)
			}
			s.HeaderUp.Add(field, value)
			return nil
		},
	})
}

// Provision prepares the requests. It does not wait for the network, so that a
// configuration can be validated offline, and a server serve its own list.
func (s *HTTPSource) Provision(ctx caddy.Context) error {
	u, err := parseSourceURL("http", s.URL)
	if err != nil {
		return err
	}
	header := make(http.Header)
	for name, values := range s.HeaderUp {
		if !fetch.IsToken(name) || name[0] == '+' || name[0] == '-' { // as other directives add and delete
			return fmt.Errorf("header_up: %q is not the name of a field: write one such as Authorization", name)
		}
		for _, value := range values {
			value, err := replaceGlobals(value)
			if err == nil && strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				err = errors.New("its value has a control character, which no field can have: remove it")
			}
			if err != nil {
				return fmt.Errorf("header_up %s: %w", name, err)
			}
			header.Add(name, value)
		}
	}
	if err := setDefault(&s.Refresh, "refresh", time.Minute); err != nil {
		return err
	}
	if err := setDefault(&s.Timeout, "timeout", 10*time.Second); err != nil {
		return err
	}
	fields, err := json.Marshal(header)
	if err != nil {
		return err
	}
	s.client = newClient(time.Duration(s.Timeout))
	return s.use(ctx, listKey{"http", u.String() + " " + string(fields)}, listReader{
		read: func(ctx context.Context, tag any) (string, any, error) {
			return readURL(ctx, s.client, u, header, tag)
		},
		name:    "http " + u.Host,
		refresh: time.Duration(s.Refresh),
		timeout: time.Duration(s.Timeout),
	}, false)
}

// Cleanup gives back what the source has taken.
func (s *HTTPSource) Cleanup() error {
	err := s.listSource.Cleanup()
	if s.client != nil {
		s.client.CloseIdleConnections()
	}
	return err
}

// parseSourceURL returns the URL of a source, with global placeholders replaced.
// No error shows more of it than its scheme and host: the rest may have secrets.
func parseSourceURL(source, s string) (*url.URL, error) {
	const write = "write one such as https://config.example.com/origins"
	replaced, err := replaceGlobals(s)
	if err != nil {
		return nil, fmt.Errorf("the url of %s: %w", source, err)
	}
	u, err := url.Parse(replaced)
	switch {
	case s == "":
		return nil, fmt.Errorf("%s has no url: %s", source, write)
	case err != nil:
		return nil, fmt.Errorf("%s has a malformed url: %s", source, write)
	case u.Scheme == "" || u.Opaque != "": // localhost:9000/x is, to url.Parse, of the scheme localhost
		return nil, fmt.Errorf("the url of %s does not begin with http:// or https://: %s", source, write)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("the url of %s is not one of http or https with a host, but begins with %q: %s", source, u.Scheme+"://"+u.Host, write)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("the url of %s has the port %q, which is none: %s", source, port, write)
		}
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, fmt.Errorf("the url of %s has a malformed query: escape it, as in ?key=a%%3Bb", source)
	}
	u.Fragment = ""
	return u, nil
}

// replaceGlobals replaces the placeholders whose values are known when the config
// loads. Its errors show none of the text but the placeholder.
func replaceGlobals(s string) (string, error) {
	parts := caddy.NewReplacer()
	var problem error
	replaced, err := parts.ReplaceFunc(s, func(name string, value any) (any, error) {
		switch {
		case !policy.IsGlobalPlaceholder(name):
			problem = fmt.Errorf("{%s} has no value when the config loads: write {env.*} or {file.*}", name)
		case value == nil || value == "":
			problem = fmt.Errorf("{%s} is empty or not set: set it, or remove it", name)
		}
		return value, problem
	})
	if problem != nil {
		return "", problem
	}
	return replaced, err
}

// newClient returns a client of its own for a source: it ends with it, and it
// does not follow redirects, which could lead secrets elsewhere.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			ForceAttemptHTTP2:     true,
			MaxIdleConnsPerHost:   4,
			IdleConnTimeout:       90 * time.Second,
			TLSHandshakeTimeout:   timeout,
			ResponseHeaderTimeout: timeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// httpTag is by what a server tells versions of a response apart, and how long
// the last one was.
type httpTag struct {
	etag, lastModified string
	length             int
}

func readURL(ctx context.Context, client *http.Client, u *url.URL, header http.Header, tag any) (text string, newTag any, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return "", nil, err
	}
	r.Header = header.Clone()
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	old, _ := tag.(httpTag)
	if old.etag != "" {
		r.Header.Set("If-None-Match", old.etag)
	}
	if old.lastModified != "" {
		r.Header.Set("If-Modified-Since", old.lastModified)
	}
	res, err := client.Do(r)
	if err != nil {
		return "", nil, withoutURL(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && old.etag+old.lastModified != "":
		return "", nil, errNotModified
	case res.StatusCode != http.StatusOK:
		return "", nil, statusError(res)
	}
	length := res.ContentLength
	if length < 0 { // as long as the last one, or a little longer
		length = min(int64(old.length+old.length/16), maxList)
	}
	text, err = readList(res.Body, length)
	return text, httpTag{res.Header.Get("ETag"), res.Header.Get("Last-Modified"), len(text)}, err
}

// statusError tells the status of a response in the standard's words: the
// server's own may be very long.
func statusError(res *http.Response) error {
	return errors.New(strings.TrimSpace(fmt.Sprintf("the server answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))))
}

// withoutURL takes the URL out of an error of an http.Client: it may have a
// password or a token.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Interface guards
var (
	_ caddy.Provisioner     = (*HTTPSource)(nil)
	_ caddy.CleanerUpper    = (*HTTPSource)(nil)
	_ caddyfile.Unmarshaler = (*HTTPSource)(nil)
	_ openSource            = (*HTTPSource)(nil)
)
