// Package process builds Caddy with the module, and runs servers as processes
// that can be measured.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is how long a server may take to start or to stop.
const patience = 15 * time.Second

// BuildCaddy builds Caddy with the module into a directory, as the root module
// of the repository does, and returns its path.
func BuildCaddy(ctx context.Context, dir string) (string, error) {
	const module = "github.com/seed-56c1dbac/caddy-cors"
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("where is %s? run this in the directory bench: %w", module, err)
	}
	path := filepath.Join(dir, "caddy")
	build := exec.CommandContext(ctx, "go", "build", "-C", strings.TrimSpace(string(root)), "-o", path, "./cmd/caddy") //nolint:gosec // what the go command says
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building Caddy: %w\n%s", err, out)
	}
	return path, nil
}

// Port returns a port that is free on the loopback interface, and that no call
// has returned before.
func Port() (int, error) {
	given.Lock()
	defer given.Unlock()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			return 0, err
		}
		if given.ports[port] {
			continue
		}
		given.ports[port] = true
		return port, nil
	}
}

var given = struct {
	sync.Mutex
	ports map[int]bool
}{ports: make(map[int]bool)}

// Process is a server that runs.
type Process struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // read once it has ended
	ended  chan struct{}
}

// Start runs a command, and waits until something listens on each of the
// addresses.
func Start(ctx context.Context, cmd *exec.Cmd, addresses ...string) (*Process, error) {
	p := &Process{cmd: cmd, output: new(bytes.Buffer), ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.output
	}
	if cmd.Stderr == nil {
		cmd.Stderr = cmd.Stdout
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, address := range addresses {
		if err := p.await(ctx, address); err != nil {
			p.Stop()
			return nil, fmt.Errorf("%s: %w\n%s", cmd.Path, err, p.output)
		}
	}
	return p, nil
}

// await waits until something listens on an address.
func (p *Process) await(ctx context.Context, address string) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("nothing listens on %s: %w", address, err)
		case <-p.ended:
			return errors.New("it has ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop asks the process to end, and kills it when it does not.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.ended:
	case <-time.After(patience):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// CPU returns the time that the process has spent on processors, its own and
// the kernel's for it.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := p.proc("stat")
	if err != nil {
		return 0, err
	}
	// The fields behind the name of the command, which can have spaces:
	// proc_pid_stat(5) counts from the process' id, 1, and utime is 14.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var ticks int
	for _, i := range []int{14 - 3, 15 - 3} {
		n, err := strconv.Atoi(fields[i])
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	// USER_HZ is 100 on every architecture that Go supports.
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// RSS returns the bytes that the process holds in memory.
func (p *Process) RSS() (uint64, error) {
	statm, err := p.proc("statm")
	if err != nil {
		return 0, err
	}
	pages, err := strconv.ParseUint(strings.Fields(statm)[1], 10, 64)
	return pages * uint64(os.Getpagesize()), err
}

func (p *Process) proc(file string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, file))
	return string(text), err
}
