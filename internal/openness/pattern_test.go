package openness

import (
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

func TestJudgePattern(t *testing.T) {
	for _, tc := range []struct{ s, witness string }{
		{"https://*.com", "https://stranger.com"},
		{"https://*.co.uk:8443", "https://stranger.co.uk:8443"},
		{"https://*.co.uk:*", "https://stranger.co.uk"},
		{"https://*.github.io", "https://stranger.github.io"},
		{"https://*.vercel.app", "https://stranger.vercel.app"},
		{"https://*.ck", "https://stranger.stranger.ck"},
		{"moz-extension://*", "moz-extension://stranger"},
		{"app://*.host", "app://stranger.host"},
		{"https://*.amazonaws.com", "https://stranger.s3-1.amazonaws.com"},
		{"https://app-*.example.com", ""},
		{"https://app-*.lan:*", ""},
		{"https://*-myteam.vercel.app", "https://stranger-myteam.vercel.app"},
		{"https://app-*-myteam.vercel.app:8443", "https://app-stranger-myteam.vercel.app:8443"},
		{"https://*.myteam.vercel.app", ""},
		{"https://*-x.myteam.vercel.app", ""},
		{"https://*example.com", "https://strangerexample.com"},
		{"https://s*.amazonaws.com", ""},
		{"https://*.windows.net:8443", "https://stranger.web.core.windows.net:8443"},
		{"https://*.kawasaki.jp", "https://stranger.stranger.kawasaki.jp"},
		{"https://*.x.kawasaki.jp", "https://stranger.x.kawasaki.jp"},
		{"https://*.city.kawasaki.jp", ""},
		{"https://*.a.x.kawasaki.jp", ""},
		{"https://*.example.com", ""},
		{"https://*.example.github.io", ""},
		{"https://*.example.co.uk", ""},
		{"https://github.io", ""},
		{"http://*.localhost:*", ""},
		{"https://*.lan", ""},
		{"https://*.corp", ""},
		{"https://*.internal", ""},
		{"http://localhost:*", ""},
		{"moz-extension://0f0e0d0c-1111-2222-3333-444455556666", ""},
	} {
		p, err := origins.ParsePattern(tc.s)
		if err != nil {
			t.Error(err)
			continue
		}
		v := JudgePattern(p)
		if v.Witness != tc.witness || v.Open != (tc.witness != "") || OpenPattern(p) != v.Open {
			t.Errorf("%q: %+v, want %q", tc.s, v, tc.witness)
		}
		if o, ok := origins.Parse(v.Witness); v.Open && (!ok || !origins.NewIndex([]origins.Pattern{p}).Allows(o)) {
			t.Errorf("%q does not admit its witness %q", tc.s, v.Witness)
		}
	}
}
