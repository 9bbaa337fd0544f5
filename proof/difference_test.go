package proof

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

// trial is a request under a policy, and what caddy-cors and a peer make of it.
type trial struct {
	policy       *policy
	request      *browser.Request
	sent         http.Header // what is sent instead, if no browser sends it
	ours, theirs verdict
}

// weAllow reports whether only caddy-cors lets the page do more, they whether
// only the peer does.
func (t *trial) weAllow() bool   { return t.ours.exceeds(t.theirs) && !t.theirs.exceeds(t.ours) }
func (t *trial) theyAllow() bool { return t.theirs.exceeds(t.ours) && !t.ours.exceeds(t.theirs) }

func (v verdict) exceeds(other verdict) bool {
	return v.preflight == preflightPassed && other.preflight == preflightFailed || v.read && !other.read
}

// difference is a kind of difference.
type difference struct {
	kind    string
	right   string // who is right: caddy-cors, the peer, or both as nothing is said
	why     string
	applies func(t *trial) bool
}

func (t *trial) asksFor(field string) bool {
	return slices.Contains(t.request.UnsafeHeaders(), field)
}

func (t *trial) asksForMuch() bool {
	return len(strings.Join(t.request.UnsafeHeaders(), ",")) > 4<<10
}

// The differences that are the same with every peer.
var (
	oddHost = difference{
		"a host that DNS cannot have", "both",
		"The URL standard lets hosts have empty and long labels, and !$&'()*,;=~ (https://url.spec.whatwg.org/#forbidden-domain-code-point), and browsers do send " +
			"them. RFC 1035, 2.3.4 has labels of 1 to 63 bytes, and names of 253; no certificate names such a host. Where the scheme is not the URL standard's own, hosts are opaque " +
			"(https://url.spec.whatwg.org/#concept-opaque-host). caddy-cors has wildcards stand for labels, and hosts, of letters, digits, hyphens and underscores.",
		func(t *trial) bool {
			return t.theyAllow() && hasOddHost(t.request.Origin) && matchesLoosely(t.policy.origins, t.request.Origin)
		},
	}
	echoLimit = difference{
		"more than 4 KiB of field names, with credentials", "both",
		"The standard takes * literally with credentials (https://fetch.spec.whatwg.org/#http-new-header-syntax), so both libraries echo what is asked for. " +
			"caddy-cors echoes 4 KiB: the names are a stranger's.",
		func(t *trial) bool {
			return t.theyAllow() && t.policy.credentials && slices.Contains(t.policy.headers, "*") && t.asksForMuch() && (!t.asksFor("authorization") || wants(t.policy.headers, "authorization"))
		},
	}
	anyAuthorization = difference{
		"Authorization under *", "caddy-cors",
		"Authorization is a CORS non-wildcard request-header name: * never covers it (https://fetch.spec.whatwg.org/#cors-non-wildcard-request-header-name).",
		func(t *trial) bool {
			return t.theyAllow() && slices.Contains(t.policy.headers, "*") && !wants(t.policy.headers, "authorization") && t.asksFor("authorization")
		},
	}
)

// anyExposed is the same with every peer, too: those that pass * on to browsers.
var anyExposed = difference{
	"headers exposed by *, with credentials", "caddy-cors",
	"The standard takes * literally where a request has credentials (https://fetch.spec.whatwg.org/#http-new-header-syntax). caddy-cors names the headers of the " +
		"response instead.",
	func(t *trial) bool {
		read := t.ours.read && t.theirs.read && t.ours.preflight == t.theirs.preflight
		return read && t.policy.credentials && slices.Contains(t.policy.expose, "*") &&
			!slices.ContainsFunc(t.theirs.fields, func(name string) bool { return !slices.Contains(t.ours.fields, name) })
	},
}

// insideLabel is a difference with peers whose * stands for any text.
var insideLabel = difference{
	"a * inside a label", "caddy-cors",
	"The * of https://app-*.example.com stands for letters, digits and hyphens of one label, as the names of deployments have them. For rs/cors it stands for any " +
		"text, dots included.",
	func(t *trial) bool {
		inside := regexp.MustCompile(`://[^*/]+\*|://\*[^.:]`)
		return t.theyAllow() && slices.ContainsFunc(t.policy.origins, inside.MatchString) && matchesLoosely(t.policy.origins, t.request.Origin)
	},
}

var (
	hostOf    = regexp.MustCompile(`://(.*?)(:\d+)?$`)
	plainHost = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$`)
)

// hasOddHost reports whether DNS cannot have the host of an origin.
func hasOddHost(origin string) bool {
	host := hostOf.FindStringSubmatch(origin)
	return host != nil && host[1] != "" && host[1][0] != '[' && (len(host[1]) > 253 || !plainHost.MatchString(host[1]))
}

// matchesLoosely reports whether an origin matches a pattern if any text may stand
// for the wildcard.
func matchesLoosely(patterns []string, origin string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		expr := strings.NewReplacer(`://\*`, `://.*`, `:\*`, `(:\d+)?`, `\*`, `.*`).Replace(regexp.QuoteMeta(pattern))
		return regexp.MustCompile(`\A` + expr + `\z`).MatchString(origin)
	})
}

var rsDifferences = []difference{
	anyAuthorization,
	anyExposed,
	echoLimit,
	oddHost,
	insideLabel,
	{
		"OPTIONS without permission", "caddy-cors",
		"OPTIONS is no CORS-safelisted method: a page needs permission for it (https://fetch.spec.whatwg.org/#cors-safelisted-method). rs/cors always gives it.",
		func(t *trial) bool {
			return t.theyAllow() && t.request.Method == "OPTIONS" && !slices.Contains(t.policy.methods, "OPTIONS")
		},
	},
	{
		"another case of a host", "caddy-cors",
		"Where the scheme is not the URL standard's own, hosts keep their case, and two that differ in it are two origins; the CORS check compares bytes " +
			"(https://fetch.spec.whatwg.org/#concept-cors-check). rs/cors ignores case.",
		func(t *trial) bool {
			origin := t.request.Origin
			return t.theyAllow() && !strings.HasPrefix(origin, "http") && !matchesLoosely(t.policy.origins, origin) &&
				matchesLoosely(strings.Split(strings.ToLower(strings.Join(t.policy.origins, " ")), " "), strings.ToLower(origin))
		},
	},
}

var rsStricter = []difference{
	unsorted,
	{
		"an empty Origin under *", "both",
		"Under * nothing depends on the request, and caddy-cors does not look at it. rs/cors takes an empty Origin for none.",
		func(t *trial) bool { return t.weAllow() && t.policy.any() && t.sent["Origin"][0] == "" },
	},
	malformedName,
	{
		"two methods", "both",
		"Browsers ask for one method, in one line (https://fetch.spec.whatwg.org/#cors-preflight-fetch). caddy-cors answers with all that are allowed, rs/cors with the lines.",
		func(t *trial) bool { return t.weAllow() && len(t.sent["Access-Control-Request-Method"]) > 1 },
	},
}

// malformedName is about what no page can ask for.
var malformedName = difference{
	"what cannot be the name of a field, beside allowed names", "both",
	"No page can set a field whose name is not a token (https://fetch.spec.whatwg.org/#dom-headers-append). caddy-cors answers with what is allowed all the same; " +
		"the peers deny, or echo it under *, and then the browser takes the whole answer for malformed (https://fetch.spec.whatwg.org/#extract-header-list-values).",
	func(t *trial) bool {
		return t.weAllow() && t.policy.allowsFields(t.request.UnsafeHeaders()) &&
			slices.ContainsFunc(lowerNames(t.sent["Access-Control-Request-Headers"]), func(name string) bool { return !isToken(name) })
	},
}

// isToken reports whether s, which is not empty, is a token (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return strings.Trim(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") == ""
}

// unsorted is about what browsers do not do, but others on the way may.
var unsorted = difference{
	"allowed field names out of order, twice, in capitals, or with spaces", "both",
	"Access-Control-Request-Headers is a list (RFC 9110, 5.6.1), and field names have no case (RFC 9110, 5.1). Browsers send it sorted " +
		"(https://fetch.spec.whatwg.org/#cors-unsafe-request-header-names), but what stands between may do as it likes. caddy-cors answers with all that is allowed, whatever is asked for.",
	func(t *trial) bool {
		lines := t.sent["Access-Control-Request-Headers"]
		names := lowerNames(lines)
		sorted := slices.Clone(names)
		slices.Sort(sorted)
		canonical := []string{strings.Join(slices.Compact(sorted), ",")}
		return t.weAllow() && len(lines) > 0 && !slices.Equal(lines, canonical) && t.policy.allowsFields(names)
	},
}
