package e2e

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

// cache is a server that stores responses. Its configuration, in which $PORT is
// its own port, $BACKEND that of Caddy and $DIR a directory, tells it to look
// neither at cookies nor at anything else of a request but what Vary names.
type cache struct {
	command string
	args    []string
	config  string
	// mayAsk is whether it may ask each time for what varies by Origin.
	mayAsk bool
}

var caches = map[string]cache{
	// It stores what varies by headers that it knows. Not every version knows Origin.
	"HAProxy": {
		command: "haproxy",
		args:    []string{"-db", "-f", "$CONFIG"},
		mayAsk:  true,
		config: `defaults
	mode http
	timeout connect 10s
	timeout client 1m
	timeout server 1m

cache store
	total-max-size 4
	process-vary on

listen caddy
	bind 127.0.0.1:$PORT
	http-request cache-use store
	http-response cache-store store
	server caddy 127.0.0.1:$BACKEND
`,
	},
	"nginx": {
		command: "nginx",
		args:    []string{"-p", "$DIR", "-e", "stderr", "-c", "$CONFIG"},
		config: `daemon off;
master_process off;
pid $DIR/pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path $DIR/body;
	fastcgi_temp_path $DIR/fastcgi;
	scgi_temp_path $DIR/scgi;
	uwsgi_temp_path $DIR/uwsgi;
	proxy_temp_path $DIR/proxy;
	proxy_cache_path $DIR/cache keys_zone=cache:1m;
	server {
		listen 127.0.0.1:$PORT;
		location / {
			proxy_pass http://127.0.0.1:$BACKEND;
			proxy_cache cache;
			proxy_cache_methods GET HEAD;
			proxy_cache_key $request_uri;
		}
	}
}
`,
	},
	"Varnish": {
		command: "varnishd",
		args:    []string{"-F", "-j", "none", "-n", "$DIR/work", "-s", "malloc,16m", "-a", "127.0.0.1:$PORT", "-f", "$CONFIG"},
		config: `vcl 4.1;

backend caddy {
	.host = "127.0.0.1";
	.port = "$BACKEND";
}

sub vcl_recv {
	return (hash);
}
`,
	},
}

// policies is the Caddyfile of a Caddy on port $PORT, before $UPSTREAM. All may read
// what is below /public.
const policies = `{
	admin off
	skip_install_trust
}
http://127.0.0.1:$PORT {
	cors /public/* * *
	cors https://a.example
	reverse_proxy $UPSTREAM
}
`

// TestCaches: no cache stores a response whose upstream says that it varies by
// everything, whatever the origin of the request. The other responses show that
// the caches do store.
func TestCaches(t *testing.T) {
	for name, c := range caches {
		t.Run(name, func(t *testing.T) {
			upstream := new(personal)
			url := c.start(t, startCaddy(t, upstream.start(t)))
			for _, tc := range []struct {
				path   string
				vary   string
				origin string
				want   string // Vary, as the cache sends it
				stored bool
			}{
				{path: "/everything", vary: "*", want: "*"},
				{path: "/everything-allowed", vary: "*", origin: allowedByCaches, want: "*"},
				{path: "/everything-denied", vary: "*", origin: deniedByCaches, want: "*"},
				{path: "/public/everything", vary: "*", origin: deniedByCaches, want: "*"},
				{path: "/nothing", want: "Origin", stored: true},
				{path: "/nothing-allowed", origin: allowedByCaches, want: "Origin", stored: true},
				{path: "/nothing-denied", origin: deniedByCaches, want: "Origin", stored: true},
				{path: "/public/nothing", origin: deniedByCaches, stored: true},
			} {
				t.Run(tc.path, func(t *testing.T) {
					path := tc.path + "?vary=" + tc.vary
					for i, user := range []string{"alice", "bob", "alice"} {
						body, header := get(t, url+path, user, tc.origin)
						want, asked := user, i+1
						if tc.stored && !(c.mayAsk && tc.want == "Origin" && upstream.asked(path) == i+1) {
							want, asked = "alice", 1
						}
						if body != want {
							t.Errorf("%s gets the response of %s, want that of %s", user, body, want)
						}
						if vary := strings.Join(header["Vary"], ", "); vary != tc.want {
							t.Errorf("Vary: %q, want %q", vary, tc.want)
						}
						if n := upstream.asked(path); n != asked {
							t.Errorf("after %d requests the upstream was asked %d times, want %d", i+1, n, asked)
						}
					}
				})
			}
		})
	}
}

// TestCachesByOrigin: whatever a cache has stored of a URL, each origin gets the
// CORS headers of its own. Behind Caddy, one stored response is enough for all.
func TestCachesByOrigin(t *testing.T) {
	for name, c := range caches {
		for _, behind := range []bool{false, true} {
			place, asked := "before Caddy", 3
			if behind {
				place, asked = "behind Caddy", 1
			}
			t.Run(name+" "+place, func(t *testing.T) {
				upstream := new(personal)
				address := upstream.start(t)
				var url string
				if behind {
					url = "http://" + startCaddy(t, strings.TrimPrefix(c.start(t, address), "http://"))
				} else {
					url = c.start(t, startCaddy(t, address))
				}
				origins := []string{deniedByCaches, allowedByCaches, "", allowedByCaches, "", deniedByCaches}
				for _, origin := range origins {
					_, header := get(t, url+"/items", "alice", origin)
					want := ""
					if origin == allowedByCaches {
						want = origin
					}
					if got := strings.Join(header["Access-Control-Allow-Origin"], ", "); got != want {
						t.Errorf("%q gets Access-Control-Allow-Origin: %q, want %q", origin, got, want)
					}
					if vary := strings.Join(header["Vary"], ", "); vary != "Origin" {
						t.Errorf("%q gets Vary: %q", origin, vary)
					}
				}
				if n := upstream.asked("/items"); n != asked && !(c.mayAsk && !behind && n == len(origins)) {
					t.Errorf("the upstream was asked %d times, want %d", n, asked)
				}
			})
		}
	}
}

const (
	allowedByCaches = "https://a.example"
	deniedByCaches  = "https://b.example"
)

// personal is an upstream that answers each user otherwise, by a cookie, and says
// that its responses may be stored. It counts the requests by their URI.
type personal struct {
	mu    sync.Mutex
	count map[string]int
}

func (p *personal) start(t *testing.T) (address string) {
	t.Helper()
	p.count = make(map[string]int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.count[r.RequestURI]++
		p.mu.Unlock()
		w.Header().Set("Cache-Control", "max-age=60")
		if vary := r.FormValue("vary"); vary != "" {
			w.Header().Set("Vary", vary)
		}
		user, err := r.Cookie("user")
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "https://upstream.example")
		_, _ = io.WriteString(w, user.Value)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func (p *personal) asked(uri string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count[uri]
}

// get makes a request of a user, and returns the body and header of the response.
func get(t *testing.T, url, user, origin string) (body string, header http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "user", Value: user})
	if origin != "" {
		r.Header.Set("Origin", origin)
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}, Timeout: time.Minute}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("status %d, body %q, %v", res.StatusCode, text, err)
	}
	return string(text), res.Header
}

// startCaddy starts a Caddy with the module before an upstream, and returns its
// address.
func startCaddy(t *testing.T, upstream string) (address string) {
	t.Helper()
	port := caddy.FreePorts(t, 1)[0]
	text := strings.NewReplacer("$PORT", port, "$UPSTREAM", upstream).Replace(policies)
	root := caddy.Run(t, text, func(r io.Reader, log *strings.Builder) { _, _ = io.Copy(log, r) })
	caddy.Await(t, "http://127.0.0.1:"+port, root)
	return "127.0.0.1:" + port
}

// start starts the cache before a backend, and returns the cache's URL. Where the
// cache is not installed the test is skipped, but not in CI.
func (c cache) start(t *testing.T, backend string) (url string) {
	t.Helper()
	path, err := exec.LookPath(c.command)
	if err != nil {
		const remedy = "apt-get install haproxy nginx varnish"
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: %s", err, remedy)
		}
		t.Skipf("%v: %s", err, remedy)
	}
	port := caddy.FreePorts(t, 1)[0]
	dir := t.TempDir()
	config := filepath.Join(dir, "config")
	fill := strings.NewReplacer("$DIR", dir, "$CONFIG", config, "$PORT", port, "$BACKEND", strings.TrimPrefix(backend, "127.0.0.1:"))
	if err := os.WriteFile(config, []byte(fill.Replace(c.config)), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	for _, arg := range c.args {
		cmd.Args = append(cmd.Args, fill.Replace(arg))
	}
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if <-ended; t.Failed() {
			t.Log(log.String())
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			return "http://127.0.0.1:" + port
		}
		select {
		case <-tick.C:
		case <-ended:
			t.Fatalf("%s has ended: %s", c.command, log.String())
		case <-deadline:
			t.Fatalf("%s does not listen", c.command)
		}
	}
}
