package caddycors

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// responseWriter gives the policy the last word on a response. It applies the
// answer when the header is sent, by whichever method that happens, so that no
// CORS header of an inner handler or an upstream can stand beside it, or follow as
// a trailer.
//
// It and the values that it sets are the one allocation of a request. V is the room
// for the values, of two sizes: most responses of a server have Vary and nothing else,
// and what a request costs depends on how much memory it takes.
type responseWriter[V any, P room[V]] struct {
	caddyhttp.ResponseWriterWrapper

	answer  *policy.Answer
	size    int32 // of the header map when the answer was applied
	applied bool  // the answer is applied, and nobody has asked for the map since
	late    bool  // the server reads the map after WriteHeader as well
	values  V
}

// room is where a responseWriter has the origin of the decision, and the memory for
// the values that it sets.
type room[V any] interface {
	*V
	parts() (origin string, memory []string)
}

// roomForOne has room for one value, which is not an origin.
type roomForOne struct{ memory [1]string }

func (v *roomForOne) parts() (origin string, memory []string) { return "", v.memory[:] }

// roomForAll has room for the values of every answer. The origin stands apart from
// them, since other handlers edit the values of a header map in place.
type roomForAll struct {
	origin string
	memory [policy.MaxActualValues]string
}

func (v *roomForAll) parts() (origin string, memory []string) { return v.origin, v.memory[:] }

// smallWriter and largeWriter are the two sizes.
type (
	smallWriter = responseWriter[roomForOne, *roomForOne]
	largeWriter = responseWriter[roomForAll, *roomForAll]
)

// answeringWriter is a responseWriter of either size.
type answeringWriter interface {
	http.ResponseWriter
	http.Pusher
	http.Hijacker
	io.ReaderFrom
	FlushError() error
	// end must be called when the handlers have returned.
	end()
}

// newResponseWriter returns the writer for the response to r. a is the answer, and
// decider the handler that decides, or nil if nobody needs its name.
func newResponseWriter(w http.ResponseWriter, r *http.Request, decider any, a *policy.Answer, origin string) answeringWriter {
	if decider != nil {
		w = &namingWriter{caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, decider}
	}
	inner := caddyhttp.ResponseWriterWrapper{ResponseWriter: w}
	late := r.ProtoMajor > 2 // it holds the header of a short response back
	if a.Values() <= len(roomForOne{}.memory) && origin == "" {
		return &smallWriter{ResponseWriterWrapper: inner, answer: a, late: late}
	}
	return &largeWriter{ResponseWriterWrapper: inner, answer: a, late: late, values: roomForAll{origin: origin}}
}

// Header returns the header map, for the next handler to change.
func (w *responseWriter[V, P]) Header() http.Header {
	w.applied = false
	return w.ResponseWriter.Header()
}

// commit applies the answer, unless it has been.
func (w *responseWriter[V, P]) commit() {
	if !w.applied {
		h := w.ResponseWriter.Header()
		origin, memory := P(&w.values).parts()
		w.answer.Apply(h, origin, memory)
		w.size, w.applied = int32(len(h)), !w.late
	}
}

// end applies the answer once more if the header map has changed since it was
// applied: servers take the trailers from there when the handlers have returned.
// If nothing was written, an error route or the server writes the response, to the
// same header map but not through this writer.
func (w *responseWriter[V, P]) end() {
	// A handler that has kept the map can add a trailer without asking for it.
	if w.applied && int(w.size) != len(w.ResponseWriter.Header()) {
		w.applied = false
	}
	w.commit()
}

// WriteHeader commits on a final status. A 1xx is not final, and its headers are
// not those of the response; but 101 is final, since nothing follows it.
func (w *responseWriter[V, P]) WriteHeader(status int) {
	if isFinal(status) {
		w.commit()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write commits and writes.
func (w *responseWriter[V, P]) Write(p []byte) (int, error) {
	w.commit()
	return w.ResponseWriter.Write(p)
}

// ReadFrom commits and reads. Without it, io.Copy would use the method of the
// embedded wrapper, which bypasses this writer.
func (w *responseWriter[V, P]) ReadFrom(r io.Reader) (int64, error) {
	w.commit()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError commits and flushes: a flush sends the header.
// http.ResponseController finds it here before it unwraps the writer.
func (w *responseWriter[V, P]) FlushError() error {
	w.commit()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack commits and hijacks, for handlers that write the header to the connection
// themselves.
func (w *responseWriter[V, P]) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.commit()
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// namingWriter names the handler that decides. It stands below a responseWriter
// where debug messages are logged, which alone need the name.
type namingWriter struct {
	caddyhttp.ResponseWriterWrapper

	decider any
}

// statusWriter notes the status of a response.
type statusWriter struct {
	caddyhttp.ResponseWriterWrapper

	reporter any // the handler that reports, or nil
	status   int // 0 until WriteHeader has been called
}

// WriteHeader notes the final status, the first of them.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 && isFinal(status) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// result returns the status of the response, given the error of the next handler:
// if that handler has written nothing, an error route or the server responds.
func (w *statusWriter) result(err error) int {
	var handlerErr caddyhttp.HandlerError
	switch {
	case w.status != 0:
		return w.status
	case err == nil:
		return http.StatusOK
	case errors.As(err, &handlerErr) && handlerErr.StatusCode != 0:
		return handlerErr.StatusCode
	}
	return http.StatusInternalServerError
}

// isFinal reports whether no other status follows.
func isFinal(status int) bool {
	return status >= http.StatusOK || status == http.StatusSwitchingProtocols
}

// decided reports whether a cors handler further out decides about the response
// that w writes, and returns it where debug messages are logged. To a handler with
// report_only, another one with report_only counts as well.
func decided(w http.ResponseWriter, reportOnly bool) (decider any, ok bool) {
	for {
		switch t := w.(type) {
		case *smallWriter:
			return nameOf(t.ResponseWriter), true
		case *largeWriter:
			return nameOf(t.ResponseWriter), true
		case *statusWriter:
			if reportOnly && t.reporter != nil {
				return t.reporter, true
			}
			w = t.ResponseWriter
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil, false
		}
	}
}

// nameOf returns the handler that a namingWriter names, or nil.
func nameOf(w http.ResponseWriter) (decider any) {
	if named, ok := w.(*namingWriter); ok {
		return named.decider
	}
	return nil
}
