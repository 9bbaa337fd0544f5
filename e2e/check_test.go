package e2e

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/check"
)

// judgeCheck compares what `caddy cors check` says with what the browser let the
// pages read, of every call of the matrix that is one of fetch() or means the same.
func (s *site) judgeCheck(t *testing.T, b *browser) {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		// Names under localhost are loopback, as browsers have it.
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("localhost", port))
		},
	}
	defer transport.CloseIdleConnections()
	checked := 0
	for _, c := range s.cells {
		if c.result == nil || !c.call.tells() || c.call.noCORS || c.call.upload {
			continue
		}
		call := check.Check{
			Method: c.call.method, URL: s.api + "/" + c.policy.name + "/" + c.call.path, Origin: c.page,
			Credentials: c.call.credentials, Header: make(http.Header), Send: true, Transport: transport,
		}
		if call.Method == "" {
			call.Method = http.MethodGet
		}
		for name, value := range c.call.fields {
			call.Header.Set(name, value)
		}
		report, err := call.Run(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if report.Verdict == check.Unknown {
			t.Errorf("%s: the check could not tell: %s", c, report.Error)
		}
		if read := report.Verdict == check.Readable; read != c.result.Read && !c.deviates(b) {
			t.Errorf("%s: the check says %s, but the browser let it be read: %t", c, report.Verdict, c.result.Read)
		}
		checked++
	}
	t.Logf("the check agrees on %d calls", checked)
	if checked < 500 {
		t.Errorf("only %d calls were checked", checked)
	}
}
