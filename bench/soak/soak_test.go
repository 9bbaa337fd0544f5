package main

import (
	"testing"
	"time"
)

// TestSoak is a short run: what a long one is for, it does not see.
func TestSoak(t *testing.T) {
	report, err := soak(t.Context(), options{duration: 5 * time.Second, clients: 4, pause: 2 * time.Millisecond})
	t.Log(report)
	if err != nil {
		t.Error(err)
	}
}

// TestTruth: during a change both can be the truth, and afterwards what has begun.
func TestTruth(t *testing.T) {
	truth := newTruth(true)
	before := time.Now()
	truth.begin(false)
	during := time.Now()
	truth.settle(time.Minute)
	settled := time.Now().Add(2 * time.Minute)
	for _, tc := range []struct {
		value    bool
		from, to time.Time
		want     bool
	}{
		{true, before.Add(-time.Second), before.Add(-time.Second), true},
		{false, before.Add(-time.Second), before.Add(-time.Second), false},
		{true, before, during, true},
		{false, before, during, true},
		{true, during, settled, true},
		{true, settled, settled, false},
		{false, settled, settled, true},
	} {
		if got := truth.could(tc.value, tc.from, tc.to); got != tc.want {
			t.Errorf("%v from %s to %s: %v, want %v", tc.value, tc.from, tc.to, got, tc.want)
		}
	}
}

// TestGrowth: what grows is told, and what goes up and down is not.
func TestGrowth(t *testing.T) {
	for _, tc := range []struct {
		name string
		at   func(i int) sample
		want int // problems
	}{
		{"flat", func(int) sample { return sample{rss: 70 << 20, heap: 9 << 20, goroutines: 80} }, 0},
		{"first much", func(i int) sample { return sample{rss: 90 << 20 / uint64(i+1)} }, 0},
		{"up and down", func(i int) sample { return sample{goroutines: 80 + 40*(i%2)} }, 0},
		{"heap", func(i int) sample { return sample{heap: uint64(9+i/5) << 20} }, 1},
		{"all", func(i int) sample { return sample{rss: uint64(i) << 20, heap: uint64(i) << 20, goroutines: i} }, 3},
	} {
		var s samples
		for i := range 100 {
			s.all = append(s.all, tc.at(i))
		}
		if problems := s.growth(); len(problems) != tc.want {
			t.Errorf("%s: %q, want %d problems", tc.name, problems, tc.want)
		}
	}
}
