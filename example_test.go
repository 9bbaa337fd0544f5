package caddycors

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// build returns the path of the command, as the README builds it.
func build(t *testing.T) string {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built builds the command, once for all tests.
var built = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(buildDir, "caddy")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if output, err := exec.Command("go", "build", "-o", binary, "./cmd/caddy").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return binary, nil
})

var buildDir string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "caddy-cors")
	if err != nil {
		panic(err)
	}
	buildDir = dir
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// TestExample does what the README says: it builds the command, and runs the
// example as it stands.
func TestExample(t *testing.T) {
	binary := build(t)
	home := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env = append(cmd.Environ(), "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return cmd
	}
	output := func(args ...string) string {
		t.Helper()
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Errorf("caddy %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	if modules := output("list-modules"); !strings.Contains(modules, "\nhttp.handlers.cors\n") {
		t.Error("the module is not listed")
	}
	for line := range strings.Lines(output("fmt", "--diff", "Caddyfile.example")) {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			t.Errorf("not formatted: %s", line)
		}
	}
	for _, name := range []string{"adapt", "validate"} {
		if out := output(name, "--config", "Caddyfile.example"); strings.Contains(out, `"level":"warn"`) {
			t.Errorf("%s: %s", name, out)
		}
	}

	caddy := command("run", "--config", "Caddyfile.example")
	var log strings.Builder
	caddy.Stderr = &log
	if err := caddy.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- caddy.Wait() }()
	t.Cleanup(func() {
		_ = caddy.Process.Kill()
		if err := <-exited; t.Failed() {
			t.Log(err, log.String())
		}
	})
	const api = "http://localhost:8081"
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(30 * time.Second); ; <-tick.C {
		res, err := http.Get(api + "/items")
		if err == nil {
			res.Body.Close()
			break
		}
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("caddy has exited: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}

	const own, other = "http://localhost:8080", "http://127.0.0.1:8080"
	readable := fields("Access-Control-Allow-Origin: "+own, "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Origin")
	for _, path := range []string{"/items", "/moved", "/nothing", "/broken"} {
		t.Run(path, func(t *testing.T) {
			(&exchange{header: fields("Origin: " + own), want: readable}).checkAt(t, api+path, "localhost:8081")
			(&exchange{header: fields("Origin: " + other), want: fields("Vary: Origin")}).checkAt(t, api+path, "localhost:8081")
		})
	}
	t.Run("preflight", func(t *testing.T) {
		(&exchange{
			method: "OPTIONS", status: 204, header: preflight(own, "DELETE"),
			want: fields("Access-Control-Allow-Origin: "+own, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, DELETE",
				"Access-Control-Allow-Headers: Content-Type", "Access-Control-Expose-Headers: X-Total", "Access-Control-Max-Age: 300", varyAll),
		}).checkAt(t, api+"/items", "localhost:8081")
		(&exchange{method: "OPTIONS", status: 403, header: preflight(other, "DELETE"), want: fields(varyAll)}).checkAt(t, api+"/items", "localhost:8081")
	})
	for _, origin := range []string{own, other} {
		t.Run("page at "+origin, func(t *testing.T) {
			(&exchange{status: 200}).checkAt(t, origin+"/", strings.TrimPrefix(origin, "http://"))
		})
	}
}
