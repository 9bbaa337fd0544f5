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
// It and the values that it sets are the one allocation of a request.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper

	answer  *policy.Answer
	origin  string // of the decision
	memory  [policy.MaxActualValues]string
	size    int32 // of the header map when the answer was applied
	applied bool  // the answer is applied, and nobody has asked for the map since
	late    bool  // the server reads the map after WriteHeader as well
}

// newResponseWriter returns the writer for the response to r. a is the answer, and
// decider the handler that decides, or nil if nobody needs its name.
func newResponseWriter(w http.ResponseWriter, r *http.Request, decider any, a *policy.Answer, origin string) *responseWriter {
	if decider != nil {
		w = &namingWriter{caddyhttp.ResponseWriterWrapper{ResponseWriter: w}, decider}
	}
	return &responseWriter{
		ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		answer:                a,
		origin:                origin,
		late:                  r.ProtoMajor > 2, // it holds the header of a short response back
	}
}

// Header returns the header map, for the next handler to change.
func (w *responseWriter) Header() http.Header {
	w.applied = false
	return w.ResponseWriter.Header()
}

// commit applies the answer, unless it has been.
func (w *responseWriter) commit() {
	if !w.applied {
		h := w.ResponseWriter.Header()
		w.answer.Apply(h, w.origin, w.memory[:])
		w.size, w.applied = int32(len(h)), !w.late
	}
}

// end applies the answer once more if the header map has changed since it was
// applied: servers take the trailers from there when the handlers have returned.
// If nothing was written, an error route or the server writes the response, to the
// same header map but not through this writer.
func (w *responseWriter) end() {
	// A handler that has kept the map can add a trailer without asking for it.
	if w.applied && int(w.size) != len(w.ResponseWriter.Header()) {
		w.applied = false
	}
	w.commit()
}

// WriteHeader commits on a final status. A 1xx is not final, and its headers are
// not those of the response; but 101 is final, since nothing follows it.
func (w *responseWriter) WriteHeader(status int) {
	if isFinal(status) {
		w.commit()
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write commits and writes.
func (w *responseWriter) Write(p []byte) (int, error) {
	w.commit()
	return w.ResponseWriter.Write(p)
}

// ReadFrom commits and reads. Without it, io.Copy would use the method of the
// embedded wrapper, which bypasses this writer.
func (w *responseWriter) ReadFrom(r io.Reader) (int64, error) {
	w.commit()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError commits and flushes: a flush sends the header.
// http.ResponseController finds it here before it unwraps the writer.
func (w *responseWriter) FlushError() error {
	w.commit()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack commits and hijacks, for handlers that write the header to the connection
// themselves.
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
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
		case *responseWriter:
			if named, ok := t.ResponseWriter.(*namingWriter); ok {
				decider = named.decider
			}
			return decider, true
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

// Interface guards
var (
	_ http.ResponseWriter             = (*responseWriter)(nil)
	_ http.Pusher                     = (*responseWriter)(nil)
	_ http.Hijacker                   = (*responseWriter)(nil)
	_ io.ReaderFrom                   = (*responseWriter)(nil)
	_ interface{ FlushError() error } = (*responseWriter)(nil)
)
