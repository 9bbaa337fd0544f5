package caddycors

import (
	"errors"
	"sync"
	"weak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// metricsPrefix is what the names of all metrics begin with.
const metricsPrefix = "caddy_http_cors_"

// outcomes are all combinations that a decision can have. Each has a counter from
// the start, so that its first decision is an increase.
var outcomes = func() (list []policy.Decision) {
	for _, kind := range kinds {
		list = append(list, policy.Decision{Kind: kind, Result: policy.Allowed})
		for reason := policy.ReasonOrigin; reason <= policy.ReasonSource; reason++ {
			list = append(list, policy.Decision{Kind: kind, Result: policy.Denied, Reason: reason})
		}
	}
	for reason := policy.ReasonMethod; reason <= policy.ReasonStatus; reason++ {
		list = append(list, policy.Decision{Kind: policy.Preflight, Result: policy.Allowed, Reason: reason})
	}
	return append(list,
		policy.Decision{Kind: policy.Actual, Result: policy.None},
		policy.Decision{Kind: policy.Actual, Result: policy.SameOrigin})
}()

var kinds = []policy.Kind{policy.Actual, policy.Preflight}

// agreement says whether a response allows the same as the policy.
type agreement uint8

const (
	agreementSame agreement = iota
	agreementDifferent
	agreementUnknown // the next handler has not responded, or browsers do not send such a request
	numAgreements
)

func (a agreement) String() string {
	return [...]string{"same", "different", "unknown"}[a]
}

// counters are the counters of the handlers of a server. They are looked up once,
// so that a request pays for an addition only. No label comes from a request.
type counters struct {
	requests   [policy.NumKinds][policy.NumResults][policy.NumReasons]prometheus.Counter
	reportOnly [policy.NumKinds][numAgreements]prometheus.Counter
}

// count counts a decision.
func (c *counters) count(d *policy.Decision) {
	if counter := c.requests[d.Kind][d.Result][d.Reason]; counter != nil {
		counter.Inc()
	}
}

// countReport counts a comparison.
func (c *counters) countReport(k policy.Kind, upstream agreement) {
	if counter := c.reportOnly[k][upstream]; counter != nil {
		counter.Inc()
	}
}

// known has the counters of the configuration that is being provisioned: to look
// them up for each of thousands of handlers would take time and memory.
var known struct {
	sync.Mutex
	registry weak.Pointer[prometheus.Registry]
	counters map[countersOf]*counters
}

// countersOf says which handlers share counters.
type countersOf struct {
	server     string
	reportOnly bool
}

// serverCounters returns the counters of the server that a handler belongs to.
func serverCounters(ctx caddy.Context, reportOnly bool) (*counters, error) {
	registry := ctx.GetMetricsRegistry()
	if registry == nil { // a context that is made by hand
		return new(counters), nil
	}
	of := countersOf{"UNKNOWN", reportOnly} // as in Caddy's own metrics
	if s, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok && s.Name() != "" {
		of.server = s.Name()
	}
	known.Lock()
	defer known.Unlock()
	if current := weak.Make(registry); known.registry != current {
		known.registry, known.counters = current, make(map[countersOf]*counters)
	}
	c, ok := known.counters[of]
	if ok {
		return c, nil
	}
	c, err := newCounters(registry, of)
	if err == nil {
		known.counters[of] = c
	}
	return c, err
}

// newCounters registers the metrics of a configuration, unless that has been done,
// and looks up the counters of a server.
func newCounters(registry *prometheus.Registry, of countersOf) (*counters, error) {
	c := new(counters)
	requests, err := register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: metricsPrefix + "requests_total",
		Help: "Counter of requests by the decision of CORS about them.",
	}, []string{"server", "kind", "result", "reason"}))
	if err != nil {
		return nil, err
	}
	for _, d := range outcomes {
		c.requests[d.Kind][d.Result][d.Reason] = requests.WithLabelValues(of.server, d.Kind.String(), d.Result.String(), d.Reason.String())
	}
	if of.reportOnly {
		compared, err := register(registry, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: metricsPrefix + "report_only_total",
			Help: "Counter of CORS requests under report_only, by whether the response allowed the same as the policy.",
		}, []string{"server", "kind", "upstream"}))
		if err != nil {
			return nil, err
		}
		for _, kind := range kinds {
			for a := range numAgreements {
				c.reportOnly[kind][a] = compared.WithLabelValues(of.server, kind.String(), a.String())
			}
		}
	}
	return c, nil
}

// register registers a collector, or returns the registered one: the modules of a
// configuration share its registry.
func register[C prometheus.Collector](registry *prometheus.Registry, collector C) (C, error) {
	err := registry.Register(collector)
	var already prometheus.AlreadyRegisteredError
	if errors.As(err, &already) {
		if existing, ok := already.ExistingCollector.(C); ok {
			return existing, nil
		}
	}
	return collector, err
}
