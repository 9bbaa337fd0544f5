package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// Connection says how to reach the server. Its options have the names that they have
// in curl.
type Connection struct {
	Insecure bool     // accept any certificate
	CACert   string   // file of certificates to trust instead of the system's
	Resolve  []string // host:port:address
}

// Transport returns the transport for the requests. Its waiting times and the size
// of a response's header are bounded.
func (c *Connection) Transport() (http.RoundTripper, error) {
	const wait = 10 * time.Second
	dialer := &net.Dialer{Timeout: wait}
	addresses := map[string]string{}
	for _, entry := range c.Resolve {
		from, to, err := parseResolve(entry)
		if err != nil {
			return nil, err
		}
		addresses[from] = to
	}
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if to, ok := addresses[strings.ToLower(addr)]; ok {
				addr = to
			} else if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".localhost") {
				addr = net.JoinHostPort("localhost", port) // as in browsers, whatever the resolver says
			}
			return dialer.DialContext(ctx, network, addr)
		},
		//nolint:gosec // as the option says
		TLSClientConfig:        &tls.Config{InsecureSkipVerify: c.Insecure},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    wait,
		ResponseHeaderTimeout:  wait,
		MaxResponseHeaderBytes: 256 << 10,
		DisableKeepAlives:      true, // a check is short, and bodies are not read
		DisableCompression:     true, // it would change the headers of the response
	}
	if c.CACert != "" {
		pem, err := os.ReadFile(c.CACert)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--cacert %q: the file has no certificate; write the path of a PEM file", c.CACert)
		}
	}
	return t, nil
}

// parseResolve parses host:port:address, where an IPv6 address may have brackets.
func parseResolve(entry string) (from, to string, err error) {
	host, rest, _ := strings.Cut(entry, ":")
	port, address, ok := strings.Cut(rest, ":")
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"))
	if !ok || host == "" || strings.Contains(host, "*") || port == "" || err != nil {
		return "", "", fmt.Errorf("--resolve %q: is not host:port:address; write one such as api.example.com:443:127.0.0.1", entry)
	}
	if ascii, err := idna.Lookup.ToASCII(host); err == nil {
		host = ascii // the transport dials this name
	}
	return strings.ToLower(net.JoinHostPort(host, port)), net.JoinHostPort(ip.String(), port), nil
}

// addBrowserFields adds the headers that browsers send with every request, since
// servers decide by them (https://www.w3.org/TR/fetch-metadata/).
func (p *run) addBrowserFields(req *http.Request) {
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Mozilla/5.0 (compatible; caddy cors check)")
	}
	if trustworthy(req.URL) {
		req.Header.Set("Sec-Fetch-Dest", "empty")
		req.Header.Set("Sec-Fetch-Mode", "cors")
		req.Header.Set("Sec-Fetch-Site", p.site.String())
	}
}

// trustworthy reports whether nobody on the network can forge a response from u
// (https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy).
func trustworthy(u *url.URL) bool {
	o, ok := origins.Parse(u.Scheme + "://" + u.Host)
	return ok && !o.Insecure()
}

// site is how far a request has gone from its page, with all redirects: the value of
// Sec-Fetch-Site.
type site int

const (
	sameOrigin site = iota
	sameSite
	crossSite
)

func (s site) String() string {
	return [...]string{"same-origin", "same-site", "cross-site"}[s]
}

func siteOf(r *browser.Request) site {
	target := r.URL()
	page, ok := origins.Parse(r.Origin)
	switch {
	case !ok || page.Scheme() != target.Scheme:
		return crossSite
	case page.String() == target.Scheme+"://"+target.Host:
		return sameOrigin
	case strings.Trim(page.Host(), "[]") == target.Hostname():
		return sameSite
	}
	domain := suffixes.Public().Registrable(page.Host())
	if domain == "" || domain != suffixes.Public().Registrable(target.Hostname()) {
		return crossSite
	}
	return sameSite
}
