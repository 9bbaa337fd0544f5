package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"
)

// Page is a page that a test controls.
type Page struct {
	t      *testing.T
	remote remote
}

// Look is what a user may have chosen in a browser.
type Look struct {
	Dark     bool // colors
	NoScript bool // no JavaScript on pages; Chromium only
}

// remote controls the page of a browser.
type remote interface {
	open(ctx context.Context, url string) error
	// evaluate returns the value of an expression that is a promise of a string.
	evaluate(ctx context.Context, promise string) (string, error)
	resize(ctx context.Context, width, height int) error
	screenshot(ctx context.Context) ([]byte, error)
}

// patience is how long a browser may take for anything.
const patience = time.Minute

// Control starts a browser whose page the test controls.
func (e *Engine) Control(t *testing.T, look Look) *Page {
	t.Helper()
	s := &Session{t: t, url: "about:blank", said: make(chan struct{}, 1)}
	r, err := e.control(s, e.Find(t), look)
	if err != nil {
		t.Fatal(err)
	}
	return &Page{t: t, remote: r}
}

// do fails the test if f does, or takes too long.
func (p *Page) do(f func(ctx context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := f(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// Open opens a page, and waits until it is loaded.
func (p *Page) Open(url string) {
	p.t.Helper()
	p.do(func(ctx context.Context) error { return p.remote.open(ctx, url) })
}

// Evaluate evaluates a JavaScript expression, waits for the value if that is a
// promise, and decodes the value into result.
func (p *Page) Evaluate(expression string, result any) {
	p.t.Helper()
	p.do(func(ctx context.Context) error {
		text, err := p.remote.evaluate(ctx, "(async () => JSON.stringify(await ("+expression+")) ?? 'null')()")
		if err != nil {
			return fmt.Errorf("%s: %w", expression, err)
		}
		if result == nil {
			return nil
		}
		return json.Unmarshal([]byte(text), result)
	})
}

// Resize gives the pages that are opened after it a size, in CSS pixels.
func (p *Page) Resize(width, height int) {
	p.t.Helper()
	p.do(func(ctx context.Context) error { return p.remote.resize(ctx, width, height) })
}

// Screenshot writes a picture of the page, in PNG.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	p.do(func(ctx context.Context) error {
		png, err := p.remote.screenshot(ctx)
		if err != nil {
			return err
		}
		return os.WriteFile(path, png, 0o600)
	})
}
