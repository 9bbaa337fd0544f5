package engine

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-56c1dbac/caddy-cors/internal/corstest"
)

// miniBrowser is the browser that comes with WebKitGTK's WebDriver.
const miniBrowser = "/usr/lib/*/webkit2gtk-4.1/MiniBrowser"

func webkitArgs(_, url string, trust *x509.Certificate) []string {
	// A private window would keep its console to itself.
	args := []string{"--enable-write-console-messages-to-stdout=true"}
	if trust != nil {
		args = append(args, "--ignore-tls-errors")
	}
	return append(args, url)
}

// webkitEnv starts a display, which MiniBrowser does not run without.
func webkitEnv(t *testing.T) []string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var log strings.Builder
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1200x900x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	cmd.Stderr = &log
	cmd.SysProcAttr = killed
	err = cmd.Start()
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// Xvfb says which display was free when it can be used, or ends.
	display, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("Xvfb: %v\n%s", err, log.String())
	}
	return []string{"DISPLAY=:" + strings.TrimSpace(display), "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS=1"}
}

// webkitConsole matches what MiniBrowser writes of a message on the console: its
// source and its text.
var webkitConsole = regexp.MustCompile(`^(?:\S+:\d+:\d+: )?CONSOLE (\w+) \w+ (.*)$`)

// webkitLine takes what WebKit says. It first says why, and then of what: "Fetch
// API cannot load URL due to access control checks."
func webkitLine(s *Session, line string) {
	m := webkitConsole.FindStringSubmatch(line)
	if m == nil {
		s.note(line)
		return
	}
	source, text := m[1], m[2]
	names := strings.HasSuffix(text, " due to access control checks.")
	if names && s.reasoned {
		s.add(text)
	} else {
		s.say(text)
	}
	s.reasoned = source == "SECURITY" && !names
}

// webDriver controls a page by WebDriver (https://www.w3.org/TR/webdriver2/).
type webDriver struct {
	session       string // its URL
	width, height int
}

func controlWebKit(s *Session, path string, look Look) (remote, error) {
	if look.NoScript {
		return nil, errors.New("webkit evaluates nothing without JavaScript")
	}
	_, port, _ := strings.Cut(corstest.FreePort(s.t), ":")
	theme := "Adwaita"
	if look.Dark {
		theme += ":dark"
	}
	env := append(webkitEnv(s.t), "HOME="+newProfile(s.t, "webkit", ""), "GTK_THEME="+theme)
	s.start("WebKitWebDriver", []string{"--port=" + port}, env, s.note)
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	address := net.JoinHostPort("127.0.0.1", port)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
	var created struct {
		ID string `json:"sessionId"`
	}
	w := &webDriver{session: "http://" + address + "/session"}
	options := object{"webkitgtk:browserOptions": object{"binary": path, "args": []string{"--automation"}}}
	if err := w.command(ctx, "", object{"capabilities": object{"alwaysMatch": options}}, &created); err != nil {
		return nil, err
	}
	w.session += "/" + created.ID
	return w, nil
}

// command sends a command and waits for the answer. A command without params is
// a question.
func (w *webDriver) command(ctx context.Context, name string, params object, result any) error {
	method, body := http.MethodGet, new(bytes.Buffer)
	if params != nil {
		method = http.MethodPost
		if err := json.NewEncoder(body).Encode(params); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, w.session+name, body)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var answer struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", name, answer.Value)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Value, result)
}

// open puts the page into a frame of itself where the window cannot be as narrow
// as the page is to be.
func (w *webDriver) open(ctx context.Context, url string) error {
	if err := w.command(ctx, "/url", object{"url": url}, nil); err != nil || w.width == 0 {
		return err
	}
	width, err := w.evaluate(ctx, "Promise.resolve(String(innerWidth))")
	if err != nil || width == strconv.Itoa(w.width) {
		return err
	}
	const frame = `new Promise(resolve => {
		const frame = document.createElement("iframe");
		frame.width = %d;
		frame.height = %d;
		frame.style.border = "none";
		frame.onload = () => resolve("");
		frame.src = location;
		document.body.style = "margin: 0; padding: 0; max-width: none";
		document.body.replaceChildren(frame);
	})`
	if _, err := w.evaluate(ctx, fmt.Sprintf(frame, w.width, w.height)); err != nil {
		return err
	}
	return w.command(ctx, "/frame", object{"id": 0}, nil)
}

func (w *webDriver) evaluate(ctx context.Context, promise string) (string, error) {
	var answer struct{ Text, Error string }
	script := "const done = arguments[0]; " + promise + ".then(text => done({text}), error => done({error: String(error)}))"
	if err := w.command(ctx, "/execute/async", object{"script": script, "args": []any{}}, &answer); err != nil {
		return "", err
	}
	if answer.Error != "" {
		return "", errors.New(answer.Error)
	}
	return answer.Text, nil
}

func (w *webDriver) resize(ctx context.Context, width, height int) error {
	w.width, w.height = width, height
	return w.command(ctx, "/window/rect", object{"width": width, "height": height}, nil)
}

func (w *webDriver) screenshot(ctx context.Context) ([]byte, error) {
	var png []byte
	err := w.command(ctx, "/screenshot", nil, &png)
	return png, err
}
