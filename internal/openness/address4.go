package openness

import (
	"net/netip"
	"slices"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// addresses4 is the IPv4 addresses that an automaton can read as a host.
type addresses4 struct {
	*web
	octets  map[int][]octet      // by the state before
	reaches map[part]bool        // whether an address can be completed
	wanted  func(a, b byte) bool // by its first two numbers
}

// part is a state before a number of an address.
type part struct{ state, number int }

// octet is a number of an address, and the state behind it.
type octet struct {
	value byte
	to    int
}

// addresses4 looks for IPv4 addresses that match.
func (w *web) addresses4() {
	ends := slices.ContainsFunc(w.edges(w.accept), func(e edge) bool { return digits.has(w.m.alphabet.plain[e.class]) })
	a := &addresses4{web: w, octets: make(map[int][]octet), reaches: make(map[part]bool)}
	if !ends || !a.complete(part{w.start, 0}) {
		return
	}
	w.found = true
	a.wanted = public4
	note := func(origin string) bool { return w.domain(hostOf(origin), origin) }
	for _, likely := range []string{"203.0.113.7", "198.51.100.7", "192.0.2.7"} { // set aside for examples
		if end, ok := a.m.end(a.m.read(w.start, likely), w.scheme); ok && w.more() {
			note(w.scheme + "://" + likely + end)
			if w.scheme == "http" && w.Insecure == "" {
				w.Insecure = w.scheme + "://" + likely + end
			}
		}
	}
	if w.more() {
		a.list(part{w.start, 0}, [4]byte{}, note)
	}
	if w.scheme == "http" && w.Insecure == "" {
		a.wanted = func(a, _ byte) bool { return a != 127 }
		a.list(part{w.start, 0}, [4]byte{}, func(origin string) bool {
			w.Insecure = origin
			return false
		})
	}
}

// public4 reports whether an address that begins so can be anyone's: it is neither
// private, nor of the link or the machine itself, nor one that no host has.
func public4(a, b byte) bool {
	addr := netip.AddrFrom4([4]byte{a, b, 0, 1})
	return !addr.IsPrivate() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() && a > 0 && a < 224
}

// hostOf returns the host of a well-formed origin.
func hostOf(origin string) string {
	o, _ := origins.Parse(origin)
	return o.Host()
}

// complete reports whether an address can be completed from a part on.
func (a *addresses4) complete(p part) bool {
	done, ok := a.reaches[p]
	if ok || !a.m.spend(1) {
		return done
	}
	for _, o := range a.numbers(p.state) {
		if p.number == 3 {
			_, done = a.m.end(o.to, a.scheme)
		} else if dot := a.m.step(o.to, '.'); dot != dead {
			done = a.complete(part{dot, p.number + 1})
		}
		if done {
			break
		}
	}
	a.reaches[p] = done
	return done
}

// numbers returns the numbers that can be read in a state, 0 behind the others.
func (a *addresses4) numbers(state int) []octet {
	list, ok := a.octets[state]
	if ok {
		return list
	}
	var read func(state, value int)
	read = func(state, value int) {
		for c := byte('0'); c <= '9'; c++ {
			next := a.m.step(state, c)
			if v := value*10 + int(c-'0'); next != dead && 0 < v && v <= 255 && a.m.spend(1) {
				list = append(list, octet{byte(v), next})
				read(next, v)
			}
		}
	}
	read(state, 0)
	if zero := a.m.step(state, '0'); zero != dead {
		list = append(list, octet{0, zero})
	}
	a.octets[state] = list
	return list
}

// list yields the origins of those addresses that are wanted, until yield returns
// false, which it then returns.
func (a *addresses4) list(p part, behind [4]byte, yield func(origin string) bool) bool {
	if p.number == 2 && !a.wanted(behind[0], behind[1]) || !a.m.spend(1) {
		return !a.m.over
	}
	for _, o := range a.numbers(p.state) {
		behind[p.number] = o.value
		if p.number == 3 {
			if end, ok := a.m.end(o.to, a.scheme); ok && !yield(a.scheme+"://"+netip.AddrFrom4(behind).String()+end) {
				return false
			}
			continue
		}
		next := part{a.m.step(o.to, '.'), p.number + 1}
		if next.state != dead && a.complete(next) && !a.list(next, behind, yield) {
			return false
		}
	}
	return true
}
