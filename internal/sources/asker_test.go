package sources

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// askServer returns an Asker of a real server.
func askServer(t *testing.T, handler http.HandlerFunc) *Asker {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := openAsker(t, u, Limits{})
	t.Cleanup(func() { closed(t, a) })
	return a
}

// TestAskerStatus: what the status of an answer means.
func TestAskerStatus(t *testing.T) {
	for _, tc := range []struct {
		status  int
		yes     bool
		problem string
	}{
		{200, true, ""},
		{204, true, ""},
		{299, true, ""},
		{403, false, ""},
		{404, false, ""},
		{410, false, ""},
		{301, false, "answers 301"},
		{302, false, "answers 302"},
		{304, false, "answers 304"},
		{400, false, "answers 400"},
		{401, false, "answers 401"},
		{429, false, "answers 429"},
		{500, false, "answers 500"},
		{503, false, "answers 503"},
	} {
		t.Run(http.StatusText(tc.status), func(t *testing.T) {
			a := askServer(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					return // 200, for those who follow
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
			})
			yes, err := asks(t, a, "https://a.example", "host.example")
			if yes != tc.yes || (err != nil) != (tc.problem != "") || err != nil && !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("got %t, %v", yes, err)
			}
		})
	}
}

// TestAskerUpgrade: a server that changes the protocol and then says nothing holds
// up neither the request nor the end of the configuration.
func TestAskerUpgrade(t *testing.T) {
	conns := make(chan net.Conn, 1)
	a := askServer(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conns <- conn
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	})
	t.Cleanup(func() { _ = (<-conns).Close() }) // before the Asker's own
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	admission, err := a.Allows((&http.Request{Host: "host.example"}).WithContext(ctx), parse(t, "https://a.example"))
	if admission != policy.Refused || err == nil || !strings.Contains(err.Error(), "answers 101") {
		t.Errorf("got %v, %v", admission, err)
	}
}

// TestAskerQuestion: what is asked, for whom the answer is valid, and that the
// same is not asked again.
func TestAskerQuestion(t *testing.T) {
	e := newEndpoint(func(_ context.Context, q question) (int, error) {
		if q != (question{"https://a.example", "tenant.example"}) {
			return http.StatusForbidden, nil
		}
		return http.StatusOK, nil
	})
	a := newTestAsker(t, e, Limits{})
	defer closed(t, a)
	for range 3 {
		for _, tc := range []struct {
			origin, host string
			want         bool
		}{
			{"https://a.example", "tenant.example", true},
			{"https://a.example", "Tenant.EXAMPLE:8443", true},
			{"https://a.example", "other.example", false},
			{"https://b.example", "tenant.example", false},
			{"https://a.example", "x&origin=https://b.example", false},
		} {
			expect(t, a, tc.origin, tc.host, tc.want, true)
		}
	}
	if n := e.total(); n != 4 {
		t.Errorf("asked %d times, want once for each origin and host: %v", n, e.asked)
	}
	expect(t, a, "https://a.example", strings.Repeat("x", 16<<10), false, false)
	if n := e.total(); n != 4 {
		t.Error("asked about a host of 16 KiB")
	}
}

// TestAskerRequest: the parameters join those of the URL, and an error shows none.
func TestAskerRequest(t *testing.T) {
	queries := make(chan url.Values, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		queries <- r.URL.Query()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL + "/cors?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	a := openAsker(t, u, Limits{})
	defer closed(t, a)
	if _, err := asks(t, a, "https://a.example", "h"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	got := <-queries
	if want := "host=h&origin=https%3A%2F%2Fa.example&token=secret"; got.Encode() != want {
		t.Errorf("asked %s, want %s", got.Encode(), want)
	}
}

// TestAskerClaims: what will be allowed is not known when the config loads.
func TestAskerClaims(t *testing.T) {
	a := newTestAsker(t, newEndpoint(answers(200)), Limits{Timeout: time.Hour})
	defer closed(t, a)
	want := []policy.Claim{{Option: "dynamic_origins", Entry: "ask ask.example", Runtime: true}}
	if got := slices.Collect(a.Claims()); !slices.EqualFunc(got, want, func(a, b policy.Claim) bool {
		return a.Option == b.Option && a.Entry == b.Entry && a.Runtime == b.Runtime && !a.Verdict.Open
	}) {
		t.Errorf("got %+v", got)
	}
	if a.client.Timeout != time.Hour {
		t.Errorf("the client has the timeout %s", a.client.Timeout)
	}
}
