// Command server compares the cost of a request in whole servers: a Caddy with the
// module, the same Caddy without CORS, the same Caddy with header directives or with
// the snippet that is commonly copied, and nginx.
//
// It compares the time that the server spends on processors for each request. The
// servers take turns, so that other work of the machine affects them alike. It needs
// Linux and wrk. It measures nginx where that is installed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
)

func main() {
	rounds := flag.Int("rounds", 9, "how often each server takes its turn")
	seconds := flag.Int("seconds", 3, "how long a round is for each server and kind of request, in seconds")
	connections := flag.Int("connections", 16, "how many connections make requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds, *seconds, *connections); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, rounds, seconds, connections int) error {
	if rounds < 1 || seconds < 1 || connections < 1 {
		return fmt.Errorf("%d rounds of %d seconds with %d connections are none", rounds, seconds, connections)
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	load, err := newLoad(dir, connections)
	if err != nil {
		return err
	}
	servers, stop, err := startServers(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	if err := check(ctx, servers); err != nil {
		return err
	}
	// The first requests are paid for apart.
	if err := takeTurns(ctx, servers, load, 1, make(results)); err != nil {
		return err
	}
	results := make(results)
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		if err := takeTurns(ctx, servers, load, seconds, results); err != nil {
			return err
		}
	}
	fmt.Printf("%s, %s, %d rounds of %d s, %d connections\n\n", runtime.Version(), versions(ctx), rounds, seconds, connections)
	fmt.Print(results.tables(servers))
	return nil
}

// takeTurns measures each workload with one server after the other. They change
// every second, and each begins in turn.
func takeTurns(ctx context.Context, servers []*server, load *load, seconds int, results results) error {
	for _, w := range workloads {
		sums := make(map[*server]sample)
		for second := range seconds {
			for i := range servers {
				s := servers[(second+i)%len(servers)]
				one, err := load.measure(ctx, s, w)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, w.name, err)
				}
				sums[s] = sums[s].plus(one)
			}
		}
		for _, s := range servers {
			results.add(w, s, sums[s])
		}
	}
	return nil
}

// versions names what is compared.
func versions(ctx context.Context) string {
	version := "Caddy of go.mod"
	if out, err := exec.CommandContext(ctx, "go", "list", "-m", "github.com/caddyserver/caddy/v2").Output(); err == nil {
		version = string(out[:len(out)-1])
	}
	if out, err := exec.CommandContext(ctx, "nginx", "-v").CombinedOutput(); err == nil {
		version += ", " + string(out[:len(out)-1])
	}
	return version
}
