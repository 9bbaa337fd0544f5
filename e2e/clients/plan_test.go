package clients

import (
	"slices"
	"testing"
)

// attempt is a client with a policy, in every browser and protocol.
type attempt struct {
	client  *client
	section *section // that has the policy
	option  string   // of the client, or none
	policy  string
	missing string // what was taken out of the policy, or nothing
	site    int    // with the policy
}

func (a *attempt) String() string {
	name := a.client.section
	if a.client.kind != "" {
		name += ", " + a.client.kind
	}
	if a.option != "" {
		name += " with " + a.option
	}
	if a.section.heading != a.client.section {
		name += ", " + a.section.heading
	}
	if a.missing != "" {
		name += " without " + a.missing
	}
	return name
}

// without returns the attempt with a policy that lacks a word.
func (a attempt) without(word string) *attempt {
	a.policy, a.missing = take(a.policy, word), word
	return &a
}

// plan makes the attempts, and adds a site for each.
func plan(t *testing.T, page map[string]*section, p *place) (attempts []*attempt) {
	t.Helper()
	for heading, s := range page {
		if heading != everything && !slices.ContainsFunc(clients, func(c *client) bool { return c.section == heading }) {
			t.Errorf("no client runs with the policy of %s", heading)
		}
		s.checkTables(t)
	}
	common := page[everything]
	if common == nil {
		t.Fatal("the page has no policy for all clients")
	}
	for _, c := range clients {
		s := page[c.section]
		if s == nil {
			t.Fatalf("the page has no policy for %s", c.section)
		}
		for _, a := range append([]addition{{}}, s.addition...) {
			whole := attempt{client: c, section: s, option: a.option, policy: s.with(a.line)}
			list := words("\t\t" + a.line + "\n")
			if a.option == "" {
				list = append(s.words(), allowedOrigin)
			}
			attempts = append(attempts, &whole, &attempt{client: c, section: common, option: a.option, policy: common.policy})
			for _, word := range list {
				attempts = append(attempts, whole.without(word))
			}
		}
	}
	for _, word := range common.words() {
		i := slices.IndexFunc(clients, func(c *client) bool { return c.script == everyWord[word] })
		if i < 0 {
			t.Fatalf("%s: no client needs %s", everything, word)
		}
		attempts = append(attempts, attempt{client: clients[i], section: common, option: "", policy: common.policy}.without(word))
	}
	if !*all {
		attempts = slices.DeleteFunc(attempts, func(a *attempt) bool { return a.missing != "" || a.section == common })
	}
	for _, a := range attempts {
		a.site = p.add(a.policy)
	}
	return attempts
}
