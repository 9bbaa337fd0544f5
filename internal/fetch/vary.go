package fetch

import "strings"

// MergeVary merges the field names that a response has to vary by into the lines
// of its Vary (RFC 9110, section 12.5.5). If all of them are there, and nothing
// stands twice, changed is false. Otherwise merged is one line with every element
// once, in the spelling and the order in which it came, and the missing ones at
// the end. Case does not matter. Elements that are no names are kept, empty ones
// are not.
//
// Lines with the element "*" are not changed: the response varies by everything
// already, and caches that know a lone "*" take "*, Origin" for a list of names,
// and store the response.
func MergeVary(lines, want []string) (merged string, changed bool) {
	n := len(want)
	for _, line := range lines {
		n += 1 + strings.Count(line, ",")
	}
	// A few elements are compared one by one, and need no memory but the stack.
	// Many are indexed, so that no upstream can make the work quadratic.
	var few [16]string
	elements := few[:0]
	var index map[string]bool
	if n > len(few) {
		index = make(map[string]bool, n)
	}
	isNew := func(element string) bool {
		if index != nil {
			key := strings.ToLower(element)
			known := index[key]
			index[key] = true
			return !known
		}
		for _, other := range elements {
			if strings.EqualFold(other, element) {
				return false
			}
		}
		return true
	}
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			switch element = strings.Trim(element, " \t"); {
			case element == "":
			case element == "*":
				return "", false
			case isNew(element):
				elements = append(elements, element)
			default:
				changed = true
			}
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
