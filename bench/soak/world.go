package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// How long it may take until a source's change is in force: the sources' refresh
// intervals and times to live, and what a busy machine adds.
const settles = 5 * time.Second

// The sources decide about these origins.
const (
	fileOrigin = "https://changing.file.example"
	httpOrigin = "https://changing.list.example"
	askOrigin  = "https://changing.ask.example"
)

// world is what is around Caddy: upstreams, the list in a file, and the servers
// of the list and of the answers.
type world struct {
	server *httptest.Server
	dead   string // an address where nobody listens
	file   string

	inFile, inList, asked *truth       // whether what changes is allowed
	answers               *truth       // whether questions are answered
	list                  atomic.Value // the text
	yes                   atomic.Bool  // the answer about askOrigin
	listFails, askFails   atomic.Pointer[string]
}

func newWorld(dir string) (*world, error) {
	w := &world{
		file:   filepath.Join(dir, "origins"),
		inFile: newTruth(true), inList: newTruth(true), asked: newTruth(true),
		answers: newTruth(true),
	}
	w.yes.Store(true)
	w.list.Store(listText(httpOrigin, true))
	if err := os.WriteFile(w.file, []byte(listText(fileOrigin, true)), 0o600); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w.dead = l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/list", w.serveList)
	mux.HandleFunc("/ask", w.serveAnswer)
	mux.HandleFunc("/proxy/", serveUpstream)
	mux.HandleFunc("/proxy/ws", serveWebSocket)
	w.server = httptest.NewServer(mux)
	return w, nil
}

func (w *world) close() { w.server.Close() }

func (w *world) address() string { return w.server.Listener.Addr().String() }

// listText is a list that has an origin, or not.
func listText(origin string, has bool) string {
	var text strings.Builder
	for i := range 500 {
		fmt.Fprintf(&text, "https://tenant-%d.example.net\n", i)
	}
	if has {
		text.WriteString(origin + " # changes\n")
	}
	return text.String()
}

// serveList serves the list, or fails.
func (w *world) serveList(rw http.ResponseWriter, r *http.Request) {
	if fail(rw, r, w.listFails.Load()) {
		return
	}
	_, _ = io.WriteString(rw, w.list.Load().(string))
}

// serveAnswer answers a question, or fails.
func (w *world) serveAnswer(rw http.ResponseWriter, r *http.Request) {
	origin := r.FormValue("origin")
	switch {
	case fail(rw, r, w.askFails.Load()):
	case origin == askOrigin && w.yes.Load(), strings.HasPrefix(origin, "https://yes-"):
		rw.WriteHeader(http.StatusOK)
	default:
		rw.WriteHeader(http.StatusForbidden)
	}
}

// The ways in which a server can fail.
var failures = []string{"status", "hang", "abort", "redirect", "garbage"}

// fail fails in a way, if there is one.
func fail(rw http.ResponseWriter, r *http.Request, how *string) bool {
	if how == nil {
		return false
	}
	switch *how {
	case "hang":
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	case "abort":
		panic(http.ErrAbortHandler)
	case "redirect":
		http.Redirect(rw, r, "/", http.StatusFound)
	case "garbage":
		rw.WriteHeader(http.StatusNonAuthoritativeInfo)
		_, _ = io.WriteString(rw, "https://*\n")
	default:
		rw.WriteHeader(http.StatusInternalServerError)
	}
	return true
}

// change changes the sources and lets them fail, until ctx ends. While one
// fails, what it has said before holds.
func (w *world) change(ctx context.Context) {
	wait := func(d time.Duration) bool {
		select {
		case <-ctx.Done():
			return false
		case <-time.After(d):
			return true
		}
	}
	for i := 0; ; i++ {
		how := failures[i%len(failures)]
		allowed := i%2 == 1 // first it is taken away
		if !wait(settles) {
			return
		}
		w.listFails.Store(&how)
		w.failFile(how)
		if !wait(2 * time.Second) {
			return
		}
		w.listFails.Store(nil)
		w.replaceFile(listText(fileOrigin, !allowed))
		if how != "garbage" { // which is 2xx, and so a yes
			w.answers.begin(false)
			w.askFails.Store(&how)
			if !wait(2 * time.Second) {
				return
			}
			w.askFails.Store(nil)
			w.answers.begin(true)
			w.answers.settle(time.Second)
		}

		w.inFile.begin(allowed)
		w.inList.begin(allowed)
		w.asked.begin(allowed)
		w.replaceFile(listText(fileOrigin, allowed))
		w.list.Store(listText(httpOrigin, allowed))
		w.yes.Store(allowed)
		for _, t := range []*truth{w.inFile, w.inList, w.asked} {
			t.settle(settles)
		}
		if !wait(settles) {
			return
		}
	}
}

// failFile makes the file as bad as a server that fails.
func (w *world) failFile(how string) {
	switch how {
	case "abort":
		if err := os.Remove(w.file); err != nil {
			panic(err)
		}
	case "hang":
		w.replaceFile("")
	default:
		w.replaceFile("https://good.example\nhttps://*\n")
	}
}

// replaceFile replaces the file as a whole.
func (w *world) replaceFile(text string) {
	next := w.file + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		panic(err)
	}
	if err := os.Rename(next, w.file); err != nil {
		panic(err)
	}
}

// streamed is what streams bring, in parts.
const streamed = "one two three four five "

// serveUpstream is an upstream, which has CORS fields of its own.
func serveUpstream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "X-Upstream")
	w.Header().Set("Vary", "Accept-Encoding, Origin")
	switch strings.TrimPrefix(r.URL.Path, "/proxy/") {
	case "stream":
		for part := range strings.FieldsSeq(streamed) {
			_, _ = io.WriteString(w, part+" ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(10 * time.Millisecond)
		}
		return
	case "slow":
		time.Sleep(200 * time.Millisecond)
	case "early":
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
	case "fail":
		w.WriteHeader(http.StatusInternalServerError)
	case "abort":
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(w, "hello")
}

// serveWebSocket takes the handshake as if it were one, and sends back what it
// gets.
func serveWebSocket(w http.ResponseWriter, _ *http.Request) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Access-Control-Allow-Origin: *\r\n\r\n")
	if rw.Flush() == nil {
		_, _ = io.Copy(conn, bufio.NewReader(rw))
	}
}
