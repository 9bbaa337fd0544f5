package integration

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// newUpstream starts an upstream with its own mind about CORS: whatever it is
// asked for, it says in its header what the policies of these tests do not.
func newUpstream(t *testing.T, paths map[string]http.HandlerFunc) string {
	t.Helper()
	mux := http.NewServeMux()
	for path, handler := range paths {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			contradict(w.Header())
			handler(w, r)
		})
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// contradict sets the CORS fields as no policy here would.
func contradict(h http.Header) {
	h["Access-Control-Allow-Origin"] = []string{"https://upstream.example"}
	h["Access-Control-Allow-Credentials"] = []string{"true"}
	h["Access-Control-Allow-Methods"] = []string{"DELETE"}
	h["Access-Control-Allow-Headers"] = []string{"X-Upstream"}
	h["Access-Control-Expose-Headers"] = []string{"X-Upstream"}
	h["Access-Control-Max-Age"] = []string{"1"}
	h["Access-Control-Made-Up"] = []string{"x"}
	h["Vary"] = []string{"Cookie, Accept"}
}

// write returns a handler that answers with a status, and a body if there may
// be one.
func write(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(status)
		if status >= 200 && status != 204 && status != 304 {
			_, _ = io.WriteString(w, "body")
		}
	}
}

// abort ends the connection without a further word.
func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

var upstreamPaths = map[string]http.HandlerFunc{
	"/up/200": write(200), "/up/204": write(204), "/up/304": write(304),
	"/up/301": write(301), "/up/302": write(302), "/up/307": write(307), "/up/308": write(308),
	"/up/401": write(401), "/up/500": write(500),
	"/up/duplicates": func(w http.ResponseWriter, r *http.Request) {
		for name, values := range w.Header() {
			w.Header()[name] = append(values, values...)
		}
		w.Header().Add("Access-Control-Allow-Origin", "https://a.example")
		w.Header().Add("Vary", "origin")
		write(200)(w, r)
	},
	"/up/early-hints": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		write(200)(w, r)
	},
	"/up/early-hints-abort": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		abort(w, r)
	},
	"/up/trailers": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		write(200)(w, r)
		w.Header().Set("X-Sum", "1")
	},
	"/up/events": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			_ = http.NewResponseController(w).Flush()
		}
	},
	"/up/abort": abort,
}
