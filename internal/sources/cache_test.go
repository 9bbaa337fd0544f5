package sources

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCache: a full cache forgets an answer about the origin that has the most, and
// among origins that have as many, about the one not used for the longest time.
func TestCache(t *testing.T) {
	for _, tc := range []struct {
		name, puts string // a letter for the origin and a digit for the host each; a ? before it only looks it up
		want       []string
	}{
		{"room", "a1 b1 c1", []string{"a1", "b1", "c1"}},
		{"least recently used", "a1 b1 c1 ?a1 b1 d1", []string{"a1", "b1", "d1"}},
		{"one origin fills it", "a1 a2 a3", []string{"a1", "a2", "a3"}},
		{"one origin displaces itself", "b1 a1 a2 a3", []string{"a2", "a3", "b1"}},
		{"its least recently used", "b1 a1 a2 ?a1 a3", []string{"a1", "a3", "b1"}},
		{"the fullest gives way", "a1 a2 a3 b1", []string{"a2", "a3", "b1"}},
		{"until all have as many", "a1 a2 a3 b1 c1", []string{"a3", "b1", "c1"}},
		{"and then in turn", "a1 a2 a3 b1 c1 d1", []string{"a3", "c1", "d1"}},
		{"equally full", "a1 a2 b1 b2", []string{"a2", "b1", "b2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var c cache
			for i := 0; i < len(tc.puts); i += 3 {
				look := tc.puts[i] == '?'
				if look {
					i++
				}
				q := question{tc.puts[i : i+1], tc.puts[i+1 : i+2]}
				if !look {
					c.put(q, knownAnswer{}, 3)
				} else if c.get(q) == nil {
					t.Fatalf("%v is forgotten", q)
				}
			}
			var got []string
			for q := range c.entries {
				got = append(got, q.origin+q.host)
			}
			if slices.Sort(got); !slices.Equal(got, tc.want) {
				t.Errorf("kept are %v, want %v", got, tc.want)
			}
		})
	}
}

// TestCacheSound: whatever is done, the parts of the cache agree, and nothing is
// left of what is forgotten.
func TestCacheSound(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var c cache
	for range 20_000 {
		q := question{fmt.Sprint(rnd.IntN(20)), fmt.Sprint(rnd.IntN(20))}
		switch rnd.IntN(5) {
		case 0:
			c.remove(q)
		case 1:
			c.get(q)
		default:
			size := 30 + rnd.IntN(50)
			most := 0
			for _, o := range c.origins {
				most = max(most, o.recent.Len())
			}
			kept, full := maps.Clone(c.entries), c.len() == size && c.entries[q] == nil
			if c.put(q, knownAnswer{}, size); c.len() > size || c.entries[q] == nil {
				t.Fatalf("%d answers are kept, want %d at most", c.len(), size)
			}
			for old, element := range kept {
				if full && c.entries[old] != element && old.origin != q.origin && c.origins[old.origin].size() < most-1 {
					t.Fatal("an origin gives way that has fewer answers than others")
				}
			}
		}
		checkCache(t, &c)
	}
	for q := range maps.Clone(c.entries) {
		c.remove(q)
	}
	if c.remove(question{"x", "x"}); c.len()+len(c.origins)+c.buckets.Len() > 0 {
		t.Errorf("left are %v, %v", c.entries, c.origins)
	}
}

func (o *originAnswers) size() int {
	if o == nil {
		return 0
	}
	return o.recent.Len()
}

// checkCache checks that the parts of a cache agree.
func checkCache(t *testing.T, c *cache) {
	t.Helper()
	answers, origins, before := 0, 0, 1<<30
	for b := c.buckets.Front(); b != nil; b = b.Next() {
		size := sizeOf(b)
		if size >= before || size == 0 || b.Value.(*bucket).origins.Len() == 0 {
			t.Fatalf("a bucket of %d answers follows one of %d", size, before)
		}
		before = size
		for place := b.Value.(*bucket).origins.Front(); place != nil; place = place.Next() {
			o := place.Value.(*originAnswers)
			if o.recent.Len() != size || o.bucket != b || o.place != place || c.origins[o.origin] != o {
				t.Fatalf("%s has %d answers, in a bucket of %d", o.origin, o.recent.Len(), size)
			}
			answers += size
			origins++
		}
	}
	if answers != c.len() || origins != len(c.origins) {
		t.Fatalf("%d answers about %d origins in buckets, %d about %d in all", answers, origins, c.len(), len(c.origins))
	}
}
