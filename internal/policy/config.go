package policy

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Config is the configuration of a policy, as plain values. Its fields are the
// options of the handler; nil and zero values are options that are not set.
type Config struct {
	Origins        []string // allow_origins
	Regexps        []string // allow_origins_regexp
	Sources        []Source // dynamic_origins
	Methods        []string // allow_methods
	RequestHeaders []string // allow_headers
	ExposeHeaders  []string // expose_headers
	Credentials    bool     // allow_credentials
	Timing         bool     // allow_timing
	MaxAge         *time.Duration
	// PreflightStatus is the status of the answer to an allowed preflight.
	PreflightStatus      int
	PreflightPassthrough bool
	RejectDisallowed     bool
	Waivers              []string // dangerously_allow

	// Accepted are waivers that hold without being configured, and that nothing
	// has to need.
	Accepted []string

	Environment
}

// Environment is what a policy needs to know of the server. Its functions are
// safe for concurrent use.
type Environment struct {
	// Global returns the value of a placeholder that is replaced when the config
	// loads, such as env.NAME. It returns "" where there is none.
	Global func(name string) string
	// Placeholder returns the value of a placeholder for a request, such as
	// http.request.host. It returns "" where there is none.
	Placeholder func(r *http.Request, name string) string
	// TrustedProxy reports whether the peer of a request is a trusted proxy.
	TrustedProxy func(r *http.Request) bool
}

// Findings are what an operator has to know about a configuration.
type Findings struct {
	Problems Messages // the policy must not be used
	Warnings Messages
	Notes    Messages
	// Open is the first claim that admits origins of strangers, if there is one.
	Open *Claim
}

// Err returns all problems as one error, or nil.
func (f *Findings) Err() error {
	if f.Problems.Len() == 0 {
		return nil
	}
	return errors.New(strings.Join(f.Problems.Lines(), "\n"))
}

// maxMessages is how many messages of a kind are kept: a policy may have very many
// entries, all of them wrong.
const maxMessages = 20

// Messages are different messages, of which a bounded number is kept.
type Messages struct {
	kept []string
	seen map[string]bool
}

// Len returns how many different messages there are.
func (m *Messages) Len() int { return len(m.seen) }

// Lines returns the messages, and the number of those that are left out.
func (m *Messages) Lines() []string {
	if more := m.Len() - len(m.kept); more > 0 {
		return append(m.kept[:len(m.kept):len(m.kept)], fmt.Sprintf("and %d more like these", more))
	}
	return m.kept
}

// add adds a message, unless there is an equal one: an entry that is written
// twice counts once.
func (m *Messages) add(message string) {
	if m.seen[message] {
		return
	}
	if m.seen == nil {
		m.seen = make(map[string]bool)
	}
	m.seen[message] = true
	if len(m.kept) < maxMessages {
		m.kept = append(m.kept, message)
	}
}
