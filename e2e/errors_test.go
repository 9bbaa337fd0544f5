package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestErrors: each message of docs/errors.md is what a browser says, for each cause
// that is named there, and not if that is put right as it says.
func TestErrors(t *testing.T) {
	p := readErrorPage(t)
	p.checkMistakes(t)
	for _, b := range browsers {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			b.Find(t)
			s := set(t, p.caddyfiles[0])
			sessions := []*session{b.open(t, s.origin("")+"/", s.issuer), b.open(t, s.file(), s.issuer)}
			s.wait(t, p, &b, sessions)
			s.judge(t, p, &b, sessions)
		})
	}
}

// wait waits until all results and messages have come.
func (s *stage) wait(t *testing.T, p *errorPage, b *browser, sessions []*session) {
	t.Helper()
	deadline := time.After(patience)
	for last := false; ; {
		s.mu.Lock()
		pending := s.pending
		s.mu.Unlock()
		missing := s.missing(p, b, sessions)
		if pending == 0 && len(missing) == 0 {
			return
		}
		if pending == 0 && !last {
			last, deadline = true, time.After(aftermath)
		}
		select {
		case <-s.progress:
		case <-sessions[0].Said():
		case <-sessions[1].Said():
		case <-deadline:
			t.Errorf("%d results are missing, and on the console: %q", pending, missing)
			return
		}
	}
}

// missing returns the trials of which a browser has still to complain, and the
// messages of the page that it has still to print.
func (s *stage) missing(p *errorPage, b *browser, sessions []*session) (missing []string) {
	said, found := s.said(b, sessions), make(map[*errorMessage]bool)
	for _, tr := range s.trials {
		complains := false
		for _, text := range said[tr.id] {
			if m := p.find(tr, b, text); m != nil {
				complains, found[m] = true, true
			}
		}
		if want := tr.besides[b.Name]; want != "" && !contain(said[tr.id], want) {
			missing = append(missing, want+" on "+tr.String())
		}
		if !complains && !tr.fine(b) && slices.ContainsFunc(p.messages, func(m *errorMessage) bool { return m.expected(b) && m.section == tr.section }) {
			missing = append(missing, "a message on "+tr.String())
		}
	}
	for _, m := range p.messages {
		if m.expected(b) && !found[m] {
			missing = append(missing, m.section+": "+m.text)
		}
	}
	return missing
}

// fine reports whether a browser lets the page read.
func (tr *trial) fine(b *browser) bool { return tr.right || tr.only != "" && tr.only != b.Name }

// said returns what is on the consoles, by trial.
func (s *stage) said(b *browser, sessions []*session) map[int][]string {
	said := make(map[int][]string)
	if b.Name == "webkit" { // it does not name modules; there is one, in the file
		module := slices.IndexFunc(s.trials, func(tr *trial) bool { return tr.call.way == "module" })
		for _, text := range sessions[1].Messages() {
			if !cellInURL.MatchString(text) {
				said[module] = append(said[module], text)
			}
		}
	}
	for _, session := range sessions {
		for id, texts := range session.byCell() {
			for _, text := range texts { // of WebKit with the URL in a second line
				said[id] = append(said[id], strings.Split(text, "\n")...)
			}
		}
	}
	return said
}

// followUp matches what Firefox adds to what it has already said of a request.
var followUp = regexp.MustCompile(`\(Reason: CORS request did not succeed\)\. Status code: \(null\)\.$`)

// judge compares what a browser said with the page.
func (s *stage) judge(t *testing.T, p *errorPage, b *browser, sessions []*session) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	produced, said := make(map[*errorMessage]bool), s.said(b, sessions)
	for _, tr := range s.trials {
		texts := said[tr.id]
		if slices.ContainsFunc(texts, func(text string) bool { return !followUp.MatchString(text) }) {
			texts = slices.DeleteFunc(texts, followUp.MatchString)
		}
		if want := tr.besides[b.Name]; want != "" {
			if n := len(texts); n == 0 || !strings.HasPrefix(texts[0], want) {
				t.Errorf("%s: on the console %q, want %q", tr, texts, want)
				continue
			}
			if texts = texts[1:]; tr.fine(b) {
				continue
			}
		}
		if tr.fine(b) {
			if tr.result == nil || !tr.result.Read || len(texts) > 0 {
				t.Errorf("%s: read: %+v, and on the console: %q", tr, tr.result, texts)
			}
			continue
		}
		if tr.result != nil && tr.result.Read {
			t.Errorf("%s: could be read", tr)
		}
		for _, text := range texts {
			if m := p.find(tr, b, text); m != nil {
				produced[m] = true
			} else {
				t.Errorf("%s: the page does not have %s", tr, text)
			}
		}
	}
	n := 0
	for _, m := range p.messages {
		switch {
		case m.browser != b.Name:
		case produced[m] && m.unseen != "":
			t.Errorf("%s: the page says that it was not reproduced: %s", m.section, m.text)
		case !produced[m] && m.unseen == "":
			t.Errorf("%s: nothing produces it: %s", m.section, m.text)
		case produced[m]:
			n++
		default:
			t.Logf("not reproduced: %s (%s)", m.text, m.unseen)
		}
	}
	t.Logf("%d messages were produced", n)
}
