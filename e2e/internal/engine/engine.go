// Package engine starts the browsers that tests need, and hears what they say on
// their consoles.
package engine

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Engine is a browser to be tested.
type Engine struct {
	Name string // of the subtest
	// command is that of the browser, or a pattern of its path.
	command string
	// args are those that make it open url, or wait to be told to.
	args func(profile, url string, trust *x509.Certificate) []string
	// env starts what the browser needs, and returns its environment.
	env func(t *testing.T) []string
	// line is shown each line that the browser writes.
	line func(s *Session, line string)
	// control starts the browser so that a test controls its page.
	control func(s *Session, path string, look Look) (remote, error)
}

// The browsers, each of another engine.
var (
	Chromium = &Engine{Name: "chromium", command: "chromium", args: chromiumArgs, line: chromiumLine, control: controlChromium}
	Firefox  = &Engine{Name: "firefox", command: "firefox-esr", args: firefoxArgs, line: firefoxLine, control: controlFirefox}
	WebKit   = &Engine{Name: "webkit", command: miniBrowser, args: webkitArgs, env: webkitEnv, line: webkitLine, control: controlWebKit}
)

// Session is a browser that runs, with one page.
type Session struct {
	t     *testing.T
	url   string
	trust *x509.Certificate

	reasoned bool // the last message is the reason that WebKit has for the next one

	mu      sync.Mutex
	output  strings.Builder
	console []string
	said    chan struct{}
}

// killed is a group of processes, to end children, too, that ends with the test.
var killed = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}

// Find returns the path of the browser's command. Where it is not installed the
// test is skipped, but not in CI.
func (e *Engine) Find(t *testing.T) string {
	t.Helper()
	command := e.command
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

// Open starts a browser with a page, and takes what is said on its console. The
// browser trusts chains of certificates with trust, if that is not nil.
func (e *Engine) Open(t *testing.T, url string, trust *x509.Certificate) *Session {
	t.Helper()
	path, profile := e.Find(t), newProfile(t, e.Name, firefoxPreferences)
	s := &Session{t: t, url: url, trust: trust, said: make(chan struct{}, 1)}
	env := []string{"HOME=" + profile}
	if e.env != nil {
		env = append(env, e.env(t)...)
	}
	s.start(path, e.args(profile, url, trust), env, func(line string) { e.line(s, line) })
	return s
}

// newProfile makes a directory for what a browser keeps, with preferences of
// Firefox. It is removed when the test ends.
func newProfile(t *testing.T, name, preferences string) string {
	t.Helper()
	profile, err := os.MkdirTemp("", name) //nolint:usetesting // its children may outlive the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(profile) })
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(preferences), 0o600); err != nil {
		t.Fatal(err)
	}
	return profile
}

// start starts the browser, which ends with the test, and shows each line that it
// writes to read.
func (s *Session) start(path string, args, env []string, read func(line string)) {
	s.t.Helper()
	cmd := exec.Command(path, args...)
	cmd.Env = append(cmd.Environ(), env...)
	cmd.SysProcAttr = killed
	cmd.WaitDelay = time.Second
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		readLines(r, read)
	}()
	s.t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		_ = w.Close()
		<-done
		if s.t.Failed() {
			s.t.Log(s.output.String())
		}
	})
}

// readLines shows each line that is written to r to read.
func readLines(r io.Reader, read func(line string)) {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		read(strings.TrimSuffix(line, "\n"))
	}
}

// say takes a message on the console.
func (s *Session) say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console = append(s.console, text)
	s.tell()
}

// add takes a message on the console that goes with the last one.
func (s *Session) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.console[len(s.console)-1] += "\n" + text
	s.tell()
}

// tell announces that the console has grown.
func (s *Session) tell() {
	select {
	case s.said <- struct{}{}:
	default:
	}
}

// Said has an element when the console has grown.
func (s *Session) Said() <-chan struct{} { return s.said }

// note takes what else a browser writes.
func (s *Session) note(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.output.WriteString(line + "\n")
}

// Messages returns what was said on the console.
func (s *Session) Messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.console)
}

// evaluation is what the DevTools protocol and WebDriver BiDi answer to an expression.
type evaluation struct {
	Result struct {
		Value json.RawMessage `json:"value"`
	} `json:"result"`
	Exception json.RawMessage `json:"exceptionDetails"`
}

// text returns the value, which has to be a string.
func (e *evaluation) text() (text string, err error) {
	if e.Exception != nil {
		return "", errors.New(string(e.Exception))
	}
	err = json.Unmarshal(e.Result.Value, &text)
	return text, err
}
