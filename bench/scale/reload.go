package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/bench/internal/process"
)

// addresses are where a Caddy listens.
type addresses struct {
	Port  int
	Admin string
}

func newAddresses() (addresses, error) {
	port, err := process.Port()
	if err != nil {
		return addresses{}, err
	}
	admin, err := process.Port()
	return addresses{port, fmt.Sprintf("127.0.0.1:%d", admin)}, err
}

// reload starts a Caddy with a variant, reloads it, alone and under load, and adds
// what that takes.
func (c *caddy) reload(ctx context.Context, v *variant, sites int, r *result) error {
	admin := v.addresses.Admin
	cmd := exec.CommandContext(ctx, c.binary, "run") //nolint:gosec // what was built
	cmd.Env = append(c.environment(), "CADDY_ADMIN="+admin)
	p, err := process.Start(ctx, cmd, admin)
	if err != nil {
		return err
	}
	defer p.Stop()
	if err := load(ctx, admin, v.json); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	before, err := p.CPU()
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := load(ctx, admin, v.json); err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	r.wall = append(r.wall, time.Since(begin))
	after, err := p.CPU()
	if err != nil {
		return err
	}
	r.reload = append(r.reload, after-before)
	bytes, err := heap(ctx, admin)
	if err != nil {
		return err
	}
	r.heap = append(r.heap, bytes)
	others := visit(ctx, v.addresses.Port, sites)
	err = load(ctx, admin, v.json)
	times, lost := others.end()
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	for _, err := range lost {
		fmt.Fprintf(os.Stderr, "%s: lost: %v\n", v.name, err)
	}
	r.times, r.lost = append(r.times, times...), r.lost+len(lost)
	return nil
}

// client has a connection for each call, since a reload replaces the server of the
// admin API.
var client = http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// load loads a configuration, even if it is the current one.
func load(ctx context.Context, admin string, config []byte) error {
	_, err := call(ctx, http.MethodPost, "http://"+admin+"/load", config)
	return err
}

var heapAlloc = regexp.MustCompile(`(?m)^# HeapAlloc = (\d+)$`)

// heap returns how many bytes are in use after garbage collections, when nothing more
// becomes free: the servers of a configuration that has been replaced end in the
// background.
func heap(ctx context.Context, admin string) (int, error) {
	least, err := heapNow(ctx, admin)
	for steady := 0; err == nil && steady < 5; steady++ {
		time.Sleep(200 * time.Millisecond)
		var now int
		if now, err = heapNow(ctx, admin); now < least-least/1000 {
			least, steady = now, 0
		}
	}
	return least, err
}

func heapNow(ctx context.Context, admin string) (int, error) {
	answer, err := call(ctx, http.MethodGet, "http://"+admin+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	match := heapAlloc.FindSubmatch(answer)
	if match == nil {
		return 0, errors.New("the heap profile does not have HeapAlloc")
	}
	return strconv.Atoi(string(match[1]))
}

func call(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cache-Control", "must-revalidate")
	res, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s\n%s", method, url, res.Status, answer)
	}
	return answer, err
}
