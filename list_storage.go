package caddycors

import (
	"context"
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
)

func init() {
	caddy.RegisterModule(StorageSource{})
}

// StorageSource allows the origins of a list that is kept under a key of Caddy's
// configured storage, so that one list serves all instances that share the
// storage. The list is written as for the source `file`. A key that does not
// exist, or holds a bad list, is an error when the config loads; later, the list
// from before stays.
type StorageSource struct {
	// The key, such as `cors/origins`. Those where Caddy keeps its own, below
	// `certificates`, `acme`, `ocsp`, `locks`, `pki`, `ech` and `stek`, are refused.
	// Required.
	Key string `json:"key,omitempty"`

	// How often to look whether the list has changed. Default: 30s.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	listSource
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
	return unmarshalListSource(d, "a key", "cors/origins", &s.Key, &s.Refresh, nil)
}

// ownKeys are the first elements of keys under which Caddy keeps secrets and
// what it works with.
var ownKeys = []string{"certificates", "acme", "ocsp", "locks", "pki", "ech", "stek"}

func checkKey(key string) error {
	clean := path.Clean(strings.ReplaceAll(key, `\`, "/"))
	first, _, _ := strings.Cut(strings.ToLower(clean), "/")
	switch {
	case key == "":
		return errors.New("storage has no key: write that of a list of origins, such as cors/origins")
	case clean != key || first == ".." || first == "" || first == ".":
		return fmt.Errorf("storage key %q is not written plainly: write names with single slashes between them, such as cors/origins", key)
	case slices.Contains(ownKeys, first):
		return fmt.Errorf("storage key %q is where Caddy keeps its own: write one such as cors/origins", key)
	}
	return nil
}

// Provision reads the list from the storage, unless it is already in use.
func (s *StorageSource) Provision(ctx caddy.Context) error {
	if err := checkKey(s.Key); err != nil {
		return err
	}
	if err := setDefault(&s.Refresh, "refresh", 30*time.Second); err != nil {
		return err
	}
	storage := ctx.Storage()
	return s.use(ctx, listKey{"storage", identify(storage) + "\x00" + s.Key}, listReader{
		read: func(ctx context.Context, tag any) (string, any, error) {
			return readStorage(ctx, storage, s.Key, tag)
		},
		name:    "storage " + path.Base(s.Key),
		secret:  true,
		refresh: time.Duration(s.Refresh),
	}, true)
}

// identify returns what tells a storage from others: its configuration, or
// itself if that cannot be had.
func identify(storage certmagic.Storage) string {
	config, err := json.Marshal(storage)
	if err != nil || string(config) == "{}" {
		return fmt.Sprintf("%T %p", storage, storage)
	}
	return fmt.Sprintf("%T %s", storage, config)
}

func readStorage(ctx context.Context, storage certmagic.Storage, key string, tag any) (text string, newTag any, err error) {
	if err := ctx.Err(); err != nil {
		return "", nil, err
	}
	info, err := storage.Stat(ctx, key)
	if err != nil {
		return "", nil, err
	}
	if info.Size > maxList { // before it fills the memory
		return "", nil, errListTooLong
	}
	version, unchanged := compareVersions(tag, info.Modified, info.Size, nil)
	if unchanged {
		return "", nil, errNotModified
	}
	if err := ctx.Err(); err != nil {
		return "", nil, err // the configuration has ended meanwhile
	}
	value, err := storage.Load(ctx, key)
	if err != nil {
		return "", nil, err
	}
	if len(value) > maxList {
		return "", nil, errListTooLong
	}
	return string(value), version, nil
}

// Interface guards
var (
	_ caddy.Provisioner     = (*StorageSource)(nil)
	_ caddy.CleanerUpper    = (*StorageSource)(nil)
	_ caddyfile.Unmarshaler = (*StorageSource)(nil)
	_ openSource            = (*StorageSource)(nil)
)
