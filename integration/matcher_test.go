package integration

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/websocket"
)

// TestOriginMatcher: which requests match, and that what does not is no error.
func TestOriginMatcher(t *testing.T) {
	file := filePlace{filepath.Join(t.TempDir(), "origins")}
	file.put(t, "https://listed.example")
	for _, tc := range []struct {
		matcher string
		matches []string // fields of requests, apart by "; "
		fails   []string
	}{
		{
			"@o origin https://a.example https://*.b.example http://localhost:*",
			[]string{"Origin: https://a.example", "Origin: https://x.b.example", "Origin: http://localhost:99"},
			[]string{"", "Origin: https://b.example", "Origin: http://a.example", "Origin: https://A.example", "Origin: https://a.example/", "Origin: null", "Origin: ", "Origin: https://a.example; Origin: https://a.example", "Origin: https://a.example, https://a.example"},
		},
		{"@o origin *", []string{"Origin: https://a.example", "Origin: null"}, []string{"", "Origin: x", "Origin: https://A.example", "Origin: https://a.example/", "Origin: https://a.example; Origin: https://a.example"}},
		{"@o origin null", []string{"Origin: null"}, []string{"", "Origin: https://a.example"}},
		{"@o origin {\nallow_origins_regexp https://pr-\\d+\\.a\\.example\n}", []string{"Origin: https://pr-1.a.example"}, []string{"Origin: https://pr-1.a.example.evil.example", "Origin: https://pr-x.a.example"}},
		{"@o origin {\ndynamic file " + file.path + "\n}", []string{"Origin: https://listed.example"}, []string{"Origin: https://a.example", ""}},
		{"@o origin {\ndynamic ask http://127.0.0.1:1/ {\ntimeout 1s\n}\n}", nil, []string{"Origin: https://a.example", ""}},
		{"@o origin {\ndynamic match {\nheader Origin *.a.example\nheader X 1\n}\n}", []string{"Origin: https://x.a.example; X: 1"}, []string{"Origin: https://x.a.example", "Origin: https://b.example; X: 1"}},
		{"@o {\norigin https://a.example\norigin https://b.example\n}", []string{"Origin: https://a.example", "Origin: https://b.example"}, []string{"Origin: https://c.example"}},
		{"@o not origin https://a.example", []string{"", "Origin: https://b.example"}, []string{"Origin: https://a.example"}},
		{"@o expression `origin('https://a.example', 'https://*.b.example')`", []string{"Origin: https://a.example", "Origin: https://x.b.example"}, []string{"", "Origin: https://c.example"}},
		{"@o expression `origin('https://a.example') && method('POST') || origin('https://b.example')`", []string{"Origin: https://b.example"}, []string{"Origin: https://a.example"}},
		{"@o `!origin('https://a.example')`", []string{"", "Origin: https://b.example"}, []string{"Origin: https://a.example"}},
		{"@o origin {\nsame_origin\n}", []string{"Origin: http://SITE", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: same-origin; Origin: null"}, []string{"", "Origin: https://SITE", "Origin: http://SITE; Sec-Fetch-Site: cross-site", "Origin: http://SITE; Sec-Fetch-Site: same-site", "Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin; Sec-Fetch-Site: same-origin", "Origin: null", "Origin: http://127.0.0.1", "Origin: http://SITE; X-Forwarded-Proto: https"}},
		{"@o origin https://a.example {\nsame_origin\n}", []string{"Origin: http://SITE", "Origin: https://a.example; Sec-Fetch-Site: cross-site"}, []string{"Origin: https://b.example; Sec-Fetch-Site: cross-site"}},
	} {
		t.Run(tc.matcher, func(t *testing.T) {
			s := startSite(t, tc.matcher+"\nrespond @o matches\nrespond other")
			for want, requests := range map[string][]string{"matches": tc.matches, "other": tc.fails} {
				for _, request := range requests {
					var header http.Header
					if request != "" {
						header = fields(strings.Split(strings.ReplaceAll(request, "SITE", s.http), "; ")...)
					}
					if strings.HasPrefix(request, "Origin: http://SITE; X-Forwarded-Proto") {
						want = "matches" // whoever is not trusted says nothing
					}
					s.check(t, call{header: header, status: 200, body: want})
				}
			}
		})
	}
}

// TestSameOriginBehindProxy: a trusted proxy tells what the browser has asked for.
func TestSameOriginBehindProxy(t *testing.T) {
	s := startSiteWith(t, siteOptions{global: "servers {\ntrusted_proxies static 127.0.0.0/8\n}"}, "@o origin {\nsame_origin\n}\nrespond @o matches\nrespond other")
	for _, tc := range []struct {
		fields string
		want   string
	}{
		{"X-Forwarded-Proto: https; X-Forwarded-Host: a.example; Origin: https://a.example", "matches"},
		{"X-Forwarded-Proto: wss; X-Forwarded-Host: a.example; Origin: https://a.example", "matches"},
		{"X-Forwarded-Proto: https; X-Forwarded-Host: a.example:8443; Origin: https://a.example:8443", "matches"},
		{"X-Forwarded-Proto: http; X-Forwarded-Host: a.example; Origin: https://a.example", "other"},
		{"X-Forwarded-Proto: https; X-Forwarded-Host: evil.example, a.example; Origin: https://evil.example", "other"},
		{"X-Forwarded-Proto: https; X-Forwarded-Host: evil.example, a.example; Origin: https://a.example", "matches"},
	} {
		s.check(t, call{header: fields(strings.Split(tc.fields, "; ")...), status: 200, body: tc.want})
	}
}

// TestMatcherErrors: what the matcher refuses, it refuses when the config loads.
func TestMatcherErrors(t *testing.T) {
	c := control(t, cors("https://a.example"))
	for matcher, problem := range map[string]string{
		`{"origin": {"allow_origins": ["a.example"]}}`:              `allow_origins \"a.example\": has no scheme, but browsers send one; write https://a.example`,
		`{"origin": {"allow_origins": ["*", "https://a.example"]}}`: `* allows every origin already`,
		`{"origin": {"allow_origins_regexp": ["("]}}`:               `missing closing )`,
		`{"origin": {}}`: `no origins`,
		`{"origin": {"allow_credentials": true}}`:                                        `unknown field`,
		`{"origin": {"dynamic_origins": [{"source": "file", "path": "/nowhere"}]}}`:      `stat /nowhere`,
		`{"expression": {"expr": "origin('a.example')", "name": "o"}}`:                   `has no scheme`,
		`{"expression": {"expr": "origin({http.request.header.Origin})", "name": "o"}}`:  `origin takes origins in quotes, and no placeholders`,
		`{"expression": {"expr": "origin()", "name": "o"}}`:                              `origin takes at least one origin`,
		`{"origin": {"dynamic_origins": [{"source": "match", "match": [{"foo": {}}]}]}}`: `http.matchers.foo`,
	} {
		handler := fmt.Sprintf(`{"handler": "subroute", "routes": [{"match": [%s], "handle": []}]}`, matcher)
		if status, response := c.api(t, "POST", "/load", c.config(handler)); status != http.StatusBadRequest || !strings.Contains(response, problem) {
			t.Errorf("%s: %d %s, want the problem %q", matcher, status, response, problem)
		}
	}
	c.checkOrigins(t, "a")
}

// TestMatchSource: requests decide about their origins by Caddy's matchers,
// preflights among them. With credentials, each set of matchers has a matcher
// origin that is closed.
func TestMatchSource(t *testing.T) {
	s := startSite(t, `cors {
		dynamic match {
			origin https://*.a.example
			path /a/*
		}
		dynamic match {
			expression `+"`origin('https://b.example') && path('/b/*')`"+`
		}
	}
	respond body`)
	const methods = "Access-Control-Allow-Methods: GET, HEAD, POST"
	for _, tc := range []struct {
		origin, path string
		allowed      bool
	}{
		{"https://x.a.example", "/a/1", true},
		{"https://x.a.example", "/b/1", false},
		{"https://b.example", "/b/1", true},
		{"https://b.example", "/a/1", false},
		{"https://c.example", "/a/1", false},
		{"null", "/a/1", false},
	} {
		actual, preflight, status := fields(vary), fields(varyAll), 403
		if tc.allowed {
			allow := "Access-Control-Allow-Origin: " + tc.origin
			actual, preflight, status = fields(allow, vary), fields(allow, methods, varyAll), 204
		}
		s.check(t, call{path: tc.path, header: fields("Origin: " + tc.origin), status: 200, want: actual})
		s.check(t, call{path: tc.path, method: "OPTIONS", header: fields("Origin: "+tc.origin, forPUT), status: status, want: preflight})
	}

	c := control(t, cors("https://a.example"))
	for _, tc := range []struct {
		sets    string
		options string
		problem string // "" if it loads
	}{
		{`{"path": ["/a"]}`, "", ""},
		{`{"path": ["/a"]}`, `, "allow_credentials": true`, `dynamic match \"path\": these matchers do not say which origins they allow`},
		{`{"origin": {"allow_origins": ["https://a.example"]}}, {"method": ["GET"], "path": ["/a"]}`, `, "allow_credentials": true`, `dynamic match \"method, path\": these matchers do not say which origins they allow`},
		{`{"path": ["/a"]}`, `, "allow_credentials": true, "dangerously_allow": ["open_origins"]`, ""},
		{`{"origin": {"allow_origins": ["https://a.example"]}, "path": ["/a"]}`, `, "allow_credentials": true`, ""},
		{`{"origin": {"allow_origins": ["*"]}}`, `, "allow_credentials": true`, `dynamic match \"origin: allow_origins *\": strangers can obtain`},
		{`{"origin": {"allow_origins": ["null"]}}`, `, "allow_credentials": true`, `dynamic match \"origin: allow_origins null\": strangers can obtain`},
		{`{"origin": {"allow_origins": ["https://*.github.io"]}}`, `, "allow_credentials": true`, `such as \"https://stranger.github.io\"`},
		{`{"origin": {"allow_origins": ["https://*.github.io"]}}`, ``, ""},
		{`{"origin": {"allow_origins_regexp": ["https://.*example\\.com"]}}`, `, "allow_credentials": true`, `write https://(.+\\.)?example\\.com for that domain`},
		{`{"origin": {"dynamic_origins": [{"source": "match", "match": [{"path": ["/a"]}]}]}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"origin": {"dynamic_origins": [{"source": "match", "match": [{"origin": {"allow_origins": ["https://*.com"]}}]}]}}`, `, "allow_credentials": true`, `such as \"https://stranger.com\"`},
		{`{"origin": {"dynamic_origins": [{"source": "match", "match": [{"origin": {"allow_origins": ["https://a.example"]}}]}]}}`, `, "allow_credentials": true`, ""},
		{`{"origin": {"same_origin": true}}`, `, "allow_credentials": true`, ""},
		{`{"origin": {"same_origin": true, "allow_origins": ["*"]}}`, `, "allow_credentials": true`, `strangers can obtain`},
		{`{"header": {"Origin": ["*"]}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"header": {"origin": ["https://a.example"]}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"header_regexp": {"Origin": {"pattern": "^https://a\\.example$"}}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"header_regexp": {"Origin": {"pattern": ".*"}}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"vars": {"{http.request.header.Origin}": ["https://a.example"]}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"vars_regexp": {"{http.request.header.Origin}": {"pattern": ".*"}}}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"not": [{"origin": {"allow_origins": ["https://a.example"]}}]}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"expression": "path('/a')"}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"expression": "true"}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"expression": "{header.Origin} != ''"}`, `, "allow_credentials": true`, `these matchers do not say which origins they allow`},
		{`{"expression": "origin('*')"}`, `, "allow_credentials": true`, `write the origins of origin(…) in a matcher origin beside the expression`},
		{`{"expression": "origin('https://a.example')"}`, `, "allow_credentials": true`, `write the origins of origin(…) in a matcher origin beside the expression`},
		{`{"header": {"Origin": ["https://*"]}, "origin": {"allow_origins": ["https://a.example"]}}`, `, "allow_credentials": true`, ""},
	} {
		handler := fmt.Sprintf(`{"handler": "cors", "dynamic_origins": [{"source": "match", "match": [%s]}]%s}`, tc.sets, tc.options)
		status, response := c.api(t, "POST", "/load", c.config(handler))
		if (status == http.StatusOK) != (tc.problem == "") || !strings.Contains(response, tc.problem) {
			t.Errorf("%s%s: %d %s, want the problem %q", tc.sets, tc.options, status, response, tc.problem)
		}
	}
}

// TestMatcherGuardsWebSocket: the recipe against WebSockets from other sites, with
// a server and clients that speak it. A handshake that is refused has not reached
// the server.
func TestMatcherGuardsWebSocket(t *testing.T) {
	var opened atomic.Int64
	upstream := httptest.NewServer(websocket.Server{Handler: func(conn *websocket.Conn) {
		opened.Add(1)
		for {
			var message string
			if websocket.Message.Receive(conn, &message) != nil || websocket.Message.Send(conn, message) != nil {
				return
			}
		}
	}})
	t.Cleanup(upstream.Close)
	s := startSite(t, `@foreign {
		header Origin *
		not origin https://app.example.com {
			same_origin
		}
	}
	respond @foreign 403
	reverse_proxy `+upstream.Listener.Addr().String())
	for _, tc := range []struct {
		origin string
		more   http.Header
		opens  bool
	}{
		{"https://app.example.com", nil, true},
		{"http://" + s.http, nil, true},
		{"https://whoever.the.browser.vouches", fields("Sec-Fetch-Site: same-origin"), true},
		{"https://app.example.com", fields("Sec-Fetch-Site: cross-site"), true},
		{"http://" + s.http, fields("Sec-Fetch-Site: cross-site"), false},
		{"http://" + s.http, fields("Sec-Fetch-Site: same-site"), false},
		{"https://app.example.com.evil.example", nil, false},
		{"http://app.example.com", nil, false},
		{"https://b.example", nil, false},
	} {
		t.Run(fmt.Sprint(tc.origin, tc.more), func(t *testing.T) {
			before := opened.Load()
			config, err := websocket.NewConfig("ws://"+s.http+"/", tc.origin)
			if err != nil {
				t.Fatal(err)
			}
			for name, values := range tc.more {
				config.Header[name] = values
			}
			conn, err := config.DialContext(t.Context())
			if !tc.opens {
				if err == nil {
					_ = conn.Close()
				}
				var refused *websocket.DialError
				if !errors.As(err, &refused) || !errors.Is(refused.Err, websocket.ErrBadStatus) || opened.Load() != before {
					t.Errorf("%v, and %d reached the server", err, opened.Load()-before)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			for _, message := range []string{"ping", strings.Repeat("x", 1<<17)} {
				if err := websocket.Message.Send(conn, message); err != nil {
					t.Fatal(err)
				}
				var echo string
				if err := websocket.Message.Receive(conn, &echo); err != nil || echo != message {
					t.Fatalf("%d bytes back, %v, want %d", len(echo), err, len(message))
				}
			}
		})
	}

	// The client cannot send these itself.
	for fields, status := range map[string]int{
		"Origin: null": 403,
		"Origin: https://app.example.com\r\nOrigin: https://app.example.com": 403,
		"Origin: https://b.example\r\nSec-WebSocket-Protocol: chat, x":       403,
		"": 101,
	} {
		_, _, res := s.raw(t, "GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", fields)
		if res.StatusCode != status {
			t.Errorf("%q: status %d, want %d", fields, res.StatusCode, status)
		}
	}
}
