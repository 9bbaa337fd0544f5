// Package e2e lets real browsers judge what the module answers. See README.md.
package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

const (
	// patience is how long a browser may take for all of its calls.
	patience = 3 * time.Minute
	// aftermath is how long after that a beacon or a message may come.
	aftermath = 20 * time.Second
)

// TestBrowsers: what a browser lets pages read is what the module decides, on
// every cell of page, policy and call; what it asks and sends for that, and what
// it says on the console, follow from it.
func TestBrowsers(t *testing.T) {
	for _, p := range []struct{ name, scheme string }{{"HTTP/1.1", "http"}, {"HTTP/2.0", "https"}} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, b := range browsers {
				t.Run(b.Name, func(t *testing.T) {
					t.Parallel()
					b.Find(t)
					s := start(t, p.scheme)
					session := b.open(t, s.pages[0]+"/", s.issuer)
					s.wait(t, &b, session)
					s.judge(t, &b, session)
					s.judgeProtocol(t, p.name)
					s.judgeCheck(t, &b)
				})
			}
		})
	}
}

// wait waits until all that is to come has come: results, requests that only
// the server sees, and messages on the console.
func (s *site) wait(t *testing.T, b *browser, session *session) {
	t.Helper()
	deadline := time.After(patience)
	for last := false; ; {
		missing, results := s.missing(b, session)
		if missing == "" {
			return
		}
		if !results && !last {
			last, deadline = true, time.After(aftermath)
		}
		select {
		case <-s.progress:
		case <-session.Said():
		case <-deadline:
			t.Errorf("the browser is not done: %s", missing)
			return
		}
	}
}

// missing returns something that has yet to come, and whether that are results.
func (s *site) missing(b *browser, session *session) (what string, results bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending > 0 {
		return fmt.Sprintf("%d results are missing", s.pending), true
	}
	said := session.byCell()
	for id, c := range s.cells {
		if c.call.inOrder {
			continue
		}
		// Caddy logs a request when the browser may have gone on.
		seen := s.seen[strconv.Itoa(id)]
		if c.call.preflighted() && seen.preflights == 0 {
			return fmt.Sprintf("%s: nothing was asked", c), false
		}
		if c.sent(b) && seen.requests == 0 {
			return fmt.Sprintf("%s: nothing was sent", c), false
		}
		if text := b.complaint(c); text != "" && !b.nameless(c.call) && !contain(said[id], text) {
			return fmt.Sprintf("%s: not on the console: %s", c, text), false
		}
	}
	for text, n := range s.owed(b, session) {
		if n > 0 {
			return fmt.Sprintf("%d times not on the console: %s", n, text), false
		}
	}
	return "", false
}

// judge compares what the browser let the pages read, has sent and has said with
// what the policies say.
func (s *site) judge(t *testing.T, b *browser, session *session) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	said, read := session.byCell(), 0
	refused := make(map[reason][]string) // messages on the console
	for id, c := range s.cells {
		if c.result == nil {
			continue
		}
		reason, _ := c.refused(b)
		refused[reason] = append(refused[reason], said[id]...)
		c.judgeResult(t, reason)
		if c.result.Read {
			read++
		}
		if !c.call.inOrder {
			c.judgeTraffic(t, s.seen[strconv.Itoa(id)], c.sent(b))
			b.judgeConsole(t, c, said[id])
		}
	}
	for reason := range b.complaints {
		if len(refused[reason]) == 0 {
			t.Errorf("no cell shows what is said of %s", reason)
			continue
		}
		t.Log(refused[reason][0])
	}
	for text, n := range s.owed(b, session) {
		if n != 0 {
			t.Errorf("%d times too seldom or (if less than 0) too often on the console: %s", n, text)
		}
	}
	s.judgeDeviations(t, b)
	s.judgeRow(t)
	t.Logf("%d cells, of which %d could be read", len(s.cells), read)
	if read < 100 {
		t.Errorf("only %d could be read", read)
	}
}

// judgeProtocol checks that the browser has spoken one protocol with the API.
func (s *site) judgeProtocol(t *testing.T, name string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.protocols) != 1 || s.protocols[name] == 0 {
		t.Errorf("requests by protocol: %v, want %s only", s.protocols, name)
	}
}

// judgeRow checks how often a browser asked for several methods and a field.
func (s *site) judgeRow(t *testing.T) {
	t.Helper()
	for _, page := range s.pages[1:] {
		n := s.seen["/cached/row "+page].preflights
		t.Logf("%s: %d preflight(s) for a field, PUT, PATCH and DELETE in a row", page, n)
		if n != 1 {
			t.Errorf("%s: %d preflights, want 1", page, n)
		}
	}
}

// judgeResult checks whether the page could read, and what.
func (c *cell) judgeResult(t *testing.T, reason reason) {
	t.Helper()
	if c.result.Late {
		t.Errorf("%s: no result in time", c)
		return
	}
	if c.call.noCORS && !c.result.Loaded {
		t.Errorf("%s: not loaded", c)
	}
	if want := reason == none && c.call.way != "beacon"; c.result.Read != want {
		t.Errorf("%s: read %t, want %t (%s)", c, c.result.Read, want, reason)
	} else if want {
		c.judgeContent(t)
	}
}

// judgeTraffic checks whether the browser asked, and sent more than that.
func (c *cell) judgeTraffic(t *testing.T, seen seen, sent bool) {
	t.Helper()
	if seen.requests > 0 != sent {
		t.Errorf("%s: %d requests after any preflight, want some: %t", c, seen.requests, sent)
	}
	if seen.preflights > 0 != c.call.preflighted() {
		t.Errorf("%s: %d preflights, want some: %t", c, seen.preflights, c.call.preflighted())
	}
}

// judgeContent checks what could be read.
func (c *cell) judgeContent(t *testing.T) {
	t.Helper()
	got := c.result
	body := "body"
	if c.call.method == "HEAD" || c.call.status == 502 {
		body = ""
	}
	if (c.call.tells() || c.call.way == "events") && got.Body != body {
		t.Errorf("%s: body %q, want %q", c, got.Body, body)
	}
	if !c.call.tells() {
		return
	}
	if status := max(c.call.status, 200); got.Status != status {
		t.Errorf("%s: status %d, want %d", c, got.Status, status)
	}
	if exposed := c.policy.exposed && c.call.status != 502; got.Exposed != exposed {
		t.Errorf("%s: X-Exposed is exposed: %t, want %t", c, got.Exposed, exposed)
	}
}
