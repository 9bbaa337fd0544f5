// Package corstest has what the tests of several packages share. It imports
// nothing of Caddy, so that a test that needs none links none.
package corstest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Patience is how long anything may take that ought to happen at once.
const Patience = time.Minute

// Fields makes a header of "Name: value" lines. A name may repeat.
func Fields(lines ...string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// IsCORS reports whether a response header belongs to the CORS protocol. Vary does
// not.
func IsCORS(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "access-control-") || name == "timing-allow-origin"
}

// Lower returns s with its ASCII letters in lower case. It leaves all other bytes, as
// the names of headers are compared (RFC 9110, section 5.1).
func Lower(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if i := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ", c); i >= 0 {
			c = "abcdefghijklmnopqrstuvwxyz"[i]
		}
		b.WriteByte(c)
	}
	return b.String()
}

// CheckCORS checks the CORS headers and Vary of a response: those that are wanted
// have the wanted lines, and every other one is absent.
func CheckCORS(t testing.TB, got, want http.Header) {
	t.Helper()
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			t.Errorf("%s: got %q, want %q", name, got[name], values)
		}
	}
	for name, values := range got {
		if _, ok := want[name]; !ok && (IsCORS(name) || name == "Vary") {
			t.Errorf("%s: %q, want it absent", name, values)
		}
	}
}

// Eventually waits until something is the case.
func Eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("no %s within %s", what, Patience)
		}
	}
}

// givenPorts are those that FreePort has returned. A port that a test keeps closed
// must not become another server's.
var givenPorts sync.Map

// FreePort returns the host localhost with a port that nobody listens on, over TCP
// or UDP. Each call returns another one. It is below those that systems choose for
// listeners and connections themselves: until it is used, one could get it. And it is
// above those that browsers refuse.
func FreePort(t testing.TB) string {
	t.Helper()
	const above, below = 11_000, 32_000
	for range 100 {
		port := above + rand.IntN(below-above)
		tcp, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		_ = tcp.Close()
		if err != nil {
			continue
		}
		_ = udp.Close()
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			return fmt.Sprintf("localhost:%d", port)
		}
	}
	t.Fatal("no port is free for both TCP and UDP")
	return ""
}

// asCaddy is the environment variable that makes a test binary a Caddy.
const asCaddy = "CORS_TEST_AS_CADDY"

// Main runs the tests of a package, or the caddy command with the modules of the
// test binary where CaddyCommand has started it. It saves each package that needs
// a Caddy process the building of another binary.
func Main(m *testing.M, caddy func()) {
	if os.Getenv(asCaddy) == "" {
		os.Exit(m.Run())
	}
	caddy() // exits by itself if the command fails
	os.Exit(0)
}

// CaddyCommand returns a caddy command with these arguments, and with a home of its
// own. TestMain of the package must call Main.
func CaddyCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	cmd := exec.Command(binary, args...)
	cmd.Env = append(cmd.Environ(), asCaddy+"=1", "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	return cmd
}
