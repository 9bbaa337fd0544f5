package clients

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// bucket is a bucket of S3. It checks of a signature only whether the headers that
// are signed have arrived.
type bucket struct {
	mu      sync.Mutex
	objects map[string]object
}

type object struct {
	content string
	header  http.Header // its metadata
}

func newBucket() *bucket { return &bucket{objects: make(map[string]object)} }

func (b *bucket) register(mux *http.ServeMux) { mux.HandleFunc("/bucket/{key}", b.serve) }

// signed returns the names of the headers that are signed.
func signed(r *http.Request) string {
	if names := r.FormValue("X-Amz-SignedHeaders"); names != "" {
		return names
	}
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	return names
}

func (b *bucket) serve(w http.ResponseWriter, r *http.Request) {
	names := signed(r)
	if names == "" {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	for name := range strings.SplitSeq(names, ";") {
		if name != "host" && r.Header.Get(name) == "" {
			http.Error(w, "signed, but not there: "+name, http.StatusForbidden)
			return
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	key := r.PathValue("key")
	switch r.Method {
	case http.MethodPut:
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		header := make(http.Header)
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Meta-") {
				header[name] = r.Header[name]
			}
		}
		if r.FormValue("partNumber") == "" {
			b.objects[key] = object{string(content), header}
		}
		w.Header().Set("ETag", `"1"`)
	case http.MethodGet:
		o, ok := b.objects[key]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		for name := range o.header {
			w.Header()[name] = o.header[name]
		}
		_, _ = io.WriteString(w, o.content)
	case http.MethodDelete:
		delete(b.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case http.MethodPost: // the begin of an upload in parts
		w.Header().Set("Content-Type", "application/xml")
		_, _ = fmt.Fprintf(w, "<InitiateMultipartUploadResult><Bucket>bucket</Bucket><Key>%s</Key><UploadId>1</UploadId></InitiateMultipartUploadResult>", key)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}
