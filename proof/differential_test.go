// Package proof compares caddy-cors with other CORS libraries for Go: random
// policies and random requests, judged by what a browser would let a page do, not
// by the text of header fields. See README.md.
package proof

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
)

var (
	cases = flag.Int("cases", 200_000, "how many requests to make: those under a policy that both libraries accept are compared")
	seed  = flag.Uint64("seed", 1, "the seed of the policies and requests")
)

// TestMain has the collector run less often: all that there is in memory is a few
// policies.
func TestMain(m *testing.M) {
	debug.SetGCPercent(800)
	os.Exit(m.Run())
}

// requests is how many requests are made under one policy.
const requests = 100

// tally counts, by what there is to count.
type tally map[string]int

func (t tally) String() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(t)) {
		fmt.Fprintf(&b, "\n%10d  %s", t[key], key)
	}
	return b.String()
}

// forEach calls f with each of n numbers and a source of randomness of its own,
// on every processor. What it counts is added up.
func forEach(n int, f func(i int, rnd *rand.Rand, count tally)) tally {
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		mu    sync.Mutex
		total = make(tally)
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			count := make(tally)
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i, rand.New(rand.NewPCG(*seed, uint64(i))), count)
			}
			mu.Lock()
			defer mu.Unlock()
			for key, c := range count {
				total[key] += c
			}
		})
	}
	wg.Wait()
	return total
}

// failures keeps a test from saying the same thing very often.
type failures struct {
	*testing.T
	said atomic.Int64
}

func (f *failures) Errorf(format string, args ...any) {
	if f.said.Add(1) <= 10 {
		f.T.Errorf(format, args...)
	} else {
		f.Fail()
	}
}

// TestBrowser: caddy-cors does what the policy says, without an exception, and a
// peer does the same but for the differences that are explained.
func TestBrowser(t *testing.T) {
	wrapCaddy := newCaddy(t)
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			f := &failures{T: t}
			count := forEach(*cases/requests, func(i int, rnd *rand.Rand, count tally) {
				p := newPolicy(rnd)
				ours, ourErr := wrapCaddy(p, application)
				theirs, theirErr := peer.wrap(p, application)
				switch {
				case ourErr == nil && theirErr == nil:
					count["policies that both accept"]++
				case ourErr == nil:
					count["policies that only caddy-cors accepts"]++
				case theirErr == nil:
					count["policies that only the peer accepts"]++
					return
				default:
					count["policies that neither accepts"]++
					return
				}
				var before *browser.Response
				var asked *browser.Request
				for range requests {
					r := newRequest(rnd, p)
					tr := trial{policy: p, request: r}
					var answer *browser.Response
					tr.ours, answer = fetch(ours, r)
					if want := p.verdict(r, responseFields); !tr.ours.equal(want) {
						f.Errorf("policy %d: %s\n%s: got %s, want %s", i, p, describe(r), tr.ours, want)
					}
					count["requests"]++
					count["preflight "+string(tr.ours.preflight)]++
					// A remembered answer allows nothing that the browser would not be allowed anew.
					if before != nil && r.NeedsPreflight() && r.Origin == asked.Origin && r.Credentials == asked.Credentials && !r.UsePreflight {
						count["answers used again"]++
						if r.CheckPreflight(*before) == nil && tr.ours.preflight != preflightPassed {
							f.Errorf("policy %d: %s\n%s is allowed by the answer to %s", i, p, describe(r), describe(asked))
						}
					}
					if answer != nil {
						before, asked = answer, r
					}
					if theirErr != nil {
						continue
					}
					count["requests compared"]++
					if tr.theirs, _ = fetch(theirs, r); !tr.ours.equal(tr.theirs) {
						count["requests with another verdict"]++
						explain(f, i, &tr, peer.differences, count)
					} else if tr.ours.read {
						count["requests that both allow"]++
					}
				}
			})
			report(t, count, peer.differences)
		})
	}
}

// explain counts a difference by its kind, or reports it.
func explain(f *failures, i int, tr *trial, kinds []difference, count tally) {
	for _, d := range kinds {
		if d.applies(tr) {
			count["difference: "+d.kind+" (right: "+d.right+")"]++
			return
		}
	}
	f.Errorf("policy %d: %s\n%s, %q: an unexplained difference\n    ours: %s\n    theirs: %s", i, tr.policy, describe(tr.request), tr.sent, tr.ours, tr.theirs)
}

// report logs what was counted, and fails if a kind of difference did not occur.
func report(t *testing.T, count tally, kinds []difference) {
	t.Helper()
	for _, d := range kinds {
		if count["difference: "+d.kind+" (right: "+d.right+")"] == 0 {
			t.Errorf("there is no difference of the kind %q any more, or too few cases: remove the explanation", d.kind)
		}
	}
	t.Log(count)
}

func describe(r *browser.Request) string {
	return fmt.Sprintf("%s from %.400q with %q, credentials %t, upload %t", r.Method, r.Origin, r.Header, r.Credentials, r.UsePreflight)
}

// TestHostile: what no browser sends is never allowed by caddy-cors where a peer
// denies it, but for what is explained; and never beyond the policy.
func TestHostile(t *testing.T) {
	wrapCaddy := newCaddy(t)
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			f := &failures{T: t}
			count := forEach(*cases/requests, func(i int, rnd *rand.Rand, count tally) {
				p := newPolicy(rnd)
				ours, err := wrapCaddy(p, application)
				if err != nil {
					return
				}
				theirs, err := peer.wrap(p, application)
				if err != nil {
					return
				}
				for range requests {
					tr := newHostile(rnd, p)
					method := http.MethodOptions
					if tr.sent["Access-Control-Request-Method"] == nil {
						method = "GET"
					}
					tr.ours, tr.theirs = tr.judge(send(ours, method, tr.sent.Clone())), tr.judge(send(theirs, method, tr.sent.Clone()))
					count["requests"]++
					if tr.ours.exceeds(verdict{preflight: preflightFailed}) {
						count["requests that caddy-cors allows"]++
						if lines := tr.sent["Origin"]; !p.any() && (len(lines) != 1 || !p.allowsOrigin(lines[0])) {
							f.Errorf("policy %d: %s\n%q is allowed", i, p, tr.sent)
						}
					}
					switch {
					case tr.weAllow():
						explain(f, i, &tr, peer.stricter, count)
					case tr.theyAllow():
						count["requests that only the peer allows"]++
					}
				}
			})
			report(t, count, peer.stricter)
		})
	}
}

// newHostile returns a preflight or a request that no browser sends, and the page
// and the call that it might be taken for.
func newHostile(rnd *rand.Rand, p *policy) trial {
	tr := trial{policy: p, sent: http.Header{}}
	for range pick(rnd, []int{1, 1, 1, 1, 1, 1, 2, 3}) {
		o := newOrigin(rnd, p)
		if oneIn(rnd, 3) || o == api {
			o = pick(rnd, hostileOrigins)
		}
		tr.sent["Origin"] = append(tr.sent["Origin"], o)
	}
	tr.request, _ = browser.NewRequest("GET", target, pick(rnd, tr.sent["Origin"]), http.Header{}, p.credentials && oneIn(rnd, 2))
	if oneIn(rnd, 8) {
		return tr
	}
	for range pick(rnd, []int{1, 1, 1, 1, 1, 2}) {
		m := pick(rnd, hostileMethods)
		tr.sent["Access-Control-Request-Method"] = append(tr.sent["Access-Control-Request-Method"], m)
	}
	tr.request.Method = tr.sent["Access-Control-Request-Method"][0]
	for range pick(rnd, []int{0, 1, 1, 1, 1, 2, 3}) {
		var names []string
		for range rnd.IntN(5) {
			name := pick(rnd, hostileFields)
			if oneIn(rnd, 2) {
				name = strings.ToLower(name)
			}
			names = append(names, pick(rnd, []string{"", "", "", " ", "\t", "    "})+name+pick(rnd, []string{"", "", "", " "}))
		}
		if oneIn(rnd, 2) {
			slices.Sort(names)
		}
		line := strings.Join(names, ",")
		if oneIn(rnd, 20) {
			line += strings.Repeat(",", 1+rnd.IntN(5000))
		}
		tr.sent["Access-Control-Request-Headers"] = append(tr.sent["Access-Control-Request-Headers"], line)
	}
	for _, name := range lowerNames(tr.sent["Access-Control-Request-Headers"]) {
		if isToken(name) {
			tr.request.Header[name] = []string{"\x01"} // safelisted by no name
		}
	}
	return tr
}

// judge returns the browser's verdict on a response.
func (t *trial) judge(res browser.Response) verdict {
	switch {
	case t.sent["Access-Control-Request-Method"] == nil:
		return verdict{read: t.request.CheckResponse(res) == nil}
	case t.request.CheckPreflight(res) != nil:
		return verdict{preflight: preflightFailed}
	}
	return verdict{preflight: preflightPassed}
}
