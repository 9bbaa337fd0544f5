package fleet

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// key is that of the list.
const key = "cors/origins"

// member is a Caddy of the fleet.
type member struct {
	t      *testing.T
	url    string
	admin  string // the address of its admin API
	config string // the file of its Caddyfile
	log    *buffer
}

// buffer is what a process has written so far.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// configuration is the Caddyfile of a member. storage is more of the storage's options.
func configuration(admin, address, redisPort, storage string) string {
	return fmt.Sprintf(`{
	admin %s
	storage redis {
		address 127.0.0.1:%s
		%s
	}
}
http://%s {
	bind 127.0.0.1
	cors {
		dynamic storage %s {
			refresh %s
		}
	}
	respond ok
}
`, admin, redisPort, storage, address, key, refresh)
}

// newMember makes a Caddy that shares the storage, and does not start it.
func newMember(t *testing.T, r *redis, storage string) *member {
	t.Helper()
	address := corstest.FreePort(t)
	m := &member{t: t, url: "http://" + address, admin: corstest.FreePort(t), config: filepath.Join(t.TempDir(), "Caddyfile"), log: new(buffer)}
	if err := os.WriteFile(m.config, []byte(configuration(m.admin, address, r.port, storage)), 0o600); err != nil {
		t.Fatal(err)
	}
	return m
}

// start starts the Caddy, waits until it serves, and stops it after the test.
func (m *member) start() {
	m.t.Helper()
	cmd := corstest.CaddyCommand(m.t, "run", "--config", m.config)
	cmd.Stderr = m.log
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		if err := cmd.Wait(); m.t.Failed() {
			m.t.Log(err, m.log)
		}
	})
	corstest.Eventually(m.t, "Caddy", func() bool {
		res, err := http.Get(m.url)
		if err == nil {
			res.Body.Close()
		}
		return err == nil
	})
}

// replace changes the member's Caddyfile.
func (m *member) replace(from, to string) {
	m.t.Helper()
	text, err := os.ReadFile(m.config)
	if err == nil {
		err = os.WriteFile(m.config, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// run runs the Caddy where it is to fail, and returns what it says last.
func (m *member) run() string {
	m.t.Helper()
	out, err := m.caddy("run", "--config", m.config).CombinedOutput()
	if err == nil {
		m.t.Error("Caddy runs")
	}
	return lastLine(out)
}

// startFleet starts a Redis with a list, and two Caddys that use it.
func startFleet(t *testing.T, list string) (*redis, []*member) {
	t.Helper()
	r := startRedis(t)
	fleet := []*member{newMember(t, r, "timeout 1"), newMember(t, r, "timeout 1")}
	fleet[0].put(list)
	for _, m := range fleet {
		m.start()
	}
	return r, fleet
}

// put writes the list as an operator does: with caddy storage import.
func (m *member) put(list string) {
	m.t.Helper()
	if out, err := m.importing(&tar.Header{Name: key, Mode: 0o600, Size: int64(len(list))}, list); err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
}

// importing has caddy storage import read an archive with one element, and returns
// what it says last.
func (m *member) importing(header *tar.Header, text string) (string, error) {
	m.t.Helper()
	archive := filepath.Join(m.t.TempDir(), "list.tar")
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := w.WriteHeader(header)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		err = os.WriteFile(archive, b.Bytes(), 0o600)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	out, err := m.caddy("storage", "import", "--config", m.config, "--input", archive).CombinedOutput()
	return lastLine(out), err
}

// caddy is a command of Caddy's.
func (m *member) caddy(args ...string) *exec.Cmd { return corstest.CaddyCommand(m.t, args...) }

// reload reloads the member's Caddyfile.
func (m *member) reload() {
	m.t.Helper()
	if out, err := m.caddy("reload", "--force", "--config", m.config).CombinedOutput(); err != nil {
		m.t.Errorf("%v: %s", err, out)
	}
}

// refuses checks that a reload fails, with the reason, and in time.
func (m *member) refuses(why string, within time.Duration) {
	m.t.Helper()
	begin := time.Now()
	out, err := m.caddy("reload", "--force", "--config", m.config).CombinedOutput()
	took := time.Since(begin)
	m.t.Logf("a reload is refused after %s: %s", took.Round(time.Millisecond), lastLine(out))
	if err == nil || !strings.Contains(lastLine(out), why) {
		m.t.Errorf("a reload: got %v, want %q", err, why)
	}
	if took > within {
		m.t.Errorf("a reload takes %s, want at most %s", took, within)
	}
}

// lastLine returns the last line of an output.
func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// allowed returns which of the origins a, b and c the member allows.
func (m *member) allowed() string {
	m.t.Helper()
	names := ""
	for _, name := range []string{"a", "b", "c"} {
		origin := "https://" + name + ".example"
		req, err := http.NewRequest("GET", m.url, nil)
		if err != nil {
			m.t.Fatal(err)
		}
		req.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			m.t.Fatal(err)
		}
		res.Body.Close()
		switch got := res.Header.Get("Access-Control-Allow-Origin"); got {
		case "":
		case origin:
			names += name
		default:
			m.t.Fatalf("%s is answered with %q", origin, got)
		}
	}
	return names
}

// status is what the admin API says of a source.
type status struct {
	Source    string `json:"source"`
	State     string `json:"state"`
	Origins   int    `json:"origins"`
	LastError string `json:"last_error"`
}

// status returns what the member says of its only source.
func (m *member) status() status {
	m.t.Helper()
	res, err := http.Get("http://" + m.admin + "/cors/sources")
	if err != nil {
		m.t.Fatal(err)
	}
	defer res.Body.Close()
	var all []status
	if err := json.NewDecoder(res.Body).Decode(&all); err != nil {
		m.t.Fatal(err)
	}
	if len(all) != 1 || all[0].Source != "storage origins" {
		m.t.Fatalf("the sources are %v", all)
	}
	return all[0]
}

// all waits until each member of a fleet does something.
func all(t *testing.T, fleet []*member, what string, does func(*member) bool) {
	t.Helper()
	for _, m := range fleet {
		corstest.Eventually(t, what, func() bool { return does(m) })
	}
}

// fails waits until each member says that the list cannot be read, and why.
func fails(t *testing.T, fleet []*member, why string) {
	t.Helper()
	all(t, fleet, "failure with "+why, func(m *member) bool {
		s := m.status()
		return s.State == "failing" && strings.Contains(s.LastError, why)
	})
}

// recovers waits until each member has read the list again.
func recovers(t *testing.T, fleet []*member) {
	t.Helper()
	all(t, fleet, "recovery", func(m *member) bool { return m.status().State == "ok" })
}
