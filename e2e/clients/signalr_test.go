package clients

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// hub is a hub of SignalR that echoes, as far as its client's protocol goes:
// https://github.com/dotnet/aspnetcore/tree/main/src/SignalR/docs/specs
type hub struct {
	mu          sync.Mutex
	connections map[string]*connection // by token
}

// connection is a client's connection.
type connection struct {
	id     string
	polled bool
	out    chan string
	ended  chan struct{}
}

func newHub() *hub { return &hub{connections: make(map[string]*connection)} }

func (h *hub) register(mux *http.ServeMux) {
	mux.HandleFunc("POST /hub/negotiate", h.negotiate)
	mux.HandleFunc("GET /hub/connections", h.state)
	mux.HandleFunc("GET /hub", h.receive)
	mux.HandleFunc("POST /hub", h.send)
	mux.HandleFunc("DELETE /hub", h.end)
}

func (h *hub) negotiate(w http.ResponseWriter, _ *http.Request) {
	c := &connection{id: rand.Text(), out: make(chan string, 10), ended: make(chan struct{})}
	token := rand.Text()
	h.mu.Lock()
	h.connections[token] = c
	h.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	type transport struct {
		Transport       string   `json:"transport"`
		TransferFormats []string `json:"transferFormats"`
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"negotiateVersion": 1, "connectionId": c.id, "connectionToken": token,
		"availableTransports": []transport{{"WebSockets", []string{"Text"}}, {"LongPolling", []string{"Text"}}},
	})
}

// state says whether a connection that was polled is open.
func (h *hub) state(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.connections {
		if c.id == r.FormValue("id") && c.polled {
			_, _ = io.WriteString(w, "open")
			return
		}
	}
	_, _ = io.WriteString(w, "closed")
}

func (h *hub) connection(w http.ResponseWriter, r *http.Request) *connection {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.connections[r.FormValue("id")]
	if c == nil {
		w.WriteHeader(http.StatusNotFound)
	}
	return c
}

// receive sends what the hub says: by a WebSocket, or the answer to a poll.
func (h *hub) receive(w http.ResponseWriter, r *http.Request) {
	c := h.connection(w, r)
	switch {
	case c == nil:
	case r.Header.Get("Upgrade") != "":
		c.serveWebSocket(w, r)
	case !c.polled: // the first poll is answered at once
		c.polled = true
	default:
		select {
		case text := <-c.out:
			_, _ = io.WriteString(w, text)
		case <-c.ended:
			w.WriteHeader(http.StatusNoContent)
		case <-r.Context().Done():
		}
	}
}

// send takes what a client that polls says.
func (h *hub) send(w http.ResponseWriter, r *http.Request) {
	if c := h.connection(w, r); c != nil {
		text, _ := io.ReadAll(r.Body)
		c.take(string(text))
	}
}

// end ends the connection of a client that polls.
func (h *hub) end(w http.ResponseWriter, r *http.Request) {
	if c := h.connection(w, r); c != nil {
		h.mu.Lock()
		delete(h.connections, r.FormValue("id"))
		h.mu.Unlock()
		close(c.ended)
		w.WriteHeader(http.StatusAccepted)
	}
}

func (c *connection) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	// Which origin may do so is not what is tested.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer conn.CloseNow() //nolint:errcheck // the client is gone
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() {
		for {
			select {
			case text := <-c.out:
				_ = conn.Write(ctx, websocket.MessageText, []byte(text))
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		c.take(string(text))
	}
}

// take answers the messages of a client: its handshake, and calls.
func (c *connection) take(text string) {
	const end = "\x1e"
	for message := range strings.SplitSeq(strings.TrimSuffix(text, end), end) {
		var m struct {
			Protocol     string `json:"protocol"`
			Type         int    `json:"type"`
			InvocationID string `json:"invocationId"`
			Arguments    []any  `json:"arguments"`
		}
		if json.Unmarshal([]byte(message), &m) != nil {
			continue
		}
		const invocation, completion = 1, 3
		switch {
		case m.Protocol != "":
			c.out <- "{}" + end
		case m.Type == invocation && len(m.Arguments) == 1:
			answer, _ := json.Marshal(map[string]any{"type": completion, "invocationId": m.InvocationID, "result": m.Arguments[0]})
			c.out <- string(answer) + end
		}
	}
}
