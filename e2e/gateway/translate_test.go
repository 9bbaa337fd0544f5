package gateway

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	caddycors "github.com/seed-56c1dbac/caddy-cors"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// defaultMaxAge is what the API sets where a filter has no maxAge, in seconds.
const defaultMaxAge = 5

// translate returns the handler that does what a CORS filter of the Gateway API
// says. docs/gateway-api.md explains it field by field.
func translate(filter *gatewayv1.HTTPCORSFilter) *caddycors.Handler {
	h := &caddycors.Handler{AllowCredentials: filter.AllowCredentials != nil && *filter.AllowCredentials}
	for _, o := range filter.AllowOrigins {
		allowOrigin(h, string(o))
	}
	for _, m := range filter.AllowMethods {
		// No page can use these, and cors refuses them.
		if m != "CONNECT" && m != "TRACE" {
			h.AllowMethods = append(h.AllowMethods, string(m))
		}
	}
	for _, name := range filter.AllowHeaders {
		h.AllowHeaders = append(h.AllowHeaders, string(name))
	}
	for _, name := range filter.ExposeHeaders {
		h.ExposeHeaders = append(h.ExposeHeaders, string(name))
	}
	age := caddy.Duration(time.Duration(cmp.Or(filter.MaxAge, defaultMaxAge)) * time.Second)
	h.MaxAge = &age
	return h
}

// allowOrigin adds an entry of allowOrigins, whose syntax the API has checked. An
// entry that allows every host on purpose is waived.
func allowOrigin(h *caddycors.Handler, origin string) {
	scheme, host, _ := strings.Cut(strings.ToLower(origin), "://")
	name, port, _ := strings.Cut(host, ":")
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		port = ""
	}
	if port != "" {
		port = ":" + port
	}
	switch {
	case origin == "*":
		h.AllowOrigins = append(h.AllowOrigins, "*")
		waive(h, "open_origins", "insecure_origins")
	case name == "*":
		h.AllowOriginsRegexp = append(h.AllowOriginsRegexp, scheme+"://[^:]*"+regexp.QuoteMeta(port))
		if waive(h, "open_origins"); scheme == "http" {
			waive(h, "insecure_origins")
		}
	default:
		h.AllowOrigins = append(h.AllowOrigins, scheme+"://"+name+port)
	}
}

// waive accepts risks, which there are only with credentials.
func waive(h *caddycors.Handler, waivers ...string) {
	for _, w := range waivers {
		if h.AllowCredentials && !slices.Contains(h.DangerouslyAllow, w) {
			h.DangerouslyAllow = append(h.DangerouslyAllow, w)
		}
	}
}

// TestTranslate: filters with what those of the conformance test do not have.
// Where a filter is refused, part of the error is given instead of the handler.
func TestTranslate(t *testing.T) {
	for _, tc := range []struct{ name, filter, want, refused string }{
		{
			name:   "defaults",
			filter: `allowOrigins: ["https://a.example"]`,
			want:   `{"allow_origins":["https://a.example"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "spelling of origins",
			filter: `allowOrigins: ["https://A.example:443", "http://a.example:80", "http://a.example:443", "https://*.A.example:8443"]`,
			want:   `{"allow_origins":["https://a.example","http://a.example","http://a.example:443","https://*.a.example:8443"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "every host",
			filter: `allowOrigins: ["https://*", "http://*:8080"]`,
			want:   `{"allow_origins_regexp":["https://[^:]*","http://[^:]*:8080"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "every https host, with credentials",
			filter: `{allowOrigins: ["https://*", "https://*:8443"], allowCredentials: true}`,
			want:   `{"allow_credentials":true,"allow_origins_regexp":["https://[^:]*","https://[^:]*:8443"],"dangerously_allow":["open_origins"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "every http host, with credentials",
			filter: `{allowOrigins: ["http://*"], allowCredentials: true}`,
			want:   `{"allow_credentials":true,"allow_origins_regexp":["http://[^:]*"],"dangerously_allow":["open_origins","insecure_origins"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "every origin, with credentials",
			filter: `{allowOrigins: ["*"], allowCredentials: true}`,
			want:   `{"allow_credentials":true,"allow_origins":["*"],"dangerously_allow":["open_origins","insecure_origins"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:   "methods that no page can use",
			filter: `{allowOrigins: ["*"], allowMethods: [TRACE, PUT, CONNECT, POST], maxAge: 60}`,
			want:   `{"allow_methods":["PUT","POST"],"allow_origins":["*"],"handler":"cors","max_age":60000000000}`,
		},
		{
			name:    "an insecure origin, with credentials",
			filter:  `{allowOrigins: ["http://a.example"], allowCredentials: true}`,
			refused: "insecure",
		},
		{
			name:    "origins that strangers can obtain, with credentials",
			filter:  `{allowOrigins: ["https://*.github.io"], allowCredentials: true}`,
			refused: "strangers can obtain",
		},
		{
			name:   "every response header, with credentials",
			filter: `{allowOrigins: ["https://a.example"], exposeHeaders: ["*"], allowCredentials: true}`,
			want:   `{"allow_credentials":true,"allow_origins":["https://a.example"],"expose_headers":["*"],"handler":"cors","max_age":5000000000}`,
		},
		{
			name:    "no origins",
			filter:  `allowMethods: [PUT]`,
			refused: "no origins",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var filter gatewayv1.HTTPCORSFilter
			if err := yaml.UnmarshalStrict([]byte(tc.filter), &filter); err != nil {
				t.Fatal(err)
			}
			handler := caddyconfig.JSONModuleObject(translate(&filter), "handler", "cors", nil)
			if tc.refused == "" && string(handler) != tc.want {
				t.Errorf("got  %s\nwant %s", handler, tc.want)
			}
			err := validate(handler)
			switch {
			case tc.refused == "" && err != nil:
				t.Error(err)
			case tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)):
				t.Errorf("got %v, want it refused for %q", err, tc.refused)
			}
		})
	}
}

// validate has Caddy load a handler, but not start it.
func validate(handler json.RawMessage) error {
	return caddy.Validate(configuration("127.0.0.1:0", map[string]any{"handle": []json.RawMessage{handler}}))
}
