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

// policies are the directives that the sites of Caddy have before those that serve.
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
		Access-Control-Expose-Headers X-Total
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
		allow_methods GET HEAD POST PUT PATCH DELETE
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

// nginxConf has no credentials or exposed fields for other origins either, as
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
				add_header Access-Control-Expose-Headers $cors_expose always;
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

// fleet is all that runs.
type fleet struct {
	dir      string
	upstream string // an address
	running  []*process.Process
}

func (f *fleet) stop() {
	for _, p := range f.running {
		p.Stop()
	}
}

// start starts a command on one of the processors.
func (f *fleet) start(ctx context.Context, cpu int, cmd []string, addresses ...string) (*process.Process, error) {
	cmd = append(pin(cpu), cmd...)
	c := exec.CommandContext(ctx, cmd[0], cmd[1:]...) //nolint:gosec // the servers
	c.Env = append(os.Environ(), "GOMAXPROCS=1", "XDG_DATA_HOME="+f.dir, "XDG_CONFIG_HOME="+f.dir)
	p, err := process.Start(ctx, c, addresses...)
	if err == nil {
		f.running = append(f.running, p)
	}
	return p, err
}

// startServers starts all that are compared, and the upstream of the proxies.
func startServers(ctx context.Context, dir string) (servers []*server, stop func(), err error) {
	f := &fleet{dir: dir}
	defer func() {
		if err != nil {
			f.stop()
		}
	}()
	text := strings.Repeat("0123456789abcde\n", 4<<10/16)
	if err := os.WriteFile(filepath.Join(dir, fileName), []byte(text), 0o600); err != nil {
		return nil, nil, err
	}
	caddy, err := process.BuildCaddy(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	if f.upstream, err = address(); err != nil {
		return nil, nil, err
	}
	if _, err := f.start(ctx, 1, []string{caddy, "respond", "--listen", f.upstream, "hello"}, f.upstream); err != nil {
		return nil, nil, err
	}
	for _, p := range policies {
		s, err := f.startCaddy(ctx, caddy, p.name, p.actual, p.preflight)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.name, err)
		}
		servers = append(servers, s)
	}
	switch path, err := exec.LookPath("nginx"); {
	case errors.Is(err, exec.ErrNotFound):
		fmt.Fprintln(os.Stderr, "nginx is not installed, and not compared")
	case err != nil:
		return nil, nil, err
	default:
		s, err := f.startNginx(ctx, path)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", nginx, err)
		}
		servers = append(servers, s)
	}
	return servers, f.stop, nil
}

// startCaddy starts a Caddy with a policy for actual requests and one for
// preflights.
func (f *fleet) startCaddy(ctx context.Context, path, name, actual, forPreflight string) (*server, error) {
	s := &server{name: name, sites: make(map[workload]string)}
	sites, err := s.listen(map[workload]site{
		bare:      {Policy: actual, Content: "respond hello"},
		static:    {Policy: actual, Content: "root " + f.dir + "\n\tfile_server"},
		proxied:   {Policy: actual, Content: "reverse_proxy " + f.upstream},
		preflight: {Policy: forPreflight, Content: "respond 204"},
	})
	if err != nil {
		return nil, err
	}
	config := filepath.Join(f.dir, fmt.Sprintf("Caddyfile.%d", len(f.running)))
	if err := write(config, caddyfile, map[string]any{"Sites": sites}); err != nil {
		return nil, err
	}
	s.process, err = f.start(ctx, 0, []string{path, "run", "--adapter", "caddyfile", "--config", config}, s.addresses()...)
	return s, err
}

func (f *fleet) startNginx(ctx context.Context, path string) (*server, error) {
	s := &server{name: nginx, sites: make(map[workload]string)}
	sites, err := s.listen(map[workload]site{
		bare:      {Content: "return 200 hello;"},
		static:    {Content: "root " + f.dir + ";"},
		proxied:   {Content: `proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";`},
		preflight: {Content: "return 204;"},
	})
	if err != nil {
		return nil, err
	}
	config := filepath.Join(f.dir, "nginx.conf")
	if err := write(config, nginxConf, map[string]any{
		"Dir": f.dir, "Upstream": f.upstream, "Sites": sites,
		"Temporary": []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"},
	}); err != nil {
		return nil, err
	}
	s.process, err = f.start(ctx, 0, []string{path, "-p", f.dir, "-c", config}, s.addresses()...)
	return s, err
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
