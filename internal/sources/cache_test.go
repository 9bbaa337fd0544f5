package sources

import "testing"

// TestCache: a full cache forgets the answer that was not used for the longest
// time.
func TestCache(t *testing.T) {
	q := func(origin string) question { return question{origin: origin} }
	var c cache
	for _, origin := range []string{"a", "b", "c"} {
		c.put(q(origin), knownAnswer{}, 3, 3)
	}
	if c.get(q("a")) == nil {
		t.Fatal("a is forgotten")
	}
	c.put(q("b"), knownAnswer{}, 3, 3)
	c.put(q("d"), knownAnswer{}, 3, 3) // in place of c
	for origin, want := range map[string]bool{"a": true, "b": true, "c": false, "d": true} {
		if got := c.get(q(origin)) != nil; got != want {
			t.Errorf("%s is kept: %t, want %t", origin, got, want)
		}
	}
	c.remove(q("x"))
	for _, origin := range []string{"a", "b", "d"} {
		c.remove(q(origin))
	}
	if len(c.entries) != 0 || c.recent.Len() != 0 || len(c.perOrigin) != 0 {
		t.Errorf("left are %v, %v", c.entries, c.perOrigin)
	}
}
