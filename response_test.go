package caddycors

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// sent records the header as it is when it goes out, and every status. A late one
// holds the header back until the response is flushed or ends, as HTTP/3 does.
type sent struct {
	header   http.Header
	snapshot http.Header
	statuses []int
	late     bool
}

func (s *sent) Header() http.Header { return s.header }

func (s *sent) WriteHeader(status int) {
	s.statuses = append(s.statuses, status)
	if (status >= 200 || status == 101) && !s.late {
		s.send()
	}
}

func (s *sent) Write(p []byte) (int, error) {
	if !s.late {
		s.send()
	}
	return len(p), nil
}

func (s *sent) FlushError() error { s.send(); return nil }

func (s *sent) send() {
	if s.snapshot == nil {
		s.snapshot = s.header.Clone()
	}
}

// trailers returns the trailers, when the handlers have returned: the announced
// ones and those under keys with a prefix.
func (s *sent) trailers() http.Header {
	trailers := make(http.Header)
	for _, line := range s.snapshot["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := s.header[name]; ok {
				trailers[name] = values
			}
		}
	}
	for name, values := range s.header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			trailers[http.CanonicalHeaderKey(name)] = values
		}
	}
	return trailers
}

// FuzzHandover runs a script of whatever handlers do to a response, and checks
// what went out: the policy's CORS fields and no others, not in the trailers
// either, Vary with every name once, and all the rest as the handlers left it.
func FuzzHandover(f *testing.F) {
	for _, script := range []string{
		"w200", "b", "f", "r", "", "w103 w200", "w101", "w103 c", "w304",
		"s0=https://upstream.example w200", "a0=x a0=y b", "a8=Origin w200", "a8=origin, Accept a8=* f",
		"s7=x s6=true b", "a8=a,b,,c a8=A w103 c b", "s5=y d5 r", "s9=x w200 s0=late",
		"s:=Access-Control-Allow-Origin w200 s0=x", "s:=Grpc-Status,access-control-max-age,VARY b s0=x s8=Origin s==0 f",
		"w200 b s;=x s<=x s>=0", "s;=x w103 f d9 a;=x", "s:=Timing-Allow-Origin a:=Grpc-Status b a5=x b a==0", "s?=Access-Control-Max-Age",
		"s9=x w200 d9 s;=x", "a8=a\xb7,a\xef,\u03c2,\u03c3 b",
	} {
		for kind := range uint8(16) {
			f.Add(kind, script)
		}
	}
	names := []string{
		"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Allow-Methods",
		"Access-Control-Expose-Headers", "Access-Control-Max-Age", "Timing-Allow-Origin",
		"access-control-allow-origin", "Access-Control-Anything", "Vary", "Content-Type",
		"Trailer", "Trailer:Access-Control-Allow-Origin", "Trailer:access-control-max-age", "Grpc-Status", "Trailer:Grpc-Status", "trailer",
	}
	h := provision(f, `cors https://a.example {
		expose_headers X-A
		allow_credentials
		allow_timing
		max_age 1m
		preflight_passthrough
	}`)
	var answers []*policy.Answer
	for _, d := range []policy.Decision{
		{Result: policy.None},
		{Result: policy.Allowed},
		{Result: policy.Denied},
		{Kind: policy.Preflight, Result: policy.Allowed},
		{Kind: policy.Preflight, Result: policy.Denied},
	} {
		answers = append(answers, h.policy.Answer(&http.Request{Method: http.MethodOptions}, &d))
		if d.Kind == policy.Actual {
			answers = append(answers, h.policy.Answer(&http.Request{Method: http.MethodGet}, &d))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, script string) {
		a := answers[kind%8]
		const origin = "https://a.example"
		out := &sent{header: make(http.Header), late: kind%16 > 7}
		r := &http.Request{ProtoMajor: 1}
		if out.late {
			r.ProtoMajor = 3
		}
		w := newResponseWriter(out, r, h, a, origin)
		var before http.Header // the header as the handlers left it
		send := func() {
			if before == nil {
				before = out.header.Clone()
			}
		}
		final := func() {
			if !out.late {
				send()
			}
		}
		for op := range strings.FieldsSeq(script) {
			value := op[1:]
			field := func() (name, rest string) {
				if value == "" {
					return "Content-Type", ""
				}
				return names[int(value[0]-'0')%len(names)], strings.TrimPrefix(value[1:], "=")
			}
			switch op[0] {
			case 'w':
				status, err := strconv.Atoi(value)
				if err != nil || status < 100 || status > 599 {
					status = http.StatusOK
				}
				if status >= 200 || status == 101 {
					final()
				}
				w.WriteHeader(status)
			case 'b':
				final()
				_, _ = w.Write([]byte("x"))
			case 'f':
				send()
				_ = w.FlushError()
			case 'r':
				final()
				_, _ = w.ReadFrom(strings.NewReader("x"))
			case 's':
				name, rest := field()
				w.Header()[name] = []string{rest}
			case 'a':
				name, rest := field()
				header := w.Header()
				header[name] = append(header[name], rest)
			case 'd':
				name, _ := field()
				delete(w.Header(), name)
			case 'c':
				clear(w.Header())
			}
		}
		send()
		w.end()
		out.send()
		checkHandover(t, a, origin, before, out.snapshot)
		for name := range out.trailers() {
			if isOwned(name) {
				t.Errorf("the trailers have %s: sent %v, then %v", name, out.snapshot, out.header)
			}
		}
	})
}

// isOwned reports whether the policies of the test own a header or trailer.
func isOwned(name string) bool {
	name = strings.ToLower(name)
	rest, isCORS := strings.CutPrefix(name, "access-control-")
	return isCORS && rest != "" || name == "timing-allow-origin" || name == "vary"
}

func checkHandover(t *testing.T, a *policy.Answer, origin string, before, got http.Header) {
	t.Helper()
	want := make(http.Header)
	a.Apply(want, origin, nil)
	varies := want.Get("Vary")
	delete(want, "Vary")
	for name, values := range before {
		trailer, isTrailer := strings.CutPrefix(name, http.TrailerPrefix)
		switch {
		case isOwned(name) || isTrailer && isOwned(trailer):
		case strings.EqualFold(name, "Trailer"):
			if values = notOwned(values); len(values) > 0 {
				want[name] = values
			}
		default:
			want[name] = values
		}
	}
	vary := func(h http.Header) map[string]int {
		tokens := make(map[string]int)
		for _, line := range h["Vary"] {
			for token := range strings.SplitSeq(line, ",") {
				if token = corstest.Lower(strings.Trim(token, " \t")); token != "" {
					tokens[token]++
				}
			}
		}
		return tokens
	}
	wantVary := vary(before)
	if wantVary["*"] > 0 {
		if !slices.Equal(got["Vary"], before["Vary"]) {
			t.Errorf("Vary is %q, want it as it was: %q", got["Vary"], before["Vary"])
		}
		varies, wantVary = "", vary(got)
	}
	for name := range strings.SplitSeq(varies, ", ") {
		if name != "" {
			wantVary[corstest.Lower(name)] = 1
		}
	}
	for token := range wantVary {
		if wantVary["*"] == 0 {
			wantVary[token] = 1
		}
	}
	if gotVary := vary(got); !maps.Equal(gotVary, wantVary) {
		t.Errorf("Vary is %q, want %v once each", got["Vary"], slices.Sorted(maps.Keys(wantVary)))
	}
	rest := got.Clone()
	delete(rest, "Vary")
	if !maps.EqualFunc(rest, want, slices.Equal) {
		t.Errorf("sent %v, want %v", rest, want)
	}
}

// notOwned returns the lists of an announcement, without what the policies of the
// test own. Without that they remain as they are.
func notOwned(lines []string) []string {
	all := strings.Split(strings.Join(lines, ","), ",")
	rest := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return isOwned(strings.TrimSpace(name)) })
	if len(rest) == len(all) {
		return lines
	}
	for i := range rest {
		rest[i] = strings.TrimSpace(rest[i])
	}
	if rest = slices.DeleteFunc(rest, func(name string) bool { return name == "" }); len(rest) == 0 {
		return nil
	}
	return []string{strings.Join(rest, ", ")}
}

// TestVary merges what an upstream says with what a policy needs.
func TestVary(t *testing.T) {
	for _, tc := range []struct {
		upstream []string
		want     []string
	}{
		{nil, []string{"Origin"}},
		{[]string{"Accept-Encoding"}, []string{"Accept-Encoding, Origin"}},
		{[]string{"Origin"}, []string{"Origin"}},
		{[]string{"origin, cookie"}, []string{"origin, cookie"}},
		{[]string{"Cookie", "ORIGIN"}, []string{"Cookie", "ORIGIN"}},
		{[]string{"Cookie", "Origin", "cookie"}, []string{"Cookie, Origin"}},
		{[]string{"*"}, []string{"*"}},
		{[]string{"Accept", "Cookie, *"}, []string{"Accept", "Cookie, *"}},
		{[]string{""}, []string{"Origin"}},
		{[]string{"X-Origin"}, []string{"X-Origin, Origin"}},
	} {
		t.Run(strings.Join(tc.upstream, "|"), func(t *testing.T) {
			server := serve(t, provision(t, "cors https://a.example"), func(w http.ResponseWriter, _ *http.Request) error {
				if tc.upstream != nil {
					w.Header()["Vary"] = slices.Clone(tc.upstream)
				}
				return nil
			})
			e := exchange{want: http.Header{"Vary": tc.want}}
			e.check(t, e.send(t, server))
		})
	}
}

// TestNoSharedValues: a handler that edits the values of a header map in place,
// as header's replacements do, reaches neither another request nor the policy.
func TestNoSharedValues(t *testing.T) {
	for _, directive := range []string{
		"cors https://a.example {\n allow_credentials\n expose_headers X-A\n allow_timing\n max_age 1m\n preflight_passthrough\n}",
		"cors {\n allow_origins *\n expose_headers *\n allow_timing\n preflight_passthrough\n}",
	} {
		h := provision(t, directive)
		for _, r := range []*http.Request{
			{Method: "GET", Header: fields("Origin: https://a.example")},
			{Method: "GET", Header: fields()},
			{Method: "OPTIONS", Header: preflight("https://a.example", "GET")},
			{Method: "OPTIONS", Header: fields()},
		} {
			var want http.Header
			for range 3 {
				w := httptest.NewRecorder()
				if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })); err != nil {
					t.Fatal(err)
				}
				if got := w.Header().Clone(); want == nil {
					want = got
				} else if !maps.EqualFunc(got, want, slices.Equal) {
					t.Errorf("%s: got %v, want %v", r.Method, got, want)
				}
				for name, values := range w.Header() {
					for i := range values {
						values[i] = "edited"
					}
					w.Header()[name] = append(values, "appended")
				}
			}
		}
	}
}

// TestOneAllocation: whatever the request, the module allocates once, and what
// it allocates is small. The header map is reused, so that it does not count.
func TestOneAllocation(t *testing.T) {
	h := provision(t, `cors https://a.example https://*.b.example {
		allow_methods PUT
		allow_headers X-A
		expose_headers X-B
		allow_credentials
		allow_timing
		max_age 1m
	}`)
	status := provision(t, "cors https://a.example {\n max_age 1m\n allow_headers X-A\n allow_credentials\n preflight_status 200\n}")
	several := provision(t, "cors https://c.example")
	several.parts = &parts{handlers: []*Handler{several, status, h}}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		return nil
	})
	for _, tc := range []struct {
		name string
		h    *Handler
		r    *http.Request
	}{
		{"no origin", h, &http.Request{Method: "GET", Header: fields()}},
		{"allowed", h, &http.Request{Method: "GET", Header: fields("Origin: https://a.example")}},
		{"allowed by wildcard", h, &http.Request{Method: "GET", Header: fields("Origin: https://x.b.example")}},
		{"preflight", h, &http.Request{Method: "OPTIONS", Header: preflight("https://a.example", "PUT")}},
		{"preflight denied", h, &http.Request{Method: "OPTIONS", Header: preflight("https://c.example", "PUT")}},
		{"allowed by the third part", several, &http.Request{Method: "GET", Header: fields("Origin: https://x.b.example")}},
		{"denied by all parts", several, &http.Request{Method: "GET", Header: fields("Origin: https://d.example", "Sec-Fetch-Site: cross-site")}},
		{"preflight 200", status, &http.Request{Method: "OPTIONS", Header: preflight("https://a.example", "PUT")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &discard{header: make(http.Header)}
			run := func() {
				clear(w.header)
				_ = tc.h.ServeHTTP(w, tc.r, next)
			}
			if n := testing.AllocsPerRun(100, run); n != 1 {
				t.Errorf("%v allocations, want 1", n)
			}
			var before, after runtime.MemStats
			const runs = 1000
			runtime.ReadMemStats(&before)
			for range runs {
				run()
			}
			runtime.ReadMemStats(&after)
			// Many runs share the allocations that the runtime makes meanwhile.
			if n := (after.TotalAlloc - before.TotalAlloc) / runs; n > 128+8 {
				t.Errorf("%d bytes, want at most 128", n)
			}
		})
	}
}

// discard is a writer that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header                 { return d.header }
func (d *discard) WriteHeader(int)                     {}
func (d *discard) Write(p []byte) (int, error)         { return len(p), nil }
func (d *discard) ReadFrom(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) }
