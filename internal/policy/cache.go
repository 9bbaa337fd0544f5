package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"
)

// Cache compiles configurations, and returns the same policy for equal ones: sites
// that import the same snippet share it, and so do the configurations before and
// after a reload. It does not keep a policy that nothing else uses. The zero Cache
// is empty, and it is safe for concurrent use.
//
// All configurations of a cache must have the same Placeholder and TrustedProxy.
type Cache struct {
	mu       sync.Mutex
	compiled map[cacheKey]weak.Pointer[compiled]
}

type cacheKey [sha256.Size]byte

// compiled is what a configuration is compiled to.
type compiled struct {
	policy   Policy
	findings Findings
}

// Compile is like the function [Compile]. It returns an equal policy and its
// findings if there are any in use: neither must be changed.
func (c *Cache) Compile(config *Config) (*Policy, *Findings) {
	key, ok := config.cacheKey()
	if !ok {
		return Compile(config)
	}
	if known := c.get(key); known != nil {
		return &known.policy, &known.findings
	}
	policy, findings := Compile(config)
	fresh := &compiled{*policy, *findings}
	pointer := weak.Make(fresh)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.compiled == nil {
		c.compiled = make(map[cacheKey]weak.Pointer[compiled])
	}
	c.compiled[key] = pointer
	runtime.AddCleanup(fresh, func(key cacheKey) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.compiled[key] == pointer { // and not that of a later one
			delete(c.compiled, key)
		}
	}, key)
	return &fresh.policy, &fresh.findings
}

func (c *Cache) get(key cacheKey) *compiled {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compiled[key].Value()
}

// cacheKey returns what tells the configuration apart from different ones. It
// returns false if the policy depends on more than the configuration: on sources,
// on other parts, or on the values of placeholders.
func (c *Config) cacheKey() (key cacheKey, ok bool) {
	hasPlaceholder := func(origin string) bool { return strings.ContainsAny(origin, "{}") }
	if len(c.Sources)+len(c.Earlier) > 0 || slices.ContainsFunc(c.Origins, hasPlaceholder) {
		return key, false
	}
	hash, text := sha256.New(), make([]byte, 0, 512)
	for _, list := range [][]string{c.Origins, c.Regexps, c.Methods, c.RequestHeaders, c.ExposeHeaders, c.Waivers, c.Accepted} {
		text = binary.AppendUvarint(text, uint64(len(list)))
		for _, s := range list {
			text = binary.AppendUvarint(text, uint64(len(s)))
			text = append(text, s...)
			if len(text) >= 256 { // there may be a million
				hash.Write(text)
				text = text[:0]
			}
		}
	}
	for _, flag := range []bool{c.Credentials, c.Timing, c.PrivateNetwork, c.PreflightPassthrough, c.RejectDisallowed, c.Shared, c.MaxAge != nil} {
		text = append(text, 0)
		if flag {
			text[len(text)-1] = 1
		}
	}
	if c.MaxAge != nil {
		text = binary.AppendVarint(text, int64(*c.MaxAge))
	}
	text = binary.AppendVarint(text, int64(c.PreflightStatus))
	hash.Write(text)
	hash.Sum(key[:0])
	return key, true
}
