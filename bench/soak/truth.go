package main

import (
	"sync"
	"time"
)

// truth is whether something holds, as it changes. A change takes time to get
// about; meanwhile an answer can be by the old truth or by the new one.
type truth struct {
	mu     sync.Mutex
	spells []spell
}

type spell struct {
	value       bool
	from, until time.Time // until is zero as long as it can be the truth
}

func newTruth(value bool) *truth {
	return &truth{spells: []spell{{value: value}}}
}

// begin says that from now on, value can be the truth.
func (t *truth) begin(value bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spells = append(t.spells, spell{value: value, from: time.Now()})
}

// settle says that nothing but what has begun last can be the truth any more,
// once some time has passed.
func (t *truth) settle(after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.spells[:len(t.spells)-1] {
		if s := &t.spells[i]; s.until.IsZero() {
			s.until = time.Now().Add(after)
		}
	}
	// No request takes so long that it has to know more.
	t.spells = t.spells[max(0, len(t.spells)-64):]
}

// could reports whether value can have been the truth at some time.
func (t *truth) could(value bool, from, to time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.spells {
		if s.value == value && !s.from.After(to) && (s.until.IsZero() || !s.until.Before(from)) {
			return true
		}
	}
	return false
}
