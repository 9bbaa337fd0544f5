package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
)

// variant is a way to write the CORS headers of a site.
type variant struct {
	name   string
	policy string // a template of what each site has
	base   string // the variant that it is compared with
	goal   goal

	addresses addresses
	caddyfile string // the path of the configuration
	json      []byte // the same, adapted
}

// goal has the most that a variant may take, in parts of what its base takes, and
// in bytes. Zero values are not goals.
type goal struct {
	validate, reload float64
	memory           int
}

// The variants that the others are compared with.
const (
	plain     = "no CORS"
	byHeader  = "`header`"
	bySnippet = "`header`, a shared snippet"
)

const options = ` {
		allow_methods PUT DELETE
		allow_headers Content-Type
		allow_credentials
		max_age 1h
	}`

var variants = []variant{
	{name: plain, base: byHeader},
	{name: byHeader, base: byHeader, policy: header},
	{
		name: "`cors`, a regexp of its own", base: byHeader, policy: `cors {
		allow_origins_regexp https://([a-z]+\.)?{{.}}\.example\.com` + strings.TrimPrefix(options, " {"),
		goal: goal{3, 2, 8 << 10},
	},
	{name: "`cors`, 10 origins of its own", base: byHeader, policy: `cors` + own(10) + options},
	// Caddy's parser takes longer for a snippet that many sites import.
	{name: bySnippet, base: bySnippet, policy: `import header`},
	{name: "`cors`, a shared snippet", base: bySnippet, policy: `import cors`, goal: goal{1.5, 1.5, 8 << 10}},
}

const header = `header {
		Access-Control-Allow-Origin https://app.{{.}}.example.com
		Access-Control-Allow-Methods "PUT, DELETE"
		Access-Control-Allow-Headers Content-Type
		Access-Control-Allow-Credentials true
		Access-Control-Max-Age 3600
		Vary Origin
	}`

// own returns origins that no other site has.
func own(n int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, " https://app%d.{{.}}.example.com", i)
	}
	return list.String()
}

var sharedHeader = strings.ReplaceAll(header, "{{.}}.", "")

var head = `{
	admin {{.Admin}}
	persist_config off
	auto_https off
	http_port {{.Port}}
	default_bind 127.0.0.1
}

(header) {
	` + sharedHeader + `
}

(cors) {
	cors https://app.example.com https://*.app.example.com` + options + `
}
`

// caddy is the Caddy that is measured.
type caddy struct{ binary, dir string }

// write writes the configuration of a variant, and adapts it.
func (c *caddy) write(v *variant, sites int) error {
	addresses, err := newAddresses()
	if err != nil {
		return err
	}
	v.addresses = addresses
	var config bytes.Buffer
	if err := template.Must(template.New("").Parse(head)).Execute(&config, addresses); err != nil {
		return err
	}
	policy, err := template.New("").Parse(v.policy)
	if err != nil {
		return err
	}
	for i := range sites {
		site := fmt.Sprintf("site%d", i)
		fmt.Fprintf(&config, "\nhttp://%s.example.net {\n\t", site)
		if err := policy.Execute(&config, site); err != nil {
			return err
		}
		config.WriteString("\n\trespond hello\n}\n")
	}
	if v.caddyfile, err = c.save(strconv.Itoa(addresses.Port), config.Bytes()); err != nil {
		return err
	}
	cmd := exec.CommandContext(context.Background(), c.binary, "adapt", "--adapter", "caddyfile", "--config", v.caddyfile) //nolint:gosec // what was built
	cmd.Env = c.environment()
	v.json, err = cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", v.name, err)
	}
	return nil
}

// save writes a Caddyfile, and returns its path.
func (c *caddy) save(name string, config []byte) (string, error) {
	path := filepath.Join(c.dir, "Caddyfile."+name)
	return path, os.WriteFile(path, config, 0o600)
}
