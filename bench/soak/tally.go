package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxProblems is how many problems are told; more are only counted.
const maxProblems = 20

// tally counts what happens.
type tally struct {
	mu                sync.Mutex
	requests          int
	kinds             map[string]int // of requests, by verdict
	statuses          map[string]int // that were not expected
	retries           int
	lates             int           // answers by a configuration that was replaced
	longest           time.Duration // that a request took
	longestKind       string
	longestReload     time.Duration
	reloads, refusals int
	problems          []string
	count             int // of problems
}

// wrong counts something that must not happen.
func (t *tally) wrong(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count++; t.count <= maxProblems {
		t.problems = append(t.problems, fmt.Sprintf(format, args...))
	}
}

// answered counts a request by what it came to.
func (t *tally) answered(kind string, took time.Duration, retries int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kinds == nil {
		t.kinds = make(map[string]int)
	}
	t.requests++
	t.kinds[kind]++
	t.retries += retries
	if took > t.longest {
		t.longest, t.longestKind = took, kind
	}
}

// unexpected counts a status that was not expected.
func (t *tally) unexpected(path string, status int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.statuses == nil {
		t.statuses = make(map[string]int)
	}
	t.statuses[fmt.Sprintf("%s: %d", path, status)]++
}

// late counts an answer by a configuration that was replaced a while ago.
func (t *tally) late() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lates++
}

// reloaded counts a reload, or its refusal.
func (t *tally) reloaded(status int, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.longestReload = max(t.longestReload, took)
	if status == http.StatusOK {
		t.reloads++
	} else {
		t.refusals++
	}
}

func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var text strings.Builder
	fmt.Fprintf(&text, "%d requests, %d of them made again; %d answered by a configuration that was replaced more than %s before; %d reloads, %d refused configurations\n",
		t.requests, t.retries, t.lates, settles, t.reloads, t.refusals)
	fmt.Fprintf(&text, "the longest took %.1f s (%s), the longest reload %.1f s\n", t.longest.Seconds(), t.longestKind, t.longestReload.Seconds())
	for _, counts := range []map[string]int{t.kinds, t.statuses} {
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&text, "  %7d %s\n", counts[name], name)
		}
	}
	fmt.Fprintf(&text, "%d problems\n", t.count)
	for _, p := range t.problems {
		fmt.Fprintf(&text, "  %s\n", p)
	}
	return text.String()
}
