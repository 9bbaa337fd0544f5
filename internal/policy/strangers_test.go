package policy

import (
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

var (
	rounds = flag.Int("rounds", 400, "how many policies the tests of random policies make")
	seed   = flag.Uint64("seed", 1, "the seed of the tests of random policies")
)

// listSource is a list as the sources of lists use it.
type listSource struct{ list *origins.List }

func (s *listSource) Allows(_ *http.Request, o origins.Origin) (Admission, error) {
	switch allowed, open := s.list.Allows(o); {
	case open:
		return AdmittedOpen, nil
	case allowed:
		return Admitted, nil
	}
	return Refused, nil
}

func (s *listSource) Claims() iter.Seq[Claim] { return source(Admitted).Claims() }

// entry is a random entry of a policy.
type entry struct {
	text   string
	domain int // how many domains it may admit
	add    func(c *Config)
	sample func(v *visitor) string // an origin that it may admit
}

// visitor is a stranger: the host of a request is of the visitor's choice, below the
// site's.
type visitor struct {
	*rand.Rand
	registry *corstest.Registry
	host     string
	label    string // what an operator takes from it
}

func (v *visitor) pick(list ...string) string { return list[v.IntN(len(list))] }

// name returns the name of a host: the operator's own, or a suffix.
func (v *visitor) name() string {
	switch v.IntN(4) {
	case 0:
		return v.registry.Name(v.Rand)
	case 1:
		return v.pick("a", "city", "x-y", "s3", "www") + "." + v.registry.Name(v.Rand)
	default:
		return v.pick("example.com", "acme.co.uk", "me.github.io", "acme.vercel.app", "acme.nip.io", "acme.zendesk.com", "nas.lan", "corp", "app.example.com", "amazonaws.com", "windows.net", "kawasaki.jp", "city.kawasaki.jp", "www.ck",
			"203.0.113.7", "10.0.0.1", "localhost", "[::1]", "[2001:db8::1]", "example.com.")
	}
}

// placeholder returns the value of a placeholder for the visitor's request.
func (v *visitor) placeholder(name string) string {
	labels := strings.Split(v.host, ".")
	slices.Reverse(labels)
	var n int
	if _, err := fmt.Sscanf(name, "http.request.host.labels.%d", &n); err == nil && n < len(labels) {
		return labels[n]
	}
	return map[string]string{
		"http.request.host": v.host, "http.vars.label": v.label, "http.vars.tenant": "tenant.example.org", "tenant_origin": "https://tenant.example.org",
		"http.vars.scheme": "https", "http.vars.s": "s", "http.vars.port": "8443",
	}[name]
}

// entry makes a random entry.
func (v *visitor) entry() *entry {
	scheme := v.pick("https", "https", "https", "http", "app", "moz-extension")
	port := v.pick("", "", "", ":8443", ":*")
	switch v.IntN(9) {
	case 0, 1, 2:
		return v.pattern(scheme+"://"+v.pick("", "*.", "*.", "*-", "app-*.", "x*", "*-x.", "a-*-b.")+v.name()+port, false)
	case 3:
		return v.pattern(scheme+"://"+v.pick("", "*.", "*.", "pr-*.")+v.name()+port, true)
	case 4, 5:
		return v.regexp()
	case 6, 7:
		return v.template()
	}
	text := v.pick("*", "null", "moz-extension://*", "{env.EVERY}", "{env.HOST}", "https://{env.HOST}")
	return &entry{text, 1, func(c *Config) { c.Origins = append(c.Origins, text) }, func(v *visitor) string { return "https://" + v.name() }}
}

// pattern makes an entry of allow_origins or of a list.
func (v *visitor) pattern(text string, inList bool) *entry {
	e := &entry{text: text, domain: 1}
	e.add = func(c *Config) { c.Origins = append(c.Origins, text) }
	if inList {
		e.text = "list of " + text
		e.add = func(c *Config) {
			if list, err := origins.ParseList(text, openness.OpenPattern); err == nil {
				c.Sources = append(c.Sources, &listSource{list})
			}
		}
	}
	e.sample = func(v *visitor) string {
		s := strings.TrimSuffix(text, ":*")
		return strings.Replace(s, "*", v.pick("evil", "stranger", "a", "a.b", "evil.web.core", "evil.evil", "evil.s3", "s3", "x-1"), 1)
	}
	return e
}

// regexp makes an entry of allow_origins_regexp.
func (v *visitor) regexp() *entry {
	escape := strings.NewReplacer(".", v.pick(`\.`, `\.`, `\.`, "."), "[", `\[`)
	text := v.pick("^", "", "", "(?i)", `\A`) + v.pick("https://", "https://", "https?://", ".*://", "[a-z-]+://") +
		v.pick("", `(.+\.)?`, `.*\.`, ".*", `[a-z0-9-]+\.`, `(app|www)\.`, `[^.]+\.`, `\w+`, `([a-z]|)`, `(.*\.|)`, `\S+\b`, "(?:[a-z]+[.-])*", `.`, `www.`) +
		escape.Replace(v.name()) + v.pick("", "", `(:\d+)?`, ":8443", `\.?`, ".*", `(\..*)?`) + v.pick("$", "", `|https://.*\.`+escape.Replace(v.name()))
	parsed, err := syntax.Parse(text, syntax.Perl)
	return &entry{text, openness.MaxDomains, func(c *Config) { c.Regexps = append(c.Regexps, text) }, func(v *visitor) string {
		if err != nil {
			return ""
		}
		return corstest.Sample(v.Rand, parsed)
	}}
}

// template makes an entry of allow_origins with placeholders.
func (v *visitor) template() *entry {
	const labels = "http.request.host.labels."
	part := func() string {
		return v.pick("{"+labels+"0}", "{"+labels+"1}", "{"+labels+"2}", "{"+labels+"3}", "{"+labels+"4}", "{"+labels+"5}", "{http.vars.label}", "{http.request.host}", "app", "x-", ".", ".", "com", "example", "m")
	}
	text := v.pick("https", "https", "https", "http", "{http.vars.scheme}", "app", "http{http.vars.s}", "x{http.vars.scheme}") + "://"
	domain := 1
	switch v.IntN(8) {
	case 0:
		text = v.pick("{tenant_origin}", "https://{http.vars.tenant}", "https://{http.request.host}", "https://app.{http.request.host}:8443", "https://{http.request.host}:{http.vars.port}", "{http.vars.scheme}://{http.vars.tenant}", "https://{http.vars.tenant}.example.com")
	case 1:
		text += v.pick("", "app.") + "{" + labels + "1}.{" + labels + "0}" + v.pick("", "", ".")
		domain = 0 // beside that of the request
	case 2:
		text += part() + ".{" + labels + "1}.{" + labels + "0}"
	case 3:
		text += part() + "." + v.name()
	case 4:
		text += part() + v.name()
	case 5:
		name := v.name()
		text += part() + name[v.IntN(len(name)):]
	default:
		for range 1 + v.IntN(5) {
			text += part()
		}
		if end := strings.TrimSuffix(text, "."); strings.HasSuffix(end, "/{http.vars.label}") || strings.HasSuffix(end, ".{http.vars.label}") {
			text = end + "." + v.name() // otherwise the whole domain is the operator's decision
		}
	}
	return &entry{text, domain, func(c *Config) { c.Origins = append(c.Origins, text) }, func(v *visitor) string {
		parts, err := splitPlaceholders(text)
		var s strings.Builder
		for _, p := range parts {
			if p.Placeholder {
				p.Text = v.placeholder(p.Text)
			}
			s.WriteString(p.Text)
		}
		if err != nil {
			return ""
		}
		return s.String()
	}}
}

// visit gives the visitor another host below a site.
func (v *visitor) visit(site string) {
	v.label = v.pick("evil", "evil", "stranger", "a.b", "evil.evil", "evil.co", "evil.c", "evil.s", "x", "evil.github", "evil.exampl", v.pick("", "evil.")+v.registry.Name(v.Rand))
	v.host = v.label + "." + site
	if v.IntN(10) == 0 {
		v.host = site
	}
}

// TestStrangers: no policy with credentials that is accepted allows an origin that
// strangers can obtain, or forge, unless that is waived. Strangers choose the host of
// a request below the site's, and register what they like. More policies:
//
//	go test ./internal/policy -run TestStrangers -args -rounds 100000 -seed 7
func TestStrangers(t *testing.T) {
	t.Logf("seed %d, %d policies", *seed, *rounds)
	v := &visitor{
		Rand:     rand.New(rand.NewPCG(*seed, 0)),
		registry: corstest.ReadRegistry(t, "../suffixes/rules.txt", "../suffixes/own.txt"),
	}
	counts := make(map[string]int)
	for range *rounds {
		checkStrangers(t, v, counts)
	}
	t.Log(counts)
	for _, kind := range []string{"accepted", "refused", "allowed", "denied"} {
		if counts[kind] < *rounds/6 {
			t.Errorf("%s: only %d", kind, counts[kind])
		}
	}
}

func checkStrangers(t *testing.T, v *visitor, counts map[string]int) {
	site := v.pick("api.example.co.uk", "api.example.com", "shop.me.github.io", "example.org")
	v.visit(site)
	limit := 0
	var entries []*entry
	var texts []string
	var parts []Part
	waived := make(map[string]bool)
	for range 1 + v.IntN(5)/4 {
		config := &Config{Credentials: true, Shared: true, Earlier: parts}
		for range 1 + v.IntN(4)/2 {
			e := v.entry()
			e.add(config)
			entries = append(entries, e)
			texts = append(texts, e.text)
			limit += e.domain
		}
		if v.IntN(8) == 0 {
			waiver := v.pick(WaiverInsecure, WaiverOpen, WaiverNull)
			config.Waivers = []string{waiver}
			waived[waiver] = true
		}
		config = complete(*config)
		config.Placeholder = func(_ *http.Request, name string) string { return v.placeholder(name) }
		p, findings := Compile(config)
		if findings.Err() != nil {
			counts["refused"]++
			return
		}
		parts = append(parts, Part{config, p})
	}
	counts["accepted"]++
	domains := make(map[string]string)
	for i := range 120 * len(entries) {
		v.visit(site)
		s := entries[i%len(entries)].sample(v)
		if i%3 > 0 {
			s = corstest.Mutate(v.Rand, v.registry, s)
		}
		r := &http.Request{Method: "GET", Host: v.host, Header: http.Header{"Origin": {s}}}
		allowed := slices.ContainsFunc(parts, func(p Part) bool { return p.Policy.Decide(r).Result == Allowed })
		if !allowed {
			counts["denied"]++
			continue
		}
		counts["allowed"]++
		o, ok := origins.Parse(s)
		if !ok || !waived[WaiverInsecure] && o.Insecure() {
			t.Errorf("%q: %q is allowed", texts, s)
		}
		if domain := v.registry.Domain(s); domain != "" && domain != v.registry.Domain("https://"+site) {
			domains[domain] = s + " at " + v.host
		}
	}
	if len(domains) > limit && !waived[WaiverOpen] {
		t.Errorf("%q: allows %q", texts, slices.Sorted(maps.Values(domains)))
	}
}

// TestHonest: what an operator writes for names, networks and machines of its own, with
// credentials, is accepted without a word, and allows what it says. Values of
// environment variables are written so.
func TestHonest(t *testing.T) {
	t.Logf("seed %d, %d policies", *seed, *rounds)
	v := &visitor{
		Rand:     rand.New(rand.NewPCG(*seed, 1)),
		registry: corstest.ReadRegistry(t, "../suffixes/rules.txt", "../suffixes/own.txt"),
	}
	for range *rounds {
		checkHonest(t, v)
	}
}

// own returns an origin that an operator has, and a pattern of it.
func (v *visitor) own() (origin, pattern string) {
	port := v.pick("", "", "", ":8443", ":3000", ":"+fmt.Sprint(1024+v.IntN(60_000)))
	anyPort := port
	if v.IntN(6) == 0 {
		anyPort = ":*"
	}
	switch v.IntN(8) {
	case 0: // a network of one's own
		host := v.pick("10.0.0.5", "192.168.1.10", "172.20.3.4", "127.0.0.1", "[fd00::1]", "[::1]", "nas", "nas.lan", "wiki.corp", "a.internal", "x.home.arpa", "printer.local", "169.254.1.2")
		return "https://" + host + port, "https://" + host + anyPort
	case 1: // one's own machine
		host := v.pick("localhost", "127.0.0.1", "[::1]", "app.localhost", "127.0.0.53")
		return "http://" + host + port, "http://" + host + anyPort
	case 2:
		s := v.pick("capacitor", "tauri", "ionic", "app") + "://localhost"
		return s, s
	}
	// A name right below any suffix, and names below it: each is the operator's.
	suffix := v.registry.Name(v.Rand)
	domain := v.pick("acme", "acme-app", "my1", "xn--bcher-kva", "a") + v.pick("", "-x", "7") + "." + suffix
	if v.registry.Domain("https://"+domain) != domain || v.registry.Above(domain) {
		return "https://app.example.com", "https://app.example.com" // the name itself is a suffix, or has some below
	}
	sub := v.pick("app", "www", "a.b", "x-1", "_x", "pr-17")
	_, rest, _ := strings.Cut(sub+".", ".")
	switch v.IntN(4) {
	case 0:
		return "https://" + domain + port, "https://" + domain + anyPort
	case 1:
		return "https://" + sub + "." + domain + port, "https://" + sub + "." + domain + anyPort
	case 2:
		return "https://pr-17." + rest + domain + port, "https://pr-*." + rest + domain + anyPort
	default:
		return "https://" + sub + "." + domain + port, "https://*." + domain + anyPort
	}
}

func checkHonest(t *testing.T, v *visitor) {
	config := complete(Config{Credentials: true})
	values := make(map[string]string)
	global := config.Global
	config.Global = func(name string) string {
		if value, ok := values[name]; ok {
			return value
		}
		return global(name)
	}
	var allowed []string
	var list []string
	for range 1 + v.IntN(6) {
		origin, pattern := v.own()
		allowed = append(allowed, origin)
		switch v.IntN(8) {
		case 0:
			list = append(list, pattern)
		case 1, 2:
			if !strings.Contains(pattern, "*") {
				config.Regexps = append(config.Regexps, v.pick("^", "")+regexp.QuoteMeta(pattern)+v.pick("$", ""))
				continue
			}
			// Of a pattern, the expression that says the same.
			expr := regexp.QuoteMeta(pattern)
			if rest, ok := strings.CutSuffix(expr, `:\*`); ok {
				expr = rest + `(:\d+)?`
			}
			expr = strings.Replace(expr, `/\*\.`, v.pick(`/(.+\.)?`, `/.*\.`, `/([a-z0-9_-]+\.)+`), 1)
			config.Regexps = append(config.Regexps, "^"+strings.Replace(expr, `\*`, "[a-z0-9-]+", 1)+"$")
		default:
			config.Origins = append(config.Origins, pattern)
		}
	}
	if len(list) > 0 {
		values["env.OWN"] = strings.Join(list, v.pick(",", " ", "\n", ", "))
		config.Origins = append(config.Origins, "{env.OWN}")
	}
	p, findings := Compile(config)
	if findings.Problems.Len()+findings.Warnings.Len() > 0 {
		t.Errorf("%q, %q, %q: %s %s", config.Origins, config.Regexps, values, findings.Problems.String(), findings.Warnings.String())
		return
	}
	for _, origin := range allowed {
		r := &http.Request{Method: "GET", Host: "api.example.com", Header: headers("Origin: "+origin, "Sec-Fetch-Site: cross-site")}
		if d := p.Decide(r); d.Result != Allowed {
			t.Errorf("%q, %q, %q: %q is %s %s", config.Origins, config.Regexps, values, origin, d.Result, d.Reason)
		}
	}
}
