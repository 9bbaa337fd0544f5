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
	"path/filepath"
	"text/template"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/bench/internal/process"
)

// logName is the name of the file of Caddy's log.
const logName = "log"

// askTimeout is how long an answer may take.
const askTimeout = 500 * time.Millisecond

const caddyfile = `
{
	admin {{.Admin}}
	persist_config off
	auto_https off
	grace_period 2s
	order cors after header
	log {
		output file {{.Log}} {
			roll_disabled
		}
		level WARN
	}
	servers {
		protocols h1 h2c
	}
}

http://{{.Address}} {
	cors {
		allow_origins https://app.example.com https://*.example.org {{.Origin}}
		dynamic file {{.World.File}} {
			refresh 500ms
		}
		dynamic http http://{{.World.Address}}/list {
			refresh 500ms
			timeout 500ms
		}
		dynamic ask http://{{.World.Address}}/ask {
			timeout {{.AskTimeout}}
			ttl 1s
			negative_ttl 1s
			cache_size 1000
		}
		allow_methods PUT
		allow_headers Content-Type
		expose_headers X-Total
		allow_credentials
		max_age 1h
	}
	header {
		X-Origin {{.Origin}}
		Access-Control-Allow-Origin https://wrong.example
	}
	respond /respond hello
	error /missing 404
	handle /file {
		root {{.Root}}
		file_server
	}
	# A request that goes on while its configuration ends leaves a connection to
	# the upstream in a pool that nobody uses any more, for two minutes.
	handle /proxy/* {
		reverse_proxy {{.World.Address}} {
			transport http {
				keepalive 2s
			}
		}
	}
	handle /dead {
		reverse_proxy {{.World.Dead}}
	}
	handle_errors {
		respond "{err.status_code}"
	}
}
`

// The origins that reloads add and take away, one in place of the other. X-Origin
// says which it is in the configuration that has answered: a connection that is
// made at the moment of a reload can stay with the old configuration, as long as
// it lives.
var reloadOrigins = [2]string{"https://first.reload.example", "https://second.reload.example"}

// caddy is the Caddy that is looked at.
type caddy struct {
	process        *process.Process
	address, admin string
	dir            string
	world          *world
	client         http.Client // of the admin API

	// inForce tells for each of reloadOrigins whether the configuration has it.
	inForce [2]*truth
	current int
}

// startCaddy builds Caddy, and starts it.
func startCaddy(ctx context.Context, dir string, w *world) (*caddy, error) {
	path, err := process.BuildCaddy(ctx, dir)
	if err != nil {
		return nil, err
	}
	c := &caddy{
		dir: dir, world: w,
		// Each call has a connection of its own, since a reload also replaces the server
		// of the admin API.
		client:  http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}},
		inForce: [2]*truth{newTruth(true), newTruth(false)},
	}
	for _, address := range []*string{&c.address, &c.admin} {
		port, err := process.Port()
		if err != nil {
			return nil, err
		}
		*address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	config, err := c.config(reloadOrigins[0])
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "Caddyfile")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("hello"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, "run", "--adapter", "caddyfile", "--config", file) //nolint:gosec // what was built
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	c.process, err = process.Start(ctx, cmd, c.address, c.admin)
	return c, err
}

// config returns a configuration that allows an origin besides all else.
func (c *caddy) config(origin string) ([]byte, error) {
	t, err := template.New("").Parse(caddyfile)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, map[string]any{
		"Admin": c.admin, "Address": c.address, "Log": filepath.Join(c.dir, logName), "Root": c.dir, "Origin": origin,
		"AskTimeout": askTimeout,
		"World":      map[string]string{"Address": c.world.address(), "Dead": c.world.dead, "File": c.world.file},
	})
	return text.Bytes(), err
}

// call calls the admin API, again if the server has just been replaced.
func (c *caddy) call(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	for range 5 {
		var r *http.Request
		if r, err = http.NewRequestWithContext(ctx, method, "http://"+c.admin+path, bytes.NewReader(body)); err != nil {
			return 0, nil, err
		}
		r.Header.Set("Content-Type", "text/caddyfile")
		r.Header.Set("Cache-Control", "must-revalidate") // reload also what is the same
		var res *http.Response
		if res, err = c.client.Do(r); err == nil {
			defer res.Body.Close()
			answer, err = io.ReadAll(res.Body)
			return res.StatusCode, answer, err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return 0, nil, err
}

// settle waits until the sources are ready: the list has been fetched in the
// background, and the questions that need a previous answer have one.
func (c *caddy) settle(ctx context.Context) error {
	client := newClient(0, c, c.world, nil)
	for _, origin := range append([]string{httpOrigin}, knownOrigins...) {
		for attempt := 0; ; attempt++ {
			a, err := client.do(ctx, client.h1, call{method: "GET", path: "/respond", origin: []string{origin}})
			if err == nil && a.header.Get("Access-Control-Allow-Origin") == origin {
				break
			}
			if attempt == 100 {
				return errors.Join(fmt.Errorf("%s is not allowed after the start: %v", origin, a), err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	client.h1.CloseIdleConnections()
	return nil
}

// reloadOften reloads the configuration every second or so, until ctx ends: five
// times the same, then the other one; and now and then one that is refused.
func (c *caddy) reloadOften(ctx context.Context, t *tally) {
	for i := 1; ; i++ {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		if i%7 == 0 {
			c.load(t, "*", http.StatusBadRequest)
			continue
		}
		next := c.current
		if i%6 == 0 {
			next = 1 - c.current
		}
		for j := range c.inForce {
			if next != c.current {
				c.inForce[j].begin(j == next)
			}
		}
		if c.load(t, reloadOrigins[next], http.StatusOK) {
			c.current = next
		}
		// Old connections, above all those of HTTP/2, end a little later.
		for j := range c.inForce {
			c.inForce[j].settle(settles)
		}
	}
}

// load loads a configuration, and reports whether it did what it should.
func (c *caddy) load(t *tally, origin string, want int) bool {
	config, err := c.config(origin)
	if err != nil {
		t.wrong("%s", err)
		return false
	}
	from := time.Now()
	status, answer, err := c.call(context.Background(), http.MethodPost, "/load", config)
	if err != nil || status != want {
		t.wrong("loading with the origin %s: %d %s %v, want %d", origin, status, answer, err, want)
		return false
	}
	t.reloaded(want, time.Since(from))
	return true
}
