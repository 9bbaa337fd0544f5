package sources

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// place is where a list is kept, as a test changes it.
type place struct {
	text, err atomic.Value
	reads     atomic.Int64
	logger    *zap.Logger
}

func newPlace(text string) *place {
	p := &place{logger: zap.NewNop()}
	p.put(text)
	return p
}

func (p *place) put(text string) {
	p.text.Store(text)
	p.err.Store("")
}

func (p *place) fails(err string) { p.err.Store(err) }

// open opens the list of the place.
func (p *place) open(t testing.TB, change func(*ListConfig)) (*List, error) {
	t.Helper()
	config := ListConfig{
		Name:  "test origins",
		Place: t.Name(),
		Read: func(context.Context, any) (string, any, error) {
			p.reads.Add(1)
			if err := p.err.Load().(string); err != "" {
				return "", nil, errors.New(err)
			}
			return p.text.Load().(string), nil, nil
		},
		Refresh: 10 * time.Second,
		Logger:  p.logger,
	}
	if change != nil {
		change(&config)
	}
	return OpenList(t.Context(), config)
}

func (p *place) mustOpen(t testing.TB, change func(*ListConfig)) *List {
	t.Helper()
	l, err := p.open(t, change)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func required(c *ListConfig) { c.Required = true }

// lists checks which of the origins a, b and c a list allows, and no others.
func lists(t testing.TB, l *List, allowed string) {
	t.Helper()
	for _, name := range []string{"a", "b", "c"} {
		want := policy.Refused
		if strings.Contains(allowed, name) {
			want = policy.Admitted
		}
		if got, err := l.Allows(nil, parse(t, "https://"+name+".example")); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, want)
		}
	}
}

// TestListAllows: what a list says of an origin.
func TestListAllows(t *testing.T) {
	l := newPlace("https://a.example\nhttps://*.b.example\nhttps://*.github.io\nhttps://me.github.io\n").mustOpen(t, required)
	defer closed(t, l)
	for origin, want := range map[string]policy.Admission{
		"https://a.example":      policy.Admitted,
		"http://a.example":       policy.Refused,
		"https://x.b.example":    policy.Admitted,
		"https://b.example":      policy.Refused,
		"https://evil.github.io": policy.AdmittedOpen,
		"https://me.github.io":   policy.Admitted,
	} {
		if got, err := l.Allows(new(http.Request), parse(t, origin)); got != want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", origin, got, err, want)
		}
	}
	o := parse(t, "https://x.b.example")
	if n := testing.AllocsPerRun(100, func() { _, _ = l.Allows(nil, o) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	claims := slices.Collect(l.Claims())
	if len(claims) != 1 || claims[0].Entry != "test origins" || !claims[0].Runtime || claims[0].Verdict.Open {
		t.Errorf("claims %+v", claims)
	}
}

// TestListRequired: a required list must be good when it is opened. What is wrong
// with it is returned, without its text if that is secret, and nothing is held.
func TestListRequired(t *testing.T) {
	for _, tc := range []struct {
		name, text, err, want string
		secret                bool
	}{
		{"failure", "", "down", "test origins: down", false},
		{"bad line", "https://a.example\na.example", "", `test origins: line 2: "a.example": has no scheme`, false},
		{"bad lines", "a.example\nb.example", "", "test origins: line 1: \"a.example\": has no scheme", false},
		{"long bad lines", strings.Repeat(strings.Repeat("x", 100)+"\n", 12), "", "test origins: line 1: \"" + strings.Repeat("x", 64) + "\"", false},
		{"secrets", "a.example\nb.example", "", "test origins: lines 1 and 2 are not valid entries of a list", true},
		{"secret", "https://a.example\na.example", "", "test origins: line 2 is not a valid entry of a list", true},
		{"failure of a secret", "", "down", "test origins: down", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlace(tc.text)
			p.fails(tc.err)
			done := false
			l, err := p.open(t, func(c *ListConfig) { c.Required, c.Secret, c.Done = true, tc.secret, func() { done = true } })
			if l != nil || err == nil || !strings.HasPrefix(err.Error(), tc.want) || tc.secret && strings.Contains(err.Error(), "a.example") {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if !done {
				t.Error("Done is not called")
			}
			for _, s := range Live() {
				if s.Source == "test origins" {
					t.Error("the list is held")
				}
			}
		})
	}
	p := newPlace("# none")
	logger, logs := observed()
	p.logger = logger
	l := p.mustOpen(t, required)
	defer closed(t, l)
	lists(t, l, "")
	if n := logs.FilterLevelExact(zapcore.WarnLevel).FilterMessageSnippet("is empty").Len(); n != 1 {
		t.Errorf("warned %d times of an empty list", n)
	}
}

// TestListNotYet: a list that is not required is read soon after it is opened. Until
// then, the error names the list.
func TestListNotYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		p.fails("down")
		l := p.mustOpen(t, nil)
		defer closed(t, l)
		got, err := l.Allows(nil, parse(t, "https://a.example"))
		if got != policy.Refused || err == nil || err.Error() != "test origins: there is no list yet" {
			t.Errorf("got %v, %v", got, err)
		}
		synctest.Wait()
		p.put("https://a.example")
		time.Sleep(minBackoff)
		synctest.Wait()
		lists(t, l, "a")
	})
}

// TestListChanges: a list takes effect when it is read, if it is good. Otherwise
// the previous one stays, and an empty text counts only with a comment.
func TestListChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		logger, logs := observed()
		p.logger = logger
		l := p.mustOpen(t, required)
		defer closed(t, l)
		lists(t, l, "a")
		for _, step := range []struct {
			text, allowed string
			complaint     string
		}{
			{"https://a.example\nhttps://b.example", "ab", ""},
			{"https://a.example\nhttps://c.example\nx", "ab", `line 3: "x"`},
			{"", "ab", "the list is empty now, but was not before; if that is intended, write a comment"},
			{"\n\n", "ab", "the list is empty now"},
			{"https://c.example", "c", ""},
			{"https://c.example", "c", ""},
			{"# none", "", ""},
			{"", "", ""},
			{"https://b.example", "b", ""},
		} {
			p.put(step.text)
			time.Sleep(10 * time.Second)
			synctest.Wait()
			lists(t, l, step.allowed)
			complaints := slices.DeleteFunc(logs.TakeAll(), func(e observer.LoggedEntry) bool { return e.Level != zapcore.ErrorLevel })
			if step.complaint == "" && len(complaints) > 0 || step.complaint != "" && !strings.Contains(fmt.Sprint(complaints), step.complaint) {
				t.Errorf("%q: logged %v, want %q", step.text, complaints, step.complaint)
			}
		}
		reads := p.reads.Load()
		old := l.shared.current.Load().List
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if p.reads.Load() != reads+1 || l.shared.current.Load().List != old {
			t.Error("a text that has not changed is parsed again")
		}
	})
}

// TestListTag: a Reader gets its own tag of the version there is.
func TestListTag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tags []any
		l := newPlace("").mustOpen(t, func(c *ListConfig) {
			c.Read = func(_ context.Context, tag any) (string, any, error) {
				tags = append(tags, tag)
				switch len(tags) {
				case 1, 2: // the same text with another tag
					return "https://a.example", len(tags), nil
				case 3:
					return "", nil, errNotModified
				case 4:
					return "bad", 4, nil
				}
				return "https://b.example", 5, nil
			}
		})
		time.Sleep(time.Minute)
		closed(t, l)
		if want := []any{nil, 1, 2, 2, 2, 5}; len(tags) < len(want) || !slices.Equal(tags[:len(want)], want) {
			t.Errorf("got the tags %v, want %v", tags, want)
		}
		lists(t, l, "b")
	})
}

// TestListShared: configurations share a list, so that a reload does not read it
// again. The newest one reads it, and the shortest interval counts.
func TestListShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newPlace("https://a.example"), newPlace("https://b.example")
		old := first.mustOpen(t, required)
		synctest.Wait()
		next := second.mustOpen(t, func(c *ListConfig) { c.Required, c.Refresh = true, time.Minute })
		if second.reads.Load() > 0 {
			t.Error("a reload reads the list again")
		}
		lists(t, next, "a")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if first.reads.Load() != 1 || second.reads.Load() != 1 {
			t.Errorf("read %d and %d times, want 1 and 1", first.reads.Load(), second.reads.Load())
		}
		lists(t, old, "b")
		closed(t, next)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		lists(t, old, "a")
		other := first.mustOpen(t, func(c *ListConfig) { c.Place += "elsewhere" })
		if other.shared == old.shared {
			t.Error("lists of two places are shared")
		}
		closed(t, other)
		closed(t, old)
		lists(t, old, "a") // for requests under way
	})
}

// TestListInterval: a list is read at the shortest interval of those who use it at the
// time, whoever came first and whatever became of the others.
func TestListInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		every := func(interval time.Duration) func(*ListConfig) {
			return func(c *ListConfig) { c.Required, c.Refresh = true, interval }
		}
		reads := func(when string, want int64) {
			t.Helper()
			synctest.Wait()
			if got := p.reads.Load(); got != want {
				t.Errorf("%s: read %d times, want %d", when, got, want)
			}
		}
		minute := p.mustOpen(t, every(time.Minute))
		synctest.Wait() // it has slept since the first read
		quick := p.mustOpen(t, every(10*time.Second))
		slow := p.mustOpen(t, every(time.Hour))
		time.Sleep(10 * time.Second)
		reads("after 10s", 2)
		closed(t, quick)
		time.Sleep(59 * time.Second)
		reads("less than a minute later", 2)
		time.Sleep(time.Second)
		reads("a minute later", 3)
		closed(t, minute)
		slow.cancel() // as if its configuration had ended
		time.Sleep(time.Hour)
		reads("without a configuration", 3)
		again := p.mustOpen(t, every(time.Hour))
		reads("with the next one", 4)
		closed(t, slow)
		closed(t, again)
	})
}

// TestListContext: a list is not read after its context has ended, and what a read
// reports then is ignored.
func TestListContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		logger, logs := observed()
		p.logger = logger
		ctx, cancel := context.WithCancel(t.Context())
		l, err := OpenList(ctx, ListConfig{Name: "test origins", Place: t.Name(), Refresh: time.Second, Logger: p.logger, Read: func(ctx context.Context, _ any) (string, any, error) {
			p.reads.Add(1)
			<-ctx.Done()
			return "", nil, ctx.Err()
		}})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := p.reads.Load(); n != 1 || logs.Len() > 0 {
			t.Errorf("read %d times, logged %v", n, logs.All())
		}
		closed(t, l)
	})
}

// TestListHangs: a read that never ends delays neither the end of its
// configuration nor the next one for long, and what it brings late is not used.
func TestListHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		logger, logs := observed()
		p.logger = logger
		release := make(chan struct{})
		var reads atomic.Int64
		old := p.mustOpen(t, func(c *ListConfig) {
			c.Refresh = time.Second
			c.Read = func(context.Context, any) (string, any, error) {
				reads.Add(1)
				<-release
				return "https://c.example", nil, nil
			}
		})
		synctest.Wait()
		time.Sleep(2 * readPatience)
		if n := reads.Load(); n != 1 {
			t.Errorf("read %d times at once", n)
		}
		if logs.FilterMessageSnippet("no origin is allowed until it can").Len() == 0 || !strings.Contains(fmt.Sprint(logs.All()), errReadHangs.Error()) {
			t.Errorf("logged %v", logs.All())
		}
		next := p.mustOpen(t, nil)
		begin := time.Now()
		closed(t, old) // which waits, but not for ever
		if waited := time.Since(begin); waited != closePatience {
			t.Errorf("Close waits %s", waited)
		}
		if logs.FilterMessageSnippet("continues after its configuration has ended").Len() != 1 {
			t.Errorf("logged %v", logs.All())
		}
		time.Sleep(time.Minute)
		close(release)
		synctest.Wait()
		lists(t, next, "a")
		closed(t, next)
	})
}

// TestListRequiredHangs: a required list that cannot be read because its place does
// not respond is refused after a while, so that a reload ends. Nothing is held.
func TestListRequiredHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		begin := time.Now()
		l, err := newPlace("").open(t, func(c *ListConfig) {
			c.Required = true
			c.Read = func(context.Context, any) (string, any, error) {
				<-release // whatever its context says
				return "https://a.example", nil, nil
			}
		})
		if l != nil || !errors.Is(err, errReadHangs) || !strings.HasPrefix(err.Error(), "test origins: ") {
			t.Errorf("got %v, want %q", err, errReadHangs)
		}
		if waited := time.Since(begin); waited != readPatience+closePatience {
			t.Errorf("waits %s, want %s", waited, readPatience+closePatience)
		}
		for _, s := range Live() {
			if s.Source == "test origins" {
				t.Error("the list is held")
			}
		}
	})
}

// TestListTimeout: a read has as much time as its own timeout, if that is long.
func TestListTimeout(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{0: readPatience, time.Second: readPatience, time.Hour: time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			var patience time.Duration
			l := newPlace("").mustOpen(t, func(c *ListConfig) {
				c.Required, c.Timeout = true, timeout
				c.Read = func(ctx context.Context, _ any) (string, any, error) {
					deadline, _ := ctx.Deadline()
					patience = time.Until(deadline)
					return "# none", nil, nil
				}
			})
			closed(t, l)
			if patience != want {
				t.Errorf("timeout %s: a read is abandoned after %s, want %s", timeout, patience, want)
			}
		})
	}
}

// TestListBackoff: a failed refresh is tried again after a second, and then after
// twice as long each time, up to the refresh interval. It is logged when it begins
// to fail, once in each interval, and when it succeeds again. Requests meanwhile
// use the previous list, even while it is read.
func TestListBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger, logs := observed()
		begin := time.Now()
		var reads []int // in seconds
		var failing atomic.Bool
		p := newPlace("")
		p.logger = logger
		l := p.mustOpen(t, func(c *ListConfig) {
			c.Required = true
			c.Read = func(context.Context, any) (string, any, error) {
				reads = append(reads, int(time.Since(begin).Seconds()))
				time.Sleep(500 * time.Millisecond)
				if failing.Load() {
					return "", nil, errors.New("down")
				}
				return "https://a.example", nil, nil
			}
		})
		failing.Store(true)
		check := func() {
			t.Helper()
			now := time.Now()
			lists(t, l, "a")
			if time.Since(now) > 0 {
				t.Errorf("a request waits %s", time.Since(now))
			}
		}
		for time.Since(begin) < 60*time.Second {
			time.Sleep(100 * time.Millisecond)
			check()
		}
		failing.Store(false)
		time.Sleep(15 * time.Second)
		check()
		closed(t, l)
		if want := []int{0, 10, 12, 14, 19, 27, 38, 48, 59, 69}; !slices.Equal(reads, want) {
			t.Errorf("reads after %v seconds, want %v", reads, want)
		}
		var logged []int
		for _, entry := range logs.FilterLevelExact(zapcore.ErrorLevel).All() {
			logged = append(logged, int(entry.Time.Sub(begin).Seconds()))
			if fields := entry.ContextMap(); !strings.Contains(entry.Message, "keeping the previous list") || fields["origins"] != int64(1) || fields["error"] != "test origins: down" {
				t.Errorf("logged %v", entry)
			}
		}
		if want := []int{11, 28, 38, 49, 59}; !slices.Equal(logged, want) {
			t.Errorf("complaints after %v seconds, want %v", logged, want)
		}
		if n := logs.FilterMessage("the list of origins can be read again").Len(); n != 1 {
			t.Errorf("told %d times that it is over", n)
		}
	})
}

// TestListFailures: another failure is logged at once, and so is the same one after
// a success.
func TestListFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace("https://a.example")
		logger, logs := observed()
		p.logger = logger
		l := p.mustOpen(t, required)
		defer closed(t, l)
		// The list is read as often as before, but complaints are rarer.
		newest := p.mustOpen(t, func(c *ListConfig) { c.Refresh = time.Minute })
		defer closed(t, newest)
		for _, failure := range []string{"down", "down", "broken", "broken", "down", "", "down"} {
			p.fails(failure)
			reads := p.reads.Load()
			for p.reads.Load() == reads {
				time.Sleep(time.Second)
				synctest.Wait()
			}
		}
		var failures []string
		for _, entry := range logs.FilterLevelExact(zapcore.ErrorLevel).All() {
			failures = append(failures, entry.ContextMap()["error"].(string))
		}
		if want := []string{"test origins: down", "test origins: broken", "test origins: down", "test origins: down"}; !slices.Equal(failures, want) {
			t.Errorf("logged %q, want %q", failures, want)
		}
	})
}
