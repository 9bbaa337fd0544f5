package openness

import "github.com/seed-56c1dbac/caddy-cors/internal/origins"

// end returns what may follow a host of a scheme, after which an automaton is in a
// state: nothing, or the shortest port. ok is false if it can match with neither.
func (m *machine) end(state int, scheme string) (end string, ok bool) {
	if m.matches(state) {
		return "", true
	}
	key := endOf{state, scheme}
	port, known := m.ends[key]
	if !known {
		port = m.port(state, scheme)
		m.ends[key] = port
	}
	return port, port != ""
}

// webEnd is end for a host of http or https that is a name: a dot may come first,
// which makes it another host that belongs to the same people.
func (m *machine) webEnd(state int, scheme string) (end string, ok bool) {
	if end, ok = m.end(state, scheme); ok {
		return end, true
	}
	end, ok = m.end(m.step(state, '.'), scheme)
	return "." + end, ok
}

// endOf is what the end of an origin depends on.
type endOf struct {
	state  int
	scheme string
}

// port returns the shortest port, with its colon, after which what has been read
// matches, or "".
func (m *machine) port(state int, scheme string) string {
	colon := m.step(state, ':')
	if colon == dead {
		return ""
	}
	type partial struct {
		state int
		port  string
	}
	queue := []partial{{colon, ":"}}
	// Among the ports of one length that lead to the same state, the two smallest are
	// enough. One of them is not the default, and if any is valid, the smallest is.
	seen := make(map[[2]int]int)
	for len(queue) > 0 {
		p := queue[0]
		queue = queue[1:]
		if m.matches(p.state) && validPort(p.port, scheme) {
			return p.port
		}
		if len(p.port) == len(":65535") {
			continue
		}
		for c := byte('0'); c <= '9'; c++ {
			if c == '0' && p.port == ":" {
				continue
			}
			next := m.step(p.state, c)
			key := [2]int{next, len(p.port)}
			if next != dead && seen[key] < 2 {
				seen[key]++
				queue = append(queue, partial{next, p.port + string(c)})
			}
		}
	}
	return ""
}

func validPort(port, scheme string) bool {
	_, ok := origins.Parse(scheme + "://a" + port)
	return ok
}
