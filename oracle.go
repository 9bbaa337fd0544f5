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
// configurations lend it.
type oracle struct {
	mu        sync.Mutex
	askers    []*asker // the newest last
	last      *asker   // the newest, or the one that was detached last
	yes, no   answerCache
	flights   map[question]*flight
	complaint time.Time // when a failure was logged last
	failures  int       // since then
}

// flight is a question that is being asked, for all who wait for its answer.
type flight struct {
	done chan struct{}
	yes  bool
	err  error
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
	o.last = a
}

// detach takes an asker back. When it returns, the asker is not in use.
func (o *oracle) detach(a *asker) {
	o.mu.Lock()
	o.askers = slices.DeleteFunc(o.askers, func(b *asker) bool { return b == a })
	if n := len(o.askers); n > 0 {
		o.last = o.askers[n-1]
	}
	o.mu.Unlock()
	a.cancel()
	a.flying.Wait()
	a.client.CloseIdleConnections()
}

// ask returns the answer to a question. However many ask the same, it is in
// flight once.
func (o *oracle) ask(ctx context.Context, q question) (bool, error) {
	if len(q.host) > maxHostname {
		return false, errLongHost
	}
	for {
		f, yes, err := o.look(q)
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

// look returns the answer to a question if it is known, or else the flight that
// will bring it; yes then tells whether there is a stale yes to fall back to.
func (o *oracle) look(q question) (f *flight, yes bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a, now := o.last, time.Now()
	if known := o.yes.get(q); known != nil {
		age := now.Sub(known.at)
		switch yes = age < time.Duration(a.TTL+a.MaxStale); {
		case age < time.Duration(a.TTL), yes && now.Before(known.retry):
			return nil, true, nil
		case !yes:
			o.yes.remove(q)
		}
	}
	if known := o.no.get(q); known != nil {
		if now.Before(known.retry) {
			return nil, false, known.err
		}
		o.no.remove(q)
	}
	if f = o.flights[q]; f != nil {
		return f, yes, nil
	}
	switch {
	case yes && (len(o.askers) == 0 || len(o.flights) >= a.MaxInFlight):
		return nil, true, nil
	case len(o.askers) == 0:
		return nil, false, errNoAsker
	case len(o.flights) >= a.MaxInFlight:
		o.complain(a, errTooManyQuestions)
		return nil, false, errTooManyQuestions
	}
	// The question outlives the request that it has come with.
	kept := question{strings.Clone(q.origin), strings.Clone(q.host)}
	started := &flight{done: make(chan struct{})}
	o.flights[kept] = started
	a.flying.Go(func() { o.fly(a, kept, started) })
	return started, yes, nil
}

// fly asks a question and keeps the answer.
func (o *oracle) fly(a *asker, q question, f *flight) {
	f.yes, f.err = a.ask(q)
	o.mu.Lock()
	defer o.mu.Unlock()
	defer close(f.done)
	delete(o.flights, q)
	now := time.Now()
	switch {
	case f.err != nil && a.ctx.Err() != nil:
		f.orphaned = true
	case f.err != nil:
		o.complain(a, f.err)
		if known := o.yes.get(q); known != nil {
			known.retry = now.Add(time.Duration(a.NegativeTTL))
		} else {
			o.no.put(q, knownAnswer{at: now, retry: now.Add(failureTTL), err: f.err}, a.CacheSize)
		}
	case f.yes:
		o.yes.put(q, knownAnswer{at: now}, a.CacheSize)
	default:
		o.yes.remove(q)
		o.no.put(q, knownAnswer{at: now, retry: now.Add(time.Duration(a.NegativeTTL))}, a.CacheSize)
	}
}

// complain logs a failure, but not each: there may be one a request.
func (o *oracle) complain(a *asker, err error) {
	o.failures++
	if now := time.Now(); now.Sub(o.complaint) >= complaintInterval {
		a.logger.Error("no answer about an origin, which is not allowed unless an older answer is good for it",
			zap.String("source", a.name), zap.Error(err), zap.Int("failures", o.failures))
		o.complaint, o.failures = now, 0
	}
}

// knownAnswer is an answer that is kept, or a failure.
type knownAnswer struct {
	at time.Time
	// retry is when the question may be asked again: after a no, or after a
	// failure.
	retry time.Time
	err   error
}

// answerCache keeps a number of answers, those that were used last.
type answerCache struct {
	entries map[question]*list.Element
	recent  list.List // of *cacheEntry, the one used last in front
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

func (c *answerCache) put(q question, answer knownAnswer, size int) {
	if known := c.get(q); known != nil {
		*known = answer
		return
	}
	if c.entries == nil {
		c.entries = make(map[question]*list.Element)
	}
	c.entries[q] = c.recent.PushFront(&cacheEntry{q, answer})
	for c.recent.Len() > size {
		c.remove(c.recent.Back().Value.(*cacheEntry).question)
	}
}

func (c *answerCache) remove(q question) {
	if element := c.entries[q]; element != nil {
		c.recent.Remove(element)
		delete(c.entries, q)
	}
}
