package caddycors

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// judge is a URL to ask, as a test sets it up.
type judge struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[question]int
	answer func(w http.ResponseWriter, r *http.Request, q question)
}

func newJudge(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, q question)) *judge {
	t.Helper()
	j := &judge{asked: make(map[question]int), answer: answer}
	j.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := question{r.URL.Query().Get("origin"), r.URL.Query().Get("host")}
		j.mu.Lock()
		j.asked[q]++
		answer := j.answer
		j.mu.Unlock()
		answer(w, r, q)
	}))
	t.Cleanup(j.Close)
	return j
}

// becomes changes the answers.
func (j *judge) becomes(answer func(w http.ResponseWriter, r *http.Request, q question)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.answer = answer
}

// total returns how many questions were asked.
func (j *judge) total() (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, times := range j.asked {
		n += times
	}
	return n
}

func answerStatus(status int) func(http.ResponseWriter, *http.Request, question) {
	return func(w http.ResponseWriter, _ *http.Request, _ question) { w.WriteHeader(status) }
}

// hang answers nothing, until the client is gone.
func hang(_ http.ResponseWriter, r *http.Request, _ question) { <-r.Context().Done() }

// provisionAsk returns a source that asks a URL, with further options.
func provisionAsk(t testing.TB, url, options string) *AskSource {
	t.Helper()
	s := new(AskSource)
	if err := s.UnmarshalCaddyfile(caddyfile.NewTestDispenser("ask " + url + " {\n" + options + "\n}")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	if err := s.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.Cleanup(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// asks asks about an origin and a host.
func asks(s *AskSource, origin, host string) (bool, error) {
	return s.AllowsOrigin(&http.Request{Host: host}, origin)
}

// TestAskAnswers: what the status of an answer means.
func TestAskAnswers(t *testing.T) {
	for _, tc := range []struct {
		status  int
		yes     bool
		problem string
	}{
		{200, true, ""},
		{204, true, ""},
		{299, true, ""},
		{403, false, ""},
		{404, false, ""},
		{410, false, ""},
		{301, false, "answers 301"},
		{302, false, "answers 302"},
		{304, false, "answers 304"},
		{400, false, "answers 400"},
		{401, false, "answers 401"},
		{429, false, "answers 429"},
		{500, false, "answers 500"},
		{503, false, "answers 503"},
	} {
		t.Run(http.StatusText(tc.status), func(t *testing.T) {
			j := newJudge(t, func(w http.ResponseWriter, r *http.Request, _ question) {
				if r.URL.Path == "/elsewhere" {
					return // 200, for those who follow
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
			})
			yes, err := asks(provisionAsk(t, j.URL, ""), "https://a.example", "host.example")
			if yes != tc.yes || (err != nil) != (tc.problem != "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got %t, %v", yes, err)
			}
		})
	}
}

// TestAskUpgrade: a server that changes the protocol and then says nothing holds
// up neither the request nor the end of the configuration.
func TestAskUpgrade(t *testing.T) {
	conns := make(chan net.Conn, 1)
	j := newJudge(t, func(w http.ResponseWriter, _ *http.Request, _ question) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conns <- conn
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	})
	s := provisionAsk(t, j.URL, "")
	t.Cleanup(func() { _ = (<-conns).Close() }) // before the source's own
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	yes, err := s.AllowsOrigin((&http.Request{Host: "host.example"}).WithContext(ctx), "https://a.example")
	if yes || err == nil || !strings.Contains(err.Error(), "answers 101") {
		t.Errorf("got %t, %v", yes, err)
	}
}

// TestAskQuestion: what is asked, for whom the answer is good, and how long.
func TestAskQuestion(t *testing.T) {
	j := newJudge(t, func(w http.ResponseWriter, r *http.Request, q question) {
		if r.URL.Query().Get("key") != "x" || q.origin != "https://a.example" || q.host != "tenant.example" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	s := provisionAsk(t, j.URL+"/cors?key=x", "")
	for range 3 {
		for _, tc := range []struct {
			origin, host string
			want         bool
		}{
			{"https://a.example", "tenant.example", true},
			{"https://a.example", "Tenant.EXAMPLE:8443", true},
			{"https://a.example", "other.example", false},
			{"https://b.example", "tenant.example", false},
			{"https://a.example", "x&origin=https://b.example", false},
		} {
			if yes, err := asks(s, tc.origin, tc.host); yes != tc.want || err != nil {
				t.Errorf("%+v: got %t, %v", tc, yes, err)
			}
		}
	}
	if n := j.total(); n != 4 {
		t.Errorf("asked %d times, want once for each origin and host: %v", n, j.asked)
	}
	if _, err := asks(s, "https://a.example", strings.Repeat("x", 16<<10)); err == nil {
		t.Error("asks about a host of 16 KiB")
	}
}

// waitingContext counts those who have begun to wait for it.
type waitingContext struct {
	context.Context
	waiting *atomic.Int64
}

func (c waitingContext) Done() <-chan struct{} {
	c.waiting.Add(1)
	return c.Context.Done()
}

// TestAskOnce: however many wait for an answer, the question is in flight once.
func TestAskOnce(t *testing.T) {
	const requests = 200
	for _, status := range []int{200, 403, 500} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			asked, release := context.WithCancel(t.Context())
			defer release()
			j := newJudge(t, func(w http.ResponseWriter, _ *http.Request, _ question) {
				<-asked.Done()
				w.WriteHeader(status)
			})
			s := provisionAsk(t, j.URL, "timeout 1m")
			var waiting, yes, failed atomic.Int64
			r := (&http.Request{Host: "host.example"}).WithContext(waitingContext{t.Context(), &waiting})
			var asking sync.WaitGroup
			for range requests {
				asking.Go(func() {
					ok, err := s.AllowsOrigin(r, "https://a.example")
					if ok {
						yes.Add(1)
					}
					if err != nil {
						failed.Add(1)
					}
				})
			}
			for deadline := time.Now().Add(30 * time.Second); waiting.Load() < requests; runtime.Gosched() {
				if time.Now().After(deadline) {
					t.Fatalf("only %d wait", waiting.Load())
				}
			}
			release()
			asking.Wait()
			want := map[int][2]int64{200: {requests, 0}, 403: {0, 0}, 500: {0, requests}}[status]
			if n := j.total(); n != 1 || yes.Load() != want[0] || failed.Load() != want[1] {
				t.Errorf("asked %d times, %d yes, %d failed, want 1, %d, %d", n, yes.Load(), failed.Load(), want[0], want[1])
			}
		})
	}
}

// TestAskInFlight: at most max_in_flight questions are asked at once; what is
// known needs none.
func TestAskInFlight(t *testing.T) {
	const atOnce, asked = 3, 50 // of four, one is left to those who are known
	var flying, most, yes, tooMany atomic.Int64
	release := make(chan struct{})
	// All are asked until none but those that fly is left.
	ready := sync.OnceFunc(func() { close(release) })
	check := func() {
		if flying.Load() == atOnce && tooMany.Load() == asked-atOnce {
			ready()
		}
	}
	j := newJudge(t, func(http.ResponseWriter, *http.Request, question) {})
	s := provisionAsk(t, j.URL, "max_in_flight 4\n ttl 1ms\n negative_ttl 1ms")
	if yes, err := asks(s, "https://known.example", "host.example"); !yes || err != nil {
		t.Fatal(yes, err)
	}
	j.becomes(func(http.ResponseWriter, *http.Request, question) {
		n := flying.Add(1)
		defer flying.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		check()
		<-release
	})
	var asking sync.WaitGroup
	for i := range asked {
		asking.Go(func() {
			switch ok, err := asks(s, fmt.Sprintf("https://%d.example", i), "host.example"); {
			case ok:
				yes.Add(1)
			case err != nil && strings.Contains(err.Error(), "too many"):
				tooMany.Add(1)
				check()
			}
		})
	}
	asking.Wait()
	if most.Load() != atOnce || yes.Load() != atOnce || tooMany.Load() != asked-atOnce {
		t.Errorf("%d at once, %d yes, %d too many, want 3, 3 and 47", most.Load(), yes.Load(), tooMany.Load())
	}
	if yes, err := asks(s, "https://known.example", "host.example"); !yes || err != nil {
		t.Errorf("what is known: %t, %v", yes, err)
	}
}

// TestAskHostile: very many hostile origins take no more memory than the cache
// may, drive no yes out, and none that is malformed is asked about.
func TestAskHostile(t *testing.T) {
	j := newJudge(t, func(w http.ResponseWriter, _ *http.Request, q question) {
		if q.origin != "https://customer.example" {
			w.WriteHeader(http.StatusForbidden)
		}
	})
	s := provisionAsk(t, j.URL, "cache_size 100\n ttl 1h")
	p, findings := policy.Compile(&policy.Config{
		Sources: []policy.Source{foreignSource{s}}, Credentials: true, Environment: environment(),
	})
	if err := findings.Err(); err != nil {
		t.Fatal(err)
	}
	decide := func(origin string) policy.Decision {
		return p.Decide(&http.Request{Host: "host.example", Header: fields("Origin: " + origin)})
	}
	if d := decide("https://customer.example"); d.Result != policy.Allowed {
		t.Fatalf("%+v", d)
	}
	for i := range 100_000 {
		var origin string
		switch i % 10 {
		case 0:
			origin = fmt.Sprintf("https://evil-%d.example", i) // well formed
		case 1:
			origin = fmt.Sprintf("http://evil-%d.example", i) // insecure
		case 2:
			origin = "null"
		case 3:
			origin = "https://" + strings.Repeat("a", 64+i)
		default:
			origin = fmt.Sprintf("https://Evil-%d.example/", i) // malformed
		}
		if d := decide(origin); d.Result != policy.Denied {
			t.Fatalf("%q: %+v", origin, d)
		}
	}
	for q := range j.asked {
		if q.origin != "https://customer.example" && !strings.HasPrefix(q.origin, "https://evil-") {
			t.Errorf("asked about %q", q.origin)
		}
	}
	if n := s.oracle.no.recent.Len(); n != 100 || len(s.oracle.no.entries) != 100 {
		t.Errorf("%d answers of no are kept, want 100", n)
	}
	if d := decide("https://customer.example"); d.Result != policy.Allowed || j.asked[question{"https://customer.example", "host.example"}] != 1 {
		t.Errorf("%+v, and was asked about %d times", d, j.asked[question{"https://customer.example", "host.example"}])
	}
}

// TestAskLifetimes: a no is asked about again soon, a yes later; while there is
// no answer, an old yes is good, but not for ever.
func TestAskLifetimes(t *testing.T) {
	j := newJudge(t, answerStatus(200))
	s := provisionAsk(t, j.URL, "ttl 50ms\n negative_ttl 20ms\n max_stale 300ms\n timeout 20ms")
	expect := func(yes, known bool) {
		t.Helper()
		if got, err := asks(s, "https://a.example", "host.example"); got != yes || (err == nil) != known {
			t.Errorf("got %t, %v", got, err)
		}
	}
	begin := time.Now()
	expect(true, true)
	j.becomes(hang)
	// While it is stale, it is good; it is asked about again, but not by each.
	for time.Since(begin) < 200*time.Millisecond {
		expect(true, true)
	}
	if n := j.total(); n < 2 || n > 10 {
		t.Errorf("asked %d times while the server hangs", n)
	}
	for time.Since(begin) < 400*time.Millisecond {
		_, _ = asks(s, "https://a.example", "host.example")
	}
	expect(false, false)
	n := j.total()
	expect(false, false)
	if again := j.total() - n; again > 0 {
		t.Error("what has just failed is asked again at once")
	}
	j.becomes(answerStatus(403))
	for deadline := time.Now().Add(30 * time.Second); ; {
		if yes, err := asks(s, "https://a.example", "host.example"); !yes && err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a failure is not forgotten")
		}
	}
	j.becomes(answerStatus(200))
	for deadline := time.Now().Add(30 * time.Second); ; {
		if yes, _ := asks(s, "https://a.example", "host.example"); yes {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a no is not forgotten")
		}
	}
}

// TestAskStaleForEver: no max_stale is too long to be added to a ttl.
func TestAskStaleForEver(t *testing.T) {
	j := newJudge(t, answerStatus(200))
	s := provisionAsk(t, j.URL, "ttl 1ms\n max_stale 106751d23h47m16.8545s") // the longest, but for a moment
	for range 2 {
		if yes, err := asks(s, "https://a.example", "host.example"); !yes || err != nil {
			t.Errorf("got %t, %v", yes, err)
		}
		j.becomes(answerStatus(500))
		time.Sleep(2 * time.Millisecond) // longer than ttl
	}
}

// TestAskCancelled: who goes away does not take the answer from those who wait.
func TestAskCancelled(t *testing.T) {
	release, asked := make(chan struct{}), make(chan struct{})
	j := newJudge(t, func(http.ResponseWriter, *http.Request, question) { close(asked); <-release })
	s := provisionAsk(t, j.URL, "")
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() {
		_, err := s.AllowsOrigin((&http.Request{Host: "host.example"}).WithContext(ctx), "https://a.example")
		first <- err
	}()
	<-asked
	go func() {
		yes, err := asks(s, "https://a.example", "host.example")
		if !yes {
			err = fmt.Errorf("no: %w", err)
		}
		second <- err
	}()
	cancel()
	if err := <-first; err == nil {
		t.Error("who has gone away gets an answer")
	}
	close(release)
	if err := <-second; err != nil {
		t.Error(err)
	}
}

// TestAskOrphaned: a question whose configuration ends is asked again by that
// which has replaced it, and nobody notices.
func TestAskOrphaned(t *testing.T) {
	asked := make(chan struct{}, 2)
	j := newJudge(t, func(w http.ResponseWriter, r *http.Request, q question) { asked <- struct{}{}; hang(w, r, q) })
	old := provisionAsk(t, j.URL, "")
	done := make(chan error)
	go func() {
		yes, err := asks(old, "https://a.example", "host.example")
		if !yes {
			err = fmt.Errorf("no: %w", err)
		}
		done <- err
	}()
	<-asked
	next := provisionAsk(t, j.URL, "")
	if next.oracle != old.oracle {
		t.Fatal("a reload forgets")
	}
	j.becomes(answerStatus(200))
	if err := old.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if yes, err := asks(next, "https://a.example", "host.example"); !yes || err != nil || j.total() != 2 {
		t.Errorf("%t, %v, asked %d times", yes, err, j.total())
	}
}

// TestAskHosts: the hosts of one origin, which any client can make up, drive out
// each other, and not the answers about other origins.
func TestAskHosts(t *testing.T) {
	j := newJudge(t, answerStatus(200))
	s := provisionAsk(t, j.URL, "cache_size 160")
	if yes, err := asks(s, "https://customer.example", "host.example"); !yes || err != nil {
		t.Fatal(yes, err)
	}
	for i := range 1_000 {
		if yes, err := asks(s, "https://partner.example", fmt.Sprintf("%d.example", i)); !yes || err != nil {
			t.Fatal(yes, err)
		}
	}
	before := j.total()
	if yes, err := asks(s, "https://customer.example", "host.example"); !yes || err != nil || j.total() != before {
		t.Errorf("%t, %v, asked again: %t", yes, err, j.total() != before)
	}
	if n := s.oracle.yes.recent.Len(); n != 1+160/16 || s.oracle.yes.origins["https://partner.example"] != 160/16 {
		t.Errorf("%d answers are kept, %v", n, s.oracle.yes.origins)
	}
}

// TestAskRenewals: a flood of unknown origins does not keep the answers that are
// known from being renewed.
func TestAskRenewals(t *testing.T) {
	j := newJudge(t, answerStatus(200))
	s := provisionAsk(t, j.URL, "ttl 1ms\n max_stale 1m\n max_in_flight 4\n timeout 1m")
	if yes, err := asks(s, "https://customer.example", "host.example"); !yes || err != nil {
		t.Fatal(yes, err)
	}
	flying := make(chan struct{}, 50)
	j.becomes(func(w http.ResponseWriter, r *http.Request, q question) {
		if q.origin != "https://customer.example" {
			flying <- struct{}{}
			hang(w, r, q)
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range 50 {
		flood.Go(func() {
			r := (&http.Request{Host: "host.example"}).WithContext(ctx)
			_, _ = s.AllowsOrigin(r, fmt.Sprintf("https://%d.example", i))
		})
	}
	for range 3 {
		<-flying
	}
	for begin, before := time.Now(), j.total(); j.total() < before+10; {
		yes, err := asks(s, "https://customer.example", "host.example")
		if !yes || err != nil || time.Since(begin) > 30*time.Second {
			t.Fatalf("%t, %v after %s, asked again %d times", yes, err, time.Since(begin), j.total()-before)
		}
	}
	cancel()
	flood.Wait()
}

// TestAskOwnOptions: how long an answer is good for is what each source says, also
// where several ask the same URL; and max_stale 0 is not at all.
func TestAskOwnOptions(t *testing.T) {
	j := newJudge(t, answerStatus(200))
	brief := provisionAsk(t, j.URL, "ttl 1ms\n max_stale 0")
	long := provisionAsk(t, j.URL, "ttl 1h")
	if brief.oracle != long.oracle {
		t.Fatal("the answers are not shared")
	}
	if yes, err := asks(brief, "https://a.example", "host.example"); !yes || err != nil {
		t.Fatal(yes, err)
	}
	j.becomes(answerStatus(500))
	for deadline := time.Now().Add(30 * time.Second); ; {
		if yes, err := asks(brief, "https://a.example", "host.example"); !yes && err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a yes is good beyond its time")
		}
	}
	if yes, err := asks(long, "https://a.example", "host.example"); !yes || err != nil {
		t.Errorf("%t, %v by who is patient", yes, err)
	}
}

// TestAskComplaints: failures are logged, but not each of them.
func TestAskComplaints(t *testing.T) {
	j := newJudge(t, answerStatus(500))
	s := provisionAsk(t, j.URL+"/?token=secret", "")
	core, logs := observer.New(zapcore.DebugLevel)
	s.asker.logger = zap.New(core)
	for i := range 100 {
		if yes, err := asks(s, fmt.Sprintf("https://%d.example", i), "host.example"); yes || err == nil {
			t.Fatal(yes, err)
		}
	}
	entries := logs.All()
	if len(entries) != 1 || entries[0].Level != zapcore.ErrorLevel {
		t.Fatalf("logged %v", entries)
	}
	if text := fmt.Sprint(entries[0].Message, entries[0].ContextMap()); !strings.Contains(text, "the server answers 500") || strings.Contains(text, "secret") {
		t.Errorf("logged %s", text)
	}
}

// TestAskComplaintsRecur: what goes on failing is logged once in each interval,
// with how often it has failed.
func TestAskComplaintsRecur(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		o, a := newOracle(), &asker{name: "ask test", logger: zap.New(core)}
		for range 3 * 60 {
			o.complain(a, errTooManyQuestions)
			time.Sleep(complaintInterval / 60)
		}
		var failures []int64
		for _, entry := range logs.All() {
			failures = append(failures, entry.ContextMap()["failures"].(int64))
		}
		if want := []int64{1, 60, 60}; !slices.Equal(failures, want) {
			t.Errorf("logged %v failures, want %v", failures, want)
		}
	})
}
