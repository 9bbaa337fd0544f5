package sources

import (
	"container/list"
	"time"
)

// knownAnswer is an answer that is kept, or a failure to get one.
type knownAnswer struct {
	at     time.Time
	failed time.Time // when a later question failed
	err    error
}

// cache keeps a bounded number of answers. An origin may fill all of it. When it
// is full, the origin that has the most answers gives way: it loses the one that
// was not used for the longest time. The hosts of one origin, which any client can
// make up, so displace each other before they displace those of another origin.
//
// Each operation takes constant time, since any client can cause it: origins with
// equally many answers are in one bucket, and the buckets are in order. The zero
// cache is empty.
type cache struct {
	entries map[question]*list.Element // in the list of its origin
	origins map[string]*originAnswers
	buckets list.List // of *bucket, the one with the most answers in front
}

// originAnswers are the answers about one origin.
type originAnswers struct {
	origin string
	recent list.List     // of *cacheEntry, the one used last in front
	bucket *list.Element // in cache.buckets
	place  *list.Element // in bucket.origins
}

// bucket has the origins that have the same number of answers.
type bucket struct {
	size    int
	origins list.List // of *originAnswers, the one used last in front
}

type cacheEntry struct {
	question
	knownAnswer
}

// len returns how many answers are kept.
func (c *cache) len() int { return len(c.entries) }

// get returns the answer to a question, or nil.
func (c *cache) get(q question) *knownAnswer {
	element := c.entries[q]
	if element == nil {
		return nil
	}
	o := c.origins[q.origin]
	o.recent.MoveToFront(element)
	o.bucket.Value.(*bucket).origins.MoveToFront(o.place)
	return &element.Value.(*cacheEntry).knownAnswer
}

// put keeps an answer. If there are then more than size, others are forgotten.
func (c *cache) put(q question, answer knownAnswer, size int) {
	if known := c.get(q); known != nil {
		*known = answer
	} else {
		c.add(q, answer)
	}
	for c.len() > size {
		fullest := c.buckets.Front().Value.(*bucket).origins.Back().Value.(*originAnswers)
		c.remove(fullest.recent.Back().Value.(*cacheEntry).question)
	}
}

func (c *cache) add(q question, answer knownAnswer) {
	if c.entries == nil {
		c.entries, c.origins = make(map[question]*list.Element), make(map[string]*originAnswers)
	}
	o := c.origins[q.origin]
	if o == nil {
		o = &originAnswers{origin: q.origin}
		c.origins[q.origin] = o
	}
	c.entries[q] = o.recent.PushFront(&cacheEntry{q, answer})
	c.sort(o)
}

func (c *cache) remove(q question) {
	element := c.entries[q]
	if element == nil {
		return
	}
	delete(c.entries, q)
	o := c.origins[q.origin]
	o.recent.Remove(element)
	c.sort(o)
}

// sort puts an origin that has one answer more or less into its bucket, which is
// next to the one that it was in. It forgets an origin without answers.
func (c *cache) sort(o *originAnswers) {
	old, size := o.bucket, o.recent.Len()
	var b *list.Element
	switch {
	case size == 0:
		delete(c.origins, o.origin)
	case old == nil: // the first answer, so the last bucket
		if b = c.buckets.Back(); b == nil || sizeOf(b) != size {
			b = c.buckets.PushBack(&bucket{size: size})
		}
	case size > sizeOf(old):
		if b = old.Prev(); b == nil || sizeOf(b) != size {
			b = c.buckets.InsertBefore(&bucket{size: size}, old)
		}
	default:
		if b = old.Next(); b == nil || sizeOf(b) != size {
			b = c.buckets.InsertAfter(&bucket{size: size}, old)
		}
	}
	if old != nil {
		of := &old.Value.(*bucket).origins
		if of.Remove(o.place); of.Len() == 0 {
			c.buckets.Remove(old)
		}
	}
	if o.bucket = b; b != nil {
		o.place = b.Value.(*bucket).origins.PushFront(o)
	}
}

func sizeOf(b *list.Element) int { return b.Value.(*bucket).size }
