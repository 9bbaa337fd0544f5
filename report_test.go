package caddycors

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// observe has the handler log to what it returns.
func observe(h *Handler) *observer.ObservedLogs {
	core, logs := observer.New(zapcore.DebugLevel)
	h.logger, h.debug = zap.New(core), true
	h.reports = newReports()
	return logs
}

// TestReportOnly checks that a response is what it is without the module, and
// what is said about it.
func TestReportOnly(t *testing.T) {
	const policy = `cors https://a.example {
		allow_methods PUT
		allow_headers X-Token
		expose_headers X-Total
		allow_credentials
		report_only
	}`
	upstreamError := errors.New("dead")
	tests := []struct {
		name        string
		directive   string // policy if empty
		method      string
		header      http.Header
		status      int // of the upstream
		upstream    http.Header
		err         error
		log         string // kind, result, reason, upstream
		differences []string
	}{
		{name: "no origin", upstream: fields("Access-Control-Allow-Origin: *")},
		{
			name: "the same", header: fields("Origin: https://a.example"),
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "X-Total: 3", "Access-Control-Expose-Headers: X-Total"),
			log:      "actual allowed - same",
		},
		{
			name: "the same on an error status", header: fields("Origin: https://a.example"), status: 503,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true"),
			log:      "actual allowed - same",
		},
		{
			name: "both deny", header: fields("Origin: https://b.example"),
			upstream: fields("Access-Control-Allow-Origin: https://a.example"),
			log:      "actual denied origin same",
		},
		{
			name: "the upstream says nothing", header: fields("Origin: https://a.example"),
			log: "actual allowed - different",
			differences: []string{
				"without credentials, the policy allows it, but the response does not: missing_allow_origin",
				"with credentials, the policy allows it, but the response does not: missing_allow_origin",
			},
		},
		{
			name: "the upstream allows all", header: fields("Origin: https://b.example"),
			upstream: fields("Access-Control-Allow-Origin: *", "Vary: Accept"),
			log:      "actual denied origin different",
			differences: []string{
				"without credentials, the response allows it, but the policy does not: missing_allow_origin",
			},
		},
		{
			name: "the upstream allows no credentials, and exposes something else", header: fields("Origin: https://a.example"),
			upstream: fields("Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: *", "X-Total: 3", "X-Secret: 4"),
			log:      "actual allowed - different",
			differences: []string{
				"without credentials, only the response exposes x-secret",
				"with credentials, the policy allows it, but the response does not: wildcard_with_credentials",
			},
		},
		{
			name: "the policy exposes more", header: fields("Origin: https://a.example"),
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "X-Total: 3"),
			log:      "actual allowed - different",
			differences: []string{
				"without credentials, only the policy exposes x-total",
				"with credentials, only the policy exposes x-total",
			},
		},
		{
			name: "two values", header: fields("Origin: https://a.example"),
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Origin: https://a.example"),
			log:      "actual allowed - different",
			differences: []string{
				"without credentials, the policy allows it, but the response does not: multiple_allow_origin",
				"with credentials, the policy allows it, but the response does not: multiple_allow_origin",
			},
		},
		{
			name: "a form, which the policy rejects", directive: "cors https://a.example {\nreject_disallowed\nreport_only\n}", method: "POST", header: fields("Origin: https://login.example", "Sec-Fetch-Mode: navigate"),
			log: "actual denied origin different", differences: []string{"the policy rejects the request with 403"},
		},
		{name: "malformed", header: fields("Origin: a.example"), log: "actual denied malformed_origin same"},
		{name: "same-origin", header: fields("Origin: http://host.example"), method: "POST", log: "actual same_origin - -"},
		{
			name: "preflight, the same", method: "OPTIONS", header: preflight("https://a.example", "PUT", "Access-Control-Request-Headers: x-token"), status: 200,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT", "Access-Control-Allow-Headers: x-token"),
			log:      "preflight allowed - same",
		},
		{
			name: "preflight without an answer", method: "OPTIONS", header: preflight("https://a.example", "PUT"), status: 405,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true"),
			log:      "preflight allowed - different",
			differences: []string{
				"without credentials, the policy allows it, but the response does not: preflight_status",
				"with credentials, the policy allows it, but the response does not: preflight_status",
			},
		},
		{
			name: "preflight for more than the policy has", method: "OPTIONS", header: preflight("https://a.example", "DELETE", "Access-Control-Request-Headers: x-other"), status: 204,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: DELETE", "Access-Control-Allow-Headers: x-other"),
			log:      "preflight allowed method different",
			differences: []string{
				"without credentials, the response allows it, but the policy does not: method_not_allowed",
				"with credentials, the response allows it, but the policy does not: method_not_allowed",
			},
		},
		{
			name: "preflight of a content type", method: "OPTIONS", header: preflight("https://a.example", "POST", "Access-Control-Request-Headers: content-type"), status: 204,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Credentials: true"),
			log:      "preflight allowed headers same",
		},
		{name: "preflight that both deny", method: "OPTIONS", header: preflight("https://b.example", "PUT"), status: 404, log: "preflight denied origin same"},
		{name: "preflight of no browser", method: "OPTIONS", header: preflight("https://a.example", "P U T"), log: "preflight allowed method unknown"},
		{name: "dead upstream", header: fields("Origin: https://a.example"), err: upstreamError, log: "actual allowed - unknown"},
		{
			name: "an echo", method: "OPTIONS", header: preflight("https://a.example", "PURGE", "Access-Control-Request-Headers: x-any"),
			directive: `cors https://a.example {
				allow_methods *
				allow_headers *
				allow_credentials
				report_only
			}`,
			upstream: fields("Access-Control-Allow-Origin: https://a.example", "Access-Control-Allow-Methods: PURGE", "Access-Control-Allow-Headers: x-any"),
			log:      "preflight allowed - different",
			differences: []string{
				"with credentials, the policy allows it, but the response does not: invalid_allow_credentials",
			},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if tc.directive == "" {
				tc.directive = policy
			}
			h := provision(t, tc.directive)
			logs := observe(h)
			status := tc.status
			if status == 0 {
				status = http.StatusOK
			}
			server := serve(t, h, func(w http.ResponseWriter, _ *http.Request) error {
				maps.Copy(w.Header(), tc.upstream.Clone())
				if tc.err != nil {
					return tc.err
				}
				w.WriteHeader(status)
				return nil
			})
			e := exchange{method: tc.method, header: tc.header, want: make(http.Header)}
			for name, values := range tc.upstream {
				if !strings.HasPrefix(name, "X-") {
					e.want[name] = values
				}
			}
			res := e.send(t, server)
			if tc.err == nil && res.StatusCode != status {
				t.Errorf("status %d, want the upstream's, %d", res.StatusCode, status)
			}
			e.check(t, res)

			var got string
			var differences []string
			for _, entry := range logs.All() {
				m := entry.ContextMap()
				word := func(name string) string {
					if s, _ := m[name].(string); s != "" {
						return s
					}
					return "-"
				}
				if entry.Level == zapcore.InfoLevel {
					for _, d := range m["differences"].([]any) {
						differences = append(differences, d.(string))
					}
					continue
				}
				got += strings.Join([]string{word("kind"), word("result"), word("reason"), word("upstream")}, " ")
			}
			if got != tc.log {
				t.Errorf("logged %q, want %q", got, tc.log)
			}
			if !slices.Equal(differences, tc.differences) {
				t.Errorf("differences:\n%s\nwant\n%s", strings.Join(differences, "\n"), strings.Join(tc.differences, "\n"))
			}
		})
	}
}

// TestReportOnlyUnjudged checks that nothing is compared where browsers check
// nothing, or not this response.
func TestReportOnlyUnjudged(t *testing.T) {
	const origin = "Origin: https://a.example"
	tests := []struct {
		name     string
		method   string
		header   http.Header
		status   int
		upstream string // Access-Control-Allow-Origin
		want     agreement
	}{
		{"fetch", "GET", fields(origin, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: cors"), 200, "", agreementDifferent},
		{"same-origin", "POST", fields(origin, "Sec-Fetch-Site: same-origin"), 200, "", agreementUnknown},
		{"a form", "POST", fields(origin, "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"), 200, "", agreementUnknown},
		{"a WebSocket", "GET", fields(origin, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="), 200, "", agreementUnknown},
		{"revalidation", "GET", fields(origin), 304, "", agreementUnknown},
		{"revalidation of another's", "GET", fields(origin), 304, "https://b.example", agreementDifferent},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			h := provision(t, "cors https://a.example {\nreport_only\n}")
			logs := observe(h)
			server := serve(t, h, func(w http.ResponseWriter, _ *http.Request) error {
				if tc.upstream != "" {
					w.Header().Set("Access-Control-Allow-Origin", tc.upstream)
				}
				w.WriteHeader(tc.status)
				return nil
			})
			e := exchange{method: tc.method, header: tc.header, want: make(http.Header)}
			if tc.upstream != "" {
				e.want = fields("Access-Control-Allow-Origin: " + tc.upstream)
			}
			e.check(t, e.send(t, server))
			got := logs.FilterMessage("cors").All()
			if len(got) != 1 || got[0].ContextMap()["upstream"] != tc.want.String() {
				t.Errorf("logged %v, want the upstream to be %s", got, tc.want)
			}
		})
	}
}

// TestReportOnlyChanged checks that what is compared is the request as it came,
// whatever the next handler makes of it.
func TestReportOnlyChanged(t *testing.T) {
	h := provision(t, "cors https://a.example {\nallow_methods PUT\nreport_only\n}")
	for _, tc := range []struct {
		kind   string
		method string
		header http.Header
	}{
		{"actual", "GET", fields("Origin: https://a.example")},
		{"preflight", "OPTIONS", preflight("https://a.example", "PUT")},
	} {
		logs := observe(h)
		server := serve(t, h, func(w http.ResponseWriter, r *http.Request) error {
			for _, name := range []string{"Origin", "Access-Control-Request-Method"} {
				r.Header.Del(name) // as request_header does
			}
			r.Method, r.Host = "GET", "a.example"
			_, err := io.WriteString(w, "body")
			return err
		})
		e := exchange{method: tc.method, header: tc.header, want: make(http.Header)}
		e.check(t, e.send(t, server))
		got := logs.FilterMessage("cors").All()
		if len(got) != 1 {
			t.Fatalf("%s: %d decisions, want 1", tc.kind, len(got))
		}
		if m := got[0].ContextMap(); m["upstream"] != "different" || m["origin"] != "https://a.example" {
			t.Errorf("%s: logged %v, want the origin, and that the upstream is different", tc.kind, m)
		}
	}
}

// TestReportOnlyLimit: of differences that go on, ten a minute are logged.
func TestReportOnlyLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := provision(t, "cors https://a.example {\nreport_only\n}")
		logs := observe(h)
		next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
		for minute := range 3 {
			for range 50 {
				r := httptest.NewRequest(http.MethodGet, "https://host.example/", nil)
				r.Header.Set("Origin", "https://a.example")
				if err := h.ServeHTTP(httptest.NewRecorder(), r, next); err != nil {
					t.Fatal(err)
				}
			}
			differences := logs.FilterLevelExact(zapcore.InfoLevel).Len()
			if logs.TakeAll(); differences != 10 {
				t.Errorf("minute %d: %d differences are logged, want 10", minute, differences)
			}
			time.Sleep(time.Minute)
		}
	})
}

// TestReportOnlyNested checks who decides where one handler only reports.
func TestReportOnlyNested(t *testing.T) {
	const enforcing, reporting = "cors https://a.example", "cors https://a.example {\nreport_only\n}"
	tests := []struct {
		name         string
		outer, inner string
		logged       int
		want         http.Header
	}{
		{"enforcing in reporting", reporting, enforcing, 2, fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
		{"reporting in enforcing", enforcing, reporting, 1, fields("Access-Control-Allow-Origin: https://a.example", "Vary: Origin")},
		{"reporting in reporting", reporting, reporting, 1, fields("Access-Control-Allow-Origin: *")},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			outer, inner := provision(t, tc.outer), provision(t, tc.inner)
			logs := observe(outer)
			inner.logger, inner.debug = outer.logger, true
			server := serve(t, outer, func(w http.ResponseWriter, r *http.Request) error {
				return inner.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
					w.Header()["Access-Control-Allow-Origin"] = []string{"*"}
					_, err := io.WriteString(w, "body")
					return err
				}))
			})
			e := exchange{header: fields("Origin: https://a.example"), want: tc.want}
			e.check(t, e.send(t, server))
			if n := logs.FilterMessage("cors").Len(); n != tc.logged {
				t.Errorf("%d decisions, want %d", n, tc.logged)
			}
		})
	}
}

// TestReportOnlySampled: what differs on every request does not fill the log.
func TestReportOnlySampled(t *testing.T) {
	h := provision(t, "cors https://a.example {\nreport_only\n}")
	logs := observe(h)
	h.debug = false
	server := serve(t, h, func(http.ResponseWriter, *http.Request) error { return nil })
	e := exchange{header: fields("Origin: https://a.example")}
	for range 100 {
		e.send(t, server)
	}
	if n := logs.Len(); n != 10 {
		t.Errorf("%d entries, want 10", n)
	}
}
