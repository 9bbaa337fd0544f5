// Package openness is the judge of what a policy admits: whether strangers can
// obtain one of the origins, or forge one on the network.
package openness

// MaxDomains is how many registrable domains a closed expression may admit.
const MaxDomains = 16

// A Verdict says what strangers can obtain of the origins that one entry of a
// policy admits. The zero Verdict is that of an entry that admits only origins
// of known owners, and of an entry that is judged when a request arrives.
type Verdict struct {
	// Open says that strangers can obtain an origin that the entry admits.
	Open bool
	// Unproven says that the entry is too complex to judge. Then Open is true.
	Unproven bool
	// Witness is an origin that a stranger could have, if the entry is open and
	// that is proven.
	Witness string
	// AnyScheme says that the entry is open only because it leaves the scheme open:
	// apps and extensions choose schemes, and hosts within them, as they like. If it
	// began with https://, it would be closed.
	AnyScheme bool
	// Domains are the registrable domains that the entry admits, if it is not open
	// and has several.
	Domains []string
	// Meant is the registrable domain in which the entry ends, or "".
	Meant string
	// Insecure is an insecure origin that the entry admits, or "".
	Insecure string
	// Dead says that the entry admits no origin that a browser sends.
	Dead bool
}

// Anyone is the verdict on an entry that admits every origin.
var Anyone = Verdict{Open: true, Witness: "https://stranger.example"}
