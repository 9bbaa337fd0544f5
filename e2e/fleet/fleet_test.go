package fleet

import (
	"testing"
	"time"
)

// refresh is the interval in which the members look for a new list.
const refresh = time.Second

// TestWrite: what is written once takes effect in every member, within the interval
// and the time of a response.
func TestWrite(t *testing.T) {
	t.Parallel()
	_, fleet := startFleet(t, "https://a.example\n")
	for _, tc := range []struct{ list, allowed string }{
		{"https://b.example\n", "b"},
		{"https://a.example\nhttps://c.example\n", "ac"},
		{"# none\n", ""},
		{"https://b.example\nhttps://a.example\n", "ab"},
	} {
		fleet[1].put(tc.list)
		written := time.Now()
		all(t, fleet, "list", func(m *member) bool { return m.allowed() == tc.allowed })
		took := time.Since(written)
		t.Logf("%q: after %s", tc.allowed, took.Round(time.Millisecond))
		if took > refresh+bound {
			t.Errorf("%q takes effect after %s, want at most %s", tc.allowed, took, refresh+bound)
		}
	}
}

// TestOutage: while the storage is down or hangs, no request fails or waits, the
// list stays, and a reload is refused within a bounded time, with the reason. When
// the storage is back, the next change takes effect.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		begin, end func(*redis)
		refused    string        // what a reload says
		within     time.Duration // how soon it does
	}{
		"killed": {(*redis).kill, (*redis).start, "connect: connection refused", 10 * time.Second},
		"frozen": {(*redis).freeze, (*redis).thaw, "i/o timeout", 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			r, fleet := startFleet(t, "https://a.example\nhttps://b.example\n")
			tr := startTraffic(t, fleet, "https://a.example", "https://evil.example")
			tc.begin(r)
			began := time.Now()
			fails(t, fleet, "the key does not exist, or the storage cannot be reached; write a list under the key, or check the storage")
			t.Logf("failing after %s", time.Since(began).Round(time.Millisecond))
			for _, m := range fleet {
				m.refuses(tc.refused, tc.within)
			}
			for _, m := range fleet {
				if got, s := m.allowed(), m.status(); got != "ab" || s.Origins != 2 || s.State != "failing" {
					t.Errorf("allowed: %q, %+v", got, s)
				}
			}
			tc.end(r)
			recovers(t, fleet)
			for _, m := range fleet {
				m.reload()
				if got := m.allowed(); got != "ab" {
					t.Errorf("allowed after the outage: %q", got)
				}
			}
			fleet[0].put("https://a.example\nhttps://c.example\n")
			all(t, fleet, "new list", func(m *member) bool { return m.allowed() == "ac" })
			tr.end(t)
		})
	}
}

// TestRestart: a storage that restarts costs no request, and the next change takes
// effect.
func TestRestart(t *testing.T) {
	t.Parallel()
	r, fleet := startFleet(t, "https://a.example\nhttps://b.example\n")
	tr := startTraffic(t, fleet, "https://a.example", "https://evil.example")
	for _, tc := range []struct{ list, allowed string }{
		{"https://a.example\nhttps://c.example\n", "ac"},
		{"https://a.example\n", "a"},
		{"https://a.example\nhttps://b.example\n", "ab"},
	} {
		r.kill()
		r.start()
		fleet[0].put(tc.list)
		all(t, fleet, "list after a restart", func(m *member) bool { return m.allowed() == tc.allowed })
	}
	recovers(t, fleet)
	tr.end(t)
}
