package caddycors

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// BenchmarkLoad times what a configuration of 500 sites takes, each with a cors: to
// adapt the Caddyfile, and to provision and validate the handlers. The same sites
// with header instead are for comparison.
func BenchmarkLoad(b *testing.B) {
	const sites = 500
	const options = "{\n allow_methods PUT DELETE\n allow_headers Content-Type\n allow_credentials\n max_age 1h\n"
	for _, bc := range []struct{ name, snippet, directive string }{
		{"header", "", "header {\n Access-Control-Allow-Origin https://app.%[1]d.example.com\n Vary Origin\n}"},
		{"header of a snippet", "header {\n Access-Control-Allow-Origin https://app.example.com\n Vary Origin\n}", "import shared"},
		{"regexp", "", "cors " + options + ` allow_origins_regexp https://([a-z]+\.)?site%[1]d\.example\.com` + "\n}"},
		{"origins", "", "cors https://a.%[1]d.example.com https://b.%[1]d.example.com " + options + "}"},
		{"snippet", "cors https://app.example.com https://*.app.example.com " + options + "}", "import shared"},
	} {
		var text strings.Builder
		text.WriteString("{\n admin off\n auto_https off\n persist_config off\n http_port 1\n log {\n output discard\n }\n}\n")
		if bc.snippet != "" {
			fmt.Fprintf(&text, "(shared) {\n%s\n}\n", bc.snippet)
		}
		for i := range sites {
			directive := bc.directive
			if strings.Contains(directive, "%") {
				directive = fmt.Sprintf(directive, i)
			}
			fmt.Fprintf(&text, "http://site%d.example.net {\n%s\nrespond hello\n}\n", i, directive)
		}
		benchmarkLoad(b, bc.name, text.String(), 0)
	}
}

// BenchmarkLoadOneSite times what one site with many cors takes, per cors: it must not
// grow with their number.
func BenchmarkLoadOneSite(b *testing.B) {
	for _, bc := range []struct{ name, directive string }{
		{"header", "header /p%[1]d/* X-A https://app%[1]d.example.com"},
		{"paths", "cors /p%[1]d/* https://app%[1]d.example.com"},
		{"matchers of Origin", "@m%[1]d header Origin https://app%[1]d.example.com\ncors @m%[1]d https://app%[1]d.example.com"},
		{"parts", "cors https://app%[1]d.example.com"},
		{"blocks", "handle /p%[1]d/* {\ncors https://app%[1]d.example.com\n}"},
	} {
		for _, n := range []int{250, 1000} {
			var text strings.Builder
			text.WriteString("{\nadmin off\nauto_https off\npersist_config off\nhttp_port 1\nlog {\noutput discard\n}\n}\nhttp://site.example.net {\n")
			for i := range n {
				fmt.Fprintf(&text, bc.directive+"\n", i)
			}
			text.WriteString("respond hello\n}\n")
			benchmarkLoad(b, fmt.Sprintf("%s/%d", bc.name, n), text.String(), n)
		}
	}
}

// benchmarkLoad times what it takes to adapt a Caddyfile and to validate the result,
// and how much of that each of n directives takes, if n is not 0.
func benchmarkLoad(b *testing.B, name, text string, n int) {
	b.Helper()
	adapter := caddyconfig.GetAdapter("caddyfile")
	adapted, _, err := adapter.Adapt([]byte(text), nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"adapt", func() error {
			_, _, err := adapter.Adapt([]byte(text), nil)
			return err
		}},
		{"validate", func() error {
			config := new(caddy.Config)
			if err := json.Unmarshal(adapted, config); err != nil {
				return err
			}
			return caddy.Validate(config)
		}},
	} {
		b.Run(step.name+"/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := step.do(); err != nil {
					b.Fatal(err)
				}
			}
			if n > 0 {
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/cors")
			}
		})
	}
}
