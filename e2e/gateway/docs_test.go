package gateway

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	caddycors "github.com/seed-56c1dbac/caddy-cors"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestExample: the Caddyfile of the documentation says what its HTTPRoute says.
func TestExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/gateway-api.md")
	if err != nil {
		t.Fatal(err)
	}
	find := func(pattern string) string {
		found := regexp.MustCompile(pattern).FindAllStringSubmatch(string(page), -1)
		if len(found) != 1 {
			t.Fatalf("%d of %s, want 1", len(found), pattern)
		}
		return found[0][1]
	}
	list := documents[gatewayv1.HTTPRoute](t, find("(?s)```yaml\n(.*?)```"), "HTTPRoute")
	if len(list) != 1 || len(list[0].Spec.Rules) != 1 || len(list[0].Spec.Rules[0].Filters) != 1 {
		t.Fatal("not one filter")
	}
	got := new(caddycors.Handler)
	directive := find("(?s)```caddyfile\n.*?\t(cors .*?\n\t}\n)")
	if err := got.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
		t.Fatal(err)
	}
	if want := translate(list[0].Spec.Rules[0].Filters[0].CORS); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
