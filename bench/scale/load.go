package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// visitors make requests to the sites of a Caddy at a moderate pace, as a load
// beside which a reload is measured.
type visitors struct {
	port, sites int
	stop        context.CancelFunc
	done        sync.WaitGroup

	mu    sync.Mutex
	times []time.Duration
	lost  []error
}

// numVisitors is how many requests are under way at most.
const numVisitors = 8

// visit starts the visitors.
func visit(ctx context.Context, port, sites int) *visitors {
	ctx, stop := context.WithCancel(ctx)
	v := &visitors{port: port, sites: sites, stop: stop}
	transport := &http.Transport{MaxIdleConnsPerHost: numVisitors}
	for i := range numVisitors {
		v.done.Go(func() {
			pace := time.NewTicker(8 * time.Millisecond)
			defer pace.Stop()
			for n := i; ; n += numVisitors {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
				}
				begin := time.Now()
				err := v.get(transport, n%sites)
				v.mu.Lock()
				v.times = append(v.times, time.Since(begin))
				if err != nil {
					v.lost = append(v.lost, err)
				}
				v.mu.Unlock()
			}
		})
	}
	return v
}

// get makes one request, which the end of the visit does not cut off.
func (v *visitors) get(transport *http.Transport, site int) error {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/", v.port), nil)
	if err != nil {
		return err
	}
	r.Host = fmt.Sprintf("site%d.example.net", site)
	r.Header.Set("Origin", fmt.Sprintf("https://app.site%d.example.com", site))
	res, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && string(body) != "hello" {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return err
}

// end stops the visitors, and returns how long each request took, and the errors
// of those that failed.
func (v *visitors) end() (times []time.Duration, lost []error) {
	v.stop()
	v.done.Wait()
	return v.times, v.lost
}
