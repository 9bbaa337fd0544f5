package clients

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/net/webdav"
)

// newAPI returns the API of every site: what a client's own server serves is on
// the servers at an address, the rest is here.
func newAPI(servers string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: servers})
			r.Out.Host = r.In.Host
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
				r.Out.Header[name] = r.In.Header[name]
			}
		},
	})
	mux.HandleFunc("POST /items", serveItems)
	mux.HandleFunc("/events", serveEvents)
	mux.HandleFunc("POST /beacon", serveBody)
	mux.HandleFunc("POST /body", serveBody)
	mux.HandleFunc("GET /download", serveDownload)
	mux.HandleFunc("POST /v1/chat/completions", serveCompletions)
	mux.HandleFunc("/rest/v1/items", serveRows)
	mux.HandleFunc("POST /auth/v1/token", serveToken)
	mux.HandleFunc("POST /storage/v1/object/files/hello.txt", serveObject)
	mux.HandleFunc("POST /api/1/envelope/", serveEnvelope)
	mux.HandleFunc("POST /v1/traces", serveTraces)
	mux.HandleFunc("GET /trace", serveTrace)
	for path, f := range files() {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", f.kind)
			w.Header().Set("Content-Disposition", "inline; filename="+strings.TrimPrefix(path, "/"))
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
		})
	}
	mux.HandleFunc("/fragment", serveFragment)
	mux.Handle("/dav/", &webdav.Handler{Prefix: "/dav", FileSystem: webdav.NewMemFS(), LockSystem: webdav.NewMemLS()})
	newBucket().register(mux)
	new(database).register(mux)
	registerProvider(mux)
	newHub().register(mux)
	return mux
}

// serveItems takes JSON, and returns it with the token against forged requests.
func serveItems(w http.ResponseWriter, r *http.Request) {
	var body any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "not JSON", http.StatusUnsupportedMediaType)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"body": body, "token": r.Header.Get("X-XSRF-TOKEN")})
}

// serveEvents sends an event, and then the one after that.
func serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		_, _ = fmt.Fprintf(w, "id: 2\ndata: hello, after %s\n\n", id)
		return
	}
	_, _ = io.WriteString(w, "id: 1\nretry: 1\ndata: hello\n\n")
}

// serveBody returns what it gets.
func serveBody(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(w, r.Body)
}

// serveDownload sends a page of a list, as a file.
func serveDownload(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Disposition", `attachment; filename="items.csv"`)
	w.Header().Set("Link", `</download?page=2>; rel="next"`)
	w.Header().Set("X-Total-Count", "2")
	w.Header().Set("Retry-After", "1")
	_, _ = io.WriteString(w, "hello\n")
}

// serveCompletions streams a completion of OpenAI's API.
func serveCompletions(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, `data: {"choices":[{"delta":{"content":"hello"}}]}`+"\n\ndata: [DONE]\n\n")
}

// serveRows answers as PostgREST does.
func serveRows(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Range", "0-0/1")
	_, _ = io.WriteString(w, `[{"text":"hello"}]`)
}

// serveToken answers as Supabase's authentication does.
func serveToken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"e30.e30.","refresh_token":"token","token_type":"bearer","expires_in":3600,"user":{"id":"1"}}`)
}

// serveObject answers as Supabase's storage does.
func serveObject(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"Id":"1","Key":"files/hello.txt"}`)
}

// serveEnvelope answers as Sentry does, when there are too many events.
func serveEnvelope(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Sentry-Rate-Limits", "1:transaction:key")
	w.Header().Set("Retry-After", "1")
	_, _ = io.WriteString(w, "{}")
}

// serveTraces answers as a collector of OpenTelemetry does.
func serveTraces(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, "{}")
}

// serveTrace says which headers a trace came with.
func serveTrace(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{
		"trace": r.Header.Get("Sentry-Trace"), "baggage": r.Header.Get("Baggage"), "parent": r.Header.Get("Traceparent"),
	})
}

// serveFragment sends HTML to htmx, and names an event.
func serveFragment(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	w.Header().Set("HX-Trigger", "saved")
	_, _ = io.WriteString(w, "hello")
}

type file struct {
	kind    string
	content []byte
}

// files are those that a page has in elements, styles and scripts, by path.
func files() map[string]file {
	var pixel bytes.Buffer
	if err := png.Encode(&pixel, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		panic(err)
	}
	// A second of silence: WAVE, PCM, 8,000 bytes, one for each sample.
	wave := []byte("RIFF\x64\x1f\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00\x01\x00\x08\x00data\x40\x1f\x00\x00")
	return map[string]file{
		"/file":      {"text/plain", []byte("0123456789 hello")},
		"/font":      {"font/ttf", goregular.TTF},
		"/image":     {"image/png", pixel.Bytes()},
		"/items.pdf": {"application/pdf", document("hello", 600_000)},
		"/module.js": {"text/javascript", []byte(`export default "hello";`)},
		"/worker.js": {"text/javascript", []byte(`postMessage("hello");`)},
		"/sound":     {"audio/wav", append(wave, bytes.Repeat([]byte{0x80}, 8000)...)},
		"/wasm":      {"application/wasm", []byte("\x00asm\x01\x00\x00\x00")},
	}
}
