package e2e

import (
	"bufio"
	"crypto/x509"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// miniBrowser is the browser that comes with WebKitGTK's WebDriver.
const miniBrowser = "/usr/lib/*/webkit2gtk-4.1/MiniBrowser"

func webkitArgs(_, url string, trust *x509.Certificate) []string {
	// A private window would keep its console to itself.
	args := []string{"--enable-write-console-messages-to-stdout=true"}
	if trust != nil {
		args = append(args, "--ignore-tls-errors")
	}
	return append(args, url)
}

// webkitEnv starts a display, which MiniBrowser does not run without.
func webkitEnv(t *testing.T) []string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var log strings.Builder
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1200x900x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = &log
	cmd.SysProcAttr = killed
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// Xvfb says which display was free when it can be used, or ends.
	display, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("Xvfb: %v\n%s", err, log.String())
	}
	return []string{"DISPLAY=:" + strings.TrimSpace(display), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1"}
}

// webkitConsole matches what MiniBrowser writes of a message on the console: its
// source and its text.
var webkitConsole = regexp.MustCompile(`^(?:\S+:\d+:\d+: )?CONSOLE (\w+) \w+ (.*)$`)

// webkitLine takes what WebKit says. It first says why, and then of what: "Fetch
// API cannot load URL due to access control checks."
func webkitLine(s *session, line string) {
	m := webkitConsole.FindStringSubmatch(line)
	if m == nil {
		s.note(line)
		return
	}
	source, text := m[1], m[2]
	names := strings.HasSuffix(text, " due to access control checks.")
	if names && s.reasoned {
		s.add(text)
	} else {
		s.say(text)
	}
	s.reasoned = source == "SECURITY" && !names
}

// nameless reports whether WebKit does not name the URL in messages about a call:
// where it loads scripts it says only why.
func (b *browser) nameless(c *call) bool {
	return b.name == "webkit" && slices.Contains([]string{"anonymous script", "module with credentials", "import"}, c.way)
}

// scriptDenied follows the reason where a script is not a module.
const scriptDenied = "Cross-origin script load denied by Cross-Origin Resource Sharing policy."

// owed returns how often something is still to be said without a URL, or, where
// that is less than zero, was said too often.
func (s *site) owed(b *browser, session *session) map[string]int {
	owed := make(map[string]int)
	if b.name != "webkit" {
		return owed
	}
	for _, c := range s.cells {
		text := b.complaint(c)
		// A message about a beacon is repeated, with the URL.
		if text == "" || !b.nameless(c.call) && c.call.way != "beacon" {
			continue
		}
		owed[text]++
		if c.call.way == "anonymous script" {
			owed[scriptDenied]++
		}
	}
	for _, text := range session.messages() {
		if strings.Contains(text, " cannot load ") || strings.Contains(text, "Cannot load ") || !blocked.MatchString(text) {
			continue
		}
		for want := range owed {
			if strings.Contains(text, want) {
				text = want
			}
		}
		owed[text]--
	}
	return owed
}
