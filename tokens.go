package caddycors

import (
	"errors"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
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
func unmarshalBlock(d *caddyfile.Dispenser, directive string, at *places, table []subdirective, nearest func(string) string) error {
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		name := d.Val()
		i := slices.IndexFunc(table, func(s subdirective) bool { return s.name == name })
		switch {
		case i >= 0 && seen[name] && table[i].repeats == once:
			return d.Errf("%s: is specified more than once; write it once", name)
		case i >= 0:
			seen[name] = true
			at.note(d, name, "")
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
func unmarshalList(d *caddyfile.Dispenser, at *places, values *[]string) error {
	name := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: has no values; write at least one", name)
	}
	for ok := true; ok; ok = d.NextArg() {
		at.note(d, name, d.Val())
		*values = append(*values, d.Val())
	}
	return nil
}

// unmarshalOrigins parses the remaining arguments, which are origins. An argument
// may hold several, separated by commas, since a variable often does.
func unmarshalOrigins(d *caddyfile.Dispenser, at *places, list *[]string) {
	for d.NextArg() {
		elements := []string{d.Val()}
		if strings.ContainsRune(d.Val(), ',') {
			elements = policy.SplitOrigins(d.Val())
		}
		for _, origin := range elements {
			at.note(d, "allow_origins", origin)
			*list = append(*list, origin)
		}
	}
}

// place is where something is in a Caddyfile: an entry of an option, the option
// itself, or, if both are "", the directive.
type place struct{ option, entry string }

// places has where in a Caddyfile the entries of a directive are, and what is wrong
// with their values.
type places struct {
	suffixes map[place]string // of messages: file, line and chain of imports
	problems []string
}

// note notes that the current token is an entry of an option.
func (p *places) note(d *caddyfile.Dispenser, option, entry string) {
	if p.suffixes == nil {
		p.suffixes = make(map[place]string)
	}
	if _, ok := p.suffixes[place{option, entry}]; !ok {
		p.suffixes[place{option, entry}] = d.WrapErr(errors.New("")).Error()
	}
}

// problem notes a problem of the current token that does not keep the rest of the
// directive from being parsed.
func (p *places) problem(d *caddyfile.Dispenser, format string, args ...any) {
	p.problems = append(p.problems, d.Errf(format, args...).Error())
}

// err returns all problems as one error, one a line, each with its place. judged
// are those that the policy has found.
func (p *places) err(judged *policy.Messages) error {
	lines := p.problems
	for problem := range judged.All() {
		suffix, ok := p.suffixes[place{problem.Option, problem.Entry}]
		if !ok {
			suffix = p.suffixes[place{}]
		}
		lines = append(lines, problem.Text+suffix)
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
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
