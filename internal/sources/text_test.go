package sources

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/caddyserver/certmagic"
)

// limitText sets the length of the longest text for a test.
func limitText(t *testing.T, limit int64) {
	t.Helper()
	before := maxText
	maxText = limit
	t.Cleanup(func() { maxText = before })
}

// TestReadText: a text is read whole, whatever its length is said to be, and not
// beyond the longest that there may be.
func TestReadText(t *testing.T) {
	for _, size := range []int{0, 1, 4 << 10, 4<<10 + 1, 12 << 10, 100_000, 3 << 20} {
		text := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
		for _, length := range []int{-1, 0, 1, size / 2, size, size + 10} {
			short := text[:min(size, 1<<14)]
			got, err := ReadText(iotest.OneByteReader(strings.NewReader(short)), int64(length))
			if err != nil || got != short {
				t.Errorf("%d bytes, byte by byte, said to be %d: got %d, %v", len(short), length, len(got), err)
			}
			if got, err = ReadText(strings.NewReader(text), int64(length)); err != nil || got != text {
				t.Errorf("%d bytes, said to be %d: got %d, %v", size, length, len(got), err)
			}
		}
	}
	if _, err := ReadText(io.MultiReader(strings.NewReader("https://a.example"), iotest.ErrReader(io.ErrUnexpectedEOF)), -1); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken off: %v", err)
	}
	if maxText != 64<<20 {
		t.Errorf("the longest text has %d bytes", maxText)
	}
	limitText(t, 1<<20)
	for _, length := range []int64{-1, 10, maxText, maxText + 1} {
		endless := new(endlessReader)
		if _, err := ReadText(endless, length); !errors.Is(err, errTooLong) || endless.read > maxText+2<<20 {
			t.Errorf("endless, said to be %d: %v after %d bytes", length, err, endless.read)
		}
	}
	longest := strings.Repeat("x", int(maxText))
	if got, err := ReadText(strings.NewReader(longest), -1); err != nil || got != longest {
		t.Errorf("the longest text: got %d bytes, %v", len(got), err)
	}
}

// endlessReader reads zeros, and counts them.
type endlessReader struct{ read int64 }

func (r *endlessReader) Read(p []byte) (int, error) {
	r.read += int64(len(p))
	return len(p), nil
}

// TestStamps: a text is read again unless it is certain not to have changed,
// whatever a storage knows of times.
func TestStamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := time.Now().Add(-time.Hour)
		tag, unchanged := newStamp(nil, at, 10, nil)
		if unchanged {
			t.Error("what was not read is unchanged")
		}
		// Another change may have the same time, as far as storages tell times.
		time.Sleep(granularity)
		if tag, unchanged = newStamp(tag, at, 10, nil); unchanged {
			t.Error("read too soon after the change to be certain")
		}
		time.Sleep(time.Second)
		if tag, unchanged = newStamp(tag, at, 10, nil); unchanged {
			t.Error("the reading that counts is the one before")
		}
		if _, unchanged = newStamp(tag, at, 10, nil); !unchanged {
			t.Error("read again without need")
		}
		for what, version := range map[string]stamp{
			"newer":  {modified: at.Add(1), size: 10},
			"older":  {modified: at.Add(-1), size: 10},
			"longer": {modified: at, size: 11},
		} {
			if _, unchanged = newStamp(tag, version.modified, version.size, nil); unchanged {
				t.Errorf("what is %s is unchanged", what)
			}
		}
		tag, _ = newStamp(nil, time.Time{}, 10, nil)
		for range 3 {
			time.Sleep(time.Hour)
			if tag, unchanged = newStamp(tag, time.Time{}, 10, nil); unchanged {
				t.Error("what has no time is unchanged")
			}
		}
	})
}

// writeFile writes a file as if it had been changed at a time.
func writeFile(t *testing.T, path, text string, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// TestFileReader: a file is read when it has changed, and not while another
// program may be writing it.
func TestFileReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "origins")
		read := FileReader(path)
		expect := func(tag any, want string, problem error) any {
			t.Helper()
			text, newTag, err := read(t.Context(), tag)
			if text != want || !errors.Is(err, problem) {
				t.Errorf("got %q, %v, want %q, %v", text, err, want, problem)
			}
			return newTag
		}
		expect(nil, "", fs.ErrNotExist)
		writeFile(t, path, "https://a.example", time.Now())
		begin := time.Now()
		tag := expect(nil, "https://a.example", nil)
		if waited := time.Since(begin); waited > 0 {
			t.Errorf("the first read waits %s", waited)
		}
		time.Sleep(granularity + 1)
		old := expect(tag, "https://a.example", nil)
		expect(old, "", errNotModified)

		// The same time and size, but another file.
		writeFile(t, path+".new", "https://b.example", old.(stamp).modified)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		tag = expect(old, "https://b.example", nil)

		// One that is written while it is read.
		writeFile(t, path, "https://c.exam", time.Now())
		go func() {
			time.Sleep(quiet / 2)
			writeFile(t, path, "https://c.example", time.Now())
		}()
		expect(tag, "", errNotModified)
		expect(tag, "https://c.example", nil)

		// The end of the configuration ends the waiting.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		writeFile(t, path, "https://d.example/", time.Now())
		if _, _, err := read(ctx, tag); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}

		limitText(t, 10)
		expect(nil, "", errTooLong)
		if _, _, err := FileReader(dir)(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("a directory: %v", err)
		}
	})
}

// fakeStorage is a storage with one value. The methods that it lacks panic.
type fakeStorage struct {
	certmagic.Storage
	size        int64 // that it tells
	value       string
	stat, load  error
	beforeLoad  func()
	stats, gets int
}

func (s *fakeStorage) Stat(_ context.Context, key string) (certmagic.KeyInfo, error) {
	s.stats++
	if s.beforeLoad != nil {
		s.beforeLoad()
	}
	return certmagic.KeyInfo{Key: key, Modified: time.Unix(1, 0), Size: s.size, IsTerminal: true}, s.stat
}

func (s *fakeStorage) Load(context.Context, string) ([]byte, error) {
	s.gets++
	return []byte(s.value), s.load
}

// TestStorageReader: a value is loaded if it has changed and is not too long, and
// the storage is left alone once the configuration has ended.
func TestStorageReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limitText(t, 20)
		down := errors.New("down")
		ctx, cancel := context.WithCancel(t.Context())
		for name, tc := range map[string]struct {
			storage     fakeStorage
			text        string
			problem     error
			stats, gets int
		}{
			"good":               {fakeStorage{value: "https://a.example"}, "https://a.example", nil, 1, 1},
			"too long":           {fakeStorage{size: 21}, "", errTooLong, 1, 0},
			"longer than said":   {fakeStorage{size: 1, value: strings.Repeat("x", 21)}, "", errTooLong, 1, 1},
			"stat fails":         {fakeStorage{stat: down}, "", down, 1, 0},
			"load fails":         {fakeStorage{load: down}, "", down, 1, 1},
			"ends between calls": {fakeStorage{beforeLoad: cancel}, "", context.Canceled, 1, 0},
		} {
			s := tc.storage
			within := t.Context()
			if s.beforeLoad != nil {
				within = ctx
			}
			text, _, err := StorageReader(&s, "origins")(within, nil)
			if text != tc.text || !errors.Is(err, tc.problem) || s.stats != tc.stats || s.gets != tc.gets {
				t.Errorf("%s: got %q, %v, %d and %d calls", name, text, err, s.stats, s.gets)
			}
		}
		s := &fakeStorage{value: "https://a.example"}
		read := StorageReader(s, "origins")
		if _, _, err := read(ctx, nil); !errors.Is(err, context.Canceled) || s.stats > 0 {
			t.Errorf("after the end: %v, %d calls", err, s.stats)
		}
		_, tag, err := read(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(granularity + 1)
		if _, tag, err = read(t.Context(), tag); err != nil {
			t.Fatal(err)
		}
		if _, _, err := read(t.Context(), tag); !errors.Is(err, errNotModified) || s.gets != 2 {
			t.Errorf("unchanged: %v, loaded %d times", err, s.gets)
		}
	})
}

// TestStorageMissing: a storage that cannot be reached may say that the key does not
// exist, so the error names both, and keeps what the storage has said. Other errors
// are left alone.
func TestStorageMissing(t *testing.T) {
	const advice = "the key does not exist, or the storage cannot be reached; write a list under the key, or check the storage"
	for name, tc := range map[string]struct {
		storage fakeStorage
		want    string
	}{
		"stat":             {fakeStorage{stat: fs.ErrNotExist}, advice + " (file does not exist)"},
		"load":             {fakeStorage{load: fs.ErrNotExist}, advice + " (file does not exist)"},
		"a file":           {fakeStorage{stat: &fs.PathError{Op: "stat", Path: "/a", Err: fs.ErrNotExist}}, advice + " (stat /a: file does not exist)"},
		"another error":    {fakeStorage{stat: errors.New("refused")}, "refused"},
		"another, in load": {fakeStorage{load: fs.ErrPermission}, "permission denied"},
	} {
		_, _, err := StorageReader(&tc.storage, "origins")(t.Context(), nil)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}
