package openness

import (
	"regexp"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// TestOwnSuffixes: strangers can obtain names that the public suffix list does not
// know of, whether a pattern or a regexp admits them, and a name that one of them has
// is closed again.
func TestOwnSuffixes(t *testing.T) {
	for _, tc := range []struct{ name, stranger string }{
		{"nip.io", "stranger.nip.io"},
		{"sslip.io", "stranger.sslip.io"},
		{"loca.lt", "stranger.loca.lt"},
		{"serveo.net", "stranger.serveo.net"},
		{"devtunnels.ms", "stranger.stranger.devtunnels.ms"},
		{"app.github.dev", "stranger.app.github.dev"},
		{"webcontainer.io", "stranger.webcontainer.io"},
		{"gitpod.io", "stranger.stranger.gitpod.io"},
		{"wordpress.com", "stranger.wordpress.com"},
		{"squarespace.com", "stranger.squarespace.com"},
		{"atlassian.net", "stranger.atlassian.net"},
		{"zendesk.com", "stranger.zendesk.com"},
		{"my.salesforce.com", "stranger.my.salesforce.com"},
		{"sharepoint.com", "stranger.sharepoint.com"},
		{"okta.com", "stranger.okta.com"},
		{"azurecontainerapps.io", "stranger.stranger.azurecontainerapps.io"},
		{"westeurope.azurecontainerapps.io", "stranger.westeurope.azurecontainerapps.io"},
		{"westeurope-01.azurewebsites.net", "stranger.westeurope-01.azurewebsites.net"},
		{"westeurope.cloudapp.azure.com", "stranger.westeurope.cloudapp.azure.com"},
		{"elb.eu-west-1.amazonaws.com", "stranger.elb.eu-west-1.amazonaws.com"},
		{"storage.googleapis.com", "stranger.storage.googleapis.com"},
		{"bc.googleusercontent.com", "stranger.bc.googleusercontent.com"},
		{"myqcloud.com", "stranger.myqcloud.com"},
		{"cos.ap-guangzhou.myqcloud.com", "stranger.cos.ap-guangzhou.myqcloud.com"},
		{"oss-cn-hangzhou.aliyuncs.com", "stranger.oss-cn-hangzhou.aliyuncs.com"},
		{"clients.your-server.de", "stranger.clients.your-server.de"},
		{"mooo.com", "stranger.mooo.com"},
	} {
		p, err := origins.ParsePattern("https://*." + tc.name)
		if err != nil {
			t.Error(err)
			continue
		}
		if v := JudgePattern(p); !v.Open || v.Witness != "https://"+tc.stranger {
			t.Errorf("%s: open %t by %q, want %q", p, v.Open, v.Witness, "https://"+tc.stranger)
		}
		expr := `https://.*\.` + regexp.QuoteMeta(tc.name)
		re, err := origins.CompileRegexp(expr)
		if err != nil {
			t.Error(err)
			continue
		}
		switch got := JudgeRegexp(re); {
		case !got.Open || got.Unproven:
			t.Errorf("%s: open %t, unproven %t", expr, got.Open, got.Unproven)
		case suffixes.Own(strings.TrimPrefix(got.Witness, "https://")) == "":
			t.Errorf("%s: the witness %q is not below a name of our own list", expr, got.Witness)
		}
		if p, err = origins.ParsePattern("https://*.acme." + strings.TrimPrefix(tc.stranger, "stranger.")); err != nil {
			t.Error(err)
		} else if v := JudgePattern(p); v.Open {
			t.Errorf("%s: open by %q", p, v.Witness)
		}
	}
	for _, s := range []string{"https://*.lvh.me", "https://*.localtest.me", "https://*.example.com", "https://*.acme.io", "https://*.shop.acme.co.uk"} {
		p, err := origins.ParsePattern(s)
		if err != nil {
			t.Error(err)
		} else if v := JudgePattern(p); v.Open {
			t.Errorf("%s: open by %q", s, v.Witness)
		}
	}
}
