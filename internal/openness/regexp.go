package openness

import (
	"sync"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
	"github.com/seed-56c1dbac/caddy-cors/internal/suffixes"
)

// JudgeRegexp returns the verdict on what an expression admits. It remembers
// verdicts, so that a reload does not judge again, and sites that have the same
// expression share one. It is safe for concurrent use.
func JudgeRegexp(re *origins.Regexp) Verdict {
	key := re.String()
	if v, ok := remembered.get(key); ok {
		return v
	}
	v, _ := analyze(re, suffixes.List())
	remembered.put(key, v)
	return v
}

// maxMemory is how many bytes, about, each generation of a memory takes.
const maxMemory = 4 << 20

var remembered = memory{max: maxMemory}

// A memory keeps verdicts by expression: those of the present generation, and those
// of the one before. When a generation is full, the next one begins.
type memory struct {
	mu            sync.Mutex
	max, size     int
	young, before map[string]Verdict
}

func (m *memory) get(key string) (Verdict, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.young[key]; ok {
		return v, true
	}
	v, ok := m.before[key]
	if ok {
		m.add(key, v)
	}
	return v, ok
}

func (m *memory) put(key string, v Verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.add(key, v)
}

func (m *memory) add(key string, v Verdict) {
	const overhead = 300 // of an entry of the map
	size := overhead + len(key) + len(v.Witness) + len(v.Meant) + len(v.Insecure)
	for _, domain := range v.Domains {
		size += len(domain) + 16
	}
	if m.young == nil || m.size+size > m.max {
		m.young, m.before, m.size = make(map[string]Verdict), m.young, 0
	}
	m.young[key] = v
	m.size += size
}
