package sources

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// live has what the live configurations share: a *sharedList or a *knownAnswers
// for each key.
var live = caddy.NewUsagePool()

// key identifies a source: by its name, which has its kind, and by all that gives
// access to it.
type key struct{ name, place string }

// Status is what operators are told about a source.
type Status struct {
	// Source is its kind, and the base name or the host of its place.
	Source string `json:"source"`
	State  State  `json:"state"`
	// Origins is how many origins and patterns a list has, or how many origins ask
	// remembers as allowed.
	Origins int `json:"origins"`
	// LastRefresh is when a list was last read without an error, or when ask last
	// got an answer.
	LastRefresh *time.Time `json:"last_refresh,omitempty"`
	// RefreshErrors is how many refreshes or questions have failed.
	RefreshErrors uint64     `json:"refresh_errors"`
	LastError     string     `json:"last_error,omitempty"`
	LastErrorTime *time.Time `json:"last_error_time,omitempty"`
}

// State says whether a source works.
type State string

// The states.
const (
	Starting State = "starting" // nothing has been read or asked yet
	OK       State = "ok"       // the last refresh or question has succeeded
	Failing  State = "failing"  // it has failed
)

// Live returns the status of each source that a configuration holds, by name.
func Live() []Status {
	all := []Status{} // not null in JSON
	live.Range(func(k, value any) bool {
		status := value.(interface{ status() Status }).status()
		status.Source = k.(key).name
		all = append(all, status)
		return true
	})
	slices.SortStableFunc(all, func(a, b Status) int { return cmp.Compare(a.Source, b.Source) })
	return all
}

// history is what a source remembers of its refreshes or questions. Its owner
// locks it.
type history struct {
	succeeded, failed time.Time // zero if never
	failures          uint64
	failing           int    // how many have failed since the last success
	failure           string // the last error
}

func (h *history) succeed() {
	h.succeeded, h.failing = time.Now(), 0
}

func (h *history) fail(failure string) {
	h.failed, h.failure = time.Now(), failure
	h.failures++
	h.failing++
}

// latest returns the time of the last success or failure.
func (h *history) latest() time.Time {
	if h.failing > 0 {
		return h.failed
	}
	return h.succeeded
}

func (h *history) state() State {
	switch {
	case h.failing > 0:
		return Failing
	case h.succeeded.IsZero():
		return Starting
	}
	return OK
}

func (h *history) status(origins int) Status {
	known := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	return Status{
		State:         h.state(),
		Origins:       origins,
		LastRefresh:   known(h.succeeded),
		RefreshErrors: h.failures,
		LastError:     h.failure,
		LastErrorTime: known(h.failed),
	}
}
