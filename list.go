package caddycors

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

const (
	// maxList is the longest text of a list, in bytes: two million origins.
	maxList = 64 << 20

	// minBackoff is how soon a refresh that has failed is tried again; it doubles
	// up to the refresh interval.
	minBackoff = time.Second

	// readPatience is how long a read may take: a file system or a client of a
	// storage need not heed a context.
	readPatience = 30 * time.Second

	// detachPatience is how long a configuration that ends waits for a read of
	// its own to end.
	detachPatience = 5 * time.Second
)

var (
	// errNotModified is what a listReader returns if the text is what it was.
	errNotModified = errors.New("not modified")
	errReadHangs   = errors.New("reading it does not come to an end")
	errListTooLong = fmt.Errorf("it is longer than %d MiB", maxList>>20)
)

// lists holds the lists of all live configurations, by listKey.
var lists = caddy.NewUsagePool()

// listKey tells lists apart: by kind, place, and what gives access to it.
type listKey struct{ kind, place string }

// originList is a list of origins as it outlives the configurations that use it: a
// reload neither fetches it again nor forgets it. It knows how to fetch only
// through the readers that live configurations lend it.
type originList struct {
	current atomic.Pointer[listVersion] // nil until there is a good one
	reading sync.Mutex                  // held while the text is read and swapped
	wake    chan struct{}
	cancel  context.CancelFunc
	done    chan struct{}

	mu       sync.Mutex
	readers  []*listReader // the newest last
	attempt  time.Time     // of the last refresh
	failures int           // in a row
	failure  string        // what was logged last
	logged   time.Time     // and when
	log      refreshLog
}

// listVersion is a list as it was read. It is immutable.
type listVersion struct {
	*origins.List
	hash uint64 // of the text
	// tag is what the reader needs to find out whether the text has changed.
	tag any
}

// listReader is what one configuration lends a list to fetch its text.
type listReader struct {
	// read returns the text and its tag. tag is that of the version there is, or
	// nil; if the text is still the same, read may return errNotModified.
	read    func(ctx context.Context, tag any) (text string, newTag any, err error)
	name    string // of the source, in the log
	secret  bool   // whether the text must not stand in the log
	refresh time.Duration
	timeout time.Duration // of read's own, or 0; it may exceed readPatience
	logger  *zap.Logger

	ctx    context.Context // ends with the configuration
	cancel context.CancelFunc
	busy   chan struct{} // holds an element while read runs
}

func newList() (caddy.Destructor, error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &originList{wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{})}
	go l.run(ctx)
	return l, nil
}

// Destruct ends the list's goroutine.
func (l *originList) Destruct() error {
	l.cancel()
	<-l.done
	return nil
}

// run refreshes the list whenever it is time to, until ctx ends.
func (l *originList) run(ctx context.Context) {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if reader, wait := l.next(); reader == nil {
			timer.Stop()
		} else if timer.Reset(wait); wait <= 0 {
			l.report(reader, l.fetch(reader))
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// next returns the newest reader, nil if there is none, and how long to wait
// before it is to be used: as long as the one that is the least patient.
func (l *originList) next() (*listReader, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var reader *listReader
	var wait time.Duration
	for _, r := range l.readers {
		if r.ctx.Err() != nil {
			continue
		}
		if reader == nil || r.refresh < wait {
			wait = r.refresh
		}
		reader = r
	}
	if reader == nil {
		return nil, 0
	}
	if l.failures > 0 {
		wait = min(wait, minBackoff<<min(l.failures-1, 20))
	}
	return reader, time.Until(l.attempt.Add(wait))
}

// attach lends the list a reader. If first is true and there is no list yet, it
// reads the list at once, and returns what is wrong.
func (l *originList) attach(reader *listReader, first bool) error {
	if first && l.current.Load() == nil {
		if err := l.fetch(reader); err != nil {
			return describe(reader, err)
		}
		l.report(reader, nil)
	}
	l.mu.Lock()
	l.readers = append(l.readers, reader)
	l.mu.Unlock()
	l.rouse()
	return nil
}

// detach takes a reader back. When it returns, the reader is not in use.
func (l *originList) detach(reader *listReader) {
	l.mu.Lock()
	l.readers = slices.DeleteFunc(l.readers, func(r *listReader) bool { return r == reader })
	l.mu.Unlock()
	reader.cancel()
	select {
	case reader.busy <- struct{}{}:
	case <-time.After(detachPatience):
		reader.logger.Error("a read of origins goes on after its configuration has ended", zap.String("source", reader.name))
	}
	l.rouse()
}

func (l *originList) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// readText reads the text. A read that hangs is left to itself, and what it
// brings later is not used; but there is no other by the same reader meanwhile.
func (r *listReader) readText(tag any) (text string, newTag any, err error) {
	select {
	case r.busy <- struct{}{}:
	default:
		return "", nil, errReadHangs
	}
	type result struct {
		text string
		tag  any
		err  error
	}
	ctx, cancel := context.WithTimeout(r.ctx, max(r.timeout, readPatience))
	defer cancel()
	done := make(chan result, 1)
	go func() {
		text, tag, err := r.read(ctx, tag)
		<-r.busy
		done <- result{text, tag, err}
	}()
	select {
	case got := <-done:
		return got.text, got.tag, got.err
	case <-ctx.Done():
		return "", nil, errReadHangs
	}
}

// fetch reads the text and, if it is a good list and another one, swaps it in.
func (l *originList) fetch(reader *listReader) error {
	l.reading.Lock()
	defer l.reading.Unlock()
	old := l.current.Load()
	var tag any
	if old != nil {
		tag = old.tag
	}
	text, tag, err := reader.readText(tag)
	if errors.Is(err, errNotModified) {
		return nil
	}
	if err != nil {
		return err
	}
	hash := maphash.String(listSeed, text)
	if old != nil && old.hash == hash {
		l.current.Store(&listVersion{old.List, hash, tag})
		return nil
	}
	parsed, err := origins.ParseList(text)
	if err != nil {
		return err
	}
	if old != nil && old.Len() > 0 && parsed.Blank() {
		return errors.New("it is empty where there was a list: a list that is empty on purpose has a comment, such as # none")
	}
	l.current.Store(&listVersion{parsed, hash, tag})
	return nil
}

// listSeed is that of the hashes by which versions of a text are told apart.
var listSeed = maphash.MakeSeed()

// report notes how a fetch has ended. What has failed is logged when it begins
// to, and then once in a refresh interval.
func (l *originList) report(reader *listReader, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reader.ctx.Err() != nil {
		return // its configuration has ended: another reader will tell
	}
	l.attempt = time.Now()
	if err == nil {
		if l.failures > 0 {
			reader.logger.Info("origins are refreshed again", zap.String("source", reader.name))
		}
		l.failures, l.failure = 0, ""
		l.log.success()
		return
	}
	l.failures++
	failure := describe(reader, err).Error()
	l.log.fail(failure)
	if failure == l.failure && time.Since(l.logged) < reader.refresh {
		return
	}
	l.failure, l.logged = failure, time.Now()
	known, message := 0, "origins could not be read, and there are none from before: nobody is allowed"
	if v := l.current.Load(); v != nil {
		known, message = v.Len(), "origins could not be read, those from before remain"
	}
	reader.logger.Error(message, zap.String("source", reader.name), zap.Int("origins", known), zap.String("error", failure))
}

// status returns what operators are told of the list, if it is in use.
func (l *originList) status() (status sourceStatus, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.readers) == 0 {
		return status, false
	}
	size := 0
	if v := l.current.Load(); v != nil {
		size = v.Len()
	}
	return l.log.status(l.readers[len(l.readers)-1].name, size), true
}

// describe names the source in an error, and takes out of it what must not be
// known.
func describe(reader *listReader, err error) error {
	var bad *origins.ListError
	if reader.secret && errors.As(err, &bad) {
		err = fmt.Errorf("line %d is no origin that a list can hold", bad.Line)
	}
	return fmt.Errorf("%s: %w", reader.name, err)
}

// listSource is what the sources that are lists have in common.
type listSource struct {
	list   *originList
	key    listKey
	reader *listReader // nil if there is nothing to give back
	none   error       // that there is no list yet, made once
}

// use makes the source one of the list that key tells from others. If first is
// true, the list must be good when use returns.
func (s *listSource) use(ctx caddy.Context, key listKey, reader listReader, first bool) error {
	value, _, err := lists.LoadOrNew(key, newList)
	if err != nil {
		return err
	}
	reader.logger, reader.busy = ctx.Logger(), make(chan struct{}, 1)
	// It ends before any of the configuration's modules is cleaned up, its storage
	// among them.
	reader.ctx, reader.cancel = context.WithCancel(ctx)
	s.list, s.key, s.reader = value.(*originList), key, &reader
	s.none = fmt.Errorf("%s: there is no list yet", reader.name)
	if err := s.list.attach(s.reader, first); err != nil {
		return err
	}
	if first && s.list.current.Load().Len() == 0 {
		reader.logger.Warn("the list of origins is empty and allows nobody", zap.String("source", reader.name))
	}
	return nil
}

// Cleanup gives back what the source has taken, which is nothing if it could not
// be provisioned. Requests that are still under way use the list as it is.
func (s *listSource) Cleanup() error {
	if s.reader == nil {
		return nil
	}
	s.list.detach(s.reader)
	s.reader = nil
	_, err := lists.Delete(s.key)
	return err
}

// AllowsOrigin reports whether the list has the origin.
func (s *listSource) AllowsOrigin(r *http.Request, origin string) (bool, error) {
	o, ok := origins.Parse(origin)
	if !ok {
		return false, nil
	}
	allowed, _, err := s.allowsOrigin(r, o)
	return allowed, err
}

func (s *listSource) allowsOrigin(_ *http.Request, o origins.Origin) (allowed, open bool, err error) {
	v := s.list.current.Load()
	if v == nil {
		return false, false, s.none
	}
	allowed, open = v.Allows(o)
	return allowed, open, nil
}
