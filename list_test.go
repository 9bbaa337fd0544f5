package caddycors

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// TestHTTPTimeout: a timeout is kept to, however long it is.
func TestHTTPTimeout(t *testing.T) {
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	s := &HTTPSource{URL: "http://127.0.0.1:1", Timeout: caddy.Duration(time.Hour)}
	if err := s.Provision(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Cleanup(); err != nil {
			t.Error(err)
		}
	}()
	var patience time.Duration
	reader := &listReader{
		read: func(ctx context.Context, _ any) (string, any, error) {
			deadline, _ := ctx.Deadline()
			patience = time.Until(deadline)
			return "", nil, nil
		},
		timeout: s.reader.timeout,
		ctx:     t.Context(),
		busy:    make(chan struct{}, 1),
	}
	if _, _, err := reader.readText(nil); err != nil {
		t.Fatal(err)
	}
	if patience < 59*time.Minute {
		t.Errorf("a read is given up after %s", patience)
	}
}

// TestStatusError: the log gets nothing that the server has written.
func TestStatusError(t *testing.T) {
	for status, want := range map[int]string{
		500: "the server answers 500 Internal Server Error",
		599: "the server answers 599",
	} {
		res := &http.Response{StatusCode: status, Status: strings.Repeat("x", 1<<20)}
		if got := statusError(res).Error(); got != want {
			t.Errorf("%.100q, want %q", got, want)
		}
	}
}
