package policy

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// headers makes a header map of "Name: value" lines. A name may repeat.
func headers(lines ...string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// preflight makes the headers of a preflight from an origin.
func preflight(origin, method string, lines ...string) http.Header {
	return headers(append(lines, "Origin: "+origin, "Access-Control-Request-Method: "+method)...)
}

// complete sets what every configuration has, and an environment of constants.
func complete(c Config) *Config {
	c.Environment = Environment{
		Global: func(name string) string {
			return map[string]string{
				"env.HOST": "env.example", "env.EVERY": "*", "env.BRACES": "https://{http.request.host}", "file.origin": "https://file.example\n",
				"env.LIST": "https://a.example, https://*.b.example\n,http://localhost:*,", "env.SEPARATORS": " ,\n", "env.SECRET": strings.Repeat("s", 80),
				"env.BAD_LIST": "https://a.example b.example", "env.MARKED": "\uFEFFhttps://a.example\r\n",
			}[name]
		},
		Placeholder: func(r *http.Request, name string) string {
			if name == "http.request.host" {
				return r.Host
			}
			return r.Header.Get("X-" + name) // as if an operator had filled a variable
		},
		TrustedProxy: func(*http.Request) bool { return false },
	}
	return &c
}

// compile returns the policy of a configuration without problems.
func compile(t testing.TB, c Config) *Policy {
	t.Helper()
	p, findings := Compile(complete(c))
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

// checkHeaders compares the CORS headers and Vary of a response: those that want
// does not name must be absent.
func checkHeaders(t *testing.T, got, want http.Header) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s: got %q, want %q", name, got[name], values)
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s: %q, want it absent", name, values)
		}
	}
}
