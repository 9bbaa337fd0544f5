package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestNestedLists: with credentials, an open pattern of a list allows nobody,
// however deep the list is nested; an exact origin of it is allowed, and so is the
// open pattern where that is waived.
func TestNestedLists(t *testing.T) {
	list := filepath.Join(t.TempDir(), "origins")
	if err := os.WriteFile(list, []byte("https://*.github.io\nhttps://a.example\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := fmt.Sprintf("dynamic file %q\n", list)
	inMatch := func(origin string) string { return "dynamic match {\norigin " + origin + "\n}\n" }
	for name, source := range map[string]string{
		"a list":                       file,
		"in a matcher":                 inMatch("{\n" + file + "}"),
		"beside an origin":             inMatch("https://ok.example {\n" + file + "}"),
		"beside another matcher":       "dynamic match {\npath /*\norigin {\n" + file + "}\n}\n",
		"one level deeper":             inMatch("{\n" + inMatch("{\n"+file+"}") + "}"),
		"two levels deeper":            inMatch("{\n" + inMatch("https://ok.example {\n"+inMatch("{\n"+file+"}")+"}") + "}"),
		"after a source without it":    inMatch("https://ok.example") + file,
		"in the second of two matches": inMatch("https://ok.example") + inMatch("{\n"+file+"}"),
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t, "cors {\n"+source+"allow_credentials\n}\nrespond {http.vars.cors.reason}")
			s.check(t, call{header: from("https://evil.github.io"), status: 200, body: "open_origin", want: fields(vary)})
			s.check(t, call{header: from("https://b.example"), status: 200, body: "origin", want: fields(vary)})
			s.check(t, call{header: from("https://a.example"), status: 200, want: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", vary)})
			s.check(t, call{method: "OPTIONS", header: fields("Origin: https://evil.github.io", forPUT), status: 403, want: fields(varyAll)})
		})
	}
	s := startSite(t, "cors {\n"+inMatch("{\n"+file+"}")+"allow_credentials\ndangerously_allow open_origins\n}\nrespond ok")
	s.check(t, call{header: from("https://evil.github.io"), want: fields("Access-Control-Allow-Origin: https://evil.github.io", "Access-Control-Allow-Credentials: true", vary)})
}
