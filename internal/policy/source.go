package policy

import (
	"iter"
	"net/http"

	"github.com/seed-56c1dbac/caddy-cors/internal/openness"
	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// A Source is a way to admit origins: a set of patterns, a regular expression, a
// template, a list, an endpoint that is asked, request matchers, or a module of a
// third party. It is safe for concurrent use.
type Source interface {
	// Allows decides about o, the origin of r. It must not change r. An error
	// means that the source could not tell; the origin is then not allowed.
	Allows(r *http.Request, o origins.Origin) (Admission, error)

	// Claims yields what the source can admit, entry by entry, as far as it is
	// known when the config loads. A source whose entries are not known until a
	// request arrives yields one claim with Runtime set.
	Claims() iter.Seq[Claim]
}

// Overruled is a Source that wants to know what a policy denies although the source
// admits it, to warn of what is of no use in it.
type Overruled interface {
	// Overrule tells the source that a policy denies insecure origins, or those
	// that only an open entry admits. It is called when the policy is compiled.
	Overrule(insecure, open bool)
}

// Overrule tells the sources that another policy, of which this one is a part,
// denies what they admit, as Overruled says.
func (p *Policy) Overrule(insecure, open bool) {
	for _, source := range p.sources[p.numStatic:] {
		if source, ok := source.(Overruled); ok {
			source.Overrule(insecure, open)
		}
	}
}

// Pending stands for a source of a configuration that is judged before it is
// loaded. It admits nothing.
var Pending Source = pending{}

type pending struct{}

func (pending) Allows(*http.Request, origins.Origin) (Admission, error) { return Refused, nil }

func (pending) Claims() iter.Seq[Claim] { return ClaimAtRuntime("") }

// ClaimAtRuntime yields the one claim of a source whose origins are not known
// before a request arrives.
func ClaimAtRuntime(name string) iter.Seq[Claim] {
	return func(yield func(Claim) bool) {
		yield(Claim{Option: "dynamic_origins", Entry: name, Runtime: true})
	}
}

// Admission is what a source says about one origin.
type Admission uint8

// The admissions.
const (
	// Refused means that the source does not admit the origin.
	Refused Admission = iota
	// Admitted means that the source admits the origin.
	Admitted
	// AdmittedOpen means that only an open entry of the source admits the origin:
	// a policy with credentials denies it, unless that is waived.
	AdmittedOpen
)

// A Claim is one entry of a source, with the judge's verdict on it.
type Claim struct {
	Option string // the option that has the entry, such as "allow_origins"
	Entry  string // as it is configured
	// Runtime says that what the entry admits is not known before a request
	// arrives. Each origin is then judged when it is admitted.
	Runtime bool
	Verdict openness.Verdict
	// Why says why the entry is open, and Advice what to write instead. They are ""
	// where the verdict says enough.
	Why, Advice string
}

// name returns how messages name the claim.
func (c *Claim) name() string {
	if c.Entry == "" {
		return c.Option
	}
	return c.Option + " " + origins.Quote(c.Entry)
}
