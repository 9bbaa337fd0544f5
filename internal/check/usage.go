package check

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// URL returns the URL among the arguments of the command, which must be the only one.
// The origin is that of the option, or empty.
func URL(args []string, origin string) (string, error) {
	page := origin
	if page == "" {
		page = "https://app.example.com"
	}
	switch {
	case len(args) == 0 || args[0] == "":
		return "", fmt.Errorf("the URL is missing; write, for example: caddy cors check --origin %s https://api.example.com/items", page)
	case len(args) == 2 && origin == "":
		return "", fmt.Errorf("there are 2 URLs, and --origin is missing; write --origin before the origin of the page: caddy cors check --origin %s %s", args[0], args[1])
	case len(args) > 1:
		return "", fmt.Errorf("there are %d URLs; write one, and put headers in quotes: caddy cors check --origin %s --header \"Name: value\" %s", len(args), page, args[len(args)-1])
	}
	return args[0], nil
}

// checkOrigin returns an error if no page has the origin.
func (c *Check) checkOrigin() error {
	if c.Origin == "" {
		target := c.URL
		if checkURL(target) != nil {
			target = "https://api.example.com/items"
		}
		return fmt.Errorf("--origin is missing; write the origin of the page, as in: caddy cors check --origin https://app.example.com %s", target)
	}
	if c.Origin == origins.Null {
		return nil
	}
	if _, ok := origins.Parse(c.Origin); ok {
		return nil
	}
	if _, err := origins.ParsePattern(c.Origin); err != nil && !strings.Contains(c.Origin, "*") {
		return fmt.Errorf("--origin %w", err)
	}
	return fmt.Errorf("--origin %s: is a pattern; write the origin of one page, such as https://app.example.com", origins.Quote(c.Origin))
}

// checkURL returns an error if a URL is not an absolute http or https one. The error
// says what to write, if that can be guessed.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return nil
	case err == nil && u.Host != "" && u.Scheme != "":
		scheme := map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
		if scheme == "" {
			return fmt.Errorf("URL %q: the scheme is not http or https; browsers use CORS only with these", text)
		}
		u.Scheme = scheme
		return fmt.Errorf("URL %q: the scheme is not http or https; write %s", text, shown(u.String()))
	}
	if suggestion := withScheme(text); suggestion != "" {
		wrong := "the scheme is missing"
		if u != nil && (u.Scheme == "http" || u.Scheme == "https") {
			wrong = "the scheme is not followed by //"
		}
		return fmt.Errorf("URL %q: %s; write %s", text, wrong, shown(suggestion))
	}
	return fmt.Errorf("URL %q: is not an absolute http or https URL; write one such as https://api.example.com/items", text)
}

// withScheme returns a URL for a text that starts with a host, or "" if it does not.
func withScheme(text string) string {
	// http:/host, https:host and //host were meant to have a scheme.
	scheme, rest := "", text
	for _, s := range []string{"https", "http"} {
		if after, ok := strings.CutPrefix(rest, s+":"); ok {
			scheme, rest = s, after
			break
		}
	}
	rest = strings.TrimLeft(rest, "/")
	if slashes := len(text) - len(rest); scheme == "" && slashes != 0 && slashes != 2 {
		return "" // a path
	}
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Hostname() == "" || !looksLikeHost(u.Hostname()) {
		return ""
	}
	if scheme == "" {
		scheme = "https"
		if isLoopback(u.Hostname()) {
			scheme = "http"
		}
	}
	u.Scheme = scheme
	return u.String()
}

func looksLikeHost(host string) bool {
	return strings.Contains(host, ".") || isLoopback(host) || net.ParseIP(host) != nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && ip.IsLoopback()
}
