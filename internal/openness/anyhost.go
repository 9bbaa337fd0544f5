package openness

import (
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// insecure looks for an insecure origin among those of the domains: all of http are
// insecure, since what can be registered is not the machine itself.
func (w *web) insecure() {
	if w.scheme != "http" || w.Insecure != "" {
		return
	}
	var found []string
	for _, origin := range w.domains {
		o, _ := origins.Parse(origin)
		host := strings.TrimSuffix(o.Host(), ".")
		if o.Scheme() != "http" && o.Scheme() != "https" || strings.HasPrefix(host, "[") {
			continue
		}
		end, ok := w.m.webEnd(w.m.read(w.start, host), "http")
		if o, admitted := w.admits("http://" + host + end); ok && admitted && o.Insecure() {
			found = append(found, o.String())
		}
	}
	if len(found) > 0 {
		w.Insecure = slices.MinFunc(found, func(a, b string) int {
			if len(a) != len(b) || a == b {
				return len(a) - len(b)
			}
			if plainer(a, b) {
				return -1
			}
			return 1
		})
	}
}

// anyHost looks for a host that matches, and for one that is insecure, if none was
// found among those that can be registered, and the addresses.
func (w *web) anyHost() {
	if w.scheme == "http" && w.Insecure == "" {
		w.Insecure = w.findHost(false)
		w.found = w.found || w.Insecure != ""
	}
	w.found = w.found || w.findHost(true) != ""
}

// findHost returns an origin that matches and whose host is a name. If local is
// false, the name is not one of the machine itself.
func (w *web) findHost(local bool) (origin string) {
	// The end of a name tells whether it is one of the machine itself.
	type node struct {
		state  int
		behind int  // how much of ".localhost" is behind
		named  bool // the label so far is not a number, as those of addresses are
	}
	const localhost = ".localhost"
	g, nodes := build(w.m, node{state: w.start, behind: 1}, func(n node, yield func(byte, node)) {
		for _, e := range w.m.edges(n.state) {
			for c := range w.m.alphabet.members[e.class].and(labelChars.or(chars("."))).all {
				behind := localhost[:n.behind] + string(c)
				for !strings.HasPrefix(localhost, behind) {
					behind = behind[1:]
				}
				yield(c, node{e.to, len(behind), c != '.' && (n.named || !digits.has(c))})
			}
		}
	})
	accepted := make([]bool, len(nodes))
	for i, n := range nodes {
		if n.named && (local || n.behind < len(localhost)) {
			_, accepted[i] = w.m.webEnd(n.state, w.scheme)
		}
	}
	g.list(accepted, maxHost, func(host string) bool {
		end, _ := w.m.webEnd(w.m.read(w.start, host), w.scheme)
		if o, ok := w.admits(w.scheme + "://" + host + end); ok && (local || o.Insecure()) {
			origin = o.String()
		}
		w.m.spend(1_000) // very many that are malformed take too long
		return origin == ""
	})
	return origin
}
