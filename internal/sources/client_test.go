package sources

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestParseURL: which URLs are valid, and that errors show no secret.
func TestParseURL(t *testing.T) {
	for _, tc := range []struct{ text, want, problem string }{
		{"https://bob:x@a.example:8443/b?c=d#e", "https://bob:x@a.example:8443/b?c=d", ""},
		{"http://127.0.0.1:9000", "http://127.0.0.1:9000", ""},
		{"", "", "is missing; write one such as https://config.example.com/origins"},
		{"http://a b:secret@x", "", "is not a valid URL; write one such as"},
		{"/secret", "", "does not begin with http:// or https://; write one such as"},
		{"a.example/x?token=secret", "", "does not begin with http:// or https://"},
		{"localhost:9000/secret", "", "does not begin with http:// or https://"},
		{"ftp://bob:secret@a.example/secret", "", `begins with "ftp://a.example", but must begin with http:// or https:// and a host`},
		{"http:///secret", "", `begins with "http://", but must begin with`},
		{"http://:80/secret", "", `begins with "http://:80", but must begin with`},
		{"https://a.example:0/secret", "", `has the invalid port "0"`},
		{"https://a.example:99999/?token=secret", "", `has the invalid port "99999"`},
		{"https://a.example/?token=secret;b", "", "has an invalid query; escape it, as in ?key=a%3Bb"},
	} {
		u, err := ParseURL(tc.text)
		switch {
		case tc.problem != "":
			if err == nil || !strings.HasPrefix(err.Error(), tc.problem) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%q: %v, want %q", tc.text, err, tc.problem)
			}
		case err != nil || u.String() != tc.want:
			t.Errorf("%q: %v, %v, want %s", tc.text, u, err, tc.want)
		}
	}
}

// TestStatusError: the log gets nothing that the server has written.
func TestStatusError(t *testing.T) {
	for status, want := range map[int]string{
		500: "the server answers 500 Internal Server Error",
		599: "the server answers 599",
	} {
		res := &http.Response{StatusCode: status, Status: strings.Repeat("x", 1<<20)}
		if got := statusError(res).Error(); got != want {
			t.Errorf("%.100q, want %q", got, want)
		}
	}
}

// TestHTTPReader: what is sent for which tag, and what the response means.
func TestHTTPReader(t *testing.T) {
	both := httpTag{`"1"`, "Mon, 02 Jan 2006 15:04:05 GMT", 100}
	for _, tc := range []struct {
		name          string
		tag           any
		answer        func(w http.ResponseWriter)
		text, problem string
		want          any // tag
	}{
		{"first", nil, func(w http.ResponseWriter) {
			w.Header().Set("ETag", `"1"`)
			_, _ = io.WriteString(w, "https://a.example")
		}, "https://a.example", "", httpTag{`"1"`, "", 17}},
		{"chunked", both, func(w http.ResponseWriter) {
			w.Header().Set("Last-Modified", both.lastModified)
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "https://a.example")
		}, "https://a.example", "", httpTag{"", both.lastModified, 17}},
		{"not modified", both, func(w http.ResponseWriter) { w.WriteHeader(304) }, "", "not modified", nil},
		{"not modified, by the time", httpTag{lastModified: both.lastModified}, func(w http.ResponseWriter) { w.WriteHeader(304) }, "", "not modified", nil},
		{"304 without a condition", httpTag{}, func(w http.ResponseWriter) { w.WriteHeader(304) }, "", "the server answers 304 Not Modified", nil},
		{"redirect", nil, func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(302)
		}, "", "the server answers 302 Found", nil},
		{"204", nil, func(w http.ResponseWriter) { w.WriteHeader(204) }, "", "the server answers 204 No Content", nil},
		{"500", nil, func(w http.ResponseWriter) { w.WriteHeader(500) }, "", "the server answers 500", nil},
		{"broken off", nil, func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, "https://a.example\n")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "", "unexpected EOF", nil},
		{"no response", nil, func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, "", "EOF", nil},
		{"chunked, and cut off", nil, func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "https://a.example\nhttps://b.examp")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, "", "unexpected EOF", nil},
		{"compressed", nil, func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, "https://a.example")
			_ = z.Close()
		}, "https://a.example", "", httpTag{"", "", 17}},
		{"long validators", nil, func(w http.ResponseWriter) {
			w.Header().Set("ETag", strings.Repeat("x", maxForeign+1))
			w.Header().Set("Last-Modified", strings.Repeat("x", maxForeign))
			_, _ = io.WriteString(w, "https://a.example")
		}, "https://a.example", "", httpTag{"", strings.Repeat("x", maxForeign), 17}},
		{"too long", nil, func(w http.ResponseWriter) { w.Header().Set("Content-Length", "67108865") }, "", "longer than 64 MiB", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			requests := make(chan *http.Request, 1)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					return // 200, for those who follow
				}
				requests <- r
				tc.answer(w)
			}))
			defer server.Close()
			u, err := url.Parse(server.URL + "/?token=secret")
			if err != nil {
				t.Fatal(err)
			}
			read, done := HTTPReader(u, http.Header{"Host": {"a.example"}, "Authorization": {"Bearer x", "Bearer y"}}, time.Minute)
			defer done()
			text, tag, err := read(t.Context(), tc.tag)
			if text != tc.text || (err == nil) != (tc.problem == "") || err != nil && (!strings.Contains(err.Error(), tc.problem) || strings.Contains(err.Error(), "secret")) {
				t.Errorf("got %q, %v, want %q, %q", text, err, tc.text, tc.problem)
			}
			if tc.want != nil && tag != tc.want {
				t.Errorf("got the tag %+v, want %+v", tag, tc.want)
			}
			r, old := <-requests, httpTag{}
			if tc.tag != nil {
				old = tc.tag.(httpTag)
			}
			if r.Host != "a.example" || r.URL.RawQuery != "token=secret" || strings.Join(r.Header["Authorization"], ",") != "Bearer x,Bearer y" {
				t.Errorf("sent %s, %v", r.Host, r.Header)
			}
			if r.Header.Get("If-None-Match") != old.etag || r.Header.Get("If-Modified-Since") != old.lastModified {
				t.Errorf("the tag %+v: sent %v", old, r.Header)
			}
		})
	}
}

// TestHTTPTimeout: a server that does not answer in time has failed.
func TestHTTPTimeout(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer server.Close()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	read, done := HTTPReader(u, nil, 20*time.Millisecond)
	defer done()
	if _, _, err := read(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "imeout") {
		t.Errorf("got %v", err)
	}
}
