// Package gateway runs the CORS test of the Kubernetes Gateway API's conformance
// suite, as it is published, against Caddy with caddy-cors. It needs no cluster: the
// test asks a fake client about the state of the resources, and its requests go to a
// Caddy in this process.
package gateway

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance/tests"
	"sigs.k8s.io/gateway-api/conformance/utils/config"
	"sigs.k8s.io/gateway-api/conformance/utils/roundtripper"
	confsuite "sigs.k8s.io/gateway-api/conformance/utils/suite"

	"github.com/caddyserver/caddy/v2"
)

const (
	namespace      = confsuite.InfrastructureNamespace
	controllerName = "caddy-cors.example/test"
	// address is that of the gateway, which is reserved for documentation: requests
	// to it reach Caddy's socket instead.
	address = "192.0.2.1"
)

// TestHTTPRouteCORS has a subtest for each case of the conformance test. They run
// in parallel after the test's function has returned, so what they talk to lives
// until cleanup.
func TestHTTPRouteCORS(t *testing.T) {
	test := tests.HTTPRouteCORS
	var objects []client.Object
	for _, g := range manifests[gatewayv1.Gateway](t, "base/manifests.yaml", "Gateway") {
		acceptGateway(g, address)
		objects = append(objects, g)
	}
	var list []*gatewayv1.HTTPRoute
	for _, name := range test.Manifests {
		list = append(list, manifests[gatewayv1.HTTPRoute](t, name, "HTTPRoute")...)
	}
	for _, r := range list {
		acceptRoute(r)
		objects = append(objects, r)
	}
	scheme := runtime.NewScheme()
	if err := gatewayv1.Install(scheme); err != nil {
		t.Fatal(err)
	}
	socket := serve(t, list)
	timeouts := config.DefaultTimeoutConfig()
	test.Test(t, &confsuite.ConformanceTestSuite{
		Client:         fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build(),
		ControllerName: controllerName,
		TimeoutConfig:  timeouts,
		RoundTripper: &roundtripper.DefaultRoundTripper{
			TimeoutConfig: timeouts,
			CustomDialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
				if host, _, _ := strings.Cut(addr, ":"); host != address {
					t.Errorf("a request to %s, which is not the gateway", addr)
				}
				var d net.Dialer
				return d.DialContext(ctx, "unix", socket)
			},
		},
	})
}

// serve starts a Caddy with routes to a backend that echoes, and returns the path
// of its socket.
func serve(t *testing.T, list []*gatewayv1.HTTPRoute) string {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(echo))
	t.Cleanup(backend.Close)
	socket := filepath.Join(t.TempDir(), "caddy.sock")
	encoded, err := json.Marshal(configuration("unix/"+socket, routes(t, list, backend.Listener.Addr().String())...))
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(encoded, true); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	})
	return socket
}
