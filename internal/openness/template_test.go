package openness

import (
	"strings"
	"testing"
)

// templateParts returns the parts of a template, with the long names of its placeholders.
func templateParts(s string) (parts []Part) {
	long := strings.NewReplacer("{labels.", "{http.request.host.labels.", "{host}", "{http.request.host}", "{vars.", "{http.vars.")
	for rest := long.Replace(s); rest != ""; {
		text, after, ok := strings.Cut(rest, "{")
		if text != "" {
			parts = append(parts, Part{Text: text})
		}
		if rest = after; ok {
			name, after, _ := strings.Cut(rest, "}")
			parts = append(parts, Part{Text: name, Placeholder: true})
			rest = after
		}
	}
	return parts
}

func TestJudgeTemplate(t *testing.T) {
	if v := JudgeTemplate(templateParts("https://{labels.1}-{labels.0}")); !v.Open || v.Witness != "" {
		t.Errorf("a host of one label, or more: %+v", v)
	}
	for _, tc := range []struct{ s, witness, insecure string }{
		{"https://{labels.2}.app.example.com", "", ""},
		{"https://{labels.2}.example.com:8443", "", ""},
		{"https://{labels.2}.example.com:{vars.port}", "", ""},
		{"https://{labels.3}-app.example.com", "", ""},
		{"https://{vars.x}.example.co.uk", "", ""},
		{"https://{host}.example.com", "", ""},
		{"https://{labels.1}.example.com.", "", ""},
		{"https://{labels.3}.vercel.app", "https://evil.vercel.app", ""},
		{"https://{labels.3}.vercel.app:8443", "https://evil.vercel.app:8443", ""},
		{"https://{labels.3}.vercel.app.", "https://evil.vercel.app.", ""},
		{"https://{labels.3}-myteam.vercel.app", "https://evil-myteam.vercel.app", ""},
		{"https://{vars.x}.com", "https://evil.com", ""},
		{"https://x{labels.2}.co.uk", "https://xevil.co.uk", ""},
		{"https://{labels.1}example.com", "https://evilexample.com", ""},
		{"https://{labels.1}.{labels.2}example.com", "https://evil.evilexample.com", ""},
		{"https://{vars.x}.kawasaki.jp", "https://evil.evil.kawasaki.jp", ""},
		{"https://{vars.x}.amazonaws.com", "https://stranger.s3-1.amazonaws.com", ""},
		{"https://{labels.2}.amazonaws.com", "", ""},
		{"https://{vars.x}com", "https://evil.com", ""},
		{"https://{vars.x}3.amazonaws.com", "https://evil.s3.ap-northeast-3.amazonaws.com", ""},
		{"https://{vars.x}i.kawasaki.jp", "https://evil.evili.kawasaki.jp", ""},
		{"https://{vars.x}aster", "", ""},
		{"https://{vars.x}-prod.example.com", "", ""},
		{"https://app{host}.", "https://appexample.com.", ""},
		{"https://{host}.", "", ""},
		{"https://{labels.2}.lan", "", ""},
		{"https://{vars.x}.localhost:3000", "", ""},
		{"https://{host}", "", ""},
		{"https://{host}:{vars.port}", "", ""},
		{"https://app.{host}", "", ""},
		{"https://{labels.2}.{host}", "", ""},
		{"https://app{host}", "https://appexample.com", ""},
		{"https://{labels.2}{host}", "https://evilexample.com", ""},
		{"https://app.{labels.1}.{labels.0}", "", ""},
		{"https://{labels.1}.{labels.0}", "", ""},
		{"https://{labels.2}.{labels.1}.{labels.0}:8443", "", ""},
		{"https://x-{labels.2}.{labels.1}.{labels.0}", "https://x-evil.evil.com", ""},
		{"https://x{labels.1}.{labels.0}", "https://xevil.com", ""},
		{"https://app.{labels.0}", "https://app.com", ""},
		{"https://app.{labels.0}.{labels.1}", "https://app.evil.com", ""},
		{"https://{labels.3}.{labels.0}", "https://evil.com", ""},
		{"https://app.{labels.2}.{labels.1}", "https://app.evil.com", ""},
		{"https://{labels.2}", "", ""},
		{"{tenant_origin}", "", ""},
		{"{vars.scheme}://{vars.tenant}", "", ""},
		{"{vars.scheme}://{labels.3}.vercel.app", "https://evil.vercel.app", ""},
		{"{vars.base}.example.com", "", ""},
		{"{vars.base}.vercel.app", "https://evil.vercel.app", ""},
		{"https://{vars.tenant}", "", ""},
		{"https://{vars.sub}.{vars.domain}", "", ""},
		{"https://app.{domain}", "", ""},
		{"https://[{vars.address}]:8443", "", ""},
		{"https://[::{vars.address}]", "", ""},
		{"https://app.example.com:{vars.port}", "", ""},
		{"app://{labels.3}.example", "app://evil.example", ""},
		{"moz-extension://{labels.3}", "moz-extension://evil", ""},
		{"moz-extension://{vars.id}", "", ""},
		{"app://{host}", "app://evil", ""},
		{"x{vars.scheme}://{labels.2}.example.com", "xa://evil.example.com", ""},
		{"http{vars.s}://{labels.2}.example.com", "", ""},
		{"http://{labels.2}.example.com", "", "http://a.example.com"},
		{"http://{host}", "", "http://a"},
		{"http://{labels.2}.localhost:3000", "", ""},
		{"http://localhost:{vars.port}", "", ""},
	} {
		v := JudgeTemplate(templateParts(tc.s))
		if v.Open != (tc.witness != "") || v.Witness != tc.witness || v.Insecure != tc.insecure {
			t.Errorf("%s: %+v, want %q and %q", tc.s, v, tc.witness, tc.insecure)
		}
	}
}
