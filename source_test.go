package caddycors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// TestListEqualsAllowOrigins: for any list, a source decides as the same patterns
// do in allow_origins, wherever that policy is accepted.
func TestListEqualsAllowOrigins(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[rnd.IntN(len(list))] }
	hosts := []string{"a.example", "b.a.example", "com", "github.io", "me.github.io", "localhost", "x.localhost", "127.0.0.1", "[::1]", "co.uk", "lan"}
	host := func() string { return hosts[rnd.IntN(len(hosts))] }
	path := filepath.Join(t.TempDir(), "origins")
	accepted := make(map[bool]int) // by credentials
	decisions := make(map[policy.Result]int)
	for i := range 1_000 {
		var list []string
		for range 1 + rnd.IntN(8) {
			list = append(list, pick("https", "http", "app")+"://"+pick("", "", "*.")+host()+pick("", "", ":*", ":8443"))
		}
		static := policy.Config{Origins: list, Credentials: i%2 == 0, Environment: environment()}
		for _, waiver := range []string{policy.WaiverInsecure, policy.WaiverOpen} {
			if rnd.IntN(2) == 0 {
				static.Accepted = append(static.Accepted, waiver)
			}
		}
		p, findings := policy.Compile(&static)
		if findings.Err() != nil {
			continue
		}
		accepted[static.Credentials]++
		if err := os.WriteFile(path, []byte(strings.Join(list, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		source := &FileSource{Path: path}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
		if err := source.Provision(ctx); err != nil {
			t.Fatalf("%q: %v", list, err)
		}
		dynamic := static
		dynamic.Origins, dynamic.Sources = nil, []policy.Source{foreignSource{source}}
		q, findings := policy.Compile(&dynamic)
		if err := findings.Err(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			origin := pick("https", "http", "app") + "://" + pick("", "a.", "b.a.", "x.") + host() + pick("", "", ":1", ":8443")
			r := &http.Request{Header: fields("Origin: " + origin)}
			want, got := p.Decide(r), q.Decide(r)
			if want.Result != got.Result || want.Origin != got.Origin {
				t.Errorf("%q, credentials %t, waived %q: %s: got %v, want %v", list, static.Credentials, static.Accepted, origin, got, want)
			}
			// By itself, a source knows nothing of credentials.
			if yes, err := source.AllowsOrigin(r, origin); err != nil || !static.Credentials && yes != (want.Result == policy.Allowed) {
				t.Errorf("%q: %s: got %t, %v", list, origin, yes, err)
			}
			decisions[want.Result]++
		}
		if err := source.Cleanup(); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	if accepted[true] < 100 || accepted[false] < 100 || decisions[policy.Allowed] < 1000 || decisions[policy.Denied] < 1000 {
		t.Errorf("too few policies are accepted, %v, or decisions taken, %v", accepted, decisions)
	}
}

// TestHungRead: a read that never ends holds up neither the end of its
// configuration, nor the next one.
func TestHungRead(t *testing.T) {
	const text = "https://a.example"
	hung := make(chan struct{})
	release := make(chan struct{})
	reader := func(read func() string) *listReader {
		r := &listReader{
			read:    func(context.Context, any) (string, any, error) { return read(), nil, nil },
			name:    "test",
			refresh: time.Millisecond,
			logger:  zap.NewNop(),
			busy:    make(chan struct{}, 1),
		}
		r.ctx, r.cancel = context.WithCancel(t.Context())
		return r
	}
	value, err := newList()
	if err != nil {
		t.Fatal(err)
	}
	l := value.(*originList)
	once := sync.OnceFunc(func() { close(hung) })
	old := reader(func() string { once(); <-release; return "https://late.example" })
	if err := l.attach(old, false); err != nil {
		t.Fatal(err)
	}
	<-hung
	next := reader(func() string { return text })
	if err := l.attach(next, false); err != nil {
		t.Fatal(err)
	}
	l.detach(old) // which waits, but not for ever
	for deadline := time.Now().Add(30 * time.Second); l.current.Load() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the next configuration does not read")
		}
	}
	close(release)
	l.detach(next)
	if err := l.Destruct(); err != nil {
		t.Fatal(err)
	}
	if o, _ := origins.Parse(text); !first(l.current.Load().Allows(o)) || l.current.Load().Len() != 1 {
		t.Error("what comes late is used")
	}
}

func first(b, _ bool) bool { return b }

// TestListBackoff: what fails is tried again after a second, and then after twice
// as long each time, up to the refresh interval; it is logged when it begins to
// fail, once in each interval, and when it is over. Requests meanwhile have the
// list from before, also while it is read.
func TestListBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.DebugLevel)
		begin := time.Now()
		var reads []int // in seconds
		var failing atomic.Bool
		reader := &listReader{
			read: func(context.Context, any) (string, any, error) {
				reads = append(reads, int(time.Since(begin).Seconds()))
				time.Sleep(500 * time.Millisecond)
				if failing.Load() {
					return "", nil, errors.New("down")
				}
				return "https://a.example", nil, nil
			},
			name:    "test",
			refresh: 10 * time.Second,
			logger:  zap.New(core),
			busy:    make(chan struct{}, 1),
		}
		reader.ctx, reader.cancel = context.WithCancel(t.Context())
		value, err := newList()
		if err != nil {
			t.Fatal(err)
		}
		l := value.(*originList)
		if err := l.attach(reader, true); err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		source := listSource{list: l}
		check := func() {
			t.Helper()
			now := time.Now()
			if yes, err := source.AllowsOrigin(nil, "https://a.example"); !yes || err != nil || time.Since(now) > 0 {
				t.Errorf("got %t, %v, after %s", yes, err, time.Since(now))
			}
		}
		for time.Since(begin) < 60*time.Second {
			time.Sleep(100 * time.Millisecond)
			check()
		}
		failing.Store(false)
		time.Sleep(15 * time.Second)
		check()
		l.detach(reader)
		if err := l.Destruct(); err != nil {
			t.Fatal(err)
		}
		if want := []int{0, 10, 12, 14, 19, 27, 38, 48, 59, 69}; !slices.Equal(reads, want) {
			t.Errorf("reads after %v seconds, want %v", reads, want)
		}
		var logged []int
		for _, entry := range logs.FilterLevelExact(zapcore.ErrorLevel).All() {
			logged = append(logged, int(entry.Time.Sub(begin).Seconds()))
		}
		if want := []int{11, 28, 38, 49, 59}; !slices.Equal(logged, want) {
			t.Errorf("complaints after %v seconds, want %v", logged, want)
		}
		if n := logs.FilterMessage("origins are refreshed again").Len(); n != 1 {
			t.Errorf("told %d times that it is over", n)
		}
	})
}

// TestVersions: a text is read again unless it is sure not to have changed,
// whatever a storage knows of times.
func TestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(-time.Hour)
		tag, unchanged := compareVersions(nil, at, 10, nil)
		if unchanged {
			t.Error("what was not read is unchanged")
		}
		// Another change may have the same time, as far as storages tell times.
		time.Sleep(modGranularity)
		if tag, unchanged = compareVersions(tag, at, 10, nil); unchanged {
			t.Error("read too soon after the change to be sure")
		}
		time.Sleep(time.Second)
		if tag, unchanged = compareVersions(tag, at, 10, nil); unchanged {
			t.Error("the reading that counts is the one before")
		}
		if _, unchanged = compareVersions(tag, at, 10, nil); !unchanged {
			t.Error("read again without need")
		}
		for what, version := range map[string]modTag{
			"newer":  {modified: at.Add(1), size: 10},
			"older":  {modified: at.Add(-1), size: 10},
			"longer": {modified: at, size: 11},
		} {
			if _, unchanged = compareVersions(tag, version.modified, version.size, nil); unchanged {
				t.Errorf("what is %s is unchanged", what)
			}
		}
		tag, _ = compareVersions(nil, time.Time{}, 10, nil)
		for range 3 {
			time.Sleep(time.Hour)
			if tag, unchanged = compareVersions(tag, time.Time{}, 10, nil); unchanged {
				t.Error("what has no time is unchanged")
			}
		}
	})
}

// TestReadList: a text is read whole, whatever its length is said to be, and not
// beyond the longest that there may be.
func TestReadList(t *testing.T) {
	for _, size := range []int{0, 1, 4 << 10, 4<<10 + 1, 12 << 10, 100_000, 3 << 20} {
		text := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
		for _, length := range []int{-1, 0, 1, size / 2, size, size + 10} {
			got, err := readList(iotest.OneByteReader(strings.NewReader(text[:min(size, 1<<17)])), int64(length))
			if err != nil || got != text[:min(size, 1<<17)] {
				t.Errorf("%d bytes, byte by byte, said to be %d: got %d, %v", size, length, len(got), err)
			}
			if got, err = readList(strings.NewReader(text), int64(length)); err != nil || got != text {
				t.Errorf("%d bytes, said to be %d: got %d, %v", size, length, len(got), err)
			}
		}
	}
	if _, err := readList(io.MultiReader(strings.NewReader("https://a.example"), iotest.ErrReader(io.ErrUnexpectedEOF)), -1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: %v", err)
	}
	for _, length := range []int64{-1, 10, maxList, maxList + 1} {
		endless := &endlessReader{}
		if _, err := readList(endless, length); !errors.Is(err, errListTooLong) || endless.read > maxList+2<<20 {
			t.Errorf("endless, said to be %d: %v after %d bytes", length, err, endless.read)
		}
	}
}

// endlessReader reads zeros, and counts them.
type endlessReader struct{ read int64 }

func (r *endlessReader) Read(p []byte) (int, error) {
	r.read += int64(len(p))
	return len(p), nil
}

// vastStorage is a storage with a value that is too long for a list.
type vastStorage struct{ certmagic.Storage }

func (vastStorage) Stat(_ context.Context, key string) (certmagic.KeyInfo, error) {
	return certmagic.KeyInfo{Key: key, Modified: time.Now(), Size: maxList + 1, IsTerminal: true}, nil
}

// TestVastValue: what is too long is not loaded.
func TestVastValue(t *testing.T) {
	if _, _, err := readStorage(t.Context(), vastStorage{}, "origins", nil); !errors.Is(err, errListTooLong) {
		t.Errorf("got %v", err)
	}
}

// sourceFunc is a source that a test makes up.
type sourceFunc func(r *http.Request, origin string) (bool, error)

func (f sourceFunc) AllowsOrigin(r *http.Request, origin string) (bool, error) { return f(r, origin) }

// TestSourcesInOrder: sources are asked only about what nothing else allows, in
// order, until one says yes; and an error says no, unless another one knows.
func TestSourcesInOrder(t *testing.T) {
	for _, tc := range []struct {
		name    string
		origin  string
		answers []any // true, false or an error, by source
		asked   int
		want    policy.Decision
	}{
		{"in the policy", "https://a.example", []any{false}, 0, policy.Decision{Origin: "https://a.example", Result: policy.Allowed}},
		{"first", "https://b.example", []any{true, false}, 1, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"second", "https://b.example", []any{false, true}, 2, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"none", "https://b.example", []any{false, false}, 2, policy.Decision{Result: policy.Denied, Reason: policy.ReasonOrigin}},
		{"an error", "https://b.example", []any{errors.New("x"), false}, 2, policy.Decision{Result: policy.Denied, Reason: policy.ReasonSource}},
		{"an error, then yes", "https://b.example", []any{errors.New("x"), true}, 2, policy.Decision{Origin: "https://b.example", Result: policy.Allowed}},
		{"malformed", "https://B.example", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonMalformed}},
		{"null", "null", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonNull}},
		{"insecure", "http://b.example", []any{true}, 0, policy.Decision{Result: policy.Denied, Reason: policy.ReasonInsecure}},
		{"loopback", "http://localhost:99", []any{true}, 1, policy.Decision{Origin: "http://localhost:99", Result: policy.Allowed}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			asked := 0
			config := policy.Config{Origins: []string{"https://a.example"}, Credentials: true, Environment: environment()}
			for _, answer := range tc.answers {
				config.Sources = append(config.Sources, foreignSource{sourceFunc(func(_ *http.Request, origin string) (bool, error) {
					asked++
					if origin != tc.origin {
						t.Errorf("asked about %q", origin)
					}
					if err, ok := answer.(error); ok {
						return true, err
					}
					return answer.(bool), nil
				})})
			}
			p, findings := policy.Compile(&config)
			if err := findings.Err(); err != nil {
				t.Fatal(err)
			}
			got := p.Decide(&http.Request{Header: fields("Origin: " + tc.origin)})
			if (got.Err != nil) != (tc.want.Reason == policy.ReasonSource) {
				t.Errorf("error %v", got.Err)
			}
			got.Err = nil
			if got != tc.want || asked != tc.asked {
				t.Errorf("got %+v, asked %d times, want %+v, %d", got, asked, tc.want, tc.asked)
			}
		})
	}
}

// BenchmarkSources times what a list of a million origins, and a known answer,
// add to a request.
// TestNoListYet: until there is a list, nobody is allowed, and what is said of it
// names the source, but none of its secrets.
func TestNoListYet(t *testing.T) {
	h := provision(t, "cors {\n dynamic http http://user:secret@127.0.0.1:1/list?token=secret\n}")
	d := h.policy.Decide(&http.Request{Header: fields("Origin: https://a.example")})
	if d.Result != policy.Denied || d.Reason != policy.ReasonSource || d.Err.Error() != "http 127.0.0.1:1: there is no list yet" {
		t.Errorf("got %+v", d)
	}
}

func BenchmarkSources(b *testing.B) {
	path := filepath.Join(b.TempDir(), "origins")
	var text strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "https://tenant-%07d.example.com\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	j := newJudge(b, answerStatus(http.StatusOK))
	for name, directive := range map[string]string{
		"file": "cors {\n dynamic file " + path + "\n}",
		"ask":  "cors {\n dynamic ask " + j.URL + "\n}",
	} {
		h := provision(b, directive)
		r := &http.Request{Method: http.MethodGet, Host: "host.example", Header: fields("Origin: https://tenant-0500000.example.com")}
		b.Run(name, func(b *testing.B) { benchmark(b, h, r) })
	}
}

// TestSourceSyntax: what is wrong with the tokens of a source, and what to write.
func TestSourceSyntax(t *testing.T) {
	for _, tc := range []struct{ tokens, problem string }{
		{`dynamic`, `dynamic has no source: write dynamic file, storage, http, ask or match`},
		{`file /etc/caddy/origins.txt`, `unknown subdirective "file" of cors: write dynamic file`},
		{`dynamic_origins file /etc/caddy/origins.txt`, `unknown subdirective "dynamic_origins" of cors: write dynamic`},
		{`dynamic redis x`, `unknown source "redis" of dynamic: write one of file, storage, http, ask and match`},
		{`dynamic file`, `file needs a path: write it after file, as in dynamic file /etc/caddy/origins.txt`},
		{`dynamic storage`, `storage needs a key: write it after storage, as in dynamic storage cors/origins`},
		{"dynamic http {\n url http://a.example\n}", `http needs a URL: write it after http, as in dynamic http https://config.example.com/origins`},
		{`dynamic ask`, `ask needs a URL: write it after ask, as in dynamic ask http://localhost:9000/cors`},
		{`dynamic file x refresh 5s`, `file takes one argument, a path, but "refresh" follows: write options in a block`},
		{"dynamic file x {\n refesh 5s\n}", `unknown option "refesh" of file: write one of refresh`},
		{"dynamic file x {\n refresh 5s\n refresh 5s\n}", `refresh stands twice: write it once`},
		{"dynamic file x {\n refresh\n}", `refresh takes one duration, such as 30s`},
		{"dynamic file x {\n refresh 5s 6s\n}", `refresh takes one duration, such as 30s`},
		{"dynamic file x {\n refresh 5\n}", `refresh "5" has no unit: write 5s`},
		{"dynamic file x {\n refresh 0\n}", `refresh "0" is no duration longer than 0: write one such as 30s`},
		{"dynamic file x {\n refresh -5s\n}", `refresh "-5s" is no duration: write one such as 30s`},
		{"dynamic ask x {\n max_stale off\n}", `max_stale "off" is no duration: write one such as 30s`},
		{"dynamic ask x {\n cache_size 10k\n}", `cache_size "10k" is no number greater than 0: write one such as 10000`},
		{"dynamic ask x {\n cache_size 0\n}", `cache_size "0" is no number greater than 0: write one such as 10000`},
		{"dynamic ask x {\n max_in_flight\n}", `max_in_flight takes one number: write one such as 16`},
		{"dynamic ask x {\n max_in_flight 1 2\n}", `max_in_flight takes one number: write one such as 16`},
		{"dynamic http x {\n header_up Authorization Bearer x\n}", `header_up takes a field and a value: quote a value that has spaces`},
		{`dynamic match @api`, `match takes no argument, but "@api" follows: write the matchers in a block`},
		{`dynamic match`, `match has no matchers: write at least one in its block, such as origin https://*.example.com`},
	} {
		err := new(Handler).UnmarshalCaddyfile(caddyfile.NewTestDispenser("cors {\n" + tc.tokens + "\n}"))
		if err == nil || !strings.Contains(err.Error(), tc.problem) {
			t.Errorf("%s: %v, want %q", tc.tokens, err, tc.problem)
		}
	}
}
