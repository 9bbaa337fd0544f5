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
