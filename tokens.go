package caddycors

import (
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// subdirective is a word that may begin a line of a block.
type subdirective struct {
	name      string
	repeats   repetition
	unmarshal func() error // parses the rest of the line
}

// repetition says how often a subdirective may be written.
type repetition bool

const (
	once       repetition = false
	repeatable repetition = true
)

// unmarshalBlock parses the block of a directive, if there is one. nearest returns
// the word that was probably meant by an unknown one, or "".
func unmarshalBlock(d *caddyfile.Dispenser, directive string, table []subdirective, nearest func(string) string) error {
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		name := d.Val()
		i := slices.IndexFunc(table, func(s subdirective) bool { return s.name == name })
		switch {
		case i >= 0 && seen[name] && table[i].repeats == once:
			return d.Errf("%s: is specified more than once; write it once", name)
		case i >= 0:
			seen[name] = true
			if err := table[i].unmarshal(); err != nil {
				return err
			}
			continue
		case name == "{":
			return d.Errf("%s: a block follows a subdirective that does not take one; write its values on its line", directive)
		}
		if suggestion := nearest(name); suggestion != "" {
			return d.Errf("%s: unknown subdirective %q; write %s", directive, name, suggestion)
		}
		var names []string
		for _, s := range table {
			names = append(names, s.name)
		}
		return d.Errf("%s: unknown subdirective %q; write one of %s", directive, name, strings.Join(names, ", "))
	}
	return nil
}

// unmarshalList parses the values of a subdirective that takes at least one.
func unmarshalList(d *caddyfile.Dispenser, values *[]string) error {
	name, args := d.Val(), d.RemainingArgs()
	if len(args) == 0 {
		return d.Errf("%s: has no values; write at least one", name)
	}
	*values = append(*values, args...)
	return nil
}

// unmarshalFlag parses a subdirective that does not take a value.
func unmarshalFlag(d *caddyfile.Dispenser, value *bool) error {
	name := d.Val()
	if d.NextArg() {
		return d.Errf("%s: does not take a value, but %q follows; write it alone, or leave it out", name, d.Val())
	}
	*value = true
	return nil
}
