package sources

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"
)

const (
	// failureTTL is how long a question that failed is not asked again, if there
	// is no older answer.
	failureTTL = time.Second

	// complaintInterval is how often failures are logged.
	complaintInterval = time.Minute

	// maxHostname is the length of the longest host that is asked about.
	maxHostname = 255
)

var (
	errTooManyQuestions = errors.New("too many questions at once")
	errNoAsker          = errors.New("its configuration has ended")
	errLongHost         = errors.New("the host is too long")
)

// knownAnswers is what is known of the answers of one URL. It can ask only
// through the Askers of live configurations, and each of them says for itself how
// long an answer is valid.
type knownAnswers struct {
	mu         sync.Mutex
	askers     []*Asker // the newest last
	yes, no    cache
	flights    map[question]*flight
	unknown    int // flights of questions without an older yes
	history    history
	complaints rate.Sometimes // limits the log of failures
	unlogged   int            // failures since the last one that was logged
}

// flight is a question that is being asked, for all who wait for its answer.
type flight struct {
	done    chan struct{}
	renewal bool // of a yes
	yes     bool
	err     error
	// orphaned says that the Asker was closed before the answer came. Another one
	// has to ask again.
	orphaned bool
}

func newKnownAnswers() *knownAnswers {
	return &knownAnswers{flights: make(map[question]*flight), complaints: rate.Sometimes{Interval: complaintInterval}}
}

// Destruct has nothing to end: the last Asker has been closed.
func (k *knownAnswers) Destruct() error { return nil }

func (k *knownAnswers) attach(a *Asker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.askers = append(k.askers, a)
}

func (k *knownAnswers) detach(a *Asker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.askers = slices.DeleteFunc(k.askers, func(b *Asker) bool { return b == a })
}

// usable returns an Asker if it is not closed, or else the newest one that is
// not, or nil.
func (k *knownAnswers) usable(a *Asker) *Asker {
	switch n := len(k.askers); {
	case n == 0:
		return nil
	case slices.Contains(k.askers, a):
		return a
	default:
		return k.askers[n-1]
	}
}

// ask returns the answer to a question of an Asker. The same question is never in
// flight twice, however many wait for its answer.
func (k *knownAnswers) ask(ctx context.Context, a *Asker, q question) (yes bool, err error) {
	if len(q.host) > maxHostname {
		return false, errLongHost
	}
	for {
		f, yes, err := k.look(a, q)
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

// look returns the answer to a question of an Asker if it is known. Otherwise it
// returns the flight that will bring it, and yes says whether there is a stale
// yes to use if the flight fails.
func (k *knownAnswers) look(a *Asker, q question) (f *flight, yes bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now, pause := time.Now(), a.NegativeTTL
	if known := k.yes.get(q); known != nil {
		age := now.Sub(known.at)
		yes = age-a.TTL < a.MaxStale // the sum of both could overflow
		if age < a.TTL || yes && now.Sub(known.failed) < pause {
			return nil, true, nil
		}
	}
	if known := k.no.get(q); known != nil && !yes {
		if known.err != nil {
			pause = failureTTL
		}
		if now.Sub(known.at) < pause {
			return nil, false, known.err
		}
	}
	if f = k.flights[q]; f != nil {
		return f, yes, nil
	}
	usable := k.usable(a)
	switch {
	case usable == nil && yes:
		return nil, true, nil
	case usable == nil:
		return nil, false, errNoAsker
	case yes && len(k.flights) >= a.MaxInFlight:
		return nil, true, nil
	case !yes && (len(k.flights) >= a.MaxInFlight || k.unknown >= a.MaxInFlight-a.MaxInFlight/4):
		// A quarter is reserved for renewals, so that a flood of unknown origins does
		// not prevent them.
		k.complain(a, errTooManyQuestions)
		return nil, false, errTooManyQuestions
	}
	// The question outlives the request, whose memory it must not keep.
	kept := question{strings.Clone(q.origin), strings.Clone(q.host)}
	started := &flight{done: make(chan struct{}), renewal: yes}
	k.flights[kept] = started
	if !yes {
		k.unknown++
	}
	usable.flying.Go(func() { k.fly(usable, kept, started) })
	return started, yes, nil
}

// fly asks a question and keeps the answer.
func (k *knownAnswers) fly(a *Asker, q question, f *flight) {
	f.yes, f.err = a.ask(q)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(f.done)
	delete(k.flights, q)
	if !f.renewal {
		k.unknown--
	}
	size := 0
	for _, b := range k.askers {
		size = max(size, b.CacheSize)
	}
	now := time.Now()
	if f.err == nil {
		k.history.succeed()
	}
	switch {
	case f.err != nil && a.ctx.Err() != nil:
		f.orphaned = true
	case f.err != nil:
		k.complain(a, f.err)
		if known := k.yes.get(q); known != nil {
			known.failed = now
		}
		k.no.put(q, knownAnswer{at: now, err: f.err}, size, size)
	case f.yes:
		k.no.remove(q)
		// The hosts of one origin displace each other, not those of other origins.
		k.yes.put(q, knownAnswer{at: now}, size, max(1, size/16))
	default:
		k.yes.remove(q)
		k.no.put(q, knownAnswer{at: now}, size, size)
	}
}

// complain records a failure, and logs it from time to time: each request may
// cause one.
func (k *knownAnswers) complain(a *Asker, err error) {
	k.history.fail(err.Error())
	k.unlogged++
	k.complaints.Do(func() {
		a.logger.Error("could not ask about an origin; it is allowed only if an earlier answer still applies",
			zap.String("source", a.key.name), zap.Error(err), zap.Int("failures", k.unlogged))
		k.unlogged = 0
	})
}

// status returns the status of the answers, without its name.
func (k *knownAnswers) status() Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.history.status(k.yes.recent.Len())
}
