package modules

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/lucaslorentz/caddy-docker-proxy/v2/config"
	"github.com/lucaslorentz/caddy-docker-proxy/v2/docker"
	"github.com/lucaslorentz/caddy-docker-proxy/v2/generator"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// containerAddress is that of the first container.
const containerAddress = "172.17.0.2"

// labels are those of a container.
type labels map[string]string

// generate returns the Caddyfile that caddy-docker-proxy makes of containers, and
// what it logs of the sites that it leaves out.
func generate(containers ...labels) (text, left string) {
	const id, networkID = "caddy", "ingress"
	var list []container.Summary
	address := netip.MustParseAddr(containerAddress)
	for _, l := range containers {
		list = append(list, container.Summary{
			Labels: l,
			NetworkSettings: &container.NetworkSettingsSummary{
				Networks: map[string]*network.EndpointSettings{networkID: {IPAddress: address, NetworkID: networkID}},
			},
		})
		address = address.Next()
	}
	client := &docker.ClientMock{
		ContainersData: list,
		ContainerInspectData: map[string]container.InspectResponse{id: {
			NetworkSettings: &container.NetworkSettings{Networks: map[string]*network.EndpointSettings{networkID: {NetworkID: networkID}}},
		}},
		NetworkInspectData: map[string]network.Inspect{networkID: {Network: network.Network{ID: networkID, Name: networkID}}},
	}
	utils := &docker.UtilsMock{MockGetCurrentContainerID: func() (string, error) { return id, nil }}
	options := &config.Options{LabelPrefix: generator.DefaultLabelPrefix, ProcessCaddyfile: true}
	core, logged := observer.New(zap.InfoLevel)
	caddyfile, _ := generator.CreateGenerator([]docker.Client{client}, utils, options).GenerateCaddyfile(zap.New(core))
	for _, entry := range logged.FilterMessage("Process Caddyfile").All() {
		left += entry.ContextMap()["logs"].(string)
	}
	return string(caddyfile), left
}

// other is a container without a mistake.
var other = labels{"caddy": "other.example.com", "caddy.respond": "200"}

const otherSite = "other.example.com {\n\trespond 200\n}\n"

// TestLabels: the Caddyfile of labels.
func TestLabels(t *testing.T) {
	for _, tc := range []struct {
		name       string
		containers []labels
		want       string
		left       string // what the log says of a site that is left out
		refused    string // why Caddy does not load what is wanted, if it does not
	}{
		{
			name:       "origins",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors": "https://a.example https://b.example"}},
			want:       "api.example.com {\n\tcors https://a.example https://b.example\n}\n",
		},
		{
			name: "options, those without arguments by empty labels",
			containers: []labels{{
				"caddy":                            "api.example.com",
				"caddy.cors":                       "https://a.example",
				"caddy.cors.allow_credentials":     "",
				"caddy.cors.allow_headers":         "Content-Type Authorization",
				"caddy.cors.allow_methods":         "PUT DELETE",
				"caddy.cors.allow_origins_regexp":  `https://app-\d+\.b\.example`,
				"caddy.cors.allow_private_network": "",
				"caddy.cors.allow_timing":          "",
				"caddy.cors.expose_headers":        "X-Total",
				"caddy.cors.max_age":               "1h",
				"caddy.cors.preflight_status":      "200",
				"caddy.cors.reject_disallowed":     "",
			}},
			want: `api.example.com {
	cors https://a.example {
		allow_credentials
		allow_headers Content-Type Authorization
		allow_methods PUT DELETE
		allow_origins_regexp https://app-\d+\.b\.example
		allow_private_network
		allow_timing
		expose_headers X-Total
		max_age 1h
		preflight_status 200
		reject_disallowed
	}
}
`,
		},
		{
			name: "several, in the order of their prefixes",
			containers: []labels{{
				"caddy":                          "api.example.com",
				"caddy.1_cors":                   "https://a.example",
				"caddy.1_cors.allow_credentials": "",
				"caddy.2_cors":                   "* *",
			}},
			want: "api.example.com {\n\tcors https://a.example {\n\t\tallow_credentials\n\t}\n\tcors * *\n}\n",
		},
		{
			name:       "several with suffixes, in the order of their text",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors_0": "https://b.example", "caddy.cors_1": "https://a.example"}},
			want:       "api.example.com {\n\tcors https://a.example\n\tcors https://b.example\n}\n",
		},
		{
			name:       "suffixes where the order counts",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors_0": "https://a.example", "caddy.cors_1": "* *"}, other},
			want:       otherSite,
			left:       "can never decide",
		},
		{
			name: "a source",
			containers: []labels{{
				"caddy":                      "api.example.com",
				"caddy.cors.dynamic":         "ask http://localhost:9000/cors",
				"caddy.cors.dynamic.timeout": "2s",
			}},
			want: "api.example.com {\n\tcors {\n\t\tdynamic ask http://localhost:9000/cors {\n\t\t\ttimeout 2s\n\t\t}\n\t}\n}\n",
		},
		{
			name: "two containers of a site",
			containers: []labels{
				{"caddy": "api.example.com", "caddy.cors": "https://a.example", "caddy.reverse_proxy": "{{upstreams 3000}}"},
				{"caddy": "api.example.com", "caddy.cors": "https://b.example", "caddy.reverse_proxy": "{{upstreams 3000}}"},
			},
			want: "api.example.com {\n\tcors https://a.example\n\tcors https://b.example\n\treverse_proxy 172.17.0.2:3000 172.17.0.3:3000\n}\n",
		},
		{
			name:       "an origin with a mistake",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors": "https://a.example/"}, other},
			want:       otherSite,
			left:       "https://a.example/",
		},
		{
			name:       "an argument where there must be none",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors": "https://a.example", "caddy.cors.allow_credentials": "true"}, other},
			want:       otherSite,
			left:       "allow_credentials",
		},
		{
			name:       "every origin with credentials",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors.allow_origins": "*", "caddy.cors.allow_credentials": ""}, other},
			want:       otherSite,
			left:       "allow_credentials",
		},
		{
			name:       "a lone *, which is the matcher",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors": "*"}, other},
			want:       otherSite,
			left:       "write `cors * *`",
		},
		{
			name:       "an origin that only the environment knows",
			containers: []labels{{"caddy": "api.example.com", "caddy.cors": "{env.CORS_ORIGINS_OF_NOBODY}"}, other},
			want:       "api.example.com {\n\tcors {env.CORS_ORIGINS_OF_NOBODY}\n}\n" + otherSite,
			refused:    "CORS_ORIGINS_OF_NOBODY",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, left := generate(tc.containers...)
			if text != tc.want {
				t.Errorf("got\n%s\nwant\n%s", text, tc.want)
			}
			if !strings.Contains(left, tc.left) || tc.left == "" && left != "" {
				t.Errorf("left out:\n%s\nwant %q", left, tc.left)
			}
			adapted, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
			if err != nil || len(warnings) > 0 {
				t.Fatal(err, warnings)
			}
			loaded := new(caddy.Config)
			if err := json.Unmarshal(adapted, loaded); err != nil {
				t.Fatal(err)
			}
			loaded.Logging = &caddy.Logging{Logs: map[string]*caddy.CustomLog{
				"default": {BaseLog: caddy.BaseLog{WriterRaw: json.RawMessage(`{"output": "discard"}`)}},
			}}
			err = caddy.Validate(loaded)
			if tc.refused == "" && err != nil || tc.refused != "" && (err == nil || !strings.Contains(err.Error(), tc.refused)) {
				t.Errorf("%v, want %q", err, tc.refused)
			}
		})
	}
}

// TestCompose: the page's services have the labels of the Caddyfile below them.
func TestCompose(t *testing.T) {
	var compose struct {
		Services map[string]struct{ Labels labels }
	}
	shown := blocks(t, "yaml")
	if len(shown) != 1 {
		t.Fatalf("%d blocks of YAML, want 1", len(shown))
	}
	if err := yaml.Unmarshal([]byte(shown["docker-proxy"]), &compose); err != nil {
		t.Fatal(err)
	}
	var containers []labels
	for _, service := range compose.Services {
		containers = append(containers, service.Labels)
	}
	text, left := generate(containers...)
	if want := blocks(t, "caddyfile")["docker-proxy"]; text != want || left != "" {
		t.Errorf("got\n%s\nwant\n%s\nleft out: %s", text, want, left)
	}
}
