package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// options are those of the command.
type options struct {
	duration time.Duration
	clients  int
	pause    time.Duration
}

// soak runs everything, and returns what happened and what went wrong.
func soak(ctx context.Context, o options) (report string, err error) {
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := newWorld(dir)
	if err != nil {
		return "", err
	}
	defer w.close()
	c, err := startCaddy(ctx, dir, w)
	if err != nil {
		return "", err
	}
	defer c.process.Stop()
	if err := c.settle(ctx); err != nil {
		return "", err
	}
	idle, err := c.sample(ctx)
	if err != nil {
		return "", err
	}

	var tally tally
	var running sync.WaitGroup
	begun := time.Now()
	during, cancel := context.WithTimeout(ctx, o.duration)
	defer cancel()
	running.Go(func() { w.change(during) })
	running.Go(func() { c.reloadOften(during, &tally) })
	samples := &samples{every: max(o.duration/120, 100*time.Millisecond)}
	running.Go(func() { samples.take(during, c, &tally) })
	for i := range o.clients {
		client := newClient(i, c, w, &tally)
		running.Go(func() { client.run(during, o.pause) })
	}
	select {
	case <-during.Done():
	case <-c.process.Ended():
		tally.wrong("Caddy has ended")
		cancel()
	}
	running.Wait()
	took := time.Since(begun)
	if err := ctx.Err(); err != nil {
		return tally.String(), err
	}

	// Requests under way end, and give back their memory.
	var after sample
	for range 20 {
		if after, err = c.sample(ctx); err != nil {
			return tally.String(), err
		}
		if after.goroutines <= idle.goroutines+idleSlack {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	if after.goroutines > idle.goroutines+idleSlack {
		_, stacks, err := c.call(ctx, http.MethodGet, "/debug/pprof/goroutine?debug=1", nil)
		tally.wrong("%d goroutines when it was idle again, %d before: %.6000s %v", after.goroutines, idle.goroutines, stacks, err)
	}
	log, err := os.ReadFile(filepath.Join(dir, logName))
	if err != nil {
		return tally.String(), err
	}
	if i := strings.Index(string(log), "panic"); i >= 0 {
		tally.wrong("a panic: %.2000s", log[i:])
	}
	for _, problem := range samples.growth() {
		tally.wrong("%s", problem)
	}
	report = fmt.Sprintf("%s of load by %d clients\n%s%sidle: %s before, %s after\n",
		took.Round(time.Second), o.clients, &tally, samples, idle, after)
	if len(tally.problems) > 0 || tally.requests == 0 {
		return report, errors.New("something is wrong")
	}
	return report, nil
}

// idleSlack is how many goroutines more there may be when Caddy is idle again.
// Some of its own come and go, such as those that clean up.
const idleSlack = 5
