package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sample is what Caddy holds at a time.
type sample struct {
	rss, heap  uint64 // bytes; the heap after a collection
	goroutines int
}

func (s sample) String() string {
	return fmt.Sprintf("RSS %.1f MiB, live heap %.1f MiB, %d goroutines", mib(s.rss), mib(s.heap), s.goroutines)
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// sample takes a sample.
func (c *caddy) sample(ctx context.Context) (s sample, err error) {
	// It is not the profile that is wanted, but the collection before it.
	for _, path := range []string{"/debug/pprof/heap?gc=1", "/metrics"} {
		status, body, err := c.call(ctx, http.MethodGet, path, nil)
		if err != nil || status != http.StatusOK {
			return s, fmt.Errorf("%s: %d %w", path, status, err)
		}
		for line := range bytes.Lines(body) {
			name, value, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
			f, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			switch name {
			case "go_goroutines":
				s.goroutines = int(f)
			case "go_memstats_heap_alloc_bytes":
				s.heap = uint64(f)
			}
		}
	}
	s.rss, err = c.process.RSS()
	return s, err
}

// samples are those of a run.
type samples struct {
	every time.Duration
	all   []sample
}

// take takes samples until ctx ends.
func (s *samples) take(ctx context.Context, c *caddy, t *tally) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(s.every):
		}
		one, err := c.sample(context.WithoutCancel(ctx))
		if err != nil {
			t.wrong("%s", err)
			return
		}
		s.all = append(s.all, one)
	}
}

// minSamples is how many there have to be for a comparison.
const minSamples = 30

// tenth returns the medians of a tenth of the samples, counted from 0.
func (s *samples) tenth(i int) sample {
	n := len(s.all)
	part := slices.Clone(s.all[n*i/10 : n*(i+1)/10])
	return sample{
		rss:        medianOf(part, func(s sample) uint64 { return s.rss }),
		heap:       medianOf(part, func(s sample) uint64 { return s.heap }),
		goroutines: medianOf(part, func(s sample) int { return s.goroutines }),
	}
}

func medianOf[T uint64 | int](part []sample, figure func(sample) T) T {
	var figures []T
	for _, s := range part {
		figures = append(figures, figure(s))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

// growth says what has grown from the second tenth, when all that comes to be
// has come to be, to the last.
func (s *samples) growth() (problems []string) {
	if len(s.all) < minSamples {
		return nil // too short a run
	}
	before, after := s.tenth(1), s.tenth(9)
	for _, f := range []struct {
		name          string
		before, after float64
		slack         float64
	}{
		{"RSS", mib(before.rss), mib(after.rss), 10},
		{"live heap", mib(before.heap), mib(after.heap), 4},
		{"goroutines", float64(before.goroutines), float64(after.goroutines), 20},
	} {
		if f.after > f.before*1.1+f.slack {
			problems = append(problems, fmt.Sprintf("%s has grown from %.1f to %.1f", f.name, f.before, f.after))
		}
	}
	return problems
}

func (s *samples) String() string {
	if len(s.all) < minSamples {
		return ""
	}
	var text strings.Builder
	for i, name := range []string{1: "second", 5: "sixth", 9: "last"} {
		if name != "" {
			fmt.Fprintf(&text, "%s tenth: %s\n", name, s.tenth(i))
		}
	}
	return text.String()
}
