package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/seed-56c1dbac/caddy-cors/bench/internal/process"
)

// server is one of those that are compared. It has a site for each workload.
type server struct {
	name    string
	sites   map[workload]string // addresses
	process *process.Process
}

func (s *server) url(w workload) string { return "http://" + s.sites[w] + w.path }

// The servers, as the tables name them.
const (
	plain    = "Caddy, no CORS"
	byHeader = "Caddy, `header`"
	snippet  = "Caddy, snippet"
	module   = "Caddy, `cors`"
	nginx    = "nginx, `map`"
)

// What the sites of Caddy have before what they serve.
var policies = []struct {
	name, actual, preflight string
}{
	{plain, "", ""},
	{byHeader, `
	header {
		Access-Control-Allow-Origin https://app.example.com
		Access-Control-Allow-Credentials true
		Access-Control-Expose-Headers X-Total
		Vary Origin
	}`, `
	header {
		Access-Control-Allow-Origin https://app.example.com
		Access-Control-Allow-Credentials true
		Access-Control-Allow-Methods "GET, HEAD, POST, PUT, PATCH, DELETE"
		Access-Control-Allow-Headers "Authorization, Content-Type"
		Access-Control-Max-Age 3600
		Vary "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	}`},
	{snippet, snippetPolicy, snippetPolicy},
	{module, modulePolicy, modulePolicy},
}

// snippetPolicy is what most people copy, imported for each of two origins.
const snippetPolicy = `
	import snippet app https://app.example.com
	import snippet admin https://admin.example.com`

const modulePolicy = `
	cors https://app.example.com https://admin.example.com {
		allow_methods PUT PATCH DELETE
		allow_headers Authorization Content-Type
		expose_headers X-Total
		allow_credentials
		max_age 1h
	}`

const caddyfile = `
{
	admin off
	persist_config off
	auto_https off
}

(snippet) {
	@preflight_{args[0]} {
		method OPTIONS
		header Origin {args[1]}
	}
	@origin_{args[0]} header Origin {args[1]}
	header @origin_{args[0]} {
		Access-Control-Allow-Origin {args[1]}
		Access-Control-Allow-Credentials true
		Access-Control-Expose-Headers X-Total
		Vary Origin
		defer
	}
	handle @preflight_{args[0]} {
		header {
			Access-Control-Allow-Methods "GET, HEAD, POST, PUT, PATCH, DELETE"
			Access-Control-Allow-Headers "Authorization, Content-Type"
			Access-Control-Max-Age 3600
			defer
		}
		respond 204
	}
}

{{range .Sites}}
http://{{.Address}} {
	{{.Policy}}
	{{.Content}}
}
{{end}}
`

// Nginx has no credentials or exposed fields for other origins either, as
// add_header leaves out what is empty.
const nginxConf = `
daemon off;
master_process off;
worker_processes 1;
pid {{.Dir}}/nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	sendfile on;
	default_type text/plain;
	{{range .Temporary}}{{.}}_temp_path {{$.Dir}}/{{.}};
	{{end}}
	map $http_origin $cors_origin {
		default "";
		"https://app.example.com" $http_origin;
		"https://admin.example.com" $http_origin;
	}
	map $cors_origin $cors_credentials { "" ""; default "true"; }
	map $cors_origin $cors_expose { "" ""; default "X-Total"; }
	upstream app { server {{.Upstream}}; keepalive 64; }
	{{range .Sites}}
	server {
		listen {{.Address}};
		add_header Access-Control-Allow-Origin $cors_origin always;
		add_header Access-Control-Allow-Credentials $cors_credentials always;
		add_header Access-Control-Expose-Headers $cors_expose always;
		add_header Vary Origin always;
		location / {
			if ($request_method = OPTIONS) {
				add_header Access-Control-Allow-Origin $cors_origin always;
				add_header Access-Control-Allow-Credentials $cors_credentials always;
				add_header Access-Control-Allow-Methods "GET, HEAD, POST, PUT, PATCH, DELETE" always;
				add_header Access-Control-Allow-Headers "Authorization, Content-Type" always;
				add_header Access-Control-Max-Age 3600 always;
				add_header Vary Origin always;
				return 204;
			}
			{{.Content}}
		}
	}
	{{end}}
}
`

// site is a site in a configuration.
type site struct{ Address, Policy, Content string }

// fileName is the name of the file that is served.
const fileName = "file.txt"

// startServers starts all that are compared, and the upstream of the proxies.
func startServers(ctx context.Context, dir string) (servers []*server, stop func(), err error) {
	var running []*process.Process
	stop = func() {
		for _, p := range running {
			p.Stop()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	start := func(cmd []string, addresses ...string) (*process.Process, error) {
		c := exec.CommandContext(ctx, cmd[0], cmd[1:]...) //nolint:gosec // the servers
		c.Env = append(os.Environ(), "GOMAXPROCS=1", "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		p, err := process.Start(ctx, c, addresses...)
		if err == nil {
			running = append(running, p)
		}
		return p, err
	}

	caddy, err := process.BuildCaddy(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	text := strings.Repeat("0123456789abcde\n", 4<<10/16)
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	upstream, err := address()
	if err != nil {
		return nil, nil, err
	}
	if _, err := start(append(pin(1), caddy, "respond", "--listen", upstream, "hello"), upstream); err != nil {
		return nil, nil, err
	}

	for i, policy := range policies {
		s := &server{name: policy.name, sites: make(map[workload]string)}
		contents := map[workload]site{
			bare:      {Policy: policy.actual, Content: "respond hello"},
			static:    {Policy: policy.actual, Content: "root " + dir + "\n\tfile_server"},
			proxied:   {Policy: policy.actual, Content: "reverse_proxy " + upstream},
			preflight: {Policy: policy.preflight, Content: "respond 204"},
		}
		sites, err := s.listen(contents)
		if err != nil {
			return nil, nil, err
		}
		config := filepath.Join(dir, fmt.Sprintf("Caddyfile.%d", i))
		if err := write(config, caddyfile, map[string]any{"Sites": sites}); err != nil {
			return nil, nil, err
		}
		if s.process, err = start(append(pin(0), caddy, "run", "--adapter", "caddyfile", "--config", config), s.addresses()...); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		servers = append(servers, s)
	}

	path, err := exec.LookPath("nginx")
	if errors.Is(err, exec.ErrNotFound) {
		fmt.Fprintln(os.Stderr, "nginx is not installed, and not compared")
		return servers, stop, nil
	}
	if err != nil {
		return nil, nil, err
	}
	s := &server{name: nginx, sites: make(map[workload]string)}
	sites, err := s.listen(map[workload]site{
		bare:      {Content: "return 200 hello;"},
		static:    {Content: "root " + dir + ";"},
		proxied:   {Content: `proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";`},
		preflight: {Content: "return 204;"},
	})
	if err != nil {
		return nil, nil, err
	}
	config := filepath.Join(dir, "nginx.conf")
	if err := write(config, nginxConf, map[string]any{
		"Dir": dir, "Upstream": upstream, "Sites": sites,
		"Temporary": []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"},
	}); err != nil {
		return nil, nil, err
	}
	if s.process, err = start(append(pin(0), path, "-p", dir, "-c", config), s.addresses()...); err != nil {
		return nil, nil, err
	}
	return append(servers, s), stop, nil
}

// listen gives each site an address.
func (s *server) listen(contents map[workload]site) ([]site, error) {
	var sites []site
	for _, w := range workloads {
		a, err := address()
		if err != nil {
			return nil, err
		}
		s.sites[w] = a
		c := contents[w]
		c.Address = a
		sites = append(sites, c)
	}
	return sites, nil
}

func (s *server) addresses() (all []string) {
	for _, a := range s.sites {
		all = append(all, a)
	}
	return all
}

// address returns one to listen on.
func address() (string, error) {
	port, err := process.Port()
	return fmt.Sprintf("127.0.0.1:%d", port), err
}

// write writes a configuration.
func write(path, text string, data any) error {
	t, err := template.New("").Parse(text)
	if err != nil {
		return err
	}
	var config bytes.Buffer
	if err := t.Execute(&config, data); err != nil {
		return err
	}
	return os.WriteFile(path, config.Bytes(), 0o600)
}
