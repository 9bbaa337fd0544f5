package fetch

import "strings"

// MergeVary merges the field names that a response has to vary by into the lines
// of its Vary (RFC 9110, section 12.5.5). If all of them are there, and nothing
// stands twice, changed is false. Otherwise merged is one line with every element
// once, in the spelling and the order in which it came, and the missing ones at
// the end. Case does not matter. Elements that are no names are kept, empty ones
// are not; "*" is an element like others.
func MergeVary(lines, want []string) (merged string, changed bool) {
	if len(lines) == 1 && len(want) == 1 && strings.EqualFold(lines[0], want[0]) {
		return "", false
	}
	seen := make(map[string]bool)
	var elements []string
	repeated := false
	add := func(element string) {
		key := strings.ToLower(element)
		if seen[key] {
			repeated = true
			return
		}
		seen[key] = true
		elements = append(elements, element)
	}
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if element = strings.Trim(element, " \t"); element != "" {
				add(element)
			}
		}
	}
	changed = repeated
	for _, name := range want {
		if !seen[strings.ToLower(name)] {
			changed = true
			add(name)
		}
	}
	if !changed {
		return "", false
	}
	return strings.Join(elements, ", "), true
}
