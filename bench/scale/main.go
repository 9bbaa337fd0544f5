// Command scale measures what a Caddy with thousands of sites pays for loading its
// configuration: the time on processors of `caddy validate` and of a reload, and
// the memory of a handler. The same sites set the same headers with `header`
// instead, for comparison.
//
// The variants take turns, so that other work on the machine affects them alike.
// It needs Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/bench/internal/process"
)

func main() {
	sites := flag.Int("sites", 5000, "number of sites")
	rounds := flag.Int("rounds", 5, "number of measurements of each variant")
	binary := flag.String("caddy", "", "Caddy to measure, instead of one that is built from this module")
	ask := flag.Bool("ask", false, "measure `dynamic ask` instead of sites")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *sites, *rounds, *binary, *ask); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, sites, rounds int, binary string, ask bool) error {
	if sites < 1 || rounds < 1 {
		return fmt.Errorf("%d sites in %d rounds: both must be positive", sites, rounds)
	}
	dir, err := os.MkdirTemp("", "scale")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary == "" {
		if binary, err = process.BuildCaddy(ctx, dir); err != nil {
			return err
		}
	}
	c := &caddy{binary: binary, dir: dir}
	if ask {
		return measureAsk(ctx, c)
	}
	for i := range variants {
		if err := c.write(&variants[i], sites); err != nil {
			return err
		}
	}
	results := make(map[string]*result)
	for _, v := range variants {
		results[v.name] = new(result)
	}
	for round := range rounds {
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, rounds)
		for i := range variants {
			v := &variants[(round+i)%len(variants)]
			r := results[v.name]
			cpu, err := c.validate(ctx, v)
			if err != nil {
				return err
			}
			r.validate = append(r.validate, cpu)
			if err := c.reload(ctx, v, sites, r); err != nil {
				return err
			}
		}
	}
	fmt.Printf("%s, %s, %s/%s, %d sites, medians of %d\n\n", time.Now().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, sites, rounds)
	fmt.Print(table(results, sites))
	fmt.Print("\n" + loadTable(results))
	return nil
}

// environment returns the environment of a Caddy that must not touch the files of
// the user.
func (c *caddy) environment() []string {
	return append(os.Environ(), "XDG_DATA_HOME="+c.dir, "XDG_CONFIG_HOME="+c.dir)
}

// validate returns the time on processors that `caddy validate` takes.
func (c *caddy) validate(ctx context.Context, v *variant) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, c.binary, "validate", "--adapter", "caddyfile", "--config", v.caddyfile) //nolint:gosec // what was built
	cmd.Env = c.environment()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", v.name, err, out)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
