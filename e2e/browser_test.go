package e2e

import (
	"crypto/x509"
	"testing"

	"github.com/seed-56c1dbac/caddy-cors/e2e/internal/engine"
)

// browser is a browser to be tested.
type browser struct {
	*engine.Engine
	// complaints are what it says on the console, with %s for a name.
	complaints map[reason]string
}

var browsers = []browser{
	{engine.Chromium, chromiumComplaints},
	{engine.Firefox, firefoxComplaints},
	{engine.WebKit, webkitComplaints},
}

// session is a browser that runs, with one page.
type session struct{ *engine.Session }

func (b *browser) open(t *testing.T, url string, trust *x509.Certificate) *session {
	t.Helper()
	return &session{b.Open(t, url, trust)}
}
