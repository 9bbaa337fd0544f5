package policy

import (
	"fmt"
	"reflect"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestCacheShares checks that equal configurations share a policy, and that
// configurations that differ in one option, or depend on more, do not.
func TestCacheShares(t *testing.T) {
	base := func() *Config {
		return &Config{
			Origins: []string{"https://a.example", "https://b.example"}, Methods: []string{"PUT"},
			MaxAge: new(time.Hour), Credentials: true,
		}
	}
	var cache Cache
	want, findings := cache.Compile(base())
	if findings.Problems.Len() > 0 {
		t.Fatal(findings.Problems.String())
	}
	if got, same := cache.Compile(base()); got != want || same != findings {
		t.Error("an equal configuration has a policy of its own")
	}
	for name, change := range map[string]func(*Config){
		"Origins":              func(c *Config) { c.Origins[1] = "https://c.example" },
		"Origins, split":       func(c *Config) { c.Origins, c.Regexps = c.Origins[:1], c.Origins[1:] },
		"Origins, placeholder": func(c *Config) { c.Origins[1] = "https://{http.vars.x}.b.example" },
		"Regexps":              func(c *Config) { c.Regexps = []string{`https://[a-z]+\.c\.example`} },
		"Sources":              func(c *Config) { c.Sources = []Source{Pending} },
		"Methods":              func(c *Config) { c.Methods[0] = "PATCH" },
		"RequestHeaders":       func(c *Config) { c.RequestHeaders = []string{"X-A"} },
		"ExposeHeaders":        func(c *Config) { c.ExposeHeaders = []string{"X-A"} },
		"Credentials":          func(c *Config) { c.Credentials = false },
		"Timing":               func(c *Config) { c.Timing = true },
		"PrivateNetwork":       func(c *Config) { c.PrivateNetwork = true },
		"MaxAge":               func(c *Config) { *c.MaxAge = time.Minute },
		"MaxAge, unset":        func(c *Config) { c.MaxAge = nil },
		"MaxAge, 0":            func(c *Config) { *c.MaxAge = 0 },
		"PreflightStatus":      func(c *Config) { c.PreflightStatus = 200 },
		"PreflightPassthrough": func(c *Config) { c.PreflightPassthrough = true },
		"RejectDisallowed":     func(c *Config) { c.RejectDisallowed = true },
		"Waivers":              func(c *Config) { c.Waivers = []string{WaiverOpen} },
		"Accepted":             func(c *Config) { c.Accepted = []string{WaiverOpen} },
		"Shared":               func(c *Config) { c.Shared = true },
		"Earlier":              func(c *Config) { c.Earlier = []Part{{base(), want}} },
	} {
		config := base()
		change(config)
		if reflect.DeepEqual(config, base()) {
			t.Fatalf("%s: the change does not change anything", name)
		}
		if got, _ := cache.Compile(config); got == want {
			t.Errorf("%s: shares the policy of another configuration", name)
		}
	}
	runtime.KeepAlive(want)
}

// TestCacheKeyHasEachOption checks that an option that is added to Config is not
// forgotten in the key.
func TestCacheKeyHasEachOption(t *testing.T) {
	empty, _ := new(Config).cacheKey()
	for i, config := 0, reflect.TypeFor[Config](); i < config.NumField(); i++ {
		if config.Field(i).Type == reflect.TypeFor[Environment]() {
			continue // is the same for all configurations of a cache
		}
		changed := new(Config)
		switch field := reflect.ValueOf(changed).Elem().Field(i); field.Kind() {
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int:
			field.SetInt(1)
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		default:
			t.Fatalf("%s: has a kind that this test does not know", config.Field(i).Name)
		}
		if key, ok := changed.cacheKey(); ok && key == empty {
			t.Errorf("%s: is not in the key", config.Field(i).Name)
		}
	}
}

// TestCacheFrees: unused policies leave nothing behind, and those in use stay.
func TestCacheFrees(t *testing.T) {
	var cache Cache
	kept, _ := cache.Compile(&Config{Origins: []string{"https://kept.example"}})
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 200 {
				// Some are equal to those of other workers.
				cache.Compile(&Config{Origins: []string{fmt.Sprintf("https://a%d.example", i*(worker%2+1))}})
			}
		})
	}
	wg.Wait()
	size := func() int {
		cache.mu.Lock()
		defer cache.mu.Unlock()
		return len(cache.compiled)
	}
	for deadline := time.Now().Add(time.Minute); size() > 1; runtime.Gosched() {
		runtime.GC() // cleanups run some time after it
		if time.Now().After(deadline) {
			t.Fatalf("%d policies are kept, want 1", size())
		}
	}
	if again, _ := cache.Compile(&Config{Origins: []string{"https://kept.example"}}); again != kept {
		t.Error("a policy in use is forgotten")
	}
}
