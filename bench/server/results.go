package main

import (
	"fmt"
	"slices"
	"strings"
)

// results are the samples, in the order of the rounds.
type results map[workload]map[string][]sample

func (r results) add(w workload, s *server, one sample) {
	if r[w] == nil {
		r[w] = make(map[string][]sample)
	}
	r[w][s.name] = append(r[w][s.name], one)
}

// goals are what the module is measured by: the least ratio of the other's cost
// to the module's.
var goals = []struct {
	workload workload
	other    string
	least    float64
	always   bool // in every round, not only in the median
}{
	{bare, byHeader, 1, false},
	{bare, snippet, 1, true},
	{static, plain, 0.95, false},
	{static, snippet, 1, true},
	{proxied, plain, 0.95, false},
	{proxied, snippet, 1, true},
	{preflight, byHeader, 1, false},
	{preflight, snippet, 1, true},
}

// tables returns tables for a README.
func (r results) tables(servers []*server) string {
	w := new(strings.Builder)
	fmt.Fprintln(w, "| request | server | CPU per request | requests per second | CPU, in parts of the module's: median (rounds) |")
	fmt.Fprintln(w, "|---|---|---|---|---|")
	for _, workload := range workloads {
		for _, s := range servers {
			samples := r[workload][s.name]
			ratios := r.ratios(workload, s.name)
			fmt.Fprintf(w, "| %s | %s | %.1f µs | %.0f | %.2f (%.2f … %.2f) |\n", workload.name, s.name,
				median(samples, sample.cost), median(samples, sample.throughput),
				median(ratios, itself), slices.Min(ratios), slices.Max(ratios))
		}
	}
	fmt.Fprintln(w, "\n| request | against | goal | reached |\n|---|---|---|---|")
	for _, g := range goals {
		ratios := r.ratios(g.workload, g.other)
		got, goal := median(ratios, itself), fmt.Sprintf("≥ %.2f", g.least)
		reached := got >= g.least
		if g.always {
			got = slices.Min(ratios)
			reached, goal = got > g.least, "ahead in every round"
		}
		verdict := "yes"
		if !reached {
			verdict = "**missed**"
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s, %.3f |\n", g.workload.name, g.other, goal, verdict, got)
	}
	return w.String()
}

// ratios returns, for each round, what a request costs another server in parts
// of what it costs the module.
func (r results) ratios(w workload, other string) []float64 {
	ratios := make([]float64, len(r[w][module]))
	for i, own := range r[w][module] {
		ratios[i] = r[w][other][i].cost() / own.cost()
	}
	return ratios
}

func itself(f float64) float64 { return f }

// median returns the median of a figure.
func median[T any](samples []T, figure func(T) float64) float64 {
	figures := make([]float64, len(samples))
	for i, s := range samples {
		figures[i] = figure(s)
	}
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}
