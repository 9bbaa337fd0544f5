package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// dynamic is the handler with these sources, in JSON.
func dynamic(sources ...string) string {
	return fmt.Sprintf(`{"@id": "cors", "handler": "cors", "dynamic_origins": [%s]}`, strings.Join(sources, ", "))
}

// A place is somewhere that a list is kept, as a test changes it.
type place interface {
	source() string // in JSON, with a short refresh
	put(t *testing.T, text string)
	write(t *testing.T, text string) // put, but a file looks as if its writer may not be done
	putTooLong(t *testing.T)         // a text longer than 64 MiB, no part of which is a list
	remove(t *testing.T)
}

// tooLong is the length of that text.
const tooLong = 64<<20 + 1

// filePlace is a file.
type filePlace struct{ path string }

func (p filePlace) source() string {
	return fmt.Sprintf(`{"source": "file", "path": %q, "refresh": "5ms"}`, p.path)
}

func (p filePlace) put(t *testing.T, text string) {
	t.Helper()
	p.write(t, text)
	age(t, p.path)
}

func (p filePlace) write(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(p.path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// age makes a file look as if it had been written a while ago. Sources pause before
// they use what has just been written.
func age(t *testing.T, path string) {
	t.Helper()
	then := time.Now().Add(-time.Minute)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func (p filePlace) putTooLong(t *testing.T) {
	t.Helper()
	p.put(t, "-")
	if err := os.Truncate(p.path, tooLong); err != nil { // takes no room on the disk
		t.Fatal(err)
	}
	age(t, p.path)
}

func (p filePlace) remove(t *testing.T) {
	t.Helper()
	corstest.Eventually(t, "removal", func() bool { return os.Remove(p.path) == nil }) // Windows removes no file while it is read
}

// renamedPlace is a file that is replaced by renaming another.
type renamedPlace struct{ filePlace }

func (p renamedPlace) put(t *testing.T, text string) {
	t.Helper()
	filePlace{p.path + ".new"}.put(t, text)
	p.rename(t)
}

func (p renamedPlace) write(t *testing.T, text string) {
	t.Helper()
	filePlace{p.path + ".new"}.write(t, text)
	p.rename(t)
}

func (p renamedPlace) putTooLong(t *testing.T) {
	t.Helper()
	filePlace{p.path + ".new"}.putTooLong(t)
	p.rename(t)
}

func (p renamedPlace) rename(t *testing.T) {
	t.Helper()
	corstest.Eventually(t, "renaming", func() bool { return os.Rename(p.path+".new", p.path) == nil }) // Windows replaces no file while it is read
}

// storagePlace is a key of Caddy's file storage, which writes as a whole.
type storagePlace struct{ renamedPlace }

func (storagePlace) source() string {
	return `{"source": "storage", "key": "cors/origins", "refresh": "5ms"}`
}

// httpPlace is a URL.
type httpPlace struct {
	server *httptest.Server
	mu     sync.Mutex
	text   string
	gone   bool
	parts  int // how often the text is sent in one response
	etag   int
	full   atomic.Int64 // responses with a body
}

func newHTTPPlace(t *testing.T) *httpPlace {
	t.Helper()
	p := new(httpPlace)
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

func (p *httpPlace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	etag := fmt.Sprintf(`"%d"`, p.etag)
	switch {
	case p.gone:
		w.WriteHeader(http.StatusNotFound)
	case r.Header.Get("Authorization") != "Bearer secret":
		w.WriteHeader(http.StatusUnauthorized)
	case r.Header.Get("If-None-Match") == etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		p.full.Add(1)
		w.Header().Set("ETag", etag)
		for range p.parts {
			if _, err := io.WriteString(w, p.text); err != nil {
				return
			}
		}
	}
}

func (p *httpPlace) source() string {
	return fmt.Sprintf(`{"source": "http", "url": %q, "refresh": "5ms", "timeout": "1m", "header_up": {"Authorization": ["Bearer secret"]}}`, p.server.URL+"/?token=hidden")
}

func (p *httpPlace) put(_ *testing.T, text string) { p.set(text, 1) }

func (p *httpPlace) write(_ *testing.T, text string) { p.set(text, 1) }

func (p *httpPlace) putTooLong(*testing.T) { p.set("-"+strings.Repeat("#", 1<<20-1), tooLong>>20+1) }

func (p *httpPlace) set(text string, parts int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.parts, p.gone = text, parts, false
	p.etag++
}

func (p *httpPlace) remove(*testing.T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
}

// places makes a place of each kind, with what else the configuration needs.
var places = map[string]func(t *testing.T) (p place, extra string){
	"file": func(t *testing.T) (place, string) {
		return filePlace{filepath.Join(t.TempDir(), "origins")}, ""
	},
	"file renamed": func(t *testing.T) (place, string) {
		return renamedPlace{filePlace{filepath.Join(t.TempDir(), "origins")}}, ""
	},
	"storage": func(t *testing.T) (place, string) {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "cors"), 0o700); err != nil {
			t.Fatal(err)
		}
		return storagePlace{renamedPlace{filePlace{filepath.Join(dir, "cors", "origins")}}}, fmt.Sprintf(`"storage": {"module": "file_system", "root": %q},`, dir)
	},
	"http": func(t *testing.T) (place, string) { return newHTTPPlace(t), "" },
}
