package sources

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestBrief: what is cut, and where.
func TestBrief(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"short":        {"down", "down"},
		"just fits":    {strings.Repeat("x", 256), strings.Repeat("x", 256)},
		"too long":     {strings.Repeat("x", 257), strings.Repeat("x", 253) + "…"},
		"between":      {strings.Repeat("x", 252) + strings.Repeat("é", 4), strings.Repeat("x", 252) + "…"},
		"no UTF-8":     {strings.Repeat("\x80", 1000), "…"},
		"very long":    {strings.Repeat("x", 1<<20), strings.Repeat("x", 253) + "…"},
		"nothing else": {"", ""},
	} {
		if got := Brief(errors.New(tc.text)).Error(); got != tc.want || len(got) > maxForeign {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	if err := Brief(fmt.Errorf("x: %w", io.EOF)); !errors.Is(err, io.EOF) {
		t.Errorf("%v is not what it was", err)
	}
	if Brief(nil) != nil {
		t.Error("nil is an error")
	}
}

// rawServer returns the URL of a server that answers each connection's first
// request with a text, as it is, and closes the connection.
func rawServer(t *testing.T, answer string) *url.URL {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = conn.Read(make([]byte, 4<<10)) // the request is shorter
				_, _ = io.WriteString(conn, answer)
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/" + t.Name()}
}

// TestForeign: what a server writes in place of a response appears with 256 bytes
// at most, wherever it is kept, logged or shown.
func TestForeign(t *testing.T) {
	for name, answer := range map[string]string{
		"length":             "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n",
		"status":             "HTTP/1.1 %s\r\n\r\n",
		"protocol":           "%s\r\n\r\n",
		"reason":             "HTTP/1.1 500 %s\r\nContent-Length: 0\r\n\r\n",
		"encoding":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n",
		"header":             "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"header of a 103":    "HTTP/1.1 103 Early Hints\r\nX: %s\r\n\r\nHTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
		"chunk":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
		"many, not one line": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: %s\r\n\r\n",
	} {
		for _, length := range []int{1_000, 60_000, 800_000} {
			t.Run(fmt.Sprint(name, " ", length), func(t *testing.T) {
				t.Parallel()
				u := rawServer(t, fmt.Sprintf(answer, strings.Repeat("zz ", length/3)))
				bounded := func(text string) {
					t.Helper()
					if n := strings.Count(text, "z"); n > maxForeign || len(text) > maxForeign+len("http 127.0.0.1:65535: ") || !utf8.ValidString(text) {
						t.Errorf("%d bytes, %d of them foreign: %.100q", len(text), n, text)
					}
				}
				logger, logs := observed()

				read, done := HTTPReader(u, nil, time.Minute)
				_, err := OpenList(t.Context(), ListConfig{Name: "http " + u.Host, Place: u.String(), Read: read, Done: done, Required: true, Logger: logger, Refresh: time.Minute})
				if err == nil {
					t.Fatal("the list is good")
				}
				bounded(err.Error())
				l, err := OpenList(t.Context(), ListConfig{Name: "http " + u.Host, Place: u.String(), Read: read, Done: done, Logger: logger, Refresh: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				defer closed(t, l)
				for logs.Len() == 0 {
					time.Sleep(time.Millisecond)
				}
				bounded(l.shared.status().LastError)

				a := openAsker(t, u, Limits{Timeout: time.Minute})
				defer closed(t, a)
				a.logger = logger
				// The status is enough for an answer, whatever follows.
				if yes, err := asks(t, a, "https://a.example", "host.example"); err != nil {
					bounded(err.Error())
					bounded(a.known.status().LastError)
					bounded(a.known.no.get(question{"https://a.example", "host.example"}).err.Error())
				} else if !yes || name != "chunk" {
					t.Errorf("got %t, want an error", yes)
				}
				for _, entry := range logs.All() {
					if text, ok := entry.ContextMap()["error"].(string); !ok || len(text) == 0 {
						t.Errorf("logged %v", entry.ContextMap())
					} else {
						bounded(text)
					}
				}
			})
		}
	}
}

// TestCutOff: a list that ends where the connection does may be cut off anywhere.
func TestCutOff(t *testing.T) {
	const list = "https://a.example\nhttps://b.examp"
	for name, tc := range map[string]struct {
		answer string
		good   bool
	}{
		"HTTP/1.0":                    {"HTTP/1.0 200 OK\r\n\r\n" + list, false},
		"HTTP/1.0 with a length":      {fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(list), list), true},
		"HTTP/1.0, cut off":           {fmt.Sprintf("HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(list)+2, list), false},
		"long headers":                {fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: %s\r\n\r\n%s", len(list), strings.Repeat("x", 2*maxHeader), list), false},
		"Connection: close":           {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + list, false},
		"no header":                   {"HTTP/1.1 200 OK\r\n\r\n" + list, false},
		"identity":                    {"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\n\r\n" + list, false},
		"chunked, Connection: close":  {fmt.Sprintf("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(list), list), true},
		"chunked, without an end":     {fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(list), list), false},
		"gzip, cut off at the end":    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, list, 1), false},
		"gzip, cut off at the start":  {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, list, 20), false},
		"gzip, whole but without any": {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzipped(t, list, 0), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read, done := HTTPReader(rawServer(t, tc.answer), nil, time.Minute)
			defer done()
			text, _, err := read(t.Context(), nil)
			if tc.good != (err == nil) || tc.good && text != list {
				t.Errorf("got %q, %v", text, err)
			}
			if marked := strings.Contains(tc.answer, "gzip") || strings.Contains(tc.answer, "Length") || strings.Contains(tc.answer, "Transfer"); !marked && !errors.Is(err, errUnmarked) {
				t.Errorf("got %v, want %v", err, errUnmarked)
			}
		})
	}
}

// TestFramed: HTTP/2 marks the end of a response without a header for it.
func TestFramed(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		_, _ = io.WriteString(w, "https://a.example")
		if r.URL.Path == "/cut" {
			panic(http.ErrAbortHandler)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	for path, good := range map[string]bool{"/": true, "/cut": false} {
		u, err := url.Parse(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		client := newClient(time.Minute)
		client.Transport.(*http.Transport).TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
		read, done := readHTTP(client, u, nil)
		text, _, err := read(t.Context(), nil)
		if done(); good != (err == nil) || good && text != "https://a.example" {
			t.Errorf("%s: got %q, %v", path, text, err)
		}
	}
}

// gzipped compresses a text, and cuts bytes off its end.
func gzipped(t *testing.T, text string, cut int) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()[:b.Len()-cut]
}
