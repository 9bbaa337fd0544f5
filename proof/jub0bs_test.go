//go:build jub0bs

package proof

import (
	"errors"
	"net/http"
	"slices"

	jub0bscors "github.com/jub0bs/cors"
)

func init() {
	peers = append(peers, peer{"jub0bs", wrapJub0bs, jub0bsDifferences, jub0bsStricter})
}

// wrapJub0bs makes the middleware of jub0bs/cors, which has no words for regexps
// and for a preflight's status; browsers take any that is ok.
func wrapJub0bs(p *policy, next http.Handler) (http.Handler, error) {
	if len(p.regexps) > 0 {
		return nil, errors.New("regexps")
	}
	age := p.maxAge
	switch age {
	case -1:
		age = 0
	case 0:
		age = -1
	}
	m, err := jub0bscors.NewMiddleware(jub0bscors.Config{
		Origins:                            p.origins,
		Credentialed:                       p.credentials,
		Methods:                            p.methods,
		RequestHeaders:                     p.headers,
		ResponseHeaders:                    p.expose,
		MaxAgeInSeconds:                    age,
		DangerouslyTolerateInsecureOrigins: slices.Contains(p.waivers, "insecure_origins"),
		DangerouslyTolerateSubdomainsOfPublicSuffixes: slices.Contains(p.waivers, "open_origins"),
	})
	if err != nil {
		return nil, err
	}
	return m.Wrap(next), nil
}

var jub0bsDifferences = []difference{anyAuthorization, echoLimit, oddHost, noPreflight}

var jub0bsStricter = []difference{noPreflight, unsorted, malformedName}

var noPreflight = difference{
	"a preflight under a policy without methods and fields", "caddy-cors",
	"A page that listens to an upload's progress has its POST preceded by a preflight (https://xhr.spec.whatwg.org/#the-send()-method, use-CORS-preflight flag). " +
		"GET, HEAD and POST need no permission (https://fetch.spec.whatwg.org/#cors-preflight-fetch). jub0bs/cors denies every preflight where neither methods nor fields are configured.",
	func(t *trial) bool {
		unsafe := func(m string) bool { return !slices.Contains([]string{"GET", "HEAD", "POST"}, m) }
		return t.weAllow() && !slices.ContainsFunc(t.policy.methods, unsafe) && len(t.policy.headers) == 0 && !unsafe(t.request.Method) && len(t.request.UnsafeHeaders()) == 0
	},
}
