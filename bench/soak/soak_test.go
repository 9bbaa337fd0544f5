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
