package sources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ParseURL parses the URL of a source. Its errors show no more of it than its
// scheme and host, because the rest may contain secrets.
func ParseURL(text string) (*url.URL, error) {
	const write = "write one such as https://config.example.com/origins"
	u, err := url.Parse(text)
	switch {
	case text == "":
		return nil, errors.New("is missing; " + write)
	case err != nil:
		return nil, errors.New("is not a valid URL; " + write)
	case u.Scheme == "" || u.Opaque != "": // url.Parse reads localhost:9000/x as of the scheme localhost
		return nil, errors.New("does not begin with http:// or https://; " + write)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("begins with %q, but must begin with http:// or https:// and a host; %s", u.Scheme+"://"+u.Host, write)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, fmt.Errorf("has the invalid port %q; %s", port, write)
		}
	}
	if _, err := url.ParseQuery(u.RawQuery); err != nil {
		return nil, errors.New("has an invalid query; escape it, as in ?key=a%3Bb")
	}
	u.Fragment = ""
	return u, nil
}

// maxHeader is how long the headers of a response may be, in bytes.
const maxHeader = 64 << 10

// newClient returns an HTTP client for one source. It does not follow redirects,
// which could take secrets elsewhere.
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
			// The headers of such a server are of little use here.
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// statusError describes the status of a response. It does not use the server's
// own words, which may be very long.
func statusError(res *http.Response) error {
	return errors.New(strings.TrimSpace(fmt.Sprintf("the server answers %d %s", res.StatusCode, http.StatusText(res.StatusCode))))
}

// withoutURL removes the URL from an error of an http.Client, because it may
// contain secrets.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// errUnmarked is about a response whose end cannot be told from a lost connection.
var errUnmarked = errors.New("the response may be cut off, as it has no Content-Length and is not chunked; serve the list with Content-Length, or chunked")

// endsUnmarked reports whether the body of a response ends where the connection
// does, wherever that is. HTTP/2, chunks and gzip mark the end.
func endsUnmarked(res *http.Response) bool {
	return res.ProtoMajor < 2 && res.ContentLength < 0 && len(res.TransferEncoding) == 0 && !res.Uncompressed
}

// validator returns a header of a response for a conditional request, or "" if it
// is too long to be kept.
func validator(res *http.Response, name string) string {
	if value := res.Header.Get(name); len(value) <= maxForeign {
		return strings.Clone(value)
	}
	return ""
}

// httpTag is the tag of a text that a server sends.
type httpTag struct {
	etag, lastModified string
	length             int
}

// HTTPReader returns a Reader of the response to a GET request for u with the
// headers of header, and a function that closes its idle connections.
func HTTPReader(u *url.URL, header http.Header, timeout time.Duration) (read Reader, done func()) {
	return readHTTP(newClient(timeout), u, header)
}

func readHTTP(client *http.Client, u *url.URL, header http.Header) (read Reader, done func()) {
	return func(ctx context.Context, tag any) (text string, newTag any, err error) {
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
		case endsUnmarked(res):
			return "", nil, errUnmarked
		}
		length := res.ContentLength
		if length < 0 { // guess that it is little longer than the last one
			length = min(int64(old.length+old.length/16), maxText)
		}
		text, err = ReadText(res.Body, length)
		return text, httpTag{validator(res, "ETag"), validator(res, "Last-Modified"), len(text)}, err
	}, client.CloseIdleConnections
}
