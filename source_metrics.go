package caddycors

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

// exposeSources registers the metrics of sources.
func exposeSources(ctx caddy.Context) error {
	registry := ctx.GetMetricsRegistry()
	if registry == nil {
		return nil
	}
	_, err := register(registry, sourceCollector{})
	return err
}

// sourceCollector collects from all live sources. They outlive configurations,
// and so does what they count.
type sourceCollector struct{}

var (
	sourceOrigins = prometheus.NewDesc(metricsPrefix+"source_origins",
		"How many origins and patterns a source lists, or how many it has said yes to and remembers.", []string{"source"}, nil)
	sourceErrors = prometheus.NewDesc(metricsPrefix+"source_refresh_errors_total",
		"Counter of refreshes of a source, or of questions to it, that have failed.", []string{"source"}, nil)
)

// Describe implements prometheus.Collector.
func (sourceCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- sourceOrigins
	descs <- sourceErrors
}

// Collect implements prometheus.Collector. Sources of one name make one series.
func (sourceCollector) Collect(metrics chan<- prometheus.Metric) {
	type sums struct{ origins, errors float64 }
	total := make(map[string]sums)
	for _, s := range sources.Live() {
		name := strings.ToValidUTF8(s.Source, "\uFFFD") // or the whole of the metrics would fail
		t := total[name]
		total[name] = sums{t.origins + float64(s.Origins), t.errors + float64(s.RefreshErrors)}
	}
	for name, t := range total {
		metrics <- prometheus.MustNewConstMetric(sourceOrigins, prometheus.GaugeValue, t.origins, name)
		metrics <- prometheus.MustNewConstMetric(sourceErrors, prometheus.CounterValue, t.errors, name)
	}
}
