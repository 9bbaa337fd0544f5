package engine

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

func chromiumArgs(profile, url string, trust *x509.Certificate) []string {
	args := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--enable-logging=stderr", "--v=0", "--user-data-dir=" + profile, "--remote-debugging-port=0",
	}
	if trust != nil {
		sum := sha256.Sum256(trust.RawSubjectPublicKeyInfo)
		args = append(args, "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(sum[:]))
	}
	return append(args, url)
}

// chromiumConsole matches what Chromium logs of a message on the console.
var chromiumConsole = regexp.MustCompile(`:CONSOLE\W\d+\W.*? "(.*)", source: `)

func chromiumLine(s *Session, line string) {
	if m := chromiumConsole.FindStringSubmatch(line); m != nil {
		s.say(m[1])
	} else {
		s.note(line)
	}
}

// cdp controls a page of Chromium (https://chromedevtools.github.io/devtools-protocol/).
type cdp struct {
	conn *websocket.Conn
	id   int
}

// chromiumReady matches what Chromium says when it can be told what to do.
var chromiumReady = regexp.MustCompile(`^DevTools listening on ws://([^/]+)/`)

func controlChromium(s *Session, path string, look Look) (remote, error) {
	profile := newProfile(s.t, "chromium", "")
	ready := make(chan string, 1)
	s.start(path, chromiumArgs(profile, s.url, nil), []string{"HOME=" + profile}, func(line string) {
		if m := chromiumReady.FindStringSubmatch(line); m != nil {
			ready <- m[1]
		}
		s.note(line)
	})
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var host string
	select {
	case host = <-ready:
	case <-ctx.Done():
		return nil, errors.New("chromium cannot be told what to do")
	}
	url, err := chromiumPage(ctx, host)
	if err != nil {
		return nil, err
	}
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(-1)
	c := &cdp{conn: conn}
	scheme := "light"
	if look.Dark {
		scheme = "dark"
	}
	for _, command := range []struct {
		method string
		params object
	}{
		{"Page.enable", object{}},
		{"Page.setLifecycleEventsEnabled", object{"enabled": true}},
		{"Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Emulation.setScriptExecutionDisabled", object{"value": look.NoScript}},
	} {
		if err := c.command(ctx, command.method, command.params, nil); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// chromiumPage returns where the only page is controlled.
func chromiumPage(ctx context.Context, host string) (string, error) {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/json/list", nil)
		if err != nil {
			return "", err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		var targets []struct {
			Type string `json:"type"`
			URL  string `json:"webSocketDebuggerUrl"`
		}
		err = json.NewDecoder(res.Body).Decode(&targets)
		res.Body.Close()
		if err != nil {
			return "", err
		}
		for _, target := range targets {
			if target.Type == "page" {
				return target.URL, nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// command sends a command and waits for the answer.
func (c *cdp) command(ctx context.Context, method string, params object, result any) error {
	c.id++
	if err := wsjson.Write(ctx, c.conn, object{"id": c.id, "method": method, "params": params}); err != nil {
		return err
	}
	for {
		var m struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := wsjson.Read(ctx, c.conn, &m); err != nil {
			return err
		}
		switch {
		case m.ID != c.id:
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		default:
			return nil
		}
	}
}

func (c *cdp) open(ctx context.Context, url string) error {
	var navigated struct {
		Loader string `json:"loaderId"`
		Error  string `json:"errorText"`
	}
	if err := c.command(ctx, "Page.navigate", object{"url": url}, &navigated); err != nil {
		return err
	}
	if navigated.Error != "" {
		return fmt.Errorf("%s: %s", url, navigated.Error)
	}
	for {
		var m struct {
			Method string `json:"method"`
			Params struct {
				Name   string `json:"name"`
				Loader string `json:"loaderId"`
			} `json:"params"`
		}
		if err := wsjson.Read(ctx, c.conn, &m); err != nil {
			return err
		}
		if m.Method == "Page.lifecycleEvent" && m.Params.Name == "load" && m.Params.Loader == navigated.Loader {
			return nil
		}
	}
}

func (c *cdp) evaluate(ctx context.Context, promise string) (string, error) {
	var evaluated evaluation
	err := c.command(ctx, "Runtime.evaluate", object{"expression": promise, "awaitPromise": true, "returnByValue": true}, &evaluated)
	if err != nil {
		return "", err
	}
	return evaluated.text()
}

func (c *cdp) resize(ctx context.Context, width, height int) error {
	return c.command(ctx, "Emulation.setDeviceMetricsOverride", object{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
}

func (c *cdp) screenshot(ctx context.Context) ([]byte, error) {
	var shot struct {
		Data []byte `json:"data"`
	}
	err := c.command(ctx, "Page.captureScreenshot", object{}, &shot)
	return shot.Data, err
}
