package sources

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// Limits says how one configuration asks, and how it uses the answers.
type Limits struct {
	Timeout     time.Duration // of a question
	TTL         time.Duration // how long a yes is valid
	NegativeTTL time.Duration // how long a no is valid
	MaxStale    time.Duration // how much longer a yes is valid while questions fail
	CacheSize   int           // how many answers of each kind are kept
	MaxInFlight int           // how many questions are asked at once; beyond it, they wait for as long as Timeout
}

// An Asker asks a URL about origins, as one configuration does. It is a
// policy.Source.
type Asker struct {
	Limits
	key    key
	url    *url.URL
	client *http.Client
	logger *zap.Logger
	known  *knownAnswers
	ctx    context.Context // ends when the Asker is closed
	cancel context.CancelFunc
	flying sync.WaitGroup

	detached bool // whether Close has given it up; known.mu locks it
}

// NewAsker returns an Asker for u, which the caller must close once.
func NewAsker(u *url.URL, limits Limits, logger *zap.Logger) (*Asker, error) {
	a := &Asker{Limits: limits, key: key{"ask " + u.Host, u.String()}, url: u, client: newClient(limits.Timeout), logger: logger}
	value, _, err := live.LoadOrNew(a.key, func() (caddy.Destructor, error) { return newKnownAnswers(), nil })
	if err != nil {
		return nil, err
	}
	a.known = value.(*knownAnswers)
	a.ctx, a.cancel = context.WithCancel(context.Background())
	a.known.attach(a)
	return a, nil
}

// Close ends the questions of the Asker. Requests that are under way may still
// use the answers that are known.
func (a *Asker) Close() error {
	a.known.detach(a)
	a.cancel()
	a.flying.Wait()
	a.client.CloseIdleConnections()
	_, err := live.Delete(a.key)
	return err
}

// Allows returns the answer about o and the host of r, from memory or by asking.
func (a *Asker) Allows(r *http.Request, o origins.Origin) (policy.Admission, error) {
	host, _ := origins.SplitPort(r.Host)
	yes, err := a.known.ask(r.Context(), a, question{o.String(), strings.ToLower(host)})
	if !yes || err != nil {
		return policy.Refused, err
	}
	return policy.Admitted, nil
}

// Claims yields one claim, because only the answers tell which origins are
// allowed.
func (a *Asker) Claims() iter.Seq[policy.Claim] { return policy.ClaimAtRuntime(a.key.name) }

// question is what the URL is asked.
type question struct{ origin, host string }

// ask asks the URL.
func (a *Asker) ask(q question) (yes bool, err error) {
	u := *a.url
	query := u.Query()
	query.Set("origin", q.origin)
	query.Set("host", q.host)
	u.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(a.ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false, err
	}
	res, err := a.client.Do(r)
	if err != nil {
		return false, Brief(withoutURL(err))
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols { // no deadline ends the body of that one
		// Read, within bounds, so that the connection can be used again.
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4<<10))
	}
	switch status := res.StatusCode; {
	case status >= 200 && status <= 299:
		return true, nil
	case status == http.StatusForbidden, status == http.StatusNotFound, status == http.StatusGone:
		return false, nil
	}
	return false, statusError(res)
}
