package e2e

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"golang.org/x/image/font/gofont/goregular"
)

// startUpstream starts an upstream that has CORS fields of its own.
func startUpstream(t *testing.T) string {
	mux := http.NewServeMux()
	answer := func(path string, handler http.HandlerFunc) {
		mux.HandleFunc("/{policy}/"+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
			w.Header().Set("Access-Control-Allow-Credentials", "true")
			w.Header().Set("X-Exposed", "1")
			handler(w, r)
		})
	}
	text := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "body")
		}
	}
	file := func(kind string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write(body)
		}
	}
	var pixel bytes.Buffer
	if err := png.Encode(&pixel, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	answer("ok", text(200))
	answer("row", text(200))
	answer("404", text(404))
	answer("500", text(500))
	answer("dead", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	answer("redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "ok?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	})
	answer("elsewhere", func(w http.ResponseWriter, r *http.Request) {
		to := *r.URL
		to.Scheme, to.Host = r.Header.Get("X-Forwarded-Proto"), "elsewhere."+r.Host
		to.Path = strings.TrimSuffix(to.Path, "elsewhere") + "ok"
		http.Redirect(w, r, to.String(), http.StatusFound)
	})
	answer("hints", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		text(200)(w, r)
	})
	answer("stream", stream())
	answer("font", file("font/ttf", goregular.TTF))
	answer("image", file("image/png", pixel.Bytes()))
	answer("script", file("text/javascript", []byte(`"body"`)))
	answer("events", file("text/event-stream", []byte("data: body\n\n")))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// stream returns a handler that writes the rest of a response only when it is
// told to go on.
func stream() http.HandlerFunc {
	var waiting sync.Map // chan struct{}, by cell
	return func(w http.ResponseWriter, r *http.Request) {
		entry, _ := waiting.LoadOrStore(r.FormValue("cell"), make(chan struct{}, 1))
		goOn := entry.(chan struct{})
		if r.Form.Has("continue") {
			select {
			case goOn <- struct{}{}:
			default:
			}
			return
		}
		_, _ = io.WriteString(w, "bo")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-goOn:
			_, _ = io.WriteString(w, "dy")
		case <-r.Context().Done():
		}
	}
}
