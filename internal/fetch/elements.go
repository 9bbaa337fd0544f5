package fetch

import (
	"iter"
	"strings"
)

// Elements yields the elements of the lines of a list header, without the space
// around them. It leaves out empty ones (RFC 9110, section 5.6.1).
func Elements(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for element := range strings.SplitSeq(line, ",") {
				if element = strings.Trim(element, " \t"); element != "" && !yield(element) {
					return
				}
			}
		}
	}
}
