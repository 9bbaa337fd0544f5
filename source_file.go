package caddycors

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(FileSource{})
}

// FileSource allows the origins that a file lists: exact ones and patterns such
// as `https://*.example.com`, one a line. `#` begins a comment. When the file
// changes, the new list is in force within the refresh interval, without a reload.
//
// If the file is missing or has a bad line, the config does not load. If that happens
// later, the previous list stays in force. To change the file, rename another one to
// its name, so that it is never read half-written.
type FileSource struct {
	// The path of the file. The placeholders `{env.*}` and `{file.*}` are replaced.
	// Required.
	Path string `json:"path,omitempty"`

	// How often to look whether the file has changed. Default: 5s.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	liveSource
}

// CaddyModule returns the Caddy module information.
func (FileSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".file",
		New: func() caddy.Module { return new(FileSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	file <path> {
//	    refresh <duration>
//	}
func (s *FileSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalOptions(d, "a path", "/etc/caddy/origins.txt", &s.Path, map[string]func() error{
		"refresh": func() error { return unmarshalDuration(d, &s.Refresh) },
	})
}

// Provision reads the file, unless its list is already in use.
func (s *FileSource) Provision(ctx caddy.Context) error {
	path, err := replaceGlobals(s.Path)
	if err == nil && path == "" {
		err = errors.New("is missing; write the path of a list of origins, such as /etc/caddy/origins.txt")
	}
	if err != nil {
		return fmt.Errorf("file path: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := setDuration(&s.Refresh, "refresh", 5*time.Second); err != nil {
		return err
	}
	return s.openList(ctx, sources.ListConfig{
		Name:     "file " + filepath.Base(path),
		Place:    path,
		Read:     sources.FileReader(path),
		Required: true,
		Refresh:  time.Duration(s.Refresh),
	})
}

// Interface guards
var (
	_ caddy.Provisioner     = (*FileSource)(nil)
	_ caddy.CleanerUpper    = (*FileSource)(nil)
	_ caddyfile.Unmarshaler = (*FileSource)(nil)
	_ OriginSource          = (*FileSource)(nil)
	_ policy.Source         = (*FileSource)(nil)
)
