//go:build ignore

// This program writes rules.txt: the rules of the public suffix list that
// golang.org/x/net/publicsuffix has, in the version of go.mod. That package can be
// asked about a name, but not for its rules.
package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	check(err)
	dir := filepath.Join(strings.TrimSpace(string(out)), "publicsuffix")
	table := read(dir, "table.go")
	constant := func(name string) uint64 {
		n, err := strconv.ParseUint(regexp.MustCompile(`(?m)^(?:const|\t)\s*` + name + `\s*= (\d+)$`).FindStringSubmatch(table)[1], 10, 64)
		check(err)
		return n
	}
	version := regexp.MustCompile(`const version = "(.*)"`).FindStringSubmatch(table)[1]
	text, nodes, children := read(dir, "data", "text"), read(dir, "data", "nodes"), read(dir, "data", "children")
	number := func(data string, i, size uint64) (n uint64) {
		for _, c := range []byte(data[i*size : (i+1)*size]) {
			n = n<<8 | uint64(c)
		}
		return n
	}
	// take cuts the lowest bits off.
	take := func(n *uint64, bits uint64) uint64 {
		low := *n & (1<<bits - 1)
		*n >>= bits
		return low
	}

	var rules []string
	var walk func(lo, hi uint64, parent string)
	walk = func(lo, hi uint64, parent string) {
		for i := lo; i < hi; i++ {
			n := number(nodes, i, 5)
			length := take(&n, constant("nodesBitsTextLength"))
			offset := take(&n, constant("nodesBitsTextOffset"))
			take(&n, constant("nodesBitsICANN"))
			c := number(children, take(&n, constant("nodesBitsChildren")), 4)
			name := text[offset:offset+length] + parent
			low, high := take(&c, constant("childrenBitsLo")), take(&c, constant("childrenBitsHi"))
			switch take(&c, constant("childrenBitsNodeType")) {
			case constant("nodeTypeNormal"):
				rules = append(rules, name)
			case constant("nodeTypeException"):
				rules = append(rules, "!"+name)
			}
			if take(&c, constant("childrenBitsWildcard")) != 0 {
				rules = append(rules, "*."+name)
			}
			walk(low, high, "."+name)
		}
	}
	walk(0, constant("numTLD"), "")
	slices.Sort(rules)
	header := fmt.Sprintf(`// %s
//
// This Source Code Form is subject to the terms of the Mozilla Public License,
// v. 2.0. If a copy of the MPL was not distributed with this file, You can obtain
// one at https://mozilla.org/MPL/2.0/.
//
// Written by gen.go. The comments of the list are left out.
`, version)
	check(os.WriteFile("rules.txt", []byte(header+strings.Join(rules, "\n")+"\n"), 0o644))
}

func read(elements ...string) string {
	content, err := os.ReadFile(filepath.Join(elements...))
	check(err)
	return string(content)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
