package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// result has what each round of a variant took.
type result struct {
	validate, reload []time.Duration // on processors
	wall             []time.Duration // of the reload
	heap             []int           // in bytes
	times            []time.Duration // of requests during a reload
	lost             int             // requests that failed
}

func median[T cmp.Ordered](list []T) T {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

// table returns the results as Markdown.
func table(results map[string]*result, sites int) string {
	var b strings.Builder
	b.WriteString("| each site has | CPU of `caddy validate` | goal | CPU of a reload | goal | time of a reload | memory a site | goal |\n|---|---|---|---|---|---|---|---|\n")
	empty := results[plain]
	for _, v := range variants {
		r, base := results[v.name], results[v.base]
		memory := (median(r.heap) - median(empty.heap)) / sites
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.2f s | %.1f KiB | %s |\n", v.name,
			ratio(r.validate, base.validate), reached(v.goal.validate, quotient(r.validate, base.validate)),
			ratio(r.reload, base.reload), reached(v.goal.reload, quotient(r.reload, base.reload)),
			median(r.wall).Seconds(),
			float64(memory)/(1<<10), reachedMemory(v.goal.memory, memory))
	}
	return b.String()
}

// loadTable returns what a reload does to the requests beside it, as Markdown.
func loadTable(results map[string]*result) string {
	var b strings.Builder
	b.WriteString("| each site has | requests during reloads | lost | median | 99th percentile | goal |\n|---|---|---|---|---|---|\n")
	for _, v := range variants {
		r, base := results[v.name], results[v.base]
		slow, slowBase := percentile(r.times, 99), percentile(base.times, 99)
		goal := ""
		if v.name != v.base && v.name != plain {
			goal = reached(1.5, float64(slow)/float64(slowBase))
			if r.lost > base.lost {
				goal = fmt.Sprintf("no more lost than %d: **missed**", base.lost)
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d | %.1f ms | %.1f ms, %.2f × | %s |\n", v.name, len(r.times), r.lost,
			percentile(r.times, 50).Seconds()*1000, slow.Seconds()*1000, float64(slow)/float64(slowBase), goal)
	}
	return b.String()
}

func percentile(list []time.Duration, p int) time.Duration {
	return slices.Sorted(slices.Values(list))[(len(list)-1)*p/100]
}

func quotient(a, b []time.Duration) float64 { return float64(median(a)) / float64(median(b)) }

func ratio(a, b []time.Duration) string {
	return fmt.Sprintf("%.2f s, %.2f ×", median(a).Seconds(), quotient(a, b))
}

func reached(goal, value float64) string {
	switch {
	case goal == 0:
		return ""
	case value > goal:
		return fmt.Sprintf("≤ %g ×: **missed**", goal)
	}
	return fmt.Sprintf("≤ %g ×: yes", goal)
}

func reachedMemory(goal, value int) string {
	switch {
	case goal == 0:
		return ""
	case value > goal:
		return fmt.Sprintf("≤ %d KiB: **missed**", goal>>10)
	}
	return fmt.Sprintf("≤ %d KiB: yes", goal>>10)
}
