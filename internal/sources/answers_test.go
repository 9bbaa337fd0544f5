package sources

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"
)

// TestAnswersOnce: however many wait for an answer, the question is in flight once.
func TestAnswersOnce(t *testing.T) {
	const requests = 200
	for _, status := range []int{200, 403, 500} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				e := newEndpoint(func(context.Context, question) (int, error) { <-release; return status, nil })
				a := newTestAsker(t, e, Limits{Timeout: time.Minute})
				defer closed(t, a)
				var ended, yes, failed atomic.Int64
				for range requests {
					go func() {
						ok, err := asks(t, a, "https://a.example", "host.example")
						if ok {
							yes.Add(1)
						}
						if err != nil {
							failed.Add(1)
						}
						ended.Add(1)
					}()
				}
				synctest.Wait()
				if ended.Load() > 0 {
					t.Errorf("%d do not wait", ended.Load())
				}
				close(release)
				synctest.Wait()
				want := map[int][2]int64{200: {requests, 0}, 403: {0, 0}, 500: {0, requests}}[status]
				if n := e.total(); n != 1 || ended.Load() != requests || yes.Load() != want[0] || failed.Load() != want[1] {
					t.Errorf("asked %d times, %d ended, %d yes, %d failed, want 1, %d, %d, %d", n, ended.Load(), yes.Load(), failed.Load(), requests, want[0], want[1])
				}
			})
		})
	}
}

// TestAnswersInFlight: at most MaxInFlight questions are asked at once, a quarter of
// them is reserved for renewals, and the others wait. A known yes does not.
func TestAnswersInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const asked = 50
		e := newEndpoint(answers(200))
		a := newTestAsker(t, e, Limits{MaxInFlight: 4, TTL: time.Second, MaxStale: time.Hour, Timeout: time.Minute})
		defer closed(t, a)
		for i := range 3 {
			expect(t, a, fmt.Sprintf("https://known-%d.example", i), "host.example", true, true)
		}
		release := make(chan struct{})
		e.becomes(func(context.Context, question) (int, error) { <-release; return 200, nil })
		before := e.total()
		var asking sync.WaitGroup
		var yes, failed atomic.Int64
		ask := func(origin string) {
			asking.Go(func() {
				switch ok, err := asks(t, a, origin, "host.example"); {
				case ok:
					yes.Add(1)
				case err != nil:
					failed.Add(1)
				}
			})
		}
		for i := range asked {
			ask(fmt.Sprintf("https://%d.example", i))
		}
		synctest.Wait()
		if n := e.total() - before; n != 3 || failed.Load()+yes.Load() != 0 || queued(a) != asked-3 {
			t.Errorf("%d in flight, %d failed, %d yes, %d wait, want 3, 0, 0 and 47", n, failed.Load(), yes.Load(), queued(a))
		}
		time.Sleep(2 * time.Second) // the known ones are stale
		for i := range 3 {
			ask(fmt.Sprintf("https://known-%d.example", i))
		}
		synctest.Wait()
		// One is renewed, and the others are used as they are.
		if n := e.total() - before; n != 4 || yes.Load() != 2 {
			t.Errorf("%d in flight, %d yes, want 4 and 2", n, yes.Load())
		}
		close(release)
		asking.Wait()
		if yes.Load() != 3+asked || failed.Load() != 0 {
			t.Errorf("%d yes, %d failed, want 53 and 0", yes.Load(), failed.Load())
		}
	})
}

// TestAnswersRenewed: a flood of unknown origins does not prevent renewals.
func TestAnswersRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answers(200))
		a := newTestAsker(t, e, Limits{TTL: time.Second, MaxStale: time.Minute, MaxInFlight: 4, Timeout: time.Hour})
		expect(t, a, "https://customer.example", "host.example", true, true)
		for range 5 { // which do not count as unknown origins, then or later
			time.Sleep(time.Second)
			expect(t, a, "https://customer.example", "host.example", true, true)
		}
		e.becomes(func(ctx context.Context, q question) (int, error) {
			if q.origin != "https://customer.example" {
				return hang(ctx, q)
			}
			return 200, nil
		})
		asked := e.total()
		for i := range 50 {
			go func() { _, _ = asks(t, a, fmt.Sprintf("https://%d.example", i), "host.example") }()
		}
		synctest.Wait()
		if n := e.total() - asked; n != 3 {
			t.Errorf("%d unknown origins are in flight, want 3", n)
		}
		for before := e.total(); e.total() < before+10; {
			asked := e.total()
			time.Sleep(time.Second)
			expect(t, a, "https://customer.example", "host.example", true, true)
			if e.total() != asked+1 {
				t.Fatal("a stale yes is not renewed")
			}
		}
		closed(t, a) // which ends the flood
	})
}

// TestAnswersLifetimes: how long a yes, a no and a failure are valid, and when the
// question is asked again.
func TestAnswersLifetimes(t *testing.T) {
	limits := Limits{TTL: 100 * time.Second, NegativeTTL: 10 * time.Second, MaxStale: time.Hour, Timeout: time.Second}
	type step struct {
		at     time.Duration // since the beginning
		answer func(context.Context, question) (int, error)
		yes    bool
		known  bool
		asked  int // in total
	}
	yes, no, failure := answers(200), answers(403), answers(500)
	for name, steps := range map[string][]step{
		"yes": {
			{0, yes, true, true, 1},
			{100*time.Second - 1, yes, true, true, 1},
			{100 * time.Second, yes, true, true, 2}, // renewed
			{199 * time.Second, no, true, true, 2},
			{200 * time.Second, no, false, true, 3}, // withdrawn
			{210 * time.Second, yes, true, true, 4},
		},
		"no": {
			{0, no, false, true, 1},
			{10*time.Second - 1, yes, false, true, 1},
			{10 * time.Second, yes, true, true, 2},
		},
		"failure": {
			{0, failure, false, false, 1},
			{failureTTL - 1, yes, false, false, 1},
			{failureTTL, yes, true, true, 2},
		},
		"stale yes": {
			{0, yes, true, true, 1},
			{100 * time.Second, failure, true, true, 2},
			{110*time.Second - 1, failure, true, true, 2}, // not asked about by each request
			{110 * time.Second, failure, true, true, 3},
			{100*time.Second + time.Hour - 1, failure, true, true, 4},
			{100*time.Second + time.Hour, failure, false, false, 4}, // the last failure is too recent
			{102*time.Second + time.Hour, failure, false, false, 5},
			{104*time.Second + time.Hour, yes, true, true, 6},
		},
		"stale yes and no answer at all": {
			{0, yes, true, true, 1},
			{100 * time.Second, hang, true, true, 2},
			{105 * time.Second, hang, true, true, 2},
			{111 * time.Second, no, false, true, 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				e := newEndpoint(nil)
				a := newTestAsker(t, e, limits)
				defer closed(t, a)
				for _, s := range steps {
					time.Sleep(s.at - time.Since(begin))
					e.becomes(s.answer)
					expect(t, a, "https://a.example", "host.example", s.yes, s.known)
					if n := e.total(); n != s.asked {
						t.Errorf("after %s: asked %d times, want %d", s.at, n, s.asked)
					}
				}
			})
		})
	}
}

// TestAnswersStaleForever: no MaxStale is too long to be added to a TTL.
func TestAnswersStaleForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answers(200))
		a := newTestAsker(t, e, Limits{TTL: time.Second, MaxStale: math.MaxInt64})
		defer closed(t, a)
		for range 2 {
			expect(t, a, "https://a.example", "host.example", true, true)
			e.becomes(answers(500))
			time.Sleep(time.Minute)
		}
	})
}

// TestAnswersCancelled: a request that ends does not take the answer from others
// that wait for it.
func TestAnswersCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		a := newTestAsker(t, newEndpoint(func(context.Context, question) (int, error) { <-release; return 200, nil }), Limits{})
		defer closed(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if _, err := a.Allows((&http.Request{Host: "host.example"}).WithContext(ctx), parse(t, "https://a.example")); !errors.Is(err, context.Canceled) {
				t.Errorf("the request that has ended gets %v", err)
			}
		}()
		synctest.Wait()
		go expect(t, a, "https://a.example", "host.example", true, true)
		cancel()
		synctest.Wait()
		close(release)
		synctest.Wait()
	})
}

// TestAnswersOrphaned: a question whose configuration ends is asked again through
// the next one, unnoticed. Without a next one, only what is known is of use.
func TestAnswersOrphaned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := newEndpoint(answers(200))
		old := newTestAsker(t, hanging, Limits{MaxStale: time.Hour})
		expect(t, old, "https://known.example", "host.example", true, true)
		hanging.becomes(hang)
		waiting := make(chan struct{})
		go func() {
			expect(t, old, "https://a.example", "host.example", true, true)
			close(waiting)
		}()
		synctest.Wait()
		e := newEndpoint(answers(200))
		next := newTestAsker(t, e, Limits{})
		if next.known != old.known {
			t.Fatal("a reload forgets")
		}
		closed(t, old)
		<-waiting
		expect(t, next, "https://a.example", "host.example", true, true)
		expect(t, next, "https://known.example", "host.example", true, true)
		if n := e.total(); n != 1 || hanging.total() != 2 {
			t.Errorf("asked %d times, and %d before, want 1 and 2", n, hanging.total())
		}
		closed(t, next)
		time.Sleep(10 * time.Minute) // longer than the TTL
		expect(t, old, "https://known.example", "host.example", true, true)
		expect(t, next, "https://b.example", "host.example", false, false)
	})
}

// TestAnswersKept: the latest answer displaces the one before, so that neither
// cache keeps what the other one contradicts.
func TestAnswersKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(nil)
		a := newTestAsker(t, e, Limits{})
		defer closed(t, a)
		for _, yes := range []bool{true, false, true, false} {
			status := map[bool]int{true: 200, false: 403}[yes]
			e.becomes(answers(status))
			expect(t, a, "https://a.example", "host.example", yes, true)
			kept := map[bool]int{true: a.known.yes.len(), false: a.known.no.len()}
			if kept[yes] != 1 || kept[!yes] != 0 {
				t.Errorf("after %t: %v answers are kept", yes, kept)
			}
			time.Sleep(time.Hour)
		}
	})
}

// TestAnswersHosts: one origin may fill the whole cache, so that no host is asked
// about twice. In a full one its hosts, which any client can make up, displace each
// other, and not the answers about other origins.
func TestAnswersHosts(t *testing.T) {
	e := newEndpoint(answers(200))
	a := newTestAsker(t, e, Limits{CacheSize: 160})
	defer closed(t, a)
	hosts := func(n int) {
		t.Helper()
		for i := range n {
			expect(t, a, "https://partner.example", fmt.Sprintf("%d.example", i), true, true)
		}
	}
	expect(t, a, "https://customer.example", "host.example", true, true)
	for range 3 {
		hosts(159)
	}
	if n := e.total(); n != 160 {
		t.Errorf("asked %d times, want once about each host", n)
	}
	hosts(400)
	before := e.total()
	expect(t, a, "https://customer.example", "host.example", true, true)
	if e.total() != before {
		t.Error("asked again about the customer")
	}
	if n := a.known.yes.len(); n != 160 || a.known.yes.origins["https://partner.example"].size() != 159 {
		t.Errorf("%d answers are kept", n)
	}
}

// TestAnswersHostile: hostile origins take no more memory than the cache may, and
// displace no yes.
func TestAnswersHostile(t *testing.T) {
	e := newEndpoint(func(_ context.Context, q question) (int, error) {
		if q.origin != "https://customer.example" {
			return http.StatusForbidden, nil
		}
		return http.StatusOK, nil
	})
	a := newTestAsker(t, e, Limits{CacheSize: 100})
	defer closed(t, a)
	expect(t, a, "https://customer.example", "host.example", true, true)
	for i := range 1_000 {
		expect(t, a, fmt.Sprintf("https://evil-%d.example", i), "host.example", false, true)
	}
	if n := a.known.no.len(); n != 100 || len(a.known.no.origins) != 100 {
		t.Errorf("%d answers of no are kept, want 100", n)
	}
	expect(t, a, "https://customer.example", "host.example", true, true)
	if n := e.asked[question{"https://customer.example", "host.example"}]; n != 1 {
		t.Errorf("asked %d times about the customer", n)
	}
}

// TestAnswersOwnLimits: how long an answer is valid, each Asker says for itself.
func TestAnswersOwnLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answers(200))
		brief := newTestAsker(t, e, Limits{TTL: time.Second}) // and MaxStale 0
		defer closed(t, brief)
		long := newTestAsker(t, e, Limits{TTL: time.Hour})
		defer closed(t, long)
		if brief.known != long.known {
			t.Fatal("the answers are not shared")
		}
		expect(t, brief, "https://a.example", "host.example", true, true)
		e.becomes(answers(500))
		time.Sleep(time.Second)
		expect(t, brief, "https://a.example", "host.example", false, false)
		expect(t, long, "https://a.example", "host.example", true, true)
	})
}

// TestAnswersComplaints: failures are logged once in each interval, with their
// number and without secrets.
func TestAnswersComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(answers(500))
		a := newTestAsker(t, e, Limits{})
		defer closed(t, a)
		logger, logs := observed()
		a.logger = logger
		for i := range 3 * 60 {
			expect(t, a, fmt.Sprintf("https://%d.example", i), "host.example", false, false)
			time.Sleep(complaintInterval / 60)
		}
		var failures []int64
		for _, entry := range logs.All() {
			failures = append(failures, entry.ContextMap()["failures"].(int64))
			text := fmt.Sprint(entry.Message, entry.ContextMap())
			if entry.Level != zapcore.ErrorLevel || !strings.Contains(text, "the server answers 500") || !strings.Contains(text, "ask ask.example") || strings.Contains(text, "secret") {
				t.Errorf("logged %s", text)
			}
		}
		if want := []int64{1, 60, 60}; !slices.Equal(failures, want) {
			t.Errorf("logged %v failures, want %v", failures, want)
		}
	})
}
