package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/bench/internal/process"
)

const (
	askOrigin = "https://app.example.com"
	// capacity is the size of the cache.
	capacity = 100_000
	// floodRate is how many requests for new hosts come each second.
	floodRate = 1000
)

// asking is a Caddy whose policy asks an endpoint about each origin and host.
type asking struct {
	url       string
	client    http.Client
	questions *atomic.Int64
}

// measureAsk prints how often the endpoint is asked, and what a request takes whose
// answer is known while others are not.
func measureAsk(ctx context.Context, c *caddy) error {
	fmt.Print("| `dynamic ask` | requests | questions |\n|---|---|---|\n")
	err := c.withPolicy(ctx, "dynamic ask http://%s", func(a *asking) error {
		for round := range 3 {
			before := a.questions.Load()
			if err := a.each(1000, func(i int) error { return a.get(ctx, fmt.Sprintf("host%d.example.net", i)) }); err != nil {
				return err
			}
			fmt.Printf("| 1,000 hosts of one origin, round %d | 1000 | %d |\n", round+1, a.questions.Load()-before)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Printf("\n| a known host beside a flood of %d new hosts a second | quiet, median | flooded, median | |\n|---|---|---|---|\n", floodRate)
	for _, p := range []struct{ name, policy string }{
		{"the origin is in the configuration", "allow_origins " + askOrigin + " # nobody asks %s"},
		{fmt.Sprintf("`dynamic ask`, its cache of %d full", capacity), "dynamic ask http://%s {\n\t\tcache_size " + strconv.Itoa(capacity) + "\n\t}"},
	} {
		err := c.withPolicy(ctx, p.policy, func(a *asking) error {
			if err := a.each(capacity, func(i int) error { return a.get(ctx, fmt.Sprintf("host%d.example.net", i)) }); err != nil {
				return err
			}
			quiet, err := a.known(ctx)
			if err != nil {
				return err
			}
			ctx, stop := context.WithCancel(ctx)
			var flood sync.WaitGroup
			flood.Go(func() { a.flood(ctx) })
			flooded, err := a.known(ctx)
			stop()
			flood.Wait()
			fmt.Printf("| %s | %.0f µs | %.0f µs | %.2f × |\n", p.name, micro(quiet), micro(flooded), float64(flooded)/float64(quiet))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func micro(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// withPolicy runs a Caddy with a policy, in which %s is the address of the endpoint.
func (c *caddy) withPolicy(ctx context.Context, policy string, use func(*asking) error) error {
	a := &asking{questions: new(atomic.Int64)}
	a.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	defer a.client.CloseIdleConnections()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	endpoint := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		a.questions.Add(1)
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = endpoint.Serve(listener) }()
	defer func() { _ = endpoint.Close() }()
	at, err := newAddresses()
	if err != nil {
		return err
	}
	a.url = fmt.Sprintf("http://127.0.0.1:%d/", at.Port)
	config := fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n}\n\nhttp://:%d {\n\tcors {\n\t\tallow_headers Content-Type\n\t\t"+policy+"\n\t}\n\trespond hello\n}\n", at.Admin, at.Port, listener.Addr())
	return c.run(ctx, config, at, func() error { return use(a) })
}

// run runs a Caddy with a Caddyfile.
func (c *caddy) run(ctx context.Context, config string, at addresses, use func() error) error {
	path, err := c.save("ask", []byte(config))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, c.binary, "run", "--adapter", "caddyfile", "--config", path) //nolint:gosec // what was built
	cmd.Env = c.environment()
	p, err := process.Start(ctx, cmd, fmt.Sprintf("127.0.0.1:%d", at.Port))
	if err != nil {
		return err
	}
	defer p.Stop()
	return use()
}

// get makes a request from the origin for a host, which the policy must allow.
func (a *asking) get(ctx context.Context, host string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url, nil)
	if err != nil {
		return err
	}
	r.Host = host
	r.Header.Set("Origin", askOrigin)
	res, err := a.client.Do(r)
	if err != nil {
		return err
	}
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != askOrigin {
		err = fmt.Errorf("%s: Access-Control-Allow-Origin is %q", host, got)
	}
	_ = res.Body.Close()
	return err
}

// each calls a function for each number below n, a few at a time.
func (a *asking) each(n int, call func(int) error) error {
	var next atomic.Int64
	var failed error
	var once sync.Once
	var calls sync.WaitGroup
	for range 16 {
		calls.Go(func() {
			for i := next.Add(1) - 1; int(i) < n; i = next.Add(1) - 1 {
				if err := call(int(i)); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	calls.Wait()
	return failed
}

// known returns the median time of a request about which the endpoint has been asked.
func (a *asking) known(ctx context.Context) (time.Duration, error) {
	times := make([]time.Duration, 5000)
	for i := range times {
		begin := time.Now()
		if err := a.get(ctx, "host7.example.net"); err != nil {
			return 0, err
		}
		times[i] = time.Since(begin)
	}
	return median(times), nil
}

// flood makes requests for new hosts until the context ends.
func (a *asking) flood(ctx context.Context) {
	pace := time.NewTicker(time.Second / floodRate)
	defer pace.Stop()
	var requests sync.WaitGroup
	defer requests.Wait()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
			requests.Go(func() { _ = a.get(ctx, fmt.Sprintf("new%d.example.net", i)) })
		}
	}
}
