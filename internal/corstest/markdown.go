package corstest

import (
	"os"
	"strings"
	"testing"
)

// Block is a fenced block of a Markdown document.
type Block struct {
	Section  string // the heading above it
	Language string
	Text     string
}

// Blocks returns the fenced blocks of a Markdown document.
func Blocks(t testing.TB, file string) []Block {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list []Block
	var open *Block
	section := ""
	for line := range strings.Lines(strings.ReplaceAll(string(content), "\r\n", "\n")) {
		fence, isFence := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "```")
		switch {
		case isFence && open == nil:
			open = &Block{Section: section, Language: fence}
		case isFence:
			list = append(list, *open)
			open = nil
		case open != nil:
			open.Text += line
		case strings.HasPrefix(line, "#"):
			section = strings.Trim(line, "# \n")
		}
	}
	return list
}
