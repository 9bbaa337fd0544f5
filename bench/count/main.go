// Command count counts the instructions that a request takes with each library, by
// running the benchmarks in Callgrind. Unlike times, instructions do not depend on
// what else the machine does.
//
// It needs valgrind, and Linux on amd64.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	bench := flag.String("bench", "^BenchmarkServed$", "benchmarks to run, as of go test")
	binary := flag.String("binary", "", "test binary, instead of one that is built from this module")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *bench, *binary); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:gocritic // stop has nothing left to do
	}
}

func run(ctx context.Context, bench, binary string) error {
	dir, err := os.MkdirTemp("", "count")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary == "" {
		binary = filepath.Join(dir, "bench.test")
		if out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".").CombinedOutput(); err != nil { //nolint:gosec // a path of its own
			return fmt.Errorf("building the benchmarks: %w\n%s", err, out)
		}
	}
	readable := filepath.Join(dir, "readable.test")
	if err := makeReadable(binary, readable); err != nil {
		return err
	}
	names, err := list(ctx, readable, bench)
	if err != nil {
		return err
	}
	table := newTable()
	for _, name := range names {
		n, err := perRequest(ctx, dir, readable, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		table.add(name, n)
	}
	fmt.Print(table)
	return nil
}

// makeReadable copies a binary so that valgrind can run it: some versions do not
// know RDTSCP, with which the runtime of Go reads a clock. RDTSC does the same.
func makeReadable(from, to string) error {
	code, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	// RDTSCP, and the shift and the addition that follow it in runtime.cputicks.
	rest := "\x48\xc1\xe2\x20\x48\x01\xd0"
	code = bytes.ReplaceAll(code, []byte("\x0f\x01\xf9"+rest), []byte("\x0f\x31\x90"+rest))
	return os.WriteFile(to, code, 0o700) //nolint:gosec // it is run
}

var benchmarkLine = regexp.MustCompile(`(?m)^(Benchmark\S+?)(?:-\d+)?\s+\d+\s+[\d.]+ ns/op`)

// list returns the names of the benchmarks.
func list(ctx context.Context, binary, bench string) (names []string, err error) {
	out, err := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench="+bench, "-test.benchtime=1x").CombinedOutput() //nolint:gosec // what was built
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	for _, match := range benchmarkLine.FindAllSubmatch(out, -1) {
		names = append(names, string(match[1]))
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no benchmark matches %q", bench)
	}
	return names, nil
}

// perRequest returns how many instructions one iteration takes: the difference
// between a long and a short run, without what both have in common.
func perRequest(ctx context.Context, dir, binary, name string) (int, error) {
	const short, long = 1000, 21000
	few, err := instructions(ctx, dir, binary, name, short)
	if err != nil {
		return 0, err
	}
	many, err := instructions(ctx, dir, binary, name, long)
	return (many - few) / (long - short), err
}

var collected = regexp.MustCompile(`Collected : (\d+)`)

func instructions(ctx context.Context, dir, binary, name string, iterations int) (int, error) {
	exact := "^" + strings.ReplaceAll(regexp.QuoteMeta(name), "/", "$/^") + "$"
	//nolint:gosec // what was built
	cmd := exec.CommandContext(ctx, "valgrind", "--tool=callgrind", "--callgrind-out-file="+filepath.Join(dir, "callgrind.out"), binary,
		"-test.run=^$", "-test.bench="+exact, "-test.benchtime="+strconv.Itoa(iterations)+"x")
	// The collector runs when it likes, and so would count for some and not for others.
	cmd.Env = append(os.Environ(), "GOGC=off", "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w\n%s", err, out)
	}
	match := collected.FindSubmatch(out)
	if match == nil || !benchmarkLine.Match(out) {
		return 0, fmt.Errorf("valgrind counted nothing:\n%s", out)
	}
	return strconv.Atoi(string(match[1]))
}

// table has the counts, by request and library.
type table struct {
	requests, libraries []string
	counts              map[[2]string]int
}

func newTable() *table { return &table{counts: make(map[[2]string]int)} }

func (t *table) add(name string, n int) {
	_, name, _ = strings.Cut(name, "/")
	request, library, _ := strings.Cut(name, "/lib=")
	if !slices.Contains(t.requests, request) {
		t.requests = append(t.requests, request)
	}
	if !slices.Contains(t.libraries, library) {
		t.libraries = append(t.libraries, library)
	}
	t.counts[[2]string{request, library}] = n
}

// String returns the table in Markdown.
func (t *table) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| request | %s |\n|---%s|\n", strings.Join(t.libraries, " | "), strings.Repeat("|---", len(t.libraries)))
	for _, request := range t.requests {
		fmt.Fprintf(&b, "| %s |", request)
		for _, library := range t.libraries {
			if n, ok := t.counts[[2]string{request, library}]; ok {
				fmt.Fprintf(&b, " %d |", n)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
