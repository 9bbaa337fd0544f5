package caddycors

import (
	"container/list"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
)

const (
	// failureTTL is how long a question that could not be answered is not asked
	// again, if there is no answer from before.
	failureTTL = time.Second

	// complaintInterval is how often failures are logged.
	complaintInterval = time.Minute

	// maxHostname is the length of the longest host that is asked about.
	maxHostname = 255
)

var (
	errTooManyQuestions = errors.New("too many questions at once")
	errNoAsker          = errors.New("its configuration has ended")
	errLongHost         = errors.New("the host is longer than any")
)

// oracles holds the oracles of all live configurations, by URL.
var oracles = caddy.NewUsagePool()

// oracle knows the answers of a URL as they outlive the configurations that use
// it, so that a reload forgets none. It can ask only through the askers that live
// configurations lend it, and how long an answer is good for, each asker says for
// itself.
type oracle struct {
	mu        sync.Mutex
	askers    []*asker // the newest last
	yes, no   answerCache
	flights   map[question]*flight
	unknown   int       // flights of questions without a yes from before
	complaint time.Time // when a failure was logged last
	failures  int       // since then
	log       refreshLog
}

// flight is a question that is being asked, for all who wait for its answer.
type flight struct {
	done    chan struct{}
	renewal bool // of a yes
	yes     bool
	err     error
	// orphaned says that the asker's configuration has ended before the answer
	// came: another one has to ask again.
	orphaned bool
}

func newOracle() *oracle {
	return &oracle{flights: make(map[question]*flight)}
}

// Destruct has nothing to end: the last asker has been detached.
func (o *oracle) Destruct() error { return nil }

func (o *oracle) attach(a *asker) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.askers = append(o.askers, a)
}

// detach takes an asker back. When it returns, the asker is not in use.
func (o *oracle) detach(a *asker) {
	o.mu.Lock()
	o.askers = slices.DeleteFunc(o.askers, func(b *asker) bool { return b == a })
	o.mu.Unlock()
	a.cancel()
	a.flying.Wait()
	a.client.CloseIdleConnections()
}

// live returns the asker if it is still lent, or else the newest one that is, or
// nil.
func (o *oracle) live(a *asker) *asker {
	switch n := len(o.askers); {
	case n == 0:
		return nil
	case slices.Contains(o.askers, a):
		return a
	default:
		return o.askers[n-1]
	}
}

// ask returns the answer to a question of an asker. However many ask the same, it
// is in flight once.
func (o *oracle) ask(ctx context.Context, a *asker, q question) (bool, error) {
	if len(q.host) > maxHostname {
		return false, errLongHost
	}
	for {
		f, yes, err := o.look(a, q)
		if f == nil {
			return yes, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return yes, ctx.Err()
		}
		switch {
		case f.orphaned:
		case f.err != nil && yes:
			return true, nil // stale
		default:
			return f.yes, f.err
		}
	}
}

// look returns the answer to a question of an asker if it is known, or else the
// flight that will bring it; yes then tells whether there is a stale yes to fall
// back to.
func (o *oracle) look(a *asker, q question) (f *flight, yes bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now, pause := time.Now(), time.Duration(a.NegativeTTL)
	if known := o.yes.get(q); known != nil {
		age := now.Sub(known.at)
		yes = age-time.Duration(a.TTL) < time.Duration(*a.MaxStale) // whose sum may be too long for a Duration
		if age < time.Duration(a.TTL) || yes && now.Sub(known.failed) < pause {
			return nil, true, nil
		}
	}
	if known := o.no.get(q); known != nil && !yes {
		if known.err != nil {
			pause = failureTTL
		}
		if now.Sub(known.at) < pause {
			return nil, false, known.err
		}
	}
	if f = o.flights[q]; f != nil {
		return f, yes, nil
	}
	live := o.live(a)
	switch {
	case live == nil && yes:
		return nil, true, nil
	case live == nil:
		return nil, false, errNoAsker
	case yes && len(o.flights) >= a.MaxInFlight:
		return nil, true, nil
	case !yes && (len(o.flights) >= a.MaxInFlight || o.unknown >= a.MaxInFlight-a.MaxInFlight/4):
		// A quarter is left to those who are known, so that a flood of others does
		// not keep their answers from being renewed.
		o.complain(a, errTooManyQuestions)
		return nil, false, errTooManyQuestions
	}
	// The question outlives the request that it has come with.
	kept := question{strings.Clone(q.origin), strings.Clone(q.host)}
	started := &flight{done: make(chan struct{}), renewal: yes}
	o.flights[kept] = started
	if !yes {
		o.unknown++
	}
	live.flying.Go(func() { o.fly(live, kept, started) })
	return started, yes, nil
}

// fly asks a question and keeps the answer.
func (o *oracle) fly(a *asker, q question, f *flight) {
	f.yes, f.err = a.ask(q)
	o.mu.Lock()
	defer o.mu.Unlock()
	defer close(f.done)
	delete(o.flights, q)
	if !f.renewal {
		o.unknown--
	}
	size := 0
	for _, b := range o.askers {
		size = max(size, b.CacheSize)
	}
	now := time.Now()
	if f.err == nil {
		o.log.success()
	}
	switch {
	case f.err != nil && a.ctx.Err() != nil:
		f.orphaned = true
	case f.err != nil:
		o.complain(a, f.err)
		if known := o.yes.get(q); known != nil {
			known.failed = now
		}
		o.no.put(q, knownAnswer{at: now, err: f.err}, size, size)
	case f.yes:
		o.no.remove(q)
		// The hosts of one origin drive out each other, not those of others.
		o.yes.put(q, knownAnswer{at: now}, size, max(1, size/16))
	default:
		o.yes.remove(q)
		o.no.put(q, knownAnswer{at: now}, size, size)
	}
}

// status returns what operators are told of the oracle, if it is in use.
func (o *oracle) status() (status sourceStatus, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.askers) == 0 {
		return status, false
	}
	return o.log.status(o.askers[len(o.askers)-1].name, o.yes.recent.Len()), true
}

// complain logs a failure, but not each: there may be one a request.
func (o *oracle) complain(a *asker, err error) {
	o.failures++
	o.log.fail(err.Error())
	if now := time.Now(); now.Sub(o.complaint) >= complaintInterval {
		a.logger.Error("no answer about an origin, which is not allowed unless an older answer is good for it",
			zap.String("source", a.name), zap.Error(err), zap.Int("failures", o.failures))
		o.complaint, o.failures = now, 0
	}
}

// knownAnswer is an answer that is kept, or a failure.
type knownAnswer struct {
	at     time.Time
	failed time.Time // when it was asked for again, in vain
	err    error
}

// answerCache keeps a number of answers, those that were used last.
type answerCache struct {
	entries map[question]*list.Element
	recent  list.List      // of *cacheEntry, the one used last in front
	origins map[string]int // how many entries an origin has
}

type cacheEntry struct {
	question
	knownAnswer
}

func (c *answerCache) get(q question) *knownAnswer {
	element := c.entries[q]
	if element == nil {
		return nil
	}
	c.recent.MoveToFront(element)
	return &element.Value.(*cacheEntry).knownAnswer
}

// put keeps an answer, and forgets those that were not used for the longest if
// there are more than size, or more than each of its origin.
func (c *answerCache) put(q question, answer knownAnswer, size, each int) {
	if known := c.get(q); known != nil {
		*known = answer
		return
	}
	if c.entries == nil {
		c.entries, c.origins = make(map[question]*list.Element), make(map[string]int)
	}
	c.entries[q] = c.recent.PushFront(&cacheEntry{q, answer})
	c.origins[q.origin]++
	for element := c.recent.Back(); c.origins[q.origin] > each; {
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

func (c *answerCache) remove(q question) {
	element := c.entries[q]
	if element == nil {
		return
	}
	c.recent.Remove(element)
	delete(c.entries, q)
	if c.origins[q.origin]--; c.origins[q.origin] == 0 {
		delete(c.origins, q.origin)
	}
}
