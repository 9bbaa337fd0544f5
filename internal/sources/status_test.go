package sources

import (
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"
)

// TestLive: what operators are told about the sources that are in use.
func TestLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expectLive := func(want string) {
			t.Helper()
			synctest.Wait()
			got, err := json.Marshal(Live())
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		expectLive(`[]`)
		p := newPlace("https://a.example\nhttps://*.b.example\nhttps://*.github.io\n")
		l := p.mustOpen(t, required)
		e := newEndpoint(answers(200))
		a := newTestAsker(t, e, Limits{})
		expectLive(`[{"source":"ask ask.example","state":"starting","origins":0,"refresh_errors":0},` +
			`{"source":"test origins","state":"ok","origins":3,"last_refresh":"2000-01-01T00:00:00Z","refresh_errors":0}]`)
		expect(t, a, "https://a.example", "host.example", true, true)
		p.fails("down")
		time.Sleep(11 * time.Second)
		expectLive(`[{"source":"ask ask.example","state":"ok","origins":1,"last_refresh":"2000-01-01T00:00:00Z","refresh_errors":0},` +
			`{"source":"test origins","state":"failing","origins":3,"last_refresh":"2000-01-01T00:00:00Z","refresh_errors":2,"last_error":"test origins: down","last_error_time":"2000-01-01T00:00:11Z"}]`)
		again := p.mustOpen(t, nil) // the same list, once
		e.becomes(answers(500))
		expect(t, a, "https://b.example", "host.example", false, false)
		closed(t, l)
		expectLive(`[{"source":"ask ask.example","state":"failing","origins":1,"last_refresh":"2000-01-01T00:00:00Z","refresh_errors":1,"last_error":"the server answers 500 Internal Server Error","last_error_time":"2000-01-01T00:00:11Z"},` +
			`{"source":"test origins","state":"failing","origins":3,"last_refresh":"2000-01-01T00:00:00Z","refresh_errors":2,"last_error":"test origins: down","last_error_time":"2000-01-01T00:00:11Z"}]`)
		closed(t, again)
		closed(t, a)
		expectLive(`[]`)
	})
}
