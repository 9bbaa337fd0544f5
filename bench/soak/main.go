// Command soak runs a Caddy with the module for a long time, under all that can
// go on at once, and checks every answer: allowed, foreign and malformed origins
// over HTTP/1.1 and HTTP/2, preflights, slow, streaming, failing and dead
// upstreams, WebSockets, a reload every second, and sources whose content changes
// and whose servers fail. Memory and goroutines must not grow. It exits with the
// status 1 if something is wrong. It needs Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	var o options
	flag.DurationVar(&o.duration, "duration", 10*time.Minute, "how long to go on")
	flag.IntVar(&o.clients, "clients", 8, "how many clients make requests")
	flag.DurationVar(&o.pause, "pause", 2*time.Millisecond, "how long each client waits between requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	report, err := soak(ctx, o)
	stop()
	fmt.Print(report)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
