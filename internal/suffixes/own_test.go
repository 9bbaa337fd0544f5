package suffixes

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestOwnRules: our own list is in order, without repetition, well formed, and has
// nothing that the public suffix list has.
func TestOwnRules(t *testing.T) {
	if n := len(ownRules()); n < 1500 {
		t.Errorf("only %d names", n)
	}
	if !slices.IsSorted(ownRules()) {
		t.Error("the names are not in the order of bytes")
	}
	for i, rule := range ownRules() {
		if i > 0 && rule == ownRules()[i-1] {
			t.Errorf("%s is specified more than once", rule)
		}
		if err := wrongInOwn(rule); err != "" {
			t.Errorf("%s %s", rule, err)
		}
	}
	for _, rule := range []string{"com", "*.com", "github.io", "co.uk", "*.compute.amazonaws.com", "us-east-1.compute.amazonaws.com", "Example.com", "-a.example.com", "a..com", "exämple.com", "https://example.com", "!example.com", "a.*.example.com", "example.com.", "*"} {
		if wrongInOwn(rule) == "" {
			t.Errorf("%s would be accepted", rule)
		}
	}
}

var wellFormed = regexp.MustCompile(`\A(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\z`)

// wrongInOwn returns what is wrong with a rule of our own list, or "".
func wrongInOwn(rule string) string {
	if !wellFormed.MatchString(rule) {
		return "is not a domain name in lower-case A-labels"
	}
	name, wildcard := strings.CutPrefix(rule, "*.")
	switch node, _ := Public().Find(name); {
	case node.Wildcard():
		return "is covered by *." + name + " of the public suffix list"
	case wildcard && node.Suffix() && !strings.Contains(name, "."):
		return "is a top-level domain"
	}
	suffix := name
	if wildcard {
		suffix = "region." + name
	}
	stranger := "stranger." + suffix
	switch Public().Registrable(stranger) {
	case stranger:
		return "is a public suffix"
	case "":
		return "ends in a top-level domain that does not exist"
	}
	if List().Registrable(stranger) != stranger {
		return "does not let strangers get " + stranger
	}
	return ""
}

// TestOwn: a host below a name of our own list is told from one below a public
// suffix.
func TestOwn(t *testing.T) {
	for _, test := range []struct{ host, registrable, own string }{
		{"stranger.zendesk.com", "stranger.zendesk.com", "zendesk.com"},
		{"a.b.stranger.zendesk.com", "stranger.zendesk.com", "zendesk.com"},
		{"zendesk.com", "", ""},
		{"app.stranger.westeurope.azurecontainerapps.io", "stranger.westeurope.azurecontainerapps.io", "westeurope.azurecontainerapps.io"},
		{"westeurope.azurecontainerapps.io", "", ""},
		{"bucket.storage.googleapis.com", "bucket.storage.googleapis.com", "storage.googleapis.com"},
		{"stranger.googleapis.com", "stranger.googleapis.com", ""},
		{"stranger.github.io", "stranger.github.io", ""},
		{"www.example.co.uk", "example.co.uk", ""},
		{"www.example.com", "example.com", ""},
		{"nas.home.arpa", "home.arpa", ""},
		{"co.uk", "", ""},
		{"localhost", "", ""},
		{"a.lan", "", ""},
		{"", "", ""},
	} {
		if got := List().Registrable(test.host); got != test.registrable {
			t.Errorf("%s: got the registrable domain %q, want %q", test.host, got, test.registrable)
		}
		if got := Own(test.host); got != test.own {
			t.Errorf("%s: got %q of our own list, want %q", test.host, got, test.own)
		}
	}
}

// TestPublic: our own list changes nothing about what browsers take for one site.
func TestPublic(t *testing.T) {
	for host, want := range map[string]string{
		"a.zendesk.com":                        "zendesk.com",
		"a.b.westeurope.azurecontainerapps.io": "azurecontainerapps.io",
		"a.storage.googleapis.com":             "storage.googleapis.com",
		"nas.home.arpa":                        "nas.home.arpa",
		"a.github.io":                          "a.github.io",
	} {
		if got := Public().Registrable(host); got != want {
			t.Errorf("%s: got %q, want %q", host, got, want)
		}
	}
}
