package policy

import (
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
	"time"
)

// Config is the configuration of a policy, as plain values. Its fields are the
// options of the handler; nil and zero values are options that are not set.
type Config struct {
	Origins              []string // allow_origins
	Regexps              []string // allow_origins_regexp
	Sources              []Source // dynamic_origins
	Methods              []string // allow_methods
	RequestHeaders       []string // allow_headers
	ExposeHeaders        []string // expose_headers
	Credentials          bool     // allow_credentials
	Timing               bool     // allow_timing
	PrivateNetwork       bool     // allow_private_network
	MaxAge               *time.Duration
	PreflightStatus      int // preflight_status, or 0 for 204
	PreflightPassthrough bool
	RejectDisallowed     bool
	Waivers              []string // dangerously_allow

	// Accepted are waivers that hold without being configured, and that nothing
	// has to need.
	Accepted []string

	// Shared says that the policy is a part of one that has several: its responses
	// vary by Origin, whatever it allows, and say nothing else without an Origin.
	Shared bool
	// Earlier are the parts that are asked before this one.
	Earlier []Part

	Environment
}

// Part is one of several parts of a policy.
type Part struct {
	Config *Config
	Policy *Policy
}

// Environment is what a policy needs to know of the server. Its functions are
// safe for concurrent use.
type Environment struct {
	// Global returns the value of a placeholder that is replaced when the config
	// loads, such as env.NAME. It returns "" where there is none. If Global is nil,
	// entries with such a placeholder are not judged.
	Global func(name string) string
	// Placeholder returns the value of a placeholder for a request, such as
	// http.request.host. It returns "" where there is none.
	Placeholder func(r *http.Request, name string) string
	// TrustedProxy reports whether the peer of a request is a trusted proxy.
	TrustedProxy func(r *http.Request) bool
}

// A Message is something that an operator has to know about an option.
type Message struct {
	Option string // such as "allow_origins", or "" where it is about all of them
	Entry  string // the value of the option, as it is configured, or "" where it has none
	Text   string // the whole message
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
	return errors.New(f.Problems.String())
}

// maxMessages is how many messages of a kind are kept: a policy may have very many
// entries, all of them wrong.
const maxMessages = 20

// Messages are different messages, of which a bounded number is kept.
type Messages struct {
	kept []Message
	seen map[string]bool // by text
}

// Len returns how many different messages there are.
func (m *Messages) Len() int { return len(m.seen) }

// All yields the messages that are kept, and then one with the number of the
// others, if there are any.
func (m *Messages) All() iter.Seq[Message] {
	return func(yield func(Message) bool) {
		for _, message := range m.kept {
			if !yield(message) {
				return
			}
		}
		if more := m.Len() - len(m.kept); more > 0 {
			yield(Message{Text: fmt.Sprintf("and %d more like these", more)})
		}
	}
}

// String returns the messages, one a line.
func (m *Messages) String() string {
	var lines []string
	for message := range m.All() {
		lines = append(lines, message.Text)
	}
	return strings.Join(lines, "\n")
}

// add adds a message, unless there is an equal one: an entry that is written
// twice counts once.
func (m *Messages) add(message Message) {
	if m.seen[message.Text] {
		return
	}
	if m.seen == nil {
		m.seen = make(map[string]bool)
	}
	m.seen[message.Text] = true
	if len(m.kept) < maxMessages {
		m.kept = append(m.kept, message)
	}
}
