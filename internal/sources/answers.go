package sources

import (
	"container/list"
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
	// exists no older answer.
	failureTTL = time.Second

	// complaintInterval is how often failures are logged.
	complaintInterval = time.Minute

	// maxQueue is how many questions may wait to be asked, as a multiple of those
	// that may be asked at once.
	maxQueue = 64

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
	size       int      // the largest CacheSize of them
	yes, no    cache
	flights    map[question]*flight // in the queue as well as on their way
	queue      list.List            // of *flight, the one that waits longest in front
	flying     int                  // flights on their way
	unknown    int                  // those of questions without an older yes
	history    history
	complaints rate.Sometimes // limits the log of failures
	unlogged   int            // failures since the last one that was logged
}

// flight is a question that is being asked, or waits for its turn, for all who wait
// for its answer.
type flight struct {
	question
	asker   *Asker
	done    chan struct{} // closed when there is an answer or an error
	renewal bool          // of a yes
	yes     bool
	err     error
	// orphaned says that the Asker was closed before the answer came. Another one
	// has to ask again.
	orphaned bool

	// In the queue:
	place   *list.Element // nil on its way
	timer   *time.Timer
	waiting int // requests
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
	k.size = max(k.size, a.CacheSize)
}

// detach gives up an Asker. Questions that wait to be asked through it have to be
// asked through another one.
func (k *knownAnswers) detach(a *Asker) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.askers = slices.DeleteFunc(k.askers, func(b *Asker) bool { return b == a })
	a.detached = true
	if !slices.ContainsFunc(k.askers, func(b *Asker) bool { return b.CacheSize == k.size }) {
		k.size = 0
		for _, b := range k.askers {
			k.size = max(k.size, b.CacheSize)
		}
	}
	for element := k.queue.Front(); element != nil; {
		f := element.Value.(*flight)
		element = element.Next()
		if f.asker == a {
			f.orphaned = true
			k.land(f)
		}
	}
	k.startNext()
}

// usable returns an Asker if it is not closed, or else the newest one that is
// not, or nil.
func (k *knownAnswers) usable(a *Asker) *Asker {
	switch n := len(k.askers); {
	case n == 0:
		return nil
	case a.detached:
		return k.askers[n-1]
	}
	return a
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
			k.leave(f)
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
	f = k.flights[q]
	usable := k.usable(a)
	switch {
	case f != nil && (f.place == nil || !yes):
		f.waiting++
		return f, yes, nil
	case f != nil, yes && usable == nil, yes && k.flying >= a.MaxInFlight:
		return nil, true, nil // a renewal does not wait
	case usable == nil:
		return nil, false, errNoAsker
	case !yes && k.queue.Len() >= maxQueue*a.MaxInFlight:
		k.complain(a, errTooManyQuestions)
		return nil, false, errTooManyQuestions
	}
	// The question outlives the request, whose memory it must not keep.
	q = question{strings.Clone(q.origin), strings.Clone(q.host)}
	f = &flight{question: q, asker: usable, done: make(chan struct{}), renewal: yes, waiting: 1}
	k.flights[q] = f
	if yes {
		k.start(f)
		return f, yes, nil
	}
	f.place = k.queue.PushBack(f)
	k.startNext()
	if f.place != nil {
		f.timer = time.AfterFunc(usable.Timeout, func() { k.giveUp(f) })
	}
	return f, yes, nil
}

// startNext asks the questions in the queue, as far as there is room. A quarter of
// the room is reserved for renewals, so that a flood of unknown origins does not
// prevent them.
func (k *knownAnswers) startNext() {
	for k.queue.Len() > 0 {
		f := k.queue.Front().Value.(*flight)
		room := f.asker.MaxInFlight
		if k.flying >= room || k.unknown >= room-room/4 {
			return
		}
		k.dequeue(f)
		k.start(f)
	}
}

// start asks a question.
func (k *knownAnswers) start(f *flight) {
	k.flying++
	if !f.renewal {
		k.unknown++
	}
	f.asker.flying.Go(func() { k.fly(f) })
}

// dequeue takes a flight out of the queue, if it is there.
func (k *knownAnswers) dequeue(f *flight) {
	if f.place == nil {
		return
	}
	k.queue.Remove(f.place)
	f.place = nil
	if f.timer != nil {
		f.timer.Stop()
	}
}

// land ends a flight, whether it has been on its way or not.
func (k *knownAnswers) land(f *flight) {
	k.dequeue(f)
	delete(k.flights, f.question)
	close(f.done)
}

// giveUp ends a flight that has waited for too long.
func (k *knownAnswers) giveUp(f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.place == nil {
		return // its turn has come
	}
	f.err = errTooManyQuestions
	k.complain(f.asker, f.err)
	k.land(f)
	k.startNext()
}

// leave ends a flight in the queue if no request waits for it any more.
func (k *knownAnswers) leave(f *flight) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.waiting--; f.waiting == 0 && f.place != nil {
		k.land(f)
		k.startNext()
	}
}

// fly asks a question and keeps the answer.
func (k *knownAnswers) fly(f *flight) {
	a := f.asker
	f.yes, f.err = a.ask(f.question)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.flying--
	if !f.renewal {
		k.unknown--
	}
	k.keep(f)
	k.land(f)
	k.startNext()
}

// keep keeps the answer that a flight has brought.
func (k *knownAnswers) keep(f *flight) {
	now := time.Now()
	if f.err == nil {
		k.history.succeed()
	}
	switch {
	case f.err != nil && f.asker.ctx.Err() != nil:
		f.orphaned = true
	case f.err != nil:
		k.complain(f.asker, f.err)
		if known := k.yes.get(f.question); known != nil {
			known.failed = now
		}
		k.no.put(f.question, knownAnswer{at: now, err: f.err}, k.size)
	case f.yes:
		k.no.remove(f.question)
		k.yes.put(f.question, knownAnswer{at: now}, k.size)
	default:
		k.yes.remove(f.question)
		k.no.put(f.question, knownAnswer{at: now}, k.size)
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
	return k.history.status(k.yes.len())
}
