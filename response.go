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
// CORS header of an inner handler or an upstream can stand beside it.
//
// It and the values that it sets are the one allocation of a request.
type responseWriter struct {
	caddyhttp.ResponseWriterWrapper

	handler *Handler       // the one that decides
	answer  *policy.Answer // nil once applied
	origin  string         // of the decision
	memory  [policy.MaxActualValues]string
}

func newResponseWriter(w http.ResponseWriter, h *Handler, a *policy.Answer, origin string) *responseWriter {
	return &responseWriter{
		ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		handler:               h,
		answer:                a,
		origin:                origin,
	}
}

// commit applies the answer, once. The handler calls it too, when the next one
// has returned or panicked: if nothing was written, an error route or the server
// writes the response, to the same header map but not through this writer.
func (w *responseWriter) commit() {
	if a := w.answer; a != nil {
		w.answer = nil
		a.Apply(w.Header(), w.origin, w.memory[:])
	}
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

// statusWriter notes the status of a response.
type statusWriter struct {
	caddyhttp.ResponseWriterWrapper

	handler *Handler // the one that reports, or nil
	status  int      // 0 until WriteHeader has been called
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

// decided returns the cors handler further out that decides about the response
// that w writes, or nil. To a handler with report_only, another one with
// report_only counts as well.
func decided(w http.ResponseWriter, reportOnly bool) *Handler {
	for {
		switch t := w.(type) {
		case *responseWriter:
			return t.handler
		case *statusWriter:
			if reportOnly && t.handler != nil {
				return t.handler
			}
			w = t.ResponseWriter
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
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
