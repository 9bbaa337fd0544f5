package caddycors

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/certmagic"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
	"github.com/seed-56c1dbac/caddy-cors/internal/sources"
)

func init() {
	caddy.RegisterModule(StorageSource{})
}

// StorageSource allows the origins of a list that is kept under a key of Caddy's
// configured storage. One list serves all instances that share the storage. It is
// written as for the source `file`. If the key does not exist or has a bad list, the
// config does not load. If that happens later, the previous list stays in force.
type StorageSource struct {
	// The key, such as `cors/origins`. The keys of Caddy's own data are refused:
	// those below `certificates`, `acme`, `ocsp`, `locks`, `pki`, `ech` and `stek`.
	// Required.
	Key string `json:"key,omitempty"`

	// How often to look whether the list has changed. Default: 30s.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	liveSource
}

// CaddyModule returns the Caddy module information.
func (StorageSource) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  sourceNamespace + ".storage",
		New: func() caddy.Module { return new(StorageSource) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens. Syntax:
//
//	storage <key> {
//	    refresh <duration>
//	}
func (s *StorageSource) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalOptions(d, "a key", "cors/origins", &s.Key, map[string]func() error{
		"refresh": func() error { return unmarshalDuration(d, &s.Refresh) },
	})
}

// ownKeys are the first elements of the keys of Caddy's own data, some of which is
// secret.
var ownKeys = []string{"certificates", "acme", "ocsp", "locks", "pki", "ech", "stek"}

func checkKey(key string) error {
	clean := path.Clean(strings.ReplaceAll(key, `\`, "/"))
	first, _, _ := strings.Cut(strings.ToLower(clean), "/")
	switch {
	case key == "":
		return errors.New("storage key: is missing; write the key of a list of origins, such as cors/origins")
	case clean != key || first == ".." || first == "" || first == ".":
		return fmt.Errorf("storage key %q: is not a plain key; write names with single slashes between them, such as cors/origins", key)
	case slices.Contains(ownKeys, first):
		return fmt.Errorf("storage key %q: is reserved for Caddy's own data; write another, such as cors/origins", key)
	}
	return nil
}

// Provision reads the list from the storage, unless it is already in use.
func (s *StorageSource) Provision(ctx caddy.Context) error {
	if err := errors.Join(checkKey(s.Key), setDuration(&s.Refresh, "refresh", 30*time.Second)); err != nil {
		return err
	}
	storage := ctx.Storage()
	return s.openList(ctx, sources.ListConfig{
		Name:     "storage " + path.Base(s.Key),
		Place:    identify(storage) + "\x00" + s.Key,
		Read:     sources.StorageReader(storage, s.Key),
		Required: true,
		Secret:   true,
		Refresh:  time.Duration(s.Refresh),
	})
}

// identify returns a text that is different for each storage: its configuration,
// or its address if it has no configuration.
func identify(storage certmagic.Storage) string {
	config, err := json.Marshal(storage)
	if err != nil || string(config) == "{}" {
		return fmt.Sprintf("%T %p", storage, storage)
	}
	return fmt.Sprintf("%T %s", storage, config)
}

// Interface guards
var (
	_ caddy.Provisioner     = (*StorageSource)(nil)
	_ caddy.CleanerUpper    = (*StorageSource)(nil)
	_ caddyfile.Unmarshaler = (*StorageSource)(nil)
	_ OriginSource          = (*StorageSource)(nil)
	_ policy.Source         = (*StorageSource)(nil)
)
