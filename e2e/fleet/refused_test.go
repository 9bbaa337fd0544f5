package fleet

import (
	"archive/tar"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

const unreachable = "storage origins: the key does not exist, or the storage cannot be reached; write a list under the key, or check the storage"

// bad are ways to spoil the list, and what is said then.
var bad = map[string]struct {
	spoil func(*redis, *member)
	want  string
}{
	"bad line": {
		func(_ *redis, m *member) { m.put("https://a.example\nsecret-entry\n") },
		"storage origins: line 2 is not a valid entry of a list",
	},
	"raw SET": { // as if the storage had no format of its own
		func(r *redis, _ *member) { r.do("OK", "SET", "caddy/"+key, "https://c.example") },
		"storage origins: Unable to unmarshal value for cors/origins: invalid character 'h'",
	},
	"missing key": {
		func(r *redis, _ *member) { r.do("1", "DEL", "caddy/"+key) },
		unreachable + " (file does not exist)",
	},
	"key that cannot be read": { // the storage says the same of it
		func(r *redis, _ *member) { r.do("OK", "ACL", "SETUSER", "default", "-get") },
		unreachable + " (file does not exist)",
	},
}

// TestBadList: every member refuses a bad list, says why, and keeps the previous
// one, also across a reload. The next good one takes effect.
func TestBadList(t *testing.T) {
	t.Parallel()
	r, fleet := startFleet(t, "https://a.example\nhttps://b.example\n")
	tr := startTraffic(t, fleet, "https://a.example", "https://evil.example")
	ways := map[string]struct {
		spoil func(*redis, *member)
		want  string
	}{
		"empty": {
			func(_ *redis, m *member) { m.put("") },
			"storage origins: the list is empty now, but was not before; if that is intended, write a comment such as # none",
		},
	}
	for name, way := range bad {
		ways[name] = way
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			way.spoil(r, fleet[0])
			fails(t, fleet, way.want)
			for _, m := range fleet {
				m.reload()
				if got, s := m.allowed(), m.status(); got != "ab" || s.Origins != 2 {
					t.Errorf("allowed: %q, %+v", got, s)
				}
			}
			r.do("OK", "ACL", "SETUSER", "default", "+get")
			fleet[0].put("https://a.example\nhttps://c.example\n")
			all(t, fleet, "good list", func(m *member) bool { return m.allowed() == "ac" })
			recovers(t, fleet)
			fleet[1].put("https://a.example\nhttps://b.example\n")
			all(t, fleet, "previous list", func(m *member) bool { return m.allowed() == "ab" })
		})
	}
	tr.end(t)
	for _, m := range fleet {
		if strings.Contains(m.log.String(), "secret-entry") {
			t.Error("the log quotes the list")
		}
	}
}

// TestFolder: an archive with the folder of the list spoils the key of the folder.
// The remedy of the page helps.
func TestFolder(t *testing.T) {
	t.Parallel()
	r := startRedis(t)
	m := newMember(t, r, "")
	folder := &tar.Header{Name: path.Dir(key) + "/", Typeflag: tar.TypeDir, Mode: 0o700}
	if said, err := m.importing(folder, ""); err != nil {
		t.Fatal(said, err)
	}
	list := &tar.Header{Name: key, Mode: 0o600}
	if said, err := m.importing(list, ""); err == nil || !strings.Contains(said, "WRONGTYPE Operation against a key") {
		t.Errorf("got %v, %s", err, said)
	}
	r.do("1", "DEL", "caddy/"+path.Dir(key))
	m.put("https://a.example\n")
	m.start()
	if got := m.allowed(); got != "a" {
		t.Errorf("allowed: %q", got)
	}
}

// TestStart: without a good list Caddy does not start, and says why within a bounded
// time.
func TestStart(t *testing.T) {
	t.Parallel()
	ways := map[string]struct {
		spoil func(*redis, *member)
		want  string
	}{
		"down":   {func(r *redis, _ *member) { r.kill() }, "provision caddy.storage.redis: dial tcp 127.0.0.1:"},
		"frozen": {func(r *redis, _ *member) { r.freeze() }, "provision caddy.storage.redis: i/o timeout"},
	}
	for name, way := range bad {
		ways[name] = way
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			r := startRedis(t)
			m := newMember(t, r, "timeout 1")
			m.put("https://a.example\n")
			way.spoil(r, m)
			begin := time.Now()
			said := m.run()
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("refused after %s", took)
			}
			if !strings.Contains(said, way.want) || strings.Contains(said, "secret-entry") {
				t.Errorf("got %s\nwant %s", said, way.want)
			}
		})
	}
}

// TestHangs: a storage that hangs once its client is connected does not hold up a
// reload for ever. If the storage itself does not give up, the list does.
func TestHangs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		timeout string // of the storage
		want    string
		within  time.Duration
	}{
		"the storage gives up": {"timeout 1", unreachable, 15 * time.Second},
		"the list gives up":    {"timeout 300", "storage origins: reading the list takes too long; check whether the place where it is kept responds", 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRedis(t)
			m := newMember(t, r, tc.timeout)
			m.put("https://a.example\n")
			m.start()
			tr := startTraffic(t, []*member{m}, "https://a.example", "https://evil.example")
			m.replace(r.port, r.holdBack("get"))
			m.refuses(tc.want, tc.within)
			if got := m.allowed(); got != "a" {
				t.Errorf("allowed: %q", got)
			}
			tr.end(t)
			corstest.Eventually(t, "good list", func() bool { return m.status().State == "ok" })
		})
	}
}
