package clients

import (
	"encoding/json"
	"net/http"
	"sync"
)

// database answers as CouchDB does about documents that each have one revision.
type database struct{ documents sync.Map }

func (d *database) register(mux *http.ServeMux) {
	const path = " /couch/{database}/{id}"
	done := func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{"ok": true, "id": r.PathValue("id"), "rev": "1-a"})
	}
	mux.HandleFunc("PUT"+path, func(w http.ResponseWriter, r *http.Request) {
		var document map[string]any
		if err := json.NewDecoder(r.Body).Decode(&document); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		document["_rev"] = "1-a"
		d.documents.Store(r.URL.Path, document)
		done(w, r)
	})
	mux.HandleFunc("GET"+path, func(w http.ResponseWriter, r *http.Request) {
		document, ok := d.documents.Load(r.URL.Path)
		if !ok {
			http.NotFound(w, r)
			return
		}
		writeJSON(w, document)
	})
	mux.HandleFunc("DELETE"+path, func(w http.ResponseWriter, r *http.Request) {
		if _, ok := d.documents.LoadAndDelete(r.URL.Path); !ok {
			http.NotFound(w, r)
			return
		}
		done(w, r)
	})
}
