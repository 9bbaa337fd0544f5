package clients

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/caddy"
)

func TestMain(m *testing.M) { caddy.Main(m, "../..") }

// protocol is a protocol between browsers and the API.
type protocol struct{ name, servers string }

var protocols = []protocol{{"HTTP/1.1", "h1"}, {"HTTP/2.0", "h1 h2"}, {"HTTP/3.0", "h1 h2 h3"}}

// place is a Caddy that serves the APIs, each with a policy, and the page.
type place struct {
	t      *testing.T
	page   string            // origin
	ports  map[string]string // of the APIs, by protocol
	issuer *x509.Certificate
	sites  []string // the policies of the APIs

	mu       sync.Mutex
	sessions []*session
	seen     map[string]map[string]bool // methods of requests, by host
	spoken   map[string]map[string]int  // requests to a port, by protocol, but WebSockets
}

// newPlace plans a place. Its sites are yet to be added.
func newPlace(t *testing.T) *place {
	t.Helper()
	ports := caddy.FreePorts(t, len(protocols)+1)
	p := &place{
		t: t, page: "https://app.localhost:" + ports[len(protocols)], ports: make(map[string]string),
		seen: make(map[string]map[string]bool), spoken: make(map[string]map[string]int),
	}
	for i, protocol := range protocols {
		p.ports[protocol.name] = ports[i]
		p.spoken[ports[i]] = make(map[string]int)
	}
	return p
}

// add adds an API with a Caddyfile of the page, and returns its number.
func (p *place) add(policy string) int {
	p.sites = append(p.sites, policy)
	return len(p.sites) - 1
}

// api returns the origin of an API.
func (p *place) api(site int, protocol string) string {
	return fmt.Sprintf("https://c%d.localhost:%s", site, p.ports[protocol])
}

// start starts Caddy and all that is behind it.
func (p *place) start() {
	p.t.Helper()
	pages := httptest.NewServer(p.servePages(bundle(p.t)))
	p.t.Cleanup(pages.Close)
	api := httptest.NewServer(newAPI(startServers(p.t)))
	p.t.Cleanup(api.Close)

	var text strings.Builder
	text.WriteString("{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n")
	for _, protocol := range protocols {
		fmt.Fprintf(&text, "\tservers :%s {\n\t\tprotocols %s\n\t}\n", p.ports[protocol.name], protocol.servers)
	}
	fmt.Fprintf(&text, "}\n%s {\n\treverse_proxy %s\n}\n", p.page, pages.Listener.Addr())
	for i, policy := range p.sites {
		var addresses []string
		for _, protocol := range protocols {
			addresses = append(addresses, p.api(i, protocol.name))
		}
		text.WriteString(strings.NewReplacer(
			"api.example.com {", strings.Join(addresses, ", ")+" {\n\tlog",
			allowedOrigin, p.page,
			"localhost:3000", api.Listener.Addr().String(),
		).Replace(policy))
	}
	root := caddy.Run(p.t, text.String(), p.readLog)
	p.issuer = caddy.Await(p.t, p.page, root)
	for i := range p.sites {
		caddy.Await(p.t, p.api(i, protocols[0].name), root)
	}
}

// readLog reads Caddy's log: the requests to the APIs, and all else.
func (p *place) readLog(r io.Reader, log *strings.Builder) {
	caddy.ReadLog(r, log, func(request caddy.Request) {
		p.mu.Lock()
		if p.seen[request.Host] == nil {
			p.seen[request.Host] = make(map[string]bool)
		}
		p.seen[request.Host][request.Method] = true
		_, port, _ := strings.Cut(request.Host, ":")
		if request.Headers.Get("Sec-Websocket-Key") == "" { // browsers use HTTP/1.1 for those
			p.spoken[port][request.Proto]++
		}
		p.mu.Unlock()
	})
}

// install installs the packages of package-lock.json, if they are not there.
func install(t *testing.T) {
	t.Helper()
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"node", "npm"} {
		if _, err := exec.LookPath(command); err != nil {
			t.Fatalf("the clients need Node.js and npm: apt-get install nodejs npm (%v)", err)
		}
	}
	if there, err := os.Stat("node_modules/.package-lock.json"); err == nil && !there.ModTime().Before(lock.ModTime()) {
		return
	}
	// The packages work without the scripts that they run after their installation.
	if out, err := exec.Command("npm", "ci", "--ignore-scripts").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
}

// bundle makes of each client a script for the page, and returns their directory.
func bundle(t *testing.T) string {
	t.Helper()
	clients, err := filepath.Glob("pages/*.js")
	if err != nil || len(clients) == 0 {
		t.Fatal("no clients", err)
	}
	// The result of the test depends on these, and go test is to know.
	for _, pattern := range []string{"pages/lib/*", "servers/*"} {
		files, _ := filepath.Glob(pattern)
		for _, file := range append(files, clients...) {
			_, _ = os.Stat(file)
		}
	}
	dir := t.TempDir()
	args := append(clients, "--bundle", "--format=esm", "--log-level=warning", "--outdir="+dir)
	if out, err := exec.Command("node_modules/.bin/esbuild", args...).CombinedOutput(); err != nil {
		t.Fatalf("esbuild: %v\n%s", err, out)
	}
	return dir
}

// startServers starts the servers of the libraries, and returns their address.
func startServers(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("node", "servers/main.mjs")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	lines := bufio.NewReader(out)
	line, err := lines.ReadString('\n')
	port, err2 := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || err2 != nil {
		_ = cmd.Wait()
		t.Fatalf("the servers do not start: %v\n%s", err, log.String())
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return fmt.Sprintf("127.0.0.1:%d", port)
}
