// Package sources has the sources of origins that live longer than one
// configuration: lists that are read again and again, and URLs that are asked.
// All live configurations share their contents, so that a reload neither reads a
// list again nor forgets an answer.
package sources

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"iter"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

const (
	// minBackoff is how soon a failed refresh is tried again. It doubles with each
	// failure, up to the refresh interval.
	minBackoff = time.Second

	// readPatience is how long a read may take. File systems and clients of
	// storages do not always heed a context.
	readPatience = 30 * time.Second

	// closePatience is how long Close waits for a read to end.
	closePatience = 5 * time.Second
)

var (
	errReadHangs = errors.New("reading the list takes too long; check whether the place where it is kept responds")
	errLost      = errors.New("the list is empty now, but was not before; if that is intended, write a comment such as # none")
)

// ListConfig is what one configuration says about a list.
type ListConfig struct {
	Name     string        // in logs and metrics, such as "file origins.txt"
	Place    string        // tells apart lists of the same name; it may contain secrets
	Read     Reader        // reads the text
	Done     func()        // called when the list is closed, or nil
	Required bool          // whether OpenList fails if there is no good list
	Secret   bool          // whether the log must not quote the text
	Refresh  time.Duration // the refresh interval
	Timeout  time.Duration // the timeout of Read, if it has one
	Logger   *zap.Logger
}

// A List is a list of origins as one configuration uses it. It is a
// policy.Source.
type List struct {
	ListConfig
	shared *sharedList
	none   error // returned while there is no list; made once
	ctx    context.Context
	cancel context.CancelFunc
	busy   chan struct{} // has an element while Read runs
	denied origins.Risks // what policies of this configuration deny; shared.mu locks it
}

// OpenList returns a list, which the caller must close once. The list is no
// longer read when ctx ends, even if it is not closed yet. If the configuration
// requires the list and no other one has it, OpenList reads it, and returns what
// is wrong with it.
func OpenList(ctx context.Context, config ListConfig) (*List, error) {
	value, _, err := live.LoadOrNew(key{config.Name, config.Place}, func() (caddy.Destructor, error) { return newSharedList(), nil })
	if err != nil {
		return nil, err
	}
	l := newList(ctx, config, value.(*sharedList))
	if config.Required {
		if err := l.shared.require(l); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	l.shared.attach(l)
	return l, nil
}

func newList(ctx context.Context, config ListConfig, shared *sharedList) *List {
	l := &List{
		ListConfig: config,
		shared:     shared,
		none:       fmt.Errorf("%s: there is no list yet", config.Name),
		busy:       make(chan struct{}, 1),
	}
	l.ctx, l.cancel = context.WithCancel(ctx)
	return l
}

// Close gives up the list. Requests that are under way may still use it. When
// Close returns, Read is not in use, unless it hangs.
func (l *List) Close() error {
	l.shared.detach(l)
	if l.Done != nil {
		l.Done()
	}
	_, err := live.Delete(key{l.Name, l.Place})
	return err
}

// Allows reports whether the list has o. It does not allocate.
func (l *List) Allows(_ *http.Request, o origins.Origin) (policy.Admission, error) {
	v := l.shared.current.Load()
	if v == nil {
		return policy.Refused, l.none
	}
	switch allowed, open := v.Allows(o); {
	case open:
		return policy.AdmittedOpen, nil
	case allowed:
		return policy.Admitted, nil
	}
	return policy.Refused, nil
}

// Claims yields one claim, because the list may change at any time.
func (l *List) Claims() iter.Seq[policy.Claim] { return policy.ClaimAtRuntime(l.Name) }

// read calls Read. A call that hangs is abandoned: its result is not used, and
// there is no other call until it returns.
func (l *List) read(tag any) (text string, newTag any, err error) {
	select {
	case l.busy <- struct{}{}:
	default:
		return "", nil, errReadHangs
	}
	type result struct {
		text string
		tag  any
		err  error
	}
	ctx, cancel := context.WithTimeout(l.ctx, max(l.Timeout, readPatience))
	defer cancel()
	done := make(chan result, 1)
	go func() {
		text, tag, err := l.Read(ctx, tag)
		<-l.busy
		done <- result{text, tag, err}
	}()
	select {
	case got := <-done:
		return got.text, got.tag, got.err
	case <-ctx.Done():
		return "", nil, errReadHangs
	}
}

// describe adds the name of the list to an error, and removes what must not be
// logged.
func (l *List) describe(err error) error {
	var bad *origins.LinesError
	switch found := errors.As(err, &bad); {
	case found && l.Secret:
		err = errors.New(bad.Places())
	case !found: // an entry of a list has a bound of its own
		err = Brief(err)
	}
	return fmt.Errorf("%s: %w", l.Name, err)
}

// sharedList is a list of origins as the configurations that use it share it. It
// can be read only through one of them.
type sharedList struct {
	current atomic.Pointer[version] // nil until there is a good one
	reading sync.Mutex              // held while the text is read and replaced
	wake    chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}

	mu         sync.Mutex
	users      []*List // the newest last
	history    history
	complaints rate.Sometimes // limits the log of a failure that goes on
}

// version is a list as it was read. It is immutable.
type version struct {
	*origins.List
	hash uint64 // of the text
	tag  any    // from the Reader
}

// seed is that of the hashes of texts.
var seed = maphash.MakeSeed()

func newSharedList() *sharedList {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sharedList{wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go s.run(ctx)
	return s
}

// Destruct ends the list's goroutine.
func (s *sharedList) Destruct() error {
	s.cancel()
	<-s.done
	return nil
}

// run refreshes the list whenever it is time to, until ctx ends.
func (s *sharedList) run(ctx context.Context) {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if user, wait := s.next(); user == nil {
			timer.Stop()
		} else if timer.Reset(wait); wait <= 0 {
			s.report(user, s.refresh(user))
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// next returns the newest user, or nil if there is none, and how long to wait
// before the list is read through it. The shortest of the users' refresh
// intervals counts.
func (s *sharedList) next() (newest *List, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, user := range s.users {
		if user.ctx.Err() != nil {
			continue
		}
		if newest == nil || user.Refresh < wait {
			wait = user.Refresh
		}
		newest = user
	}
	if s.history.failing > 0 {
		wait = min(wait, minBackoff<<min(s.history.failing-1, 20))
	}
	return newest, time.Until(s.history.latest().Add(wait))
}

// require reads the list through a user if there is none yet, and returns what is
// wrong with it.
func (s *sharedList) require(user *List) error {
	if s.current.Load() == nil {
		if err := s.refresh(user); err != nil {
			return user.describe(err)
		}
		s.report(user, nil)
	}
	if s.current.Load().Len() == 0 {
		user.Logger.Warn("the list of origins is empty: it allows no origin", zap.String("source", user.Name))
	}
	return nil
}

// attach adds a user. One that wants the list no sooner than the newest one does
// not change when it is read: to find that out again for each of thousands of users,
// with all of them in view, would take seconds.
func (s *sharedList) attach(user *List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.users)
	s.users = append(s.users, user)
	if n == 0 || s.users[n-1].ctx.Err() != nil || user.Refresh < s.users[n-1].Refresh {
		s.rouse()
	}
}

func (s *sharedList) detach(user *List) {
	s.mu.Lock()
	s.users = slices.DeleteFunc(s.users, func(u *List) bool { return u == user })
	s.mu.Unlock()
	user.cancel()
	select {
	case user.busy <- struct{}{}:
	case <-time.After(closePatience):
		user.Logger.Error("a read of the list of origins continues after its configuration has ended", zap.String("source", user.Name))
	}
}

func (s *sharedList) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// refresh reads the list through a user. It replaces the current version if the
// new one is good and differs.
func (s *sharedList) refresh(user *List) error {
	s.reading.Lock()
	defer s.reading.Unlock()
	old := s.current.Load()
	var tag any
	if old != nil {
		tag = old.tag
	}
	text, tag, err := user.read(tag)
	if errors.Is(err, errNotModified) {
		return nil
	}
	if err != nil {
		return err
	}
	hash := maphash.String(seed, text)
	if old != nil && old.hash == hash {
		s.current.Store(&version{old.List, hash, tag})
		return nil
	}
	list, err := origins.ParseList(text, openness.OpenPattern)
	if err != nil {
		return err
	}
	if old != nil && old.Len() > 0 && list.Blank() {
		return errLost
	}
	s.replace(user, &version{list, hash, tag})
	return nil
}

// report records and logs how a refresh has ended. A failure that goes on is
// logged once in a refresh interval.
func (s *sharedList) report(user *List, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user.ctx.Err() != nil {
		return // its configuration has ended, and another user reads the list
	}
	if err == nil {
		if s.history.failing > 0 {
			user.Logger.Info("the list of origins can be read again", zap.String("source", user.Name))
		}
		s.history.succeed()
		return
	}
	failure := user.describe(err).Error()
	if s.history.failing == 0 || s.history.failure != failure {
		s.complaints = rate.Sometimes{}
	}
	s.complaints.Interval = user.Refresh
	s.history.fail(failure)
	s.complaints.Do(func() {
		message := "the list of origins cannot be read; no origin is allowed until it can"
		if s.current.Load() != nil {
			message = "the list of origins cannot be read; keeping the previous list"
		}
		user.Logger.Error(message, zap.String("source", user.Name), zap.Int("origins", s.size()), zap.String("error", failure))
	})
}

// size returns how many patterns are in the list.
func (s *sharedList) size() int {
	if v := s.current.Load(); v != nil {
		return v.Len()
	}
	return 0
}

// status returns the status of the list, without its name.
func (s *sharedList) status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.history.status(s.size())
}
