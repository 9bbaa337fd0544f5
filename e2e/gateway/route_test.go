package gateway

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/gateway-api/conformance"
	"sigs.k8s.io/yaml"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// configuration returns a configuration of Caddy, which logs nothing.
func configuration(listen string, routes ...any) *caddy.Config {
	server := map[string]any{"listen": []string{listen}, "routes": routes}
	return &caddy.Config{
		Admin: &caddy.AdminConfig{Disabled: true, Config: &caddy.ConfigSettings{Persist: new(bool)}},
		Logging: &caddy.Logging{Logs: map[string]*caddy.CustomLog{
			"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
		}},
		AppsRaw: caddy.ModuleMap{
			"http": caddyconfig.JSON(map[string]any{"servers": map[string]any{"gateway": server}}, nil),
		},
	}
}

// manifests returns the resources of a kind that a file of the conformance suite
// has.
func manifests[T any](t *testing.T, name, kind string) []*T {
	t.Helper()
	content, err := fs.ReadFile(conformance.Manifests, name)
	if err != nil {
		t.Fatal(err)
	}
	return documents[T](t, string(content), kind)
}

// documents returns the resources of a kind in a YAML text.
func documents[T any](t *testing.T, text, kind string) (list []*T) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(document), &meta); err != nil {
			t.Fatal(err)
		}
		if meta.Kind != kind {
			continue
		}
		resource := new(T)
		if err := yaml.UnmarshalStrict([]byte(document), resource); err != nil {
			t.Fatal(err)
		}
		list = append(list, resource)
	}
	return list
}

// acceptGateway gives a gateway the status that an implementation would give it.
func acceptGateway(g *gatewayv1.Gateway, address string) {
	kind := gatewayv1.IPAddressType
	g.Status.Addresses = []gatewayv1.GatewayStatusAddress{{Type: &kind, Value: address}}
	g.Status.Conditions = conditions("Accepted", "Programmed")
	for _, l := range g.Spec.Listeners {
		g.Status.Listeners = append(g.Status.Listeners, gatewayv1.ListenerStatus{
			Name: l.Name, Conditions: conditions("ResolvedRefs", "Accepted", "Programmed"),
		})
	}
}

// acceptRoute gives a route the status that an implementation would give it.
func acceptRoute(r *gatewayv1.HTTPRoute) {
	group, kind := gatewayv1.Group(gatewayv1.GroupName), gatewayv1.Kind("Gateway")
	for _, parent := range r.Spec.ParentRefs {
		parent.Group, parent.Kind = &group, &kind // as the API sets by default
		r.Status.Parents = append(r.Status.Parents, gatewayv1.RouteParentStatus{
			ParentRef: parent, ControllerName: controllerName, Conditions: conditions("Accepted", "ResolvedRefs"),
		})
	}
}

// conditions returns conditions that are true. The reason of each is its name.
func conditions(types ...string) (list []metav1.Condition) {
	for _, name := range types {
		list = append(list, metav1.Condition{Type: name, Status: metav1.ConditionTrue, Reason: name})
	}
	return list
}

// routes returns what Caddy needs to serve HTTP routes from a backend. It knows
// CORS filters and prefixes of paths, and fails where there is anything else.
func routes(t *testing.T, list []*gatewayv1.HTTPRoute, backend string) (result []any) {
	t.Helper()
	proxy := map[string]any{"handler": "reverse_proxy", "upstreams": []any{map[string]string{"dial": backend}}}
	for _, route := range list {
		for _, rule := range route.Spec.Rules {
			var paths []string
			for _, m := range rule.Matches {
				if m.Path == nil || *m.Path.Type != gatewayv1.PathMatchPathPrefix || len(m.Headers)+len(m.QueryParams) > 0 || m.Method != nil {
					t.Fatalf("%s: not a match by prefix: %+v", route.Name, m)
				}
				paths = append(paths, *m.Path.Value, *m.Path.Value+"/*")
			}
			var handlers []any
			for _, filter := range rule.Filters {
				if filter.Type != gatewayv1.HTTPRouteFilterCORS {
					t.Fatalf("%s: a filter of the type %s", route.Name, filter.Type)
				}
				handlers = append(handlers, caddyconfig.JSONModuleObject(translate(filter.CORS), "handler", "cors", nil))
			}
			result = append(result, map[string]any{
				"match": []any{map[string]any{"path": paths}}, "handle": append(handlers, proxy), "terminal": true,
			})
		}
	}
	return result
}

// echo answers with what it has been asked, as the echo server of the conformance
// suite does.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	err := json.NewEncoder(w).Encode(map[string]any{
		"path": r.RequestURI, "host": r.Host, "method": r.Method, "proto": r.Proto, "headers": r.Header,
		"namespace": namespace,
	})
	if err != nil {
		panic(fmt.Errorf("echo: %w", err))
	}
}
