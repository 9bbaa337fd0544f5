package sources

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestOverruled: what a policy denies although the list has it is warned of once,
// when the policy is made and when the list changes, and not without need.
func TestOverruled(t *testing.T) {
	const both = "http://a.example\nhttps://*.github.io\nhttps://b.example\n"
	const (
		of       = "the list has entries that have no effect with allow_credentials, since "
		insecure = of + "they are insecure (http): line 1; remove them, or accept the risk with dangerously_allow insecure_origins"
		open     = of + "strangers can obtain their origins: line 2; remove them, or accept the risk with dangerously_allow open_origins"
		either   = of + "they are insecure (http) or strangers can obtain their origins: lines 1 and 2; remove them, or accept the risk with dangerously_allow insecure_origins open_origins"
	)
	for name, tc := range map[string]struct {
		insecure, open bool // what the policy denies
		before, after  string
		now, then      string // the warning
	}{
		"nothing is denied": {false, false, both, both + "#", "", ""},
		"insecure":          {true, false, both, both + "#", insecure, insecure},
		"open":              {false, true, both, both + "#", open, open},
		"both":              {true, true, both, both + "#", either, either},
		"nothing to deny":   {true, true, "https://b.example", "http://localhost", "", ""},
		"unchanged":         {true, true, both, both, either, ""},
		"comes later":       {true, true, "https://b.example", both, "", either},
		"only one of them":  {true, true, "http://a.example", "\nhttps://*.github.io", insecure, open},
		"goes":              {true, true, both, "https://b.example", either, ""},
	} {
		for _, required := range []bool{true, false} {
			t.Run(fmt.Sprint(name, " ", required), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPlace(tc.before)
					logger, logs := observed()
					p.logger = logger
					l := p.mustOpen(t, func(c *ListConfig) { c.Required = required })
					defer closed(t, l)
					if tc.insecure || tc.open {
						l.Overrule(tc.insecure, tc.open)
					}
					logged := func(want string) {
						t.Helper()
						var got []string
						for _, entry := range logs.TakeAll() {
							got = append(got, entry.Message)
						}
						if want != "" && !slices.Equal(got, []string{want}) || want == "" && len(got) > 0 {
							t.Errorf("logged %q, want %q", got, want)
						}
					}
					synctest.Wait()
					logged(tc.now)
					p.put(tc.after)
					time.Sleep(11 * time.Second)
					synctest.Wait()
					logged(tc.then)
					time.Sleep(time.Minute)
					logged("")
				})
			})
		}
	}
}

// TestOverruledShared: configurations that share a list warn of it once when it
// changes, as long as there is one that denies what it has.
func TestOverruledShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("http://a.example")
		logger, logs := observed()
		p.logger = logger
		strict, lax, again := p.mustOpen(t, required), p.mustOpen(t, required), p.mustOpen(t, required)
		strict.Overrule(true, false)
		again.Overrule(true, true)
		change := func(text string, want int) {
			t.Helper()
			logs.TakeAll()
			p.put(text)
			time.Sleep(11 * time.Second)
			synctest.Wait()
			if n := logs.Len(); n != want {
				t.Errorf("logged %d times, want %d: %v", n, want, logs.All())
			}
		}
		if logs.Len() != 2 {
			t.Errorf("logged %v", logs.All())
		}
		change("http://a.example # x", 1)
		closed(t, again)
		change("http://a.example # y", 1)
		change("https://*.github.io", 0)
		closed(t, strict)
		change("http://a.example # z", 0)
		closed(t, lax)
	})
}
