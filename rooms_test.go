package caddycors

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms are the packages of this module, each with those that its code may import.
// Data flows one way: a package knows nothing of those that use it.
var rooms = map[string]struct {
	imports []string
	caddy   bool // it may import Caddy
}{
	".":         {caddy: true, imports: []string{"internal/sources", "internal/policy", "internal/openness", "internal/origins", "internal/suffixes", "internal/fetch", "internal/browser", "internal/check", "internal/explain"}},
	"cmd/caddy": {caddy: true, imports: []string{"."}},

	"internal/sources":  {caddy: true, imports: []string{"internal/policy", "internal/openness", "internal/origins", "internal/suffixes", "internal/fetch"}},
	"internal/policy":   {imports: []string{"internal/openness", "internal/origins", "internal/suffixes", "internal/fetch"}},
	"internal/openness": {imports: []string{"internal/origins", "internal/suffixes"}},
	"internal/origins":  {},
	"internal/suffixes": {},
	"internal/fetch":    {},

	// They judge policies from outside, and so must not know how one is compiled.
	"internal/browser": {imports: []string{"internal/origins", "internal/fetch"}},
	"internal/check":   {imports: []string{"internal/browser", "internal/origins", "internal/suffixes", "internal/fetch"}},
	"internal/explain": {imports: []string{"internal/check", "internal/browser", "internal/origins", "internal/suffixes", "internal/fetch"}},

	"internal/corstest": {},
	"integration":       {},
	"integration/docs":  {},
}

// TestRooms: code imports only what its room opens to. A test may import every
// package but those of integration.
func TestRooms(t *testing.T) {
	const module = "github.com/seed-56c1dbac/caddy-cors"
	seen := 0
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if entry.IsDir() {
			if _, err := os.Stat(path.Join(file, "go.mod")); err == nil && file != "." || strings.HasPrefix(file, ".git") {
				return fs.SkipDir // another module
			}
			return nil
		}
		if path.Ext(file) != ".go" {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		name := path.Dir(file)
		room, ok := rooms[name]
		if !ok {
			t.Errorf("%s: the package %s has no room", file, name)
			return nil
		}
		seen++
		test := strings.HasSuffix(file, "_test.go")
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			own, isOwn := strings.CutPrefix(imported+"/", module+"/")
			own = path.Clean(own)
			switch {
			case isOwn && strings.HasPrefix(own, "integration"):
				t.Errorf("%s imports %s, which only has tests", file, own)
			case test:
			case isOwn && !slices.Contains(room.imports, own):
				t.Errorf("%s imports %s, to which %s does not open", file, own, name)
			case strings.HasPrefix(imported, "github.com/caddyserver/") && !room.caddy:
				t.Errorf("%s imports %s: %s knows nothing of Caddy", file, imported, name)
			}
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%v, %d files", err, seen)
	}
}
