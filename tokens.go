package caddycors

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

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
		if name == "*" || strings.Contains(name, "://") { // also a line of a variable that has several
			return d.Errf("%s: unknown subdirective %q; write allow_origins %[2]s", directive, name)
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
// may hold several, separated by commas or, in quotation marks, by spaces or line
// breaks, since a variable often does. A placeholder may have spaces in it.
func unmarshalOrigins(d *caddyfile.Dispenser, at *places, list *[]string) {
	for d.NextArg() {
		elements := []string{d.Val()}
		if strings.Contains(d.Val(), ",") || !strings.Contains(d.Val(), "{") && strings.ContainsAny(d.Val(), " \t\r\n") {
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
	tokens   map[place]caddyfile.Token // they have file, line and chain of imports
	problems []string
}

// note notes that the current token is an entry of an option.
func (p *places) note(d *caddyfile.Dispenser, option, entry string) {
	if p.tokens == nil {
		p.tokens = make(map[place]caddyfile.Token)
	}
	if _, ok := p.tokens[place{option, entry}]; !ok {
		p.tokens[place{option, entry}] = d.Token()
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
		token, ok := p.tokens[place{problem.Option, problem.Entry}]
		if !ok {
			token = p.tokens[place{}]
		}
		d := caddyfile.NewDispenser([]caddyfile.Token{token})
		d.Next()
		lines = append(lines, d.WrapErr(errors.New(problem.Text)).Error())
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

// unmarshalOptions parses the tokens of a source: its name, one argument and a
// block of options. what names the argument, and example is one. Only header_up
// may be repeated.
func unmarshalOptions(d *caddyfile.Dispenser, what, example string, argument *string, options map[string]func() error) error {
	d.Next() // consume source name
	name := d.Val()
	if !d.NextArg() {
		return d.Errf("%s: needs %s; write it after %[1]s, as in dynamic %[1]s %[3]s", name, what, example)
	}
	*argument = d.Val()
	if d.NextArg() {
		return d.Errf("%s: takes one argument, %s, but %q follows; write options in a block", name, what, d.Val())
	}
	seen := make(map[string]bool)
	for d.NextBlock(0) {
		option := d.Val()
		unmarshal, ok := options[option]
		if !ok {
			return d.Errf("%s: unknown option %q; write one of %s", name, option, strings.Join(slices.Sorted(maps.Keys(options)), ", "))
		}
		if seen[option] && option != "header_up" {
			return d.Errf("%s: is specified more than once; write it once", option)
		}
		seen[option] = true
		if err := unmarshal(); err != nil {
			return err
		}
	}
	return nil
}

// unmarshalDuration parses the one argument of an option, a positive duration.
func unmarshalDuration(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	option := d.Val()
	if err := unmarshalDurationOrZero(d, duration); err != nil {
		return err
	}
	if *duration == 0 {
		return d.Errf("%s %q: must be a positive duration, such as 30s", option, d.Val())
	}
	return nil
}

// unmarshalDurationOrZero parses the one argument of an option, a duration that is
// not negative.
func unmarshalDurationOrZero(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	option := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return d.Errf("%s: takes one duration, such as 30s", option)
	}
	parsed, err := caddy.ParseDuration(value)
	if err != nil || parsed < 0 {
		if _, err := strconv.ParseUint(value, 10, 32); err == nil {
			return d.Errf("%s %q: has no unit; write %ss", option, value, value)
		}
		return d.Errf("%s %q: is not a valid duration; write one such as 30s", option, value)
	}
	*duration = caddy.Duration(parsed)
	return nil
}

// unmarshalNumber parses the one argument of an option, a positive number.
func unmarshalNumber(d *caddyfile.Dispenser, number *int, example int) error {
	option := d.Val()
	var value string
	if !d.AllArgs(&value) {
		return d.Errf("%s: takes one number, such as %d", option, example)
	}
	n, err := strconv.Atoi(value)
	if err != nil || n <= 0 {
		return d.Errf("%s %q: must be a positive number, such as %d", option, value, example)
	}
	*number = n
	return nil
}

// siteBlocks says what the blocks of a site, which have numbers, hold.
type siteBlocks struct {
	segments reflect.Value      // kept, so that no other site has its tokens at their address
	of       map[tokenPlace]int // the block of each cors
	catching map[int]bool       // whether a cors of the block applies to all requests
}

// othersCatchTheRest reports whether another cors of the block of the one in a line
// applies to all requests: it then sets Vary where the first does not match. If the
// tokens of the site are not known, there is a warning too many.
func (s *siteBlocks) othersCatchTheRest(file string, line int) bool {
	if s == nil {
		return false
	}
	block, ok := s.of[tokenPlace{file, int64(line)}]
	return ok && s.catching[block]
}

// blocksOf returns what the site of a directive holds, or nil. It reads each site once,
// at the first cors that has a matcher: a site may have thousands.
func blocksOf(h httpcaddyfile.Helper) *siteBlocks {
	segments := segmentsOf(h)
	if !segments.IsValid() || h.State == nil {
		return nil
	}
	const name = "http.handlers.cors.blocks"
	sites, ok := h.State[name].(map[uintptr]*siteBlocks)
	if !ok {
		sites = make(map[uintptr]*siteBlocks)
		h.State[name] = sites
	}
	site := sites[segments.Pointer()]
	if site == nil {
		site = readBlocks(segments)
		sites[segments.Pointer()] = site
	}
	return site
}

// namesMatcher reports whether an argument is a matcher that does not match all
// requests.
func namesMatcher(arg string) bool {
	return strings.HasPrefix(arg, "@") || strings.HasPrefix(arg, "/")
}

func readBlocks(segments reflect.Value) *siteBlocks {
	site := &siteBlocks{segments, make(map[tokenPlace]int), make(map[int]bool)}
	blocks, opened := []int{0}, 0 // the open blocks, and how many have been opened
	for i := range segments.Len() {
		tokens, before := segments.Index(i), tokenPlace{}
		for j := range tokens.Len() {
			text, at := tokenAt(tokens, j)
			begins := at != before
			before = at
			block := blocks[len(blocks)-1]
			switch {
			case text == "{":
				opened++
				blocks = append(blocks, opened)
			case text == "}" && len(blocks) > 1:
				blocks = blocks[:len(blocks)-1]
			case text == "cors" && begins:
				site.of[at] = block
				next, nextAt := "", tokenPlace{}
				if j+1 < tokens.Len() {
					next, nextAt = tokenAt(tokens, j+1)
				}
				if nextAt != at || !namesMatcher(next) {
					site.catching[block] = true
				}
			}
		}
	}
	return site
}

type tokenPlace struct {
	file string
	line int64
}

// tokenAt returns the text of a token, and where it is.
func tokenAt(tokens reflect.Value, i int) (text string, at tokenPlace) {
	token := tokens.Index(i)
	return token.FieldByName("Text").String(), tokenPlace{token.FieldByName("File").String(), token.FieldByName("Line").Int()}
}

// segmentsOf returns the tokens of the site that a directive is in: the directive sees
// only its own, but Caddy's helper has them. It returns the zero Value where this
// version of Caddy keeps them elsewhere.
func segmentsOf(h httpcaddyfile.Helper) reflect.Value {
	segments := reflect.ValueOf(h).FieldByName("parentBlock")
	if segments.Kind() == reflect.Struct {
		segments = segments.FieldByName("Segments")
	}
	if segments.Kind() != reflect.Slice {
		return reflect.Value{}
	}
	return segments
}
