package sources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slow answers yes after a while.
func slow(d time.Duration) func(context.Context, question) (int, error) {
	return func(ctx context.Context, _ question) (int, error) {
		select {
		case <-time.After(d):
			return http.StatusOK, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// TestQueueHosts: an origin of 1,000 hosts is asked about once for each of them,
// however many requests there are at once, and none is denied.
func TestQueueHosts(t *testing.T) {
	for _, atOnce := range []int{1, 8, 40} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const hosts = 1_000
				e := newEndpoint(slow(50 * time.Millisecond))
				a := newTestAsker(t, e, Limits{})
				defer closed(t, a)
				for round := range 3 {
					var next atomic.Int64
					var asking sync.WaitGroup
					for range atOnce {
						asking.Go(func() {
							for i := next.Add(1); i <= hosts; i = next.Add(1) {
								expect(t, a, "https://partner.example", fmt.Sprintf("%d.example", i), true, true)
							}
						})
					}
					asking.Wait()
					if n := e.total(); n != hosts {
						t.Errorf("round %d: asked %d times so far", round+1, n)
					}
				}
			})
		})
	}
}

// TestQueueCold: after a start, many who are allowed come at once, and all are
// answered in time.
func TestQueueCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestAsker(t, newEndpoint(slow(50*time.Millisecond)), Limits{})
		defer closed(t, a)
		begin := time.Now()
		var asking sync.WaitGroup
		for i := range 40 {
			asking.Go(func() { expect(t, a, fmt.Sprintf("https://%d.example", i), "host.example", true, true) })
		}
		asking.Wait()
		if took := time.Since(begin); took != 4*50*time.Millisecond { // 12 at once
			t.Errorf("took %s", took)
		}
	})
}

// TestQueueBounds: a question waits for its turn as long as Timeout, and no more
// than 64 times MaxInFlight wait. Who has waited in vain may ask again at once.
func TestQueueBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(hang)
		a := newTestAsker(t, e, Limits{MaxInFlight: 1, Timeout: 2 * time.Second})
		a.client.Timeout = time.Minute
		logger, logs := observed()
		a.logger = logger
		begin := time.Now()
		var asking sync.WaitGroup
		var mu sync.Mutex
		ended := make(map[time.Duration]int)
		for i := range 1 + maxQueue + 5 {
			asking.Go(func() {
				yes, err := asks(t, a, fmt.Sprintf("https://%d.example", i), "host.example")
				mu.Lock()
				defer mu.Unlock()
				if ended[time.Since(begin)]++; yes || time.Since(begin) < time.Minute && !errors.Is(err, errTooManyQuestions) {
					t.Errorf("%d: got %t, %v", i, yes, err)
				}
			})
		}
		synctest.Wait()
		if n := queued(a); n != maxQueue || e.total() != 1 {
			t.Errorf("%d wait, and %d are asked, want 64 and 1", n, e.total())
		}
		time.Sleep(3 * time.Second)
		e.becomes(answers(200))
		again := make(chan struct{})
		go func() {
			defer close(again)
			if _, err := asks(t, a, "https://5.example", "host.example"); !errors.Is(err, errTooManyQuestions) {
				t.Errorf("got %v", err)
			}
		}()
		<-again
		asking.Wait()
		if ended[0] != 5 || ended[2*time.Second] != maxQueue || ended[time.Minute] != 1 {
			t.Errorf("ended after %v", ended)
		}
		if state := a.known.status(); state.State != Failing || state.RefreshErrors != 5+maxQueue+2 || logs.Len() == 0 {
			t.Errorf("got %+v, logged %v", state, logs.All())
		}
		expect(t, a, "https://5.example", "host.example", true, true) // it was not kept as a failure
		checkIdle(t, a)
		closed(t, a)
	})
}

// TestQueueOrder: questions are asked in the order in which they came, and each
// once.
func TestQueueOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		release := make(chan struct{})
		e := newEndpoint(func(_ context.Context, q question) (int, error) {
			asked = append(asked, q.origin) // one at a time
			<-release
			return http.StatusForbidden, nil
		})
		a := newTestAsker(t, e, Limits{MaxInFlight: 1})
		defer closed(t, a)
		var asking sync.WaitGroup
		for _, name := range []string{"a", "b", "c", "b", "a", "c"} {
			asking.Go(func() { expect(t, a, "https://"+name+".example", "host.example", false, true) })
			synctest.Wait()
		}
		close(release)
		asking.Wait()
		if want := []string{"https://a.example", "https://b.example", "https://c.example"}; !slices.Equal(asked, want) {
			t.Errorf("asked %v, want %v", asked, want)
		}
		checkIdle(t, a)
	})
}

// TestQueueLeft: a question is not asked any more if all requests that wait for it
// have ended, and others do not wait for its turn.
func TestQueueLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		e := newEndpoint(func(context.Context, question) (int, error) { <-release; return 200, nil })
		a := newTestAsker(t, e, Limits{MaxInFlight: 1})
		defer closed(t, a)
		var asking sync.WaitGroup
		ask := func(ctx context.Context, origin string, want error) {
			asking.Go(func() {
				_, err := a.Allows((&http.Request{Host: "host.example"}).WithContext(ctx), parse(t, origin))
				if !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", origin, err, want)
				}
			})
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(t.Context())
		ask(ctx, "https://flying.example", context.Canceled)
		ask(ctx, "https://left.example", context.Canceled)
		ask(ctx, "https://left.example", context.Canceled)
		ask(ctx, "https://both.example", context.Canceled)
		ask(t.Context(), "https://both.example", nil)
		if n := queued(a); n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		cancel()
		synctest.Wait()
		if n := queued(a); n != 1 {
			t.Errorf("%d wait, want 1", n)
		}
		close(release)
		asking.Wait()
		if n := e.asked[question{"https://left.example", "host.example"}]; n != 0 || e.total() != 2 {
			t.Errorf("asked %v", e.asked)
		}
		checkIdle(t, a)
	})
}

// TestQueueLimits: a configuration that may ask less at once does not hold up
// another one after its own request has ended.
func TestQueueLimits(t *testing.T) {
	for _, timeout := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			e := newEndpoint(hang)
			brief := newTestAsker(t, e, Limits{MaxInFlight: 1, Timeout: time.Second})
			roomy := newTestAsker(t, e, Limits{MaxInFlight: 16, Timeout: time.Minute})
			var asking sync.WaitGroup
			ask := func(ctx context.Context, a *Asker, origin string) {
				asking.Go(func() { _, _ = a.Allows((&http.Request{Host: "host.example"}).WithContext(ctx), parse(t, origin)) })
				synctest.Wait()
			}
			ctx, cancel := context.WithCancel(t.Context())
			ask(t.Context(), roomy, "https://flying.example")
			ask(ctx, brief, "https://first.example")
			ask(t.Context(), roomy, "https://next.example")
			if n := e.total(); n != 1 {
				t.Errorf("asked %d times, want 1", n)
			}
			if timeout {
				time.Sleep(time.Second)
			} else {
				cancel()
			}
			synctest.Wait()
			if n := e.asked[question{"https://next.example", "host.example"}]; n != 1 || e.total() != 2 {
				t.Errorf("timeout %t: asked %v", timeout, e.asked)
			}
			cancel()
			closed(t, brief)
			closed(t, roomy)
			asking.Wait()
			checkIdle(t, roomy)
		})
	}
}

// TestQueueReload: when a configuration ends, its questions that wait are asked
// through the next one. Without a next one they end.
func TestQueueReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiting = 30
		e := newEndpoint(hang)
		old := newTestAsker(t, e, Limits{MaxInFlight: 1, Timeout: time.Minute})
		var asking sync.WaitGroup
		var failed atomic.Int64
		ask := func(a *Asker, from int) {
			for i := range waiting {
				asking.Go(func() {
					if yes, err := asks(t, a, fmt.Sprintf("https://%d.example", from+i), "host.example"); err != nil || !yes {
						failed.Add(1)
					}
				})
			}
			synctest.Wait()
		}
		ask(old, 0)
		if n := queued(old); n != waiting-1 {
			t.Errorf("%d wait", n)
		}
		working := newEndpoint(slow(time.Millisecond))
		next := newTestAsker(t, working, Limits{})
		closed(t, old)
		asking.Wait()
		if n := working.total(); n != waiting || e.total() != 1 || failed.Load() != 0 {
			t.Errorf("asked %d times, and %d before; %d failed", n, e.total(), failed.Load())
		}
		checkIdle(t, next)

		working.becomes(hang)
		ask(next, waiting)
		begin := time.Now()
		closed(t, next)
		asking.Wait()
		if took := time.Since(begin); failed.Load() != waiting || took != 0 {
			t.Errorf("%d failed after %s", failed.Load(), took)
		}
		checkIdle(t, next)
	})
}

// TestQueueRenewals: a stale yes is used at once while its renewal would have to
// wait, even if another configuration waits for the same answer.
func TestQueueRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answers(200))
		patient := newTestAsker(t, e, Limits{MaxInFlight: 1, TTL: time.Second, MaxStale: time.Hour})
		strict := newTestAsker(t, e, Limits{MaxInFlight: 1, TTL: time.Second})
		expect(t, patient, "https://known.example", "host.example", true, true)
		time.Sleep(time.Second)
		e.becomes(hang)
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = asks(t, strict, "https://a.example", "host.example") })
		synctest.Wait()
		expectAtOnce := func() {
			t.Helper()
			begin := time.Now()
			if expect(t, patient, "https://known.example", "host.example", true, true); time.Since(begin) > 0 {
				t.Errorf("a stale yes waits %s", time.Since(begin))
			}
		}
		expectAtOnce()
		asking.Go(func() { expect(t, strict, "https://known.example", "host.example", false, false) })
		synctest.Wait()
		if n := queued(patient); n != 1 {
			t.Fatalf("%d wait, want 1", n)
		}
		expectAtOnce()
		closed(t, strict)
		closed(t, patient)
		asking.Wait()
	})
}

// checkIdle checks that nothing is left of the questions.
func checkIdle(t *testing.T, a *Asker) {
	t.Helper()
	synctest.Wait()
	k := a.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.flights)+k.queue.Len()+k.flying+k.unknown > 0 {
		t.Errorf("left are %d flights, %d in the queue, %d on their way, %d unknown", len(k.flights), k.queue.Len(), k.flying, k.unknown)
	}
	checkCache(t, &k.yes)
	checkCache(t, &k.no)
}

// BenchmarkKnownPair times a known pair in a full cache, without and with a flood
// of new hosts, and reports the median.
func BenchmarkKnownPair(b *testing.B) {
	const size = 100_000
	for _, flood := range []int{0, 8} {
		b.Run(fmt.Sprint("flood=", flood), func(b *testing.B) {
			a := newTestAsker(b, newEndpoint(answers(200)), Limits{CacheSize: size, TTL: time.Hour})
			defer closed(b, a)
			a.known.mu.Lock()
			for i := range size - 1 {
				a.known.yes.put(question{"https://partner.example", fmt.Sprintf("%d.example", i)}, knownAnswer{at: time.Now()}, size)
			}
			a.known.mu.Unlock()
			customer := parse(b, "https://customer.example")
			r := &http.Request{Host: "host.example"}
			var stop atomic.Bool
			var flooding sync.WaitGroup
			for range flood {
				flooding.Go(func() {
					partner := parse(b, "https://partner.example")
					for i := 0; !stop.Load(); i++ {
						_, _ = a.Allows(&http.Request{Host: fmt.Sprintf("new-%d.example", i)}, partner)
					}
				})
			}
			var times []time.Duration
			for b.Loop() {
				begin := time.Now()
				if got, err := a.Allows(r, customer); got == 0 || err != nil {
					b.Fatal(got, err)
				}
				times = append(times, time.Since(begin))
			}
			stop.Store(true)
			flooding.Wait()
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2]), "p50-ns")
		})
	}
}
