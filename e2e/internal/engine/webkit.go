package engine

import (
	"bufio"
	"crypto/x509"
	"os"
	"os/exec"
	"regexp"
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
func webkitLine(s *Session, line string) {
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
