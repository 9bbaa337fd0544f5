package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// patience is how long a request may take.
const patience = 20 * time.Second

// client makes requests, one after the other.
type client struct {
	caddy  *caddy
	world  *world
	tally  *tally
	random *rand.Rand
	h1, h2 *http.Transport
}

func newClient(i int, c *caddy, w *world, t *tally) *client {
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	return &client{
		caddy: c, world: w, tally: t,
		random: rand.New(rand.NewPCG(uint64(i), 0)), //nolint:gosec // no secrets, and the same in every run
		h1:     &http.Transport{DisableCompression: true},
		h2:     &http.Transport{DisableCompression: true, Protocols: h2},
	}
}

// call is a request.
type call struct {
	method, path string
	preflight    bool
	origin       []string // the lines of Origin
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// run makes requests until ctx ends.
func (c *client) run(ctx context.Context, pause time.Duration) {
	defer c.h1.CloseIdleConnections()
	defer c.h2.CloseIdleConnections()
	for ctx.Err() == nil {
		page := pages[c.random.IntN(len(pages))]
		target := targets[c.random.IntN(len(targets))]
		request := call{method: target.method, path: target.path, origin: page.origin(c)}
		if len(request.origin) > 0 && c.random.IntN(3) == 0 {
			request.method, request.preflight = http.MethodOptions, true
		}
		transport, protocol := c.h1, "HTTP/1.1"
		if !target.webSocket && c.random.IntN(2) == 0 {
			transport, protocol = c.h2, "HTTP/2"
		}
		webSocket := target.webSocket && !request.preflight
		do := func() (answer, error) { return c.do(context.WithoutCancel(ctx), transport, request) }
		if webSocket {
			protocol = "WebSocket"
			do = func() (answer, error) { return c.webSocket(context.WithoutCancel(ctx), request) }
		}

		from, retries := time.Now(), 0
		a, err := do()
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
			// A reload closes connections, also those that the old server has not
			// accepted yet.
			time.Sleep(250 * time.Millisecond)
			retries++
			a, err = do()
		}
		if err != nil {
			c.tally.wrong("%s %s %v over %s: %s", request.method, request.path, request.origin, protocol, err)
			continue
		}
		to := time.Now()
		verdict, problem := c.judge(page, request, a, from, to)
		if problem != "" {
			c.tally.wrong("%s %s %v (%s) over %s, in %s: %s: %d %v", request.method, request.path, request.origin, page.name, protocol, to.Sub(from), problem, a.status, a.header)
		}
		kind := "request"
		if request.preflight {
			kind = "preflight"
		}
		c.tally.answered(fmt.Sprintf("%s %s, %s", protocol, kind, verdict), to.Sub(from), retries)
		switch i := slices.Index(reloadOrigins[:], a.header.Get("X-Origin")); {
		case i < 0:
			c.tally.wrong("%s %s over %s: no X-Origin in %v", request.method, request.path, protocol, a.header)
		case !c.caddy.inForce[i].could(true, from, to):
			c.tally.late()
		}
		want := target.answer
		if webSocket {
			want.status = http.StatusSwitchingProtocols
		}
		switch {
		case request.preflight:
		case a.status != want.status:
			c.tally.unexpected(request.path, a.status)
		case a.body != want.body:
			c.tally.wrong("%s %s over %s: body %q, want %q", request.method, request.path, protocol, a.body, want.body)
		}
		time.Sleep(pause)
	}
}

// request makes the request of a call.
func (c *client) request(ctx context.Context, call call) (*http.Request, error) {
	var body io.Reader
	if call.method == http.MethodPost {
		body = strings.NewReader("body")
	}
	r, err := http.NewRequestWithContext(ctx, call.method, "http://"+c.caddy.address+call.path, body)
	if err != nil {
		return nil, err
	}
	if len(call.origin) > 0 {
		r.Header["Origin"] = call.origin
	}
	if call.preflight {
		r.Header.Set("Access-Control-Request-Method", "PUT")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
	}
	return r, nil
}

// do makes a request.
func (c *client) do(ctx context.Context, transport *http.Transport, call call) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r, err := c.request(ctx, call)
	if err != nil {
		return a, err
	}
	res, err := transport.RoundTrip(r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(body)}, err
}

// webSocket makes a handshake and has something sent back, which is the body of
// the answer.
func (c *client) webSocket(ctx context.Context, call call) (a answer, err error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.caddy.address)
	if err != nil {
		return a, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return a, err
	}
	r, err := c.request(ctx, call)
	if err != nil {
		return a, err
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	if err := r.Write(conn); err != nil {
		return a, err
	}
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, r)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		body, err := io.ReadAll(res.Body)
		return answer{res.StatusCode, res.Header, string(body)}, err
	}
	if _, err := io.WriteString(conn, "hello"); err != nil {
		return a, err
	}
	echo := make([]byte, len("hello"))
	if _, err := io.ReadFull(in, echo); err != nil {
		return a, errors.Join(errors.New("nothing came back"), err)
	}
	if string(echo) != "hello" { // but the frame with which the proxy closes at a reload
		return a, fmt.Errorf("%q came back", echo)
	}
	return answer{res.StatusCode, res.Header, string(echo)}, nil
}

// judge says what an answer makes of the origin, and what is wrong with it.
func (c *client) judge(page page, call call, a answer, from, to time.Time) (verdict, problem string) {
	fields := make(map[string]string)
	for name, values := range a.header {
		if strings.HasPrefix(name, "Access-Control-") {
			fields[name] = strings.Join(values, " | ")
		}
	}
	want := make(map[string]string)
	allowed := len(fields) > 0
	if allowed {
		want["Access-Control-Allow-Origin"] = strings.Join(call.origin, " | ")
		want["Access-Control-Allow-Credentials"] = "true"
		want["Access-Control-Expose-Headers"] = "X-Total"
		if call.preflight {
			want["Access-Control-Allow-Methods"] = "PUT"
			want["Access-Control-Allow-Headers"] = "Content-Type"
			want["Access-Control-Max-Age"] = "3600"
		}
	}
	verdict = "denied"
	switch {
	case len(call.origin) == 0:
		verdict = "no origin"
	case allowed:
		verdict = "allowed"
	}
	status := a.status
	switch {
	case call.preflight && allowed:
		status = http.StatusNoContent
	case call.preflight:
		status = http.StatusForbidden
	}
	var vary int
	for element := range strings.SplitSeq(strings.Join(a.header["Vary"], ","), ",") {
		if strings.EqualFold(strings.TrimSpace(element), "Origin") {
			vary++
		}
	}
	switch {
	case !page.could(c, a, allowed, from, to):
		return verdict, "wrong verdict"
	case fmt.Sprint(fields) != fmt.Sprint(want):
		return verdict, "wrong fields"
	case status != a.status:
		return verdict, "wrong status"
	case vary != 1:
		return verdict, "wrong Vary"
	}
	return verdict, ""
}
