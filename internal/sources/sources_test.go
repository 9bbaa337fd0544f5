package sources

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// parse parses an origin that is well formed.
func parse(t testing.TB, origin string) origins.Origin {
	t.Helper()
	o, ok := origins.Parse(origin)
	if !ok {
		t.Fatalf("%q is not an origin", origin)
	}
	return o
}

// observed returns a logger, and what is written to it.
func observed() (*zap.Logger, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.DebugLevel)
	return zap.New(core), logs
}

// endpoint is a URL that is asked, without a network in between.
type endpoint struct {
	mu     sync.Mutex
	asked  map[question]int
	answer func(ctx context.Context, q question) (status int, err error)
}

func newEndpoint(answer func(context.Context, question) (int, error)) *endpoint {
	return &endpoint{asked: make(map[question]int), answer: answer}
}

// RoundTrip implements http.RoundTripper.
func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	q := question{r.URL.Query().Get("origin"), r.URL.Query().Get("host")}
	e.mu.Lock()
	e.asked[q]++
	answer := e.answer
	e.mu.Unlock()
	status, err := answer(r.Context(), q)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}, nil
}

// becomes changes the answers.
func (e *endpoint) becomes(answer func(context.Context, question) (int, error)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = answer
}

// total returns how many questions were asked.
func (e *endpoint) total() (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, times := range e.asked {
		n += times
	}
	return n
}

func answers(status int) func(context.Context, question) (int, error) {
	return func(context.Context, question) (int, error) { return status, nil }
}

// hang does not answer.
func hang(ctx context.Context, _ question) (int, error) {
	<-ctx.Done()
	return 0, ctx.Err()
}

// queued returns how many questions wait. Timers take questions out of the queue, and
// nothing but the lock comes between them and a test.
func queued(a *Asker) int {
	a.known.mu.Lock()
	defer a.known.mu.Unlock()
	return a.known.queue.Len()
}

// newTestAsker returns an Asker of the endpoint. A limit that is 0 has a default.
func newTestAsker(t testing.TB, e *endpoint, limits Limits) *Asker {
	t.Helper()
	a := openAsker(t, &url.URL{Scheme: "http", Host: "ask.example", Path: "/" + t.Name(), RawQuery: "token=secret"}, limits)
	a.client.Transport = e
	return a
}

func openAsker(t testing.TB, u *url.URL, limits Limits) *Asker {
	t.Helper()
	for _, d := range []struct {
		limit        *time.Duration
		defaultValue time.Duration
	}{{&limits.Timeout, 2 * time.Second}, {&limits.TTL, 5 * time.Minute}, {&limits.NegativeTTL, 30 * time.Second}} {
		if *d.limit == 0 {
			*d.limit = d.defaultValue
		}
	}
	if limits.CacheSize == 0 {
		limits.CacheSize = 10_000
	}
	if limits.MaxInFlight == 0 {
		limits.MaxInFlight = 16
	}
	a, err := NewAsker(u, limits, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// closed closes a source, as the end of its configuration does.
func closed(t testing.TB, source interface{ Close() error }) {
	t.Helper()
	if err := source.Close(); err != nil {
		t.Error(err)
	}
}

// asks asks about an origin and a host.
func asks(t testing.TB, a *Asker, origin, host string) (yes bool, err error) {
	t.Helper()
	admission, err := a.Allows((&http.Request{Host: host}).WithContext(t.Context()), parse(t, origin))
	return admission == policy.Admitted, err
}

// expect asks, and checks the answer, and whether there is one at all.
func expect(t testing.TB, a *Asker, origin, host string, yes, known bool) {
	t.Helper()
	if got, err := asks(t, a, origin, host); got != yes || (err == nil) != known {
		t.Errorf("%s on %s: got %t, %v, want %t, known %t", origin, host, got, err, yes, known)
	}
}
