package engine

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

// bidi is a connection by WebDriver BiDi (https://w3c.github.io/webdriver-bidi/),
// as far as it takes to open a page and to hear what is said on the console.
type bidi struct {
	session *Session
	conn    *websocket.Conn
	id      int
	context string // of the page
}

// message is a message from the browser: the answer to a command, or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
	Text   string          `json:"message"`
}

type object = map[string]any

// drive opens the session's page, and listens until the browser is gone.
func drive(s *Session, url string) {
	ctx := s.t.Context()
	conn, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		s.note(err.Error())
		return
	}
	defer conn.CloseNow() //nolint:errcheck // the browser is gone
	conn.SetReadLimit(-1)
	b := &bidi{session: s, conn: conn}
	if err := b.start(ctx); err != nil {
		s.note(err.Error())
		return
	}
	for {
		if _, err := b.next(ctx); err != nil {
			return
		}
	}
}

// start opens the page of the session.
func (b *bidi) start(ctx context.Context) error {
	var tree struct {
		Contexts []struct {
			Context string `json:"context"`
		} `json:"contexts"`
	}
	trust := object{"acceptInsecureCerts": b.session.trust != nil}
	for _, c := range []struct {
		method string
		params object
		result any
	}{
		{"session.new", object{"capabilities": object{"alwaysMatch": trust}}, nil},
		{"session.subscribe", object{"events": []string{"log.entryAdded"}}, nil},
		{"browsingContext.getTree", object{}, &tree},
	} {
		if err := b.command(ctx, c.method, c.params, c.result); err != nil {
			return err
		}
	}
	b.context = tree.Contexts[0].Context
	return b.command(ctx, "browsingContext.navigate", object{
		"context": b.context, "url": b.session.url, "wait": "none",
	}, nil)
}

// command sends a command and waits for the answer.
func (b *bidi) command(ctx context.Context, method string, params object, result any) error {
	b.id++
	if err := wsjson.Write(ctx, b.conn, object{"id": b.id, "method": method, "params": params}); err != nil {
		return err
	}
	for {
		m, err := b.next(ctx)
		switch {
		case err != nil:
			return err
		case m.ID != b.id:
		case m.Error != "":
			return fmt.Errorf("%s: %s: %s", method, m.Error, m.Text)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		default:
			return nil
		}
	}
}

// next reads a message, and takes it if it is one on the console.
func (b *bidi) next(ctx context.Context) (*message, error) {
	m := new(message)
	if err := wsjson.Read(ctx, b.conn, m); err != nil {
		return nil, err
	}
	if m.Method == "log.entryAdded" {
		var entry struct {
			Text string `json:"text"`
		}
		if err := json.Unmarshal(m.Params, &entry); err != nil {
			return nil, err
		}
		b.session.say(entry.Text)
	}
	return m, nil
}
