package openness

import (
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/origins"
)

// TestMemory: a verdict is remembered by the expression, for two generations at
// most, each of which is bounded.
func TestMemory(t *testing.T) {
	m := memory{max: 10_000}
	want := Verdict{Domains: []string{"a.com"}}
	m.put("first", want)
	for i := range 1_000 {
		key := fmt.Sprint("expression", i)
		m.put(key, Verdict{})
		if _, ok := m.get(key); !ok {
			t.Fatalf("%s is forgotten at once", key)
		}
		if i%10 == 0 {
			if v, ok := m.get("first"); !ok || !reflect.DeepEqual(v, want) {
				t.Fatalf("what is asked for is forgotten after %d others: %+v", i, v)
			}
		}
		if n := len(m.young) + len(m.before); n > 100 {
			t.Fatalf("%d are remembered", n)
		}
	}
	if _, ok := m.get("expression0"); ok {
		t.Error("what nobody asks for is never forgotten")
	}
}

// TestJudgeRegexpRemembers: equal expressions share a verdict, whoever asks.
func TestJudgeRegexpRemembers(t *testing.T) {
	const expr = `https://remembered\.example\.com`
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			re, err := origins.CompileRegexp(expr)
			if err != nil {
				t.Error(err)
			} else if v := JudgeRegexp(re); v.Open || len(v.Domains) != 1 {
				t.Errorf("%+v", v)
			}
		})
	}
	group.Wait()
	re, _ := origins.CompileRegexp(expr)
	if n := testing.AllocsPerRun(10, func() { JudgeRegexp(re) }); n != 0 {
		t.Errorf("%v allocations of a verdict that is remembered", n)
	}
}
