package caddycors

import (
	"net/http"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// agreement is whether a response allows what the policy would.
type agreement uint8

const (
	agreementSame agreement = iota
	agreementDifferent
	agreementUnknown // there is no response of the next handler
	agreements
)

func (a agreement) String() string {
	return [...]string{"same", "different", "unknown"}[a]
}

// report passes a request on, and reports what was decided, and how that compares
// with what the response allows. It changes nothing.
func (h *Handler) report(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, d decision) error {
	sw := &statusWriter{ResponseWriterWrapper: caddyhttp.ResponseWriterWrapper{ResponseWriter: w}}
	err := next.ServeHTTP(sw, r)
	h.record(r, d, zap.Bool("report_only", true))
	return err
}
