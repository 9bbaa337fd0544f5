package openness

import (
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// TestSuggest: each expression is dead, open or insecure, or does not compile; the
// suggestion is none of these.
func TestSuggest(t *testing.T) {
	for _, tc := range []struct{ expr, want string }{
		// written to be found within an origin
		{`example\.com`, `https://(.+\.)?example\.com`},
		{`example.co.uk`, `https://(.+\.)?example\.co\.uk`},
		{`\.acme\.test$`, `https://(.+\.)?acme\.test`},
		{`.example.com`, `https://(.+\.)?example\.com`},
		{`app.example.com`, `https://app\.example\.com`},
		{`^app\.example\.com$`, `https://app\.example\.com`},
		{`localhost:3000`, `http://localhost:3000`},
		{`[a-z]+\.example\.com`, `https://[a-z]+\.example\.com`},
		{`(app|admin)\.example\.com`, `https://(app|admin)\.example\.com`},
		{`a\.example\.com|b\.example\.com`, `https://(a\.example\.com|b\.example\.com)`},
		{`([a-z0-9-]+.)?example.com`, `https://([a-z0-9-]+\.)?example\.com`},
		// of other languages
		{`/^https:\/\/app\.acme\.test$/`, `https://app\.acme\.test`},
		{`/\.acme\.test$/i`, `https://(.+\.)?acme\.test`},
		{`'https://app\.acme\.test'`, `https://app\.acme\.test`},
		{`*.example.com`, `https://.+\.example\.com`},
		{`https://*.example.com:*`, `https://.+\.example\.com(:\d+)?`},
		{`https://app-*.example.com`, `https://app-[a-z0-9-]+\.example\.com`},
		// not as browsers spell it
		{`https://App\.Example\.com`, `https://app\.example\.com`},
		{`https://.*\.Example\.com`, `https://.*\.example\.com`},
		{`https://app\.example\.com/`, `https://app\.example\.com`},
		{`https://app\.example\.com/.*`, `https://app\.example\.com`},
		{`https://.*\.example\.com/.+`, `https://.*\.example\.com`},
		{`https://app\.example\.com:443`, `https://app\.example\.com`},
		{`wss://app\.example\.com`, `https://app\.example\.com`},
		{`wss?://.*\.example\.com`, `https://.*\.example\.com`},
		// the scheme is left open, or insecure
		{`.*\.example\.com`, `https://.*\.example\.com`},
		{`.*://app\.example\.com`, `https://app\.example\.com`},
		{`[a-z]+://.*\.example\.com`, `https://.*\.example\.com`},
		{`(https?://)?app\.example\.com`, `https://app\.example\.com`},
		{`^https?://([a-z0-9-]+\.)*acme\.dev$`, `https://([a-z0-9-]+\.)*acme\.dev`},
		{`^(http|https)://.+\.acme\.dev$`, `https://.+\.acme\.dev`},
		{`http://a\.example\.com|https?://b\.example\.com`, `https://a\.example\.com|https://b\.example\.com`},
		{`https*://.*\.example\.com`, `https://.*\.example\.com`},
		{`//app\.example\.com`, `https://app\.example\.com`},
		{`(.*)example.com`, `https://(.+\.)?example\.com`},
		// a dot that stands for any character, and a name that may begin otherwise
		{`https://app.example\.com`, `https://app\.example\.com`},
		{`https://(www.)?example\.com`, `https://(www\.)?example\.com`},
		{`https://.*.example.com`, `https://.*\.example\.com`},
		{`https://.*example\.com`, `https://(.+\.)?example\.com`},
		{`.*example\.com`, `https://(.+\.)?example\.com`},
		// nothing that can be known
		{``, ``},
		{`.*`, ``},
		{`https://.*`, ``},
		{`https://.*\.github\.io`, ``},
		{`https://.*\.com`, ``},
		{`https://[a-z]example\.com`, ``},
		{`https://app-[a-z0-9]+-myteam\.vercel\.app`, ``},
		{`moz-extension://[0-9a-f-]+`, ``},
		{`(capacitor|ionic)://.*`, ``},
		{`file://.*`, ``},
		{`data:.*`, ``},
		{`null`, ``},
		{`[a-z]+`, ``},
		{`https://(a`, ``},
	} {
		got := Suggest(tc.expr)
		if got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.expr, got, tc.want)
		}
		checkSuggestion(t, got)
	}
}

func checkSuggestion(t *testing.T, expr string) {
	if expr == "" {
		return
	}
	re, err := origins.CompileRegexp(expr)
	if err != nil {
		t.Error(err)
	} else if v := JudgeRegexp(re); v.Open || v.Dead || v.Insecure != "" {
		t.Errorf("%s: %+v", expr, v)
	}
}

// FuzzSuggest: what is suggested is neither dead nor open nor insecure.
func FuzzSuggest(f *testing.F) {
	for _, expr := range []string{`/^https?:\/\/(www.)?acme\.test(\/.*)?$/`, `(https?://)?a.b.c|d`, `.*[^/]\.x`, `https://`, `://`, `[`, `*.a.b:*`} {
		f.Add(expr)
	}
	f.Fuzz(func(t *testing.T, expr string) { checkSuggestion(t, Suggest(expr)) })
}
