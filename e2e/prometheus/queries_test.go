package prometheus

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

// series has the values of series by their labels. As what is wanted, 0 stands for
// any value that is greater than 0.
type series map[string]float64

// names makes series of any value.
func names(list ...string) series {
	s := make(series)
	for _, name := range list {
		s[name] = 0
	}
	return s
}

// panels says, for each panel of the dashboard, which of its series are greater
// than 0 under the traffic, by the labels of their legend. All others are 0.
func panels(s sources) map[string]series {
	all, failing := make(series), make(series)
	for name, source := range s {
		if source.origins > 0 {
			all[name] = source.origins
		}
		if source.fails {
			failing[name] = 0
		}
	}
	var denied, withOrigin, preflights, answered float64
	for _, v := range visits {
		if v.result != "none" {
			withOrigin++
		}
		if v.result == "denied" {
			denied++
		}
		switch {
		case v.kind() == "preflight":
			preflights++
		case v.result == "allowed":
			answered++
		}
	}
	return map[string]series{
		"CORS requests by result":                  names("actual allowed", "actual denied", "actual same_origin", "preflight allowed", "preflight denied"),
		"Denied, by reason":                        names("origin", "malformed_origin", "null_origin", "insecure_origin", "open_origin", "source_error"),
		"Preflights that browsers treat as failed": names("method", "headers", "status"),
		"Share of requests denied":                 {"": denied / withOrigin},
		"Report only: upstream and policy":         names("actual same", "actual different", "actual unknown", "preflight same", "preflight different", "preflight unknown"),
		"Preflights per request":                   {"": preflights / answered},
		"Origins of sources":                       all,
		"Errors of sources":                        failing,
	}
}

// TestQueries: Prometheus has data for every query of the dashboard and of the
// documentation, and in the end it has counted every request as what it was.
func TestQueries(t *testing.T) {
	installed(t, "prometheus")
	ports := caddy.FreePorts(t, 5)
	site := startSite(t, ports)
	server := start(t, ports[4], site.admin)
	dashboard := readDashboard(t)
	replacer := dashboard.variables(t, server)
	expected := panels(site.sources)
	for _, panel := range dashboard.Panels {
		t.Run(panel.Title, func(t *testing.T) {
			want, ok := expected[panel.Title]
			if delete(expected, panel.Title); !ok || len(panel.Targets) != 1 {
				t.Fatalf("%d queries of an unknown panel", len(panel.Targets))
			}
			target := panel.Targets[0]
			var by []string
			for _, label := range legend.FindAllStringSubmatch(target.LegendFormat, -1) {
				by = append(by, label[1])
			}
			server.shows(t, replacer.Replace(target.Expr), want, by...)
		})
	}
	if len(expected) > 0 {
		t.Errorf("no panel is %q", slices.Collect(maps.Keys(expected)))
	}
	failing := panels(site.sources)["Errors of sources"]
	for _, q := range documented(t) {
		t.Run(q, func(t *testing.T) { server.shows(t, q, failing, "source") })
	}
	rounds := float64(site.end())
	requests, compared := make(series), make(series)
	for _, v := range visits {
		requests[strings.Join([]string{v.server, v.kind(), v.result, v.reason}, " ")] += rounds
		if v.upstream != "" {
			compared[strings.Join([]string{v.server, v.kind(), v.upstream}, " ")] += rounds
		}
	}
	server.counts(t, prefix+"requests_total", requests, "server", "kind", "result", "reason")
	server.counts(t, prefix+"report_only_total", compared, "server", "kind", "upstream")
}

var legend = regexp.MustCompile(`\{\{(\w+)\}\}`)

// shows waits until a query has the series that are wanted, and no others that are
// greater than 0. A scrape may come between the requests that a ratio is of, so the
// values have to be right only nearly.
func (s *server) shows(t *testing.T, query string, want series, labels ...string) {
	t.Helper()
	s.waitFor(t, query, want, labels, func(got, want float64) bool { return want == 0 || math.Abs(got-want) < want/10 })
}

// counts waits until a metric has the values that are wanted, and no others but 0.
func (s *server) counts(t *testing.T, metric string, want series, labels ...string) {
	t.Helper()
	s.waitFor(t, metric, want, labels, func(got, want float64) bool { return got == want })
}

func (s *server) waitFor(t *testing.T, query string, want series, labels []string, equal func(got, want float64) bool) {
	t.Helper()
	var got series
	var err error
	right := false
	defer func() {
		if !right {
			t.Errorf("%s: %v, got\n%v\nwant\n%v", query, err, got, want)
		}
	}()
	corstest.Eventually(t, "right data for "+query, func() bool {
		var result []sample
		result, err = s.query(query)
		got = positive(result, labels...)
		right = err == nil && maps.EqualFunc(got, want, equal)
		return right
	})
}

// TestOutcomes: the traffic has every outcome that is counted, so that the other
// tests leave none out.
func TestOutcomes(t *testing.T) {
	ports := caddy.FreePorts(t, 4)
	site := startSite(t, ports)
	site.end()
	exposed, made := names(), names()
	exposition := regexp.MustCompile(`(?m)^` + prefix + `requests_total\{kind="(\w+)",reason="(\w*)",result="(\w+)",server="\w+"\}`)
	for _, s := range exposition.FindAllStringSubmatch(site.metrics(t), -1) {
		exposed[strings.Join([]string{s[1], s[3], s[2]}, " ")] = 0
	}
	for _, v := range visits {
		made[strings.Join([]string{v.kind(), v.result, v.reason}, " ")] = 0
	}
	if len(exposed) == 0 || !maps.Equal(exposed, made) {
		t.Errorf("exposed:    %q\nin traffic: %q", slices.Sorted(maps.Keys(exposed)), slices.Sorted(maps.Keys(made)))
	}
}

// TestFormat: promtool has nothing to say about the metrics of the module.
func TestFormat(t *testing.T) {
	installed(t, "promtool")
	site := startSite(t, caddy.FreePorts(t, 4))
	site.end()
	var ours strings.Builder
	families := names()
	for line := range strings.Lines(site.metrics(t)) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "))
		if len(words) > 0 && strings.HasPrefix(words[0], prefix) {
			ours.WriteString(line)
			name, _, _ := strings.Cut(words[0], "{")
			families[name] = 0
		}
	}
	if want := names(prefix+"requests_total", prefix+"report_only_total", prefix+"source_origins", prefix+"source_refresh_errors_total"); !maps.Equal(families, want) {
		t.Errorf("the metrics are %q, want %q", slices.Sorted(maps.Keys(families)), slices.Sorted(maps.Keys(want)))
	}
	cmd := exec.Command("promtool", "check", "metrics")
	cmd.Stdin = strings.NewReader(ours.String())
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s\n%s", err, out, ours.String())
	}
}

// metrics returns the metrics as the admin API has them.
func (s *site) metrics(t *testing.T) string {
	t.Helper()
	res, err := http.Get("http://" + s.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return string(text)
}

// documented returns the queries of the documentation.
func documented(t *testing.T) (queries []string) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md") {
		for _, b := range corstest.Blocks(t, page) {
			if b.Language == "promql" {
				queries = append(queries, strings.TrimSpace(b.Text))
			}
		}
	}
	if len(queries) == 0 {
		t.Error("the documentation has no query")
	}
	return queries
}

// dashboard is what the tests need of a dashboard of Grafana's.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		Title   string
		Targets []struct{ Expr, LegendFormat string }
	}
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	text, err := os.ReadFile("../../docs/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	d := new(dashboard)
	if err := json.Unmarshal(text, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// variables returns what replaces the variables of a query, as Grafana does it
// where all values are selected.
func (d *dashboard) variables(t *testing.T, s *server) *strings.Replacer {
	t.Helper()
	// https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/#use-__rate_interval
	replacements := []string{"$__rate_interval", fmt.Sprint(4 * interval)}
	for _, variable := range d.Templating.List {
		if variable.Type == "datasource" {
			continue
		}
		query := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(variable.Definition)
		if query == nil {
			t.Fatalf("variable %s: what is %q?", variable.Name, variable.Definition)
		}
		values, err := s.values(query[1], query[2])
		if err != nil || len(values) == 0 {
			t.Fatalf("variable %s: %v, %q", variable.Name, err, values)
		}
		replacements = append(replacements, "$"+variable.Name, "("+strings.Join(values, "|")+")")
	}
	return strings.NewReplacer(replacements...)
}
