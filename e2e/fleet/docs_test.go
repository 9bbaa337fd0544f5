package fleet

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestPage runs the Caddyfile and the commands of the page on fleets, in a shell
// whose caddy, curl and redis-cli use the ports of this test. The output has to be
// what the page shows. Redis is killed before the commands that say so.
func TestPage(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	backend := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(backend.Close)
	_, port, err := net.SplitHostPort(corstest.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	p := &page{t: t, dir: t.TempDir()}
	p.tool("caddy", fmt.Sprintf(`CORS_TEST_AS_CADDY=1 CADDY_ADMIN=%s XDG_DATA_HOME=%[2]s XDG_CONFIG_HOME=%[2]s exec %[3]s "$@"`, corstest.FreePort(t), t.TempDir(), os.Args[0]))
	p.tool("curl", fmt.Sprintf(`exec %s --insecure --connect-to api.example.com:443:127.0.0.1:%s "$@"`, lookPath(t, "curl"), port))
	p.tool("redis-cli", fmt.Sprintf(`exec %s -p %s "$@"`, lookPath(t, "redis-cli"), r.port))
	p.known = strings.NewReplacer(
		"\tstorage redis", fmt.Sprintf("\thttps_port %s\n\tauto_https disable_redirects\n\tlocal_certs\n\tskip_install_trust\n\tstorage redis", port),
		"localhost:6379", "127.0.0.1:"+r.port,
		"127.0.0.1:6379", "127.0.0.1:"+r.port,
		"localhost:3000", strings.TrimPrefix(backend.URL, "http://"),
	)
	commands := 0
	for _, b := range corstest.Blocks(t, "../../docs/storage.md") {
		switch b.Language {
		case "caddyfile redis":
			if formatted := string(caddyfile.Format([]byte(b.Text))); formatted != b.Text {
				t.Errorf("not formatted, want:\n%s", formatted)
			}
			if err := os.WriteFile(filepath.Join(p.dir, "Caddyfile"), []byte(p.known.Replace(b.Text)), 0o600); err != nil {
				t.Fatal(err)
			}
		case "console redis down":
			r.kill()
			fallthrough
		case "console redis":
			for _, entry := range strings.Split(strings.TrimPrefix(b.Text, "$ "), "\n$ ") {
				command, output, _ := strings.Cut(strings.TrimSpace(entry), "\n")
				p.run(command, output)
				commands++
			}
		case "promql": // TestQueries, in e2e/prometheus
		default:
			t.Errorf("a block of %q is not executed: %s", b.Language, b.Text)
		}
	}
	if commands == 0 {
		t.Error("no command")
	}
}

// page is the commands of a page while they run.
type page struct {
	t     *testing.T
	dir   string            // where the commands run
	bin   string            // the folder of the tools
	known *strings.Replacer // from the page to this test
	caddy *exec.Cmd         // nil until a command needs it
}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// tool makes a command of a shell script.
func (p *page) tool(name, script string) {
	p.t.Helper()
	if p.bin == "" {
		p.bin = p.t.TempDir()
	}
	if err := os.WriteFile(filepath.Join(p.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		p.t.Fatal(err)
	}
}

// run runs a command until its output is what the page shows, if it shows one.
func (p *page) run(command, want string) {
	p.t.Helper()
	if p.caddy == nil && strings.HasPrefix(command, "curl ") {
		p.start()
	}
	want = p.known.Replace(want)
	failure, refused := strings.CutPrefix(want, "ERROR … ")
	var got string
	var err error
	is := func() bool {
		var stdout, stderr strings.Builder
		cmd := p.shell(command)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err = cmd.Run()
		got = stdout.String()
		if refused {
			got = lastLine([]byte(stderr.String()))
			const end = `\n"}` // of a line of JSON
			return err != nil && strings.HasSuffix(strings.TrimRight(got, end), strings.TrimRight(failure, end))
		}
		return err == nil && shows(got, want)
	}
	if !strings.HasPrefix(command, "curl ") && !strings.Contains(command, " sources") {
		if !is() {
			p.t.Fatalf("%s: %v, got\n%s\nwant\n%s", command, err, got, want)
		}
		return
	}
	right := false
	defer func() {
		if !right {
			p.t.Logf("%s: %v, got\n%s\nwant\n%s", command, err, got, want)
		}
	}()
	corstest.Eventually(p.t, "output of "+command, func() bool {
		right = is()
		return right
	})
}

// shell returns a command that is run where the page's commands run.
func (p *page) shell(command string) *exec.Cmd {
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	cmd.Dir = p.dir
	cmd.Env = append(cmd.Environ(), "PATH="+p.bin+":"+os.Getenv("PATH"))
	return cmd
}

// start starts the Caddy of the page, and stops it after the test.
func (p *page) start() {
	p.t.Helper()
	p.caddy = p.shell("exec caddy run")
	log := new(buffer)
	p.caddy.Stderr = log
	if err := p.caddy.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = p.caddy.Process.Kill()
		if err := p.caddy.Wait(); p.t.Failed() {
			p.t.Log(err, log)
		}
	})
	corstest.Eventually(p.t, "certificate", func() bool { return p.shell("curl -sf https://api.example.com").Run() == nil })
}

var (
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)
	spaces = regexp.MustCompile(` +`)
	header = regexp.MustCompile(`(?m)^(access-control-[a-z-]+|vary|timing-allow-origin): `)
)

// shows reports whether an output is what a page shows of it: of a response the
// status and some headers, but all of CORS; of anything else all but the time and
// the width of columns.
func shows(got, want string) bool {
	plain := func(s string) string {
		s = strings.ReplaceAll(strings.TrimSpace(s), "\r\n", "\n")
		return spaces.ReplaceAllString(moment.ReplaceAllString(s, "TIME"), " ")
	}
	got, want = plain(got), plain(want)
	if !strings.HasPrefix(want, "HTTP/") {
		return got == want
	}
	for line := range strings.Lines(want + "\n") {
		if !strings.Contains(got+"\n", line) && !strings.HasPrefix(got, strings.TrimSpace(line)+" ") {
			return false
		}
	}
	return len(header.FindAllString(got, -1)) == len(header.FindAllString(want, -1))
}
