package caddycors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

func init() {
	caddy.RegisterModule(FileSource{})
}

// FileSource allows the origins that a file lists: exact ones and patterns such
// as `https://*.example.com`, one a line, with comments that begin with `#`. When
// the file changes, the new list is in force within the refresh interval, without
// a reload. A file that is missing or has a bad line is an error when the config
// loads; later, the list from before stays. Replace the file as a whole, by
// renaming another: what is written slowly may be read by halves.
type FileSource struct {
	// The path of the file. The placeholders `{env.*}` and `{file.*}` are replaced.
	// Required.
	Path string `json:"path,omitempty"`

	// How often to look whether the file has changed. Default: 5s.
	Refresh caddy.Duration `json:"refresh,omitempty"`

	listSource
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
	return unmarshalListSource(d, "a path", "/etc/caddy/origins.txt", &s.Path, &s.Refresh, nil)
}

// Provision reads the file, unless its list is already in use.
func (s *FileSource) Provision(ctx caddy.Context) error {
	path, err := replaceGlobals(s.Path)
	if err != nil {
		return fmt.Errorf("the path of file: %w", err)
	}
	if path == "" {
		return errors.New("file has no path: write that of a list of origins")
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if err := setDefault(&s.Refresh, "refresh", 5*time.Second); err != nil {
		return err
	}
	return s.use(ctx, listKey{"file", path}, listReader{
		read:    func(ctx context.Context, tag any) (string, any, error) { return readFile(ctx, path, tag) },
		name:    "file " + filepath.Base(path),
		refresh: time.Duration(s.Refresh),
	}, true)
}

func readFile(ctx context.Context, path string, tag any) (text string, newTag any, err error) {
	// Opening what is no file, such as a pipe, could block.
	if info, err := os.Stat(path); err != nil {
		return "", nil, err
	} else if !info.Mode().IsRegular() {
		return "", nil, fmt.Errorf("%s is no file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", nil, err
	}
	version, unchanged := compareVersions(tag, info.ModTime(), info.Size(), info)
	if unchanged {
		return "", nil, errNotModified
	}
	if text, err = readList(file, info.Size()); err != nil {
		return "", nil, err
	}
	// Who writes a file in place may be at it, and half a list is a list, too.
	if tag != nil && time.Since(info.ModTime()) < quiet {
		select {
		case <-time.After(quiet):
		case <-ctx.Done():
			return "", nil, ctx.Err()
		}
	}
	after, err := file.Stat()
	if err != nil {
		return "", nil, err
	}
	if tag != nil && (after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime())) {
		return "", nil, errNotModified // but soon
	}
	return text, version, nil
}

// quiet is how long a file must not have changed to be taken for complete.
const quiet = 250 * time.Millisecond

// modTag tells versions of a text by their time of change and their size.
type modTag struct {
	modified time.Time
	size     int64
	file     os.FileInfo // nil if it is no file
	since    time.Time   // when these were seen first, by our own clock
	read     time.Time   // when the text was read
}

// modGranularity is more than storages take two times of change for one.
const modGranularity = 3 * time.Second

// compareVersions returns the tag of a version, and whether the text is still
// that of the tag before: it has the same time of change, and was read when that
// was old enough for another change to have another.
func compareVersions(tag any, modified time.Time, size int64, file os.FileInfo) (newTag modTag, unchanged bool) {
	now := time.Now()
	newTag = modTag{modified, size, file, now, now}
	old, ok := tag.(modTag)
	if !ok || !old.modified.Equal(modified) || old.size != size || file != nil && !os.SameFile(old.file, file) {
		return newTag, false
	}
	newTag.since = old.since
	return newTag, !modified.IsZero() && old.read.Sub(old.since) > modGranularity
}

// readList reads the text of a list, whose length is known, or expected, or -1.
// What is longer is read in parts: one text that grew would be copied again and
// again. None is kept with much room to spare.
func readList(r io.Reader, length int64) (string, error) {
	if length > maxList {
		return "", errListTooLong
	}
	const firstPart, longestPart = 4 << 10, 1 << 20
	size := length + 1 // to see the end, too
	if length <= 0 {
		size = firstPart
	}
	var parts []string
	for total := int64(0); ; size = min(max(2*size, firstPart), longestPart) {
		var part strings.Builder
		part.Grow(int(size))
		n, err := io.CopyN(&part, r, size)
		if total += n; total > maxList {
			return "", errListTooLong
		}
		if n > size-size/8 {
			parts = append(parts, part.String())
		} else if n > 0 {
			parts = append(parts, strings.Clone(part.String()))
		}
		if errors.Is(err, io.EOF) {
			return strings.Join(parts, ""), nil
		}
		if err != nil {
			return "", err
		}
	}
}

// Interface guards
var (
	_ caddy.Provisioner     = (*FileSource)(nil)
	_ caddy.CleanerUpper    = (*FileSource)(nil)
	_ caddyfile.Unmarshaler = (*FileSource)(nil)
	_ openSource            = (*FileSource)(nil)
)
