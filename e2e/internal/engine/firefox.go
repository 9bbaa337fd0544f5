package engine

import (
	"context"
	"crypto/x509"
	"errors"
	"regexp"

	"github.com/coder/websocket"
)

// firefoxPreferences spare what no page needs, to be ready sooner.
const firefoxPreferences = `
user_pref("browser.startup.page", 0);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.backup.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("extensions.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("dom.ipc.processPrelaunch.enabled", false);
`

func firefoxArgs(profile, _ string, _ *x509.Certificate) []string {
	return []string{"--headless", "--no-remote", "--profile", profile, "--remote-debugging-port=0"}
}

// firefoxReady matches what Firefox says when it can be told what to do.
var firefoxReady = regexp.MustCompile(`^WebDriver BiDi listening on (ws://\S+)`)

func firefoxLine(s *Session, line string) {
	if m := firefoxReady.FindStringSubmatch(line); m != nil {
		go drive(s, m[1]+"/session")
	}
	s.note(line)
}

func controlFirefox(s *Session, path string, look Look) (remote, error) {
	preferences := firefoxPreferences + "user_pref(\"layout.css.prefers-color-scheme.content-override\", 1);\n"
	if look.Dark {
		preferences = firefoxPreferences + "user_pref(\"layout.css.prefers-color-scheme.content-override\", 0);\n"
	}
	if look.NoScript {
		return nil, errors.New("firefox evaluates nothing without JavaScript")
	}
	profile := newProfile(s.t, "firefox", preferences)
	ready := make(chan string, 1)
	s.start(path, firefoxArgs(profile, "", nil), []string{"HOME=" + profile}, func(line string) {
		if m := firefoxReady.FindStringSubmatch(line); m != nil {
			ready <- m[1] + "/session"
		}
		s.note(line)
	})
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var url string
	select {
	case url = <-ready:
	case <-ctx.Done():
		return nil, errors.New("firefox cannot be told what to do")
	}
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(-1)
	b := &bidi{session: s, conn: conn}
	return b, b.start(ctx)
}

func (b *bidi) open(ctx context.Context, url string) error {
	return b.command(ctx, "browsingContext.navigate", object{"context": b.context, "url": url, "wait": "complete"}, nil)
}

func (b *bidi) evaluate(ctx context.Context, promise string) (string, error) {
	var evaluated evaluation
	err := b.command(ctx, "script.evaluate", object{"expression": promise, "target": object{"context": b.context}, "awaitPromise": true}, &evaluated)
	if err != nil {
		return "", err
	}
	return evaluated.text()
}

func (b *bidi) resize(ctx context.Context, width, height int) error {
	return b.command(ctx, "browsingContext.setViewport", object{"context": b.context, "viewport": object{"width": width, "height": height}}, nil)
}

func (b *bidi) screenshot(ctx context.Context) ([]byte, error) {
	var shot struct {
		Data []byte `json:"data"`
	}
	err := b.command(ctx, "browsingContext.captureScreenshot", object{"context": b.context}, &shot)
	return shot.Data, err
}
