package policy

import (
	"maps"
	"net/http"
	"slices"
	"testing"
)

// TestTrailers: no policy leaves a trailer that it owns, announced or not, in any
// case, and each leaves every other one.
func TestTrailers(t *testing.T) {
	type announced struct{ lines, want []string }
	for _, tc := range []struct {
		name      string
		config    Config
		announced []announced
		removed   []string
		kept      []string
	}{
		{
			name:   "CORS",
			config: Config{Origins: []string{"https://a.example"}, PreflightPassthrough: true},
			announced: []announced{
				{[]string{"Grpc-Status"}, []string{"Grpc-Status"}},
				{[]string{"Grpc-Status,Server-Timing", " Expires "}, []string{"Grpc-Status,Server-Timing", " Expires "}},
				{[]string{"Timing-Allow-Origin"}, []string{"Timing-Allow-Origin"}},
				{[]string{"Access-Control-Allow-Origin"}, nil},
				{[]string{"access-control-allow-origin"}, nil},
				{[]string{"ACCESS-CONTROL-MADE-UP, Vary", ",", " vary"}, nil},
				{[]string{"Grpc-Status, Access-Control-Allow-Origin,, Grpc-Message"}, []string{"Grpc-Status, Grpc-Message"}},
				{[]string{"Grpc-Status", "\tAccess-Control-Max-Age\t", "Grpc-Message"}, []string{"Grpc-Status, Grpc-Message"}},
				{[]string{"X-Access-Control-Allow-Origin, Access-Control-"}, []string{"X-Access-Control-Allow-Origin, Access-Control-"}},
			},
			removed: []string{
				"Trailer:Access-Control-Allow-Origin", "Trailer:access-control-allow-origin", "trailer:Access-Control-Max-Age",
				"Trailer:ACCESS-CONTROL-MADE-UP", "Trailer:Vary",
			},
			kept: []string{"Trailer:Grpc-Status", "Trailer:", "Trailer:Timing-Allow-Origin", "Trailers", "Timing-Allow-Origin", "timing-allow-origin", "Test", "T", "T-Akes-A-Name"},
		},
		{
			name:   "timing",
			config: Config{Origins: []string{"https://*.a.example"}, Timing: true, PreflightPassthrough: true},
			announced: []announced{
				{[]string{"timing-allow-origin"}, nil},
				{[]string{"Grpc-Status, Timing-Allow-Origin"}, []string{"Grpc-Status"}},
				{[]string{"Server-Timing"}, []string{"Server-Timing"}},
			},
			removed: []string{"Trailer:Timing-Allow-Origin", "Trailer:timing-allow-origin", "timing-allow-origin"},
			kept:    []string{"Trailer:Server-Timing"},
		},
		{
			name:   "every origin",
			config: Config{Origins: []string{"*"}},
			announced: []announced{
				{[]string{"Access-Control-Allow-Origin, Vary"}, []string{"Vary"}}, // which is not its own
			},
			removed: []string{"Trailer:Access-Control-Allow-Origin"},
			kept:    []string{"Trailer:Vary"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := compile(t, tc.config)
			for name, header := range map[string]http.Header{
				"no origin": {}, "allowed": headers("Origin: https://a.a.example"), "denied": headers("Origin: https://x.example"),
			} {
				r := &http.Request{Method: "GET", Header: header}
				d := p.Decide(r)
				a := p.Answer(r, &d)
				alone := make(http.Header)
				a.Apply(alone, d.Origin, nil)
				check := func(given, want http.Header) {
					t.Helper()
					maps.Copy(want, alone)
					got := given.Clone()
					for range 2 { // whoever applies it again changes nothing
						a.Apply(got, d.Origin, nil)
						if !maps.EqualFunc(got, want, slices.Equal) {
							t.Errorf("%s: %v becomes %v, want %v", name, given, got, want)
						}
					}
				}
				for _, an := range tc.announced {
					for _, key := range []string{"Trailer", "trailer"} {
						want := make(http.Header)
						if an.want != nil {
							want[key] = an.want
						}
						check(http.Header{key: an.lines}, want)
					}
				}
				for _, key := range tc.removed {
					check(http.Header{key: {"x"}}, make(http.Header))
				}
				for _, key := range tc.kept {
					if alone[key] == nil {
						check(http.Header{key: {"x"}}, http.Header{key: {"x"}})
					}
				}
			}
		})
	}
}
