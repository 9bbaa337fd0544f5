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

// cache keeps the answers that were used last. The zero cache is empty.
type cache struct {
	entries   map[question]*list.Element
	recent    list.List      // of *cacheEntry, the one used last in front
	perOrigin map[string]int // how many entries an origin has
}

type cacheEntry struct {
	question
	knownAnswer
}

// get returns the answer to a question, or nil.
func (c *cache) get(q question) *knownAnswer {
	element := c.entries[q]
	if element == nil {
		return nil
	}
	c.recent.MoveToFront(element)
	return &element.Value.(*cacheEntry).knownAnswer
}

// put keeps an answer. It forgets the answers that were not used for the longest
// time if there are more than size, or more than each about the same origin.
func (c *cache) put(q question, answer knownAnswer, size, each int) {
	if known := c.get(q); known != nil {
		*known = answer
		return
	}
	if c.entries == nil {
		c.entries, c.perOrigin = make(map[question]*list.Element), make(map[string]int)
	}
	c.entries[q] = c.recent.PushFront(&cacheEntry{q, answer})
	c.perOrigin[q.origin]++
	for element := c.recent.Back(); c.perOrigin[q.origin] > each; {
		entry := element.Value.(*cacheEntry)
		element = element.Prev()
		if entry.origin == q.origin {
			c.remove(entry.question)
		}
	}
	for c.recent.Len() > size {
		c.remove(c.recent.Back().Value.(*cacheEntry).question)
	}
}

func (c *cache) remove(q question) {
	element := c.entries[q]
	if element == nil {
		return
	}
	c.recent.Remove(element)
	delete(c.entries, q)
	if c.perOrigin[q.origin]--; c.perOrigin[q.origin] == 0 {
		delete(c.perOrigin, q.origin)
	}
}
