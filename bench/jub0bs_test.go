//go:build jub0bs

package bench

import (
	"net/http"
	"slices"
	"testing"

	jub0bscors "github.com/jub0bs/cors"
)

func init() {
	libraries = slices.Insert(libraries, 1, library{name: "jub0bs", wrap: wrapJub0bs})
}

func wrapJub0bs(tb testing.TB, p policy, next http.Handler) http.Handler {
	tb.Helper()
	m, err := jub0bscors.NewMiddleware(jub0bscors.Config{
		Origins:         p.origins,
		Credentialed:    p.credentials,
		Methods:         p.methods,
		RequestHeaders:  p.requestHeaders,
		ResponseHeaders: p.responseHeaders,
		MaxAgeInSeconds: p.maxAge,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return m.Wrap(next)
}
