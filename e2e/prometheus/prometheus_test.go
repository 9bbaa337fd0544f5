// Package prometheus has a real Prometheus scrape Caddy's metrics, and asks it the
// queries of the dashboard and the documentation.
package prometheus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

func TestMain(m *testing.M) { caddy.Main(m, "../..") }

// prefix is what the names of the module's metrics begin with.
const prefix = "caddy_http_cors_"

// interval is how often Prometheus scrapes, and evaluates.
const interval = time.Second

// server is a Prometheus.
type server struct{ url string }

// installed makes sure that the programs of the tests are there.
func installed(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// start starts a Prometheus that scrapes an address, waits until it has done so
// twice, and stops it after the test.
func start(t *testing.T, port, scraped string) *server {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("scrape_configs:\n- job_name: caddy\n  scrape_interval: %s\n  scrape_timeout: %[1]s\n  static_configs:\n  - targets: [%q]\n", interval, scraped)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", "127.0.0.1:"+port)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); t.Failed() {
			t.Log(err, log.String())
		}
	})
	s := &server{"http://127.0.0.1:" + port}
	corstest.Eventually(t, "second scrape", func() bool {
		result, err := s.query(`sum(count_over_time(` + prefix + `requests_total{kind="actual",result="none"}[1m]))`)
		return err == nil && len(result) == 1 && result[0].value >= 2
	})
	return s
}

// sample is a series of a result, and its value.
type sample struct {
	labels map[string]string
	value  float64
}

// query returns the result of a query at this moment.
func (s *server) query(expression string) ([]sample, error) {
	var result struct {
		ResultType string
		Result     []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	if err := s.get("/api/v1/query?query="+url.QueryEscape(expression), &result); err != nil {
		return nil, err
	}
	if result.ResultType != "vector" {
		return nil, fmt.Errorf("%s is a %s", expression, result.ResultType)
	}
	var samples []sample
	for _, r := range result.Result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{r.Metric, value})
	}
	return samples, nil
}

// values returns the values of a label of a metric.
func (s *server) values(metric, label string) (values []string, err error) {
	err = s.get("/api/v1/label/"+url.PathEscape(label)+"/values?match[]="+url.QueryEscape(metric), &values)
	return values, err
}

// get asks the API.
func (s *server) get(path string, data any) error {
	res, err := http.Get(s.url + path)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", res.Status, err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", res.Status, answer.Error)
	}
	return nil
}

// positive returns the series of a result that are greater than 0, as the values of
// some of their labels. NaN is not.
func positive(result []sample, labels ...string) series {
	found := make(series)
	for _, s := range result {
		var values []string
		for _, label := range labels {
			values = append(values, s.labels[label])
		}
		if s.value > 0 && !math.IsInf(s.value, 0) {
			found[strings.Join(values, " ")] += s.value
		}
	}
	return found
}
