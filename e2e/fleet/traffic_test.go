package fleet

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// bound is how long a response may take, whatever the storage does. It is generous
// for what takes a millisecond, as the machine may be busy.
const bound = time.Second

// pace is how long a client waits between its requests, to leave the machine to
// others.
const pace = 25 * time.Millisecond

// traffic is requests to all members of a fleet, one after the other from each of
// its clients, until it is stopped.
type traffic struct {
	stop    context.CancelFunc
	clients sync.WaitGroup

	mu    sync.Mutex
	took  []time.Duration
	wrong []string
}

// startTraffic begins to send requests from an origin that is always listed, and
// one that never is, and preflights of the former.
func startTraffic(t *testing.T, fleet []*member, listed, foreign string) *traffic {
	ctx, cancel := context.WithCancel(t.Context())
	tr := &traffic{stop: cancel}
	for _, m := range fleet {
		for _, c := range []struct{ method, origin, allow string }{
			{"GET", listed, listed},
			{"GET", foreign, ""},
			{"OPTIONS", listed, listed},
			{"OPTIONS", foreign, ""},
		} {
			tr.clients.Go(func() {
				client := &http.Client{Transport: new(http.Transport), Timeout: 5 * bound}
				defer client.CloseIdleConnections()
				tick := time.NewTicker(pace)
				defer tick.Stop()
				for ; ctx.Err() == nil; <-tick.C {
					tr.send(client, m.url, c.method, c.origin, c.allow)
				}
			})
		}
	}
	return tr
}

// send sends a request, and records how long the response takes and whether it is
// what it should be.
func (tr *traffic) send(client *http.Client, url, method, origin, allow string) {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		panic(err)
	}
	req.Header.Set("Origin", origin)
	want := http.StatusOK
	if method == http.MethodOptions {
		req.Header.Set("Access-Control-Request-Method", "POST")
		if want = http.StatusNoContent; allow == "" {
			want = http.StatusForbidden
		}
	}
	begin := time.Now()
	res, err := client.Do(req)
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	took := time.Since(begin)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.took = append(tr.took, took)
	switch {
	case err != nil:
		tr.wrong = append(tr.wrong, method+" of "+origin+": "+err.Error())
	case res.StatusCode != want || res.Header.Get("Access-Control-Allow-Origin") != allow:
		tr.wrong = append(tr.wrong, method+" of "+origin+": "+res.Status+", allowed: "+res.Header.Get("Access-Control-Allow-Origin"))
	}
}

// end stops the traffic, and checks that no request has failed or waited.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	tr.stop()
	tr.clients.Wait()
	if len(tr.wrong) > 0 {
		t.Errorf("%d of %d responses are wrong, such as %s", len(tr.wrong), len(tr.took), tr.wrong[0])
	}
	if len(tr.took) == 0 {
		t.Fatal("no request was sent")
	}
	slices.Sort(tr.took)
	p99, longest := tr.took[len(tr.took)*99/100], tr.took[len(tr.took)-1]
	t.Logf("%d requests, p99 %s, longest %s", len(tr.took), p99, longest)
	if longest > bound {
		t.Errorf("a request took %s, want at most %s", longest, bound)
	}
}
