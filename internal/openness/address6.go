package openness

// addresses6 is the IPv6 addresses that an automaton can read as a host, spelled as
// browsers do (https://url.spec.whatwg.org/#concept-ipv6-serializer).
type addresses6 struct {
	*web
	completes map[prefix6]bool
	wanted    func(prefix6) bool // whether a whole address is of interest
}

// prefix6 is what counts of the beginning of an address.
type prefix6 struct {
	state  int
	last   last6
	pieces uint8 // how many have begun
	digits uint8 // of the last one
	zero   bool  // the last one is 0
	// run is how many pieces behind are 0, longest how many there are at most in
	// succession, after the two colons if they have come; before, before them.
	run, longest, before uint8
	colons               bool // two colons have come
	// global says that the address is in 2000::/3, as far as its beginning tells.
	// Nobody can rent another one: https://www.iana.org/assignments/ipv6-address-space
	global bool
}

type last6 uint8

const (
	nothing6 last6 = iota
	firstColon6
	digit6
	colon6
	twoColons6
	closed6
)

// addresses6 looks for IPv6 addresses that match.
func (w *web) addresses6() {
	bracket := w.m.step(w.start, '[')
	if bracket == dead || !w.closes(bracket) {
		return
	}
	start := prefix6{state: bracket}
	list := func(wanted func(prefix6) bool, yield func(origin string) bool) {
		a := &addresses6{web: w, completes: make(map[prefix6]bool), wanted: wanted}
		if a.complete(start) {
			a.list(start, nil, yield)
		}
	}
	// likely is set aside for examples.
	const likely = "2001:db8::7]"
	if end, ok := w.m.end(w.m.read(bracket, likely), w.scheme); ok && w.more() {
		w.domain("["+likely, w.scheme+"://["+likely+end)
	}
	if w.more() {
		list(func(p prefix6) bool { return p.global }, func(origin string) bool { return w.domain(hostOf(origin), origin) })
	}
	list(func(prefix6) bool { return true }, func(origin string) bool {
		o, ok := w.admits(origin)
		w.found = w.found || ok
		if ok && o.Insecure() && w.Insecure == "" {
			w.Insecure = origin
		}
		return !w.found || w.scheme == "http" && w.Insecure == ""
	})
}

// closes reports whether anything like an address can come after its bracket.
func (w *web) closes(bracket int) bool {
	seen := map[int]bool{bracket: true}
	for queue := []int{bracket}; len(queue) > 0 && w.m.spend(1); queue = queue[1:] {
		for _, e := range w.m.edges(queue[0]) {
			switch c := w.m.alphabet.plain[e.class]; {
			case c == ']':
				if _, ok := w.m.end(e.to, w.scheme); ok {
					return true
				}
			case !seen[e.to] && w.m.alphabet.members[e.class].and(hexColon) != (charSet{}):
				seen[e.to] = true
				queue = append(queue, e.to)
			}
		}
	}
	return w.m.over
}

var hexColon = chars("0123456789abcdef:")

// complete reports whether an address that is wanted begins so.
func (a *addresses6) complete(p prefix6) bool {
	done, ok := a.completes[p]
	if ok || !a.m.spend(10) {
		return done
	}
	if p.last == closed6 {
		_, done = a.m.end(p.state, a.scheme)
		return done && a.wanted(p)
	}
	a.next(p, func(_ byte, next prefix6) bool {
		done = a.complete(next)
		return !done
	})
	a.completes[p] = done
	return done
}

// list yields the origins of the addresses that are wanted and begin so, until
// yield returns false, which it then returns.
func (a *addresses6) list(p prefix6, behind []byte, yield func(origin string) bool) (more bool) {
	if p.last == closed6 {
		end, _ := a.m.end(p.state, a.scheme)
		return yield(a.scheme + "://[" + string(behind) + end)
	}
	more = a.m.spend(1)
	a.next(p, func(c byte, next prefix6) bool {
		if more && a.complete(next) {
			more = a.list(next, append(behind, c), yield)
		}
		return more
	})
	return more
}

// next yields what can follow the beginning of an address.
func (a *addresses6) next(p prefix6, yield func(byte, prefix6) bool) {
	for _, c := range []byte("123456789abcdef0:]") {
		state := a.m.step(p.state, c)
		if state == dead {
			continue
		}
		var next prefix6
		var ok bool
		switch c {
		case ':':
			next, ok = p.colon()
		case ']':
			next, ok = p.close()
		default:
			next, ok = p.digit(c)
		}
		next.state = state
		if ok && !yield(c, next) {
			return
		}
	}
}

func (p prefix6) digit(c byte) (prefix6, bool) {
	switch {
	case p.last == firstColon6 || p.last == digit6 && (p.zero || p.digits == 4):
		return p, false
	case p.last != digit6:
		if p.last == twoColons6 && c == '0' || p.pieces == 8 {
			return p, false
		}
		p.pieces++
		p.digits, p.zero = 0, c == '0'
	}
	p.last = digit6
	p.digits++
	if p.pieces == 1 && !p.colons && p.digits == 1 {
		p.global = c == '2' || c == '3'
	}
	return p, true
}

// piece ends a piece.
func (p *prefix6) piece() {
	if p.zero {
		p.run++
		p.longest = max(p.longest, p.run)
	} else {
		p.run = 0
	}
	if p.pieces == 1 && !p.colons {
		p.global = p.global && p.digits == 4
	}
	p.digits, p.zero = 0, false
}

func (p prefix6) colon() (prefix6, bool) {
	switch p.last {
	case nothing6:
		p.last = firstColon6
	case digit6:
		p.piece()
		p.last = colon6
	case firstColon6, colon6:
		if p.colons || p.run > 0 {
			return p, false
		}
		p.colons, p.last = true, twoColons6
		p.before, p.longest = p.longest, 0
	default:
		return p, false
	}
	return p, true
}

func (p prefix6) close() (prefix6, bool) {
	switch p.last {
	case digit6:
		p.piece()
	case twoColons6:
	default:
		return p, false
	}
	p.last = closed6
	if !p.colons {
		return p, p.pieces == 8 && p.longest < 2
	}
	// The two colons stand for the longest run of zeros, the first if several are
	// as long.
	left := 8 - p.pieces
	return p, p.pieces <= 6 && p.before < left && p.longest <= left
}
