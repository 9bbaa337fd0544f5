package sources

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/caddyserver/certmagic"
)

// A Reader returns the text of a list, and a tag by which the Reader recognizes
// the version of the text. tag is the tag of the current version, or nil. If that
// version is still valid, the Reader may return errNotModified.
type Reader func(ctx context.Context, tag any) (text string, newTag any, err error)

var (
	errNotModified = errors.New("not modified")
	errTooLong     = errors.New("the list is longer than 64 MiB")
	errNoKey       = errors.New("the key does not exist, or the storage cannot be reached; write a list under the key, or check the storage")
)

// maxText is the length of the longest text, in bytes: two million origins. Only
// tests change it.
var maxText int64 = 64 << 20

const (
	// quiet is how long a file must be unchanged before its text counts as
	// complete.
	quiet = 250 * time.Millisecond

	// granularity is longer than the unit in which any storage records times.
	granularity = 3 * time.Second
)

// FileReader returns a Reader of the file at path.
func FileReader(path string) Reader {
	return func(ctx context.Context, tag any) (text string, newTag any, err error) {
		// Opening anything else, such as a pipe, could block.
		if info, err := os.Stat(path); err != nil {
			return "", nil, err
		} else if !info.Mode().IsRegular() {
			return "", nil, fmt.Errorf("%s is not a regular file", path)
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
		stamp, unchanged := newStamp(tag, info.ModTime(), info.Size(), info)
		if unchanged {
			return "", nil, errNotModified
		}
		if text, err = ReadText(file, info.Size()); err != nil || tag == nil {
			return text, stamp, err
		}
		// Another program may be writing the file, and half a list is a valid list.
		if time.Since(info.ModTime()) < quiet {
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
		if after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
			return "", nil, errNotModified // until it is complete
		}
		return text, stamp, nil
	}
}

// StorageReader returns a Reader of the value of a key in a storage. It does not
// use the storage after ctx has ended.
func StorageReader(storage certmagic.Storage, key string) Reader {
	return func(ctx context.Context, tag any) (text string, newTag any, err error) {
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		info, err := storage.Stat(ctx, key)
		if err != nil {
			return "", nil, explainMissing(err)
		}
		if info.Size > maxText { // before it fills the memory
			return "", nil, errTooLong
		}
		stamp, unchanged := newStamp(tag, info.Modified, info.Size, nil)
		if unchanged {
			return "", nil, errNotModified
		}
		if err := ctx.Err(); err != nil {
			return "", nil, err
		}
		value, err := storage.Load(ctx, key)
		if err != nil {
			return "", nil, explainMissing(err)
		}
		if int64(len(value)) > maxText {
			return "", nil, errTooLong
		}
		return string(value), stamp, nil
	}
}

// explainMissing says that a missing key may mean something else. Storages have
// only [fs.ErrNotExist] for keys that they do not find, and some return it for every
// failure: a Redis that does not answer, or a folder that is not mounted.
func explainMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w (%w)", errNoKey, err)
	}
	return err
}

// stamp is the tag of a text that has a modification time.
type stamp struct {
	modified time.Time
	size     int64
	file     os.FileInfo // nil if it is not a file
	since    time.Time   // when this version was seen first, by our own clock
	read     time.Time   // when the text was read
}

// newStamp returns the stamp of a version, and whether its text is unchanged
// since the version that tag is of. A version counts as unchanged if its time and
// size are the same, and it was old enough when it was read: a later change must
// have got another time.
func newStamp(tag any, modified time.Time, size int64, file os.FileInfo) (s stamp, unchanged bool) {
	now := time.Now()
	s = stamp{modified, size, file, now, now}
	old, ok := tag.(stamp)
	if !ok || !old.modified.Equal(modified) || old.size != size || file != nil && !os.SameFile(old.file, file) {
		return s, false
	}
	s.since = old.since
	return s, !modified.IsZero() && old.read.Sub(old.since) > granularity
}

// ReadText reads the text of a list, which is at most 64 MiB long. length is its length, or a guess, or -1 if that is
// unknown. A long text is read in parts, because a single buffer would be copied
// each time it grows. No part keeps much unused memory.
func ReadText(r io.Reader, length int64) (string, error) {
	if length > maxText {
		return "", errTooLong
	}
	const firstPart, longestPart = 4 << 10, 1 << 20
	size := length + 1 // to reach the end of the text
	if length <= 0 {
		size = firstPart
	}
	var parts []string
	for total := int64(0); ; size = min(max(2*size, firstPart), longestPart) {
		var part strings.Builder
		part.Grow(int(size))
		n, err := io.CopyN(&part, r, size)
		if total += n; total > maxText {
			return "", errTooLong
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
