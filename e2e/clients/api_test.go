package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// newAPI returns the API of every site: what a client's own server serves is on
// the servers at an address, the rest is here.
func newAPI(servers string) http.Handler {
	mux := http.NewServeMux()
	proxy := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: servers})
			r.Out.Host = r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
			r.Out.Header["X-Forwarded-Host"] = r.In.Header["X-Forwarded-Host"]
			r.Out.Header["X-Forwarded-Proto"] = r.In.Header["X-Forwarded-Proto"]
		},
	}
	mux.Handle("/", proxy)
	mux.HandleFunc("POST /items", serveItems)
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
