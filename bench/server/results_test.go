package main

import (
	"strings"
	"testing"
	"time"
)

// TestResults: ratios are those of the same round, goals are for the median or
// for every round, and what is missed is said.
func TestResults(t *testing.T) {
	var servers []*server
	r := make(results)
	for name, costs := range map[string][3]int{ // of a request, in µs
		plain:    {96, 9, 96},
		byHeader: {120, 9, 101},
		snippet:  {130, 9, 150},
		module:   {100, 10, 100},
		nginx:    {20, 2, 20},
	} {
		s := &server{name: name}
		servers = append(servers, s)
		for _, w := range workloads {
			for _, cost := range costs {
				r.add(w, s, sample{cpu: time.Duration(cost) * time.Millisecond, requests: 1000, seconds: 2})
			}
		}
	}
	tables := r.tables(servers)
	for _, line := range []string{
		"| respond | Caddy, `cors` | 100.0 µs | 500 | 1.00 (1.00 … 1.00) |",
		"| respond | Caddy, `header` | 101.0 µs | 500 | 1.01 (0.90 … 1.20) |",
		"| respond | Caddy, `header` | ≥ 1.00 | yes, 1.010 |",
		"| 4 KiB file | Caddy, no CORS | ≥ 0.95 | yes, 0.960 |",
		"| respond | Caddy, snippet | ahead in every round | **missed**, 0.900 |",
	} {
		if !strings.Contains(tables, line+"\n") {
			t.Errorf("no line %q in\n%s", line, tables)
		}
	}
}
