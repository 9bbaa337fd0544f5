package e2e

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// browser is a browser to be tested.
type browser struct {
	name string // of the subtest
	// command is that of the browser, or a pattern of its path.
	command string
	// args are those that make it open url, or wait to be told to.
	args func(profile, url string, trust *x509.Certificate) []string
	// env starts what the browser needs, and returns its environment.
	env func(t *testing.T) []string
	// line is shown each line that the browser writes.
	line func(s *session, line string)
	// complaints are what it says on the console, with %s for a name.
	complaints map[reason]string
}

var browsers = []browser{
	{name: "chromium", command: "chromium", args: chromiumArgs, line: chromiumLine, complaints: chromiumComplaints},
	{name: "firefox", command: "firefox-esr", args: firefoxArgs, line: firefoxLine, complaints: firefoxComplaints},
	{name: "webkit", command: miniBrowser, args: webkitArgs, env: webkitEnv, line: webkitLine, complaints: webkitComplaints},
}

// session is a browser that runs, with one page.
type session struct {
	t     *testing.T
	url   string
	trust *x509.Certificate

	reasoned bool // the last message is the reason that WebKit has for the next one

	mu      sync.Mutex
	output  strings.Builder
	console []string
	said    chan struct{} // has an element when console has grown
}

// killed is a group of processes, to end children, too, that ends with the test.
var killed = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

// find returns the path of the browser's command. Where it is not installed the
// test is skipped, but not in CI.
func (b *browser) find(t *testing.T) string {
	t.Helper()
	command := b.command
	if matches, _ := filepath.Glob(command); len(matches) > 0 {
		command = matches[0]
	}
	path, err := exec.LookPath(command)
	if err != nil {
		const remedy = "apt-get install chromium firefox-esr webkit2gtk-driver xvfb"
		if os.Getenv("CI") != "" {
			t.Fatalf("%v: %s", err, remedy)
		}
		t.Skipf("%v: %s", err, remedy)
	}
	return path
}

// open starts a browser with a page, and takes what is said on its console. The
// browser trusts chains of certificates with trust, if that is not nil.
func (b *browser) open(t *testing.T, url string, trust *x509.Certificate) *session {
	t.Helper()
	path := b.find(t)
	profile, err := os.MkdirTemp("", b.name) //nolint:usetesting // its children may outlive the test
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(firefoxPreferences), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, url: url, trust: trust, said: make(chan struct{}, 1)}
	cmd := exec.Command(path, b.args(profile, url, trust)...)
	cmd.Env = append(cmd.Environ(), "HOME="+profile)
	if b.env != nil {
		cmd.Env = append(cmd.Env, b.env(t)...)
	}
	cmd.SysProcAttr = killed
	cmd.WaitDelay = time.Second
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.read(s, r)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = w.Close()
		<-done
		_ = os.RemoveAll(profile)
		if t.Failed() {
			t.Log(s.output.String())
		}
	})
	return s
}

// read reads what the browser writes.
func (b *browser) read(s *session, r io.Reader) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		b.line(s, strings.TrimSuffix(line, "\n"))
	}
}

// say takes a message on the console.
func (s *session) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console = append(s.console, text)
	s.tell()
}

// add takes a message on the console that goes with the last one.
func (s *session) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console[len(s.console)-1] += "\n" + text
	s.tell()
}

// tell announces that the console has grown.
func (s *session) tell() {
	select {
	case s.said <- struct{}{}:
	default:
	}
}

// note takes what else a browser writes.
func (s *session) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output.WriteString(line + "\n")
}

// messages returns what was said on the console.
func (s *session) messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.console)
}

func chromiumArgs(profile, url string, trust *x509.Certificate) []string {
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--v=0", "--user-data-dir=" + profile, "--remote-debugging-port=0",
	}
	if trust != nil {
		sum := sha256.Sum256(trust.RawSubjectPublicKeyInfo)
		args = append(args, "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(sum[:]))
	}
	return append(args, url)
}

// chromiumConsole matches what Chromium logs of a message on the console.
var chromiumConsole = regexp.MustCompile(`:CONSOLE\W\d+\W.*? "(.*)", source: `)

func chromiumLine(s *session, line string) {
	if m := chromiumConsole.FindStringSubmatch(line); m != nil {
		s.say(m[1])
	} else {
		s.note(line)
	}
}

// firefoxPreferences spare what no page needs, to be ready sooner.
const firefoxPreferences = `
user_pref("browser.startup.page", 0);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.backup.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("dom.ipc.processPrelaunch.enabled", false);
`

func firefoxArgs(profile, _ string, _ *x509.Certificate) []string {
	return []string{"--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"}
}

// firefoxReady matches what Firefox says when it can be told what to do.
var firefoxReady = regexp.MustCompile(`^WebDriver BiDi listening on (ws://\S+)`)

func firefoxLine(s *session, line string) {
	if m := firefoxReady.FindStringSubmatch(line); m != nil {
		go drive(s, m[1]+"/session")
	}
	s.note(line)
}
