package fetch

import "strings"

// MergeVary adds the names in want to the lines of a response's Vary header (RFC 9110,
// section 12.5.5). If the lines have all of them and no name twice, changed is false and
// merged is empty. Otherwise merged is a single line with every element once: the
// existing ones in their spelling and order, then the missing ones. The case of ASCII
// letters does not matter. Elements that are not valid names are kept, and empty ones are removed.
//
// Lines with the element * are not changed: the response varies by everything already.
// Caches that know a lone * read "*, Origin" as a list of names, and store the response.
func MergeVary(lines, want []string) (merged string, changed bool) {
	n := len(want)
	for _, line := range lines {
		n += 1 + strings.Count(line, ",")
	}
	// A few elements are compared one by one, on the stack. Many are indexed, so that
	// no upstream can make the work quadratic.
	var few [16]string
	elements := few[:0]
	var index map[string]bool
	if n > len(few) {
		index = make(map[string]bool, n)
	}
	isNew := func(element string) bool {
		if index != nil {
			key := lower(element)
			known := index[key]
			index[key] = true
			return !known
		}
		for _, other := range elements {
			if equal(other, element) {
				return false
			}
		}
		return true
	}
	for element := range Elements(lines) {
		switch {
		case element == "*":
			return "", false
		case isNew(element):
			elements = append(elements, element)
		default:
			changed = true
		}
	}
	for _, name := range want {
		if isNew(name) {
			elements = append(elements, name)
			changed = true
		}
	}
	if !changed {
		return "", false
	}
	return strings.Join(elements, ", "), true
}
