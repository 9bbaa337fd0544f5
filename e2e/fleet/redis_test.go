package fleet

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// redis is a redis-server of a test. It writes what it holds to a file, so that it
// has it again after a restart.
type redis struct {
	t       *testing.T
	port    string
	dir     string
	process *exec.Cmd // nil while it is down
}

// startRedis starts a redis-server, and stops it after the test.
func startRedis(t *testing.T) *redis {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	_, port, err := net.SplitHostPort(corstest.FreePort(t))
	if err != nil {
		t.Fatal(err)
	}
	r := &redis{t: t, port: port, dir: t.TempDir()}
	t.Cleanup(r.kill)
	r.start()
	return r
}

func (r *redis) start() {
	r.t.Helper()
	r.process = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", r.port,
		"--dir", r.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	if err := r.process.Start(); err != nil {
		r.t.Fatal(err)
	}
	corstest.Eventually(r.t, "redis-server", func() bool {
		out, err := r.cli("PING").Output()
		return err == nil && string(out) == "PONG\n"
	})
}

// kill ends the server as a crash would.
func (r *redis) kill() {
	if r.process != nil {
		_ = r.process.Process.Kill()
		_ = r.process.Wait()
		r.process = nil
	}
}

// freeze makes the server hang: connections are accepted, and nothing is answered.
func (r *redis) freeze() { r.signal(syscall.SIGSTOP) }

func (r *redis) thaw() { r.signal(syscall.SIGCONT) }

func (r *redis) signal(s os.Signal) {
	r.t.Helper()
	if err := r.process.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
}

func (r *redis) cli(args ...string) *exec.Cmd {
	return exec.Command("redis-cli", append([]string{"-p", r.port}, args...)...)
}

// do sends a command, and expects its answer.
func (r *redis) do(want string, args ...string) {
	r.t.Helper()
	out, err := r.cli(args...).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != want {
		r.t.Fatalf("%s: got %v, %q, want %q", args, err, got, want)
	}
}

// holdBack returns the port of a proxy to the server that forwards everything until
// a client sends a command, and nothing of that client from then on.
func (r *redis) holdBack(command string) string {
	r.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", "127.0.0.1:"+r.port)
			if err != nil {
				client.Close()
				continue
			}
			r.t.Cleanup(func() {
				client.Close()
				server.Close()
			})
			go func() { _, _ = io.Copy(client, server) }()
			go func() {
				buffer := make([]byte, 64<<10)
				for held := false; ; {
					n, err := client.Read(buffer)
					if err != nil {
						return
					}
					held = held || bytes.Contains(buffer[:n], []byte("\r\n"+command+"\r\n"))
					if !held {
						_, _ = server.Write(buffer[:n])
					}
				}
			}()
		}
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		r.t.Fatal(err)
	}
	return port
}
