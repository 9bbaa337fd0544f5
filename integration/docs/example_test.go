package docs

import (
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// runExample does what the README says: it builds the command, and runs the
// example as it is.
func runExample(t *testing.T, pkg string, args []string) {
	binary := built(t, pkg)
	home := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Dir = "../.."
		cmd.Env = append(cmd.Environ(), "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return cmd
	}
	caddy := func(args ...string) string {
		t.Helper()
		out, err := command(args...).CombinedOutput()
		if err != nil {
			t.Errorf("caddy %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	process := command(args...)
	var log strings.Builder
	process.Stderr = &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan error, 1)
	go func() { exited <- process.Wait() }()
	t.Cleanup(func() {
		_ = process.Process.Kill()
		if err := <-exited; t.Failed() {
			t.Log(err, log.String())
		}
	})

	if modules := caddy("list-modules"); !strings.Contains(modules, "\nhttp.handlers.cors\n") {
		t.Error("the module is not listed")
	}
	for line := range strings.Lines(caddy("fmt", "--diff", "Caddyfile.example")) {
		if strings.HasPrefix(line, "-") || strings.HasPrefix(line, "+") {
			t.Errorf("not formatted: %s", line)
		}
	}
	for _, name := range []string{"adapt", "validate"} {
		if out := caddy(name, "--config", "Caddyfile.example"); strings.Contains(out, `"level":"warn"`) {
			t.Errorf("%s: %s", name, out)
		}
	}

	const api, own, other = "http://localhost:8081", "http://localhost:8080", "http://127.0.0.1:8080"
	corstest.Eventually(t, "answer of the example", func() bool {
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("caddy has exited: %v", err)
		default:
		}
		for _, server := range []string{api, own, other} { // which start one after the other
			res, err := http.Get(server + "/items")
			if err != nil {
				return false
			}
			res.Body.Close()
		}
		return true
	})

	readable := fields("Access-Control-Allow-Origin: "+own, "Access-Control-Allow-Credentials: true", "Access-Control-Expose-Headers: X-Total", "Vary: Origin")
	for path, status := range map[string]int{"/items": 200, "/login": 200, "/me": 200, "/nothing": 404, "/broken": 500} {
		t.Run(path, func(t *testing.T) {
			(&call{status: status, header: fields("Origin: " + own), want: readable}).checkAt(t, api+path, "localhost:8081")
			(&call{status: status, header: fields("Origin: " + other), want: fields("Vary: Origin")}).checkAt(t, api+path, "localhost:8081")
			// The same API on the site of the page, where the origin stands in another header.
			(&call{status: status, header: fields("X-Origin: " + own), want: readable}).checkAt(t, own+"/replay"+path, "localhost:8080")
			(&call{status: status, header: fields("X-Origin: "+other, "Origin: "+own), want: fields("Vary: Origin")}).checkAt(t, own+"/replay"+path, "localhost:8080")
		})
	}
	t.Run("preflight", func(t *testing.T) {
		allowed := fields("Access-Control-Allow-Origin: "+own, "Access-Control-Allow-Credentials: true", "Access-Control-Allow-Methods: PUT, DELETE",
			"Access-Control-Allow-Headers: Content-Type", "Access-Control-Expose-Headers: X-Total", "Access-Control-Max-Age: 15", varyAll)
		(&call{method: "OPTIONS", status: 204, header: preflight(own, "DELETE"), want: allowed}).checkAt(t, api+"/items", "localhost:8081")
		(&call{method: "OPTIONS", status: 403, header: preflight(other, "DELETE"), want: fields(varyAll)}).checkAt(t, api+"/items", "localhost:8081")
		replayed := func(origin string) http.Header { return fields("X-Origin: "+origin, "X-Method: DELETE") }
		(&call{method: "OPTIONS", status: 204, header: replayed(own), want: allowed}).checkAt(t, own+"/replay/items", "localhost:8080")
		(&call{method: "OPTIONS", status: 403, header: replayed(other), want: fields(varyAll)}).checkAt(t, own+"/replay/items", "localhost:8080")
	})
	t.Run("pages", func(t *testing.T) {
		(&call{status: 200}).checkAt(t, own+"/", "localhost:8080")
		(&call{status: 200}).checkAt(t, own+"/metrics", "localhost:8080")
		(&call{status: 200}).checkAt(t, other+"/stranger", "127.0.0.1:8080")
		if location := (&call{status: 302}).checkAt(t, other+"/", "127.0.0.1:8080").Header.Get("Location"); location != own {
			t.Errorf("127.0.0.1 leads to %q, want %s", location, own)
		}
	})
}

// binaries are those that built has returned, by package.
var binaries = make(map[string]string)

// built returns the binary that `go run` runs. A process that `go run` has started
// does not end with it, so this test starts the binary itself.
func built(t *testing.T, pkg string) string {
	t.Helper()
	if binary, ok := binaries[pkg]; ok {
		return binary
	}
	echo := "echo" // the path of the binary
	if runtime.GOOS == "windows" {
		echo = "cmd /c echo"
	}
	// The first binary is a temporary one, which is gone by then; the next one is in
	// Go's build cache.
	for range 2 {
		run := exec.Command("go", "run", "-exec", echo, pkg)
		run.Dir = "../.."
		var problems strings.Builder
		run.Stderr = &problems
		output, err := run.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, problems.String())
		}
		binary := strings.TrimSpace(string(output))
		if _, err := os.Stat(binary); err == nil {
			binaries[pkg] = binary
			return binary
		}
	}
	t.Fatal("go run does not keep the binary")
	return ""
}
