package caddycors

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// TestReadmeSyntax: the syntax of the README, that of UnmarshalCaddyfile, and the
// list of options name the subdirectives in one order.
func TestReadmeSyntax(t *testing.T) {
	names := func(text, pattern string) (list []string) {
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			list = append(list, match[1])
		}
		return list
	}
	syntaxOf := func(document, language string) (text string) {
		for _, b := range corstest.Blocks(t, document) {
			if b.Section == "Syntax" && b.Language == language {
				text += b.Text
			}
		}
		return text
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(readme), "\n### Options\n")
	options, _, _ = strings.Cut(options, "\n### ")
	source, err := os.ReadFile("caddyfile.go")
	if err != nil {
		t.Fatal(err)
	}
	for where, list := range map[string][]string{
		"README's syntax":  names(syntaxOf("README.md", ""), `(?m)^\t(\w+)`),
		"README's options": names(options, "(?m)^- `(\\w+)`: "),
		"doc comment":      names(string(source), `(?m)^//\t    (\w+)`),
	} {
		if !slices.Equal(list, subdirectiveNames()) {
			t.Errorf("%s: got %v, want %v", where, list, subdirectiveNames())
		}
	}
	matcher, err := os.ReadFile("matcher.go")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(syntaxOf("docs/matcher.md", "text syntax"), `(?m)^\t(\w+)`), names(string(matcher), `(?m)^//\t    (\w+)`); !slices.Equal(got, want) {
		t.Errorf("docs/matcher.md's syntax: got %v, want %v", got, want)
	}
	var fields []string
	handler := reflect.TypeFor[Handler]()
	for i := range handler.NumField() {
		if f := handler.Field(i); f.IsExported() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "dynamic_origins" {
				name = "dynamic" // repeated in a Caddyfile, a list in JSON
			}
			fields = append(fields, name)
		}
	}
	if !slices.Equal(fields, subdirectiveNames()) {
		t.Errorf("JSON has %v, Caddyfile has %v", fields, subdirectiveNames())
	}
}

// TestExampleOfSource: the example of a source works in a policy, and the
// documentation shows it as a program, with the type and its methods, not the last
// lines alone. It does so only for a file without tests.
func TestExampleOfSource(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "example_source_test.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	examples := doc.Examples(file)
	if len(examples) != 1 || examples[0].Name != "OriginSource" {
		t.Fatalf("examples %v, want that of OriginSource", examples)
	}
	if _, whole := examples[0].Code.(*ast.File); !whole {
		t.Error("the documentation shows the body of the example alone")
	}

	h := provision(t, "cors {\ndynamic regions eu us\nallow_credentials\n}")
	server := serve(t, h, func(http.ResponseWriter, *http.Request) error { return nil })
	for _, e := range []exchange{
		{header: fields("Origin: https://us.example.com"), want: fields("Access-Control-Allow-Origin: https://us.example.com", "Access-Control-Allow-Credentials: true", "Vary: Origin")},
		{header: fields("Origin: https://asia.example.com"), want: fields("Vary: Origin")},
	} {
		e.check(t, e.send(t, server))
	}
}
