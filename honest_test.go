package caddycors

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/seed-56c1dbac/caddy-cors/internal/policy"
)

// TestHonestPolicies: what people write for their own domains, with credentials,
// loads without a word, and allows the origin that they mean. The shapes are those of
// public configurations of nginx, Apache, Traefik, Envoy, Kubernetes, and of the CORS
// middleware of Django, FastAPI, Express, Laravel, Symfony, Spring and ASP.NET.
func TestHonestPolicies(t *testing.T) {
	for _, tc := range []struct {
		directive string // without cors and without allow_credentials
		origin    string // one that it must allow; "" if that depends on the request
	}{
		// One application, or several, by name.
		{"https://app.acme.com", "https://app.acme.com"},
		{"https://acme.com https://www.acme.com", "https://www.acme.com"},
		{"https://www.acme.org https://acme.org", "https://acme.org"},
		{"https://app.acme.com https://staging.acme.com https://dev.acme.com", "https://staging.acme.com"},
		{"https://app.acme.com https://app.acme.test https://app.acme.internal", "https://app.acme.internal"},
		{"https://acme.co.uk https://www.acme.co.uk", "https://www.acme.co.uk"},
		{"https://acme.com.br https://acme.com.au https://acme.co.jp", "https://acme.co.jp"},
		{"https://acme.com https://acme.de https://acme.fr https://acme.it https://acme.es https://acme.nl https://acme.at https://acme.ch", "https://acme.ch"},
		{"https://app.acme.com,https://mobile.acme.com", "https://mobile.acme.com"},
		{"https://app.acme.com, https://*.acme.dev, capacitor://localhost", "https://x.acme.dev"},
		{"https://app.acme.com:8443", "https://app.acme.com:8443"},
		{"https://webhook.n8n.dev.acme.online:32443", "https://webhook.n8n.dev.acme.online:32443"},
		{"https://admin.acme.com:9443 https://admin.acme.com", "https://admin.acme.com:9443"},
		{"https://student.acme.ac.in https://www.acme.edu https://portal.acme.gov.br", "https://portal.acme.gov.br"},
		{"https://xn--bcher-kva.example", "https://xn--bcher-kva.example"},
		{"https://xn--bcher-kva.de https://www.xn--bcher-kva.de", "https://www.xn--bcher-kva.de"},
		{"https://xn--80ak6aa92e.xn--p1ai", "https://xn--80ak6aa92e.xn--p1ai"},
		{"https://acme.app https://acme.dev https://acme.io https://acme.ai", "https://acme.ai"},
		{"https://a-b-c.acme-corp.com", "https://a-b-c.acme-corp.com"},
		{"https://app_1.acme.com", "https://app_1.acme.com"},

		// One application at a host that strangers have neighbours of.
		{"https://acme.github.io", "https://acme.github.io"},
		{"https://acme.vercel.app https://acme-staging.vercel.app", "https://acme-staging.vercel.app"},
		{"https://acme.netlify.app", "https://acme.netlify.app"},
		{"https://acme.pages.dev", "https://acme.pages.dev"},
		{"https://acme.onrender.com http://localhost:8000 http://127.0.0.1:8000", "https://acme.onrender.com"},
		{"https://acme-api.herokuapp.com", "https://acme-api.herokuapp.com"},
		{"https://acme.azurewebsites.net", "https://acme.azurewebsites.net"},
		{"https://acme-g9hqaacaadcwdhfn.koreacentral-01.azurewebsites.net", "https://acme-g9hqaacaadcwdhfn.koreacentral-01.azurewebsites.net"},
		{"https://acme-front-d2ayf3aca3e3bcdu.z01.azurefd.net", "https://acme-front-d2ayf3aca3e3bcdu.z01.azurefd.net"},
		{"https://acme-web.happyhill-1a2b3c4d.westeurope.azurecontainerapps.io", "https://acme-web.happyhill-1a2b3c4d.westeurope.azurecontainerapps.io"},
		{"https://acme-web-1a2b3c4d5e-uc.a.run.app", "https://acme-web-1a2b3c4d5e-uc.a.run.app"},
		{"https://d111111abcdef8.cloudfront.net", "https://d111111abcdef8.cloudfront.net"},
		{"https://acme.web.app https://acme.firebaseapp.com", "https://acme.firebaseapp.com"},
		{"https://acme.zendesk.com https://acme.atlassian.net", "https://acme.zendesk.com"},
		{"https://acme.my.salesforce.com https://acme.lightning.force.com https://acme--c.vf.force.com", "https://acme--c.vf.force.com"},
		{"https://acme.sharepoint.com", "https://acme.sharepoint.com"},
		{"https://acme.myshopify.com https://admin.shopify.com", "https://acme.myshopify.com"},
		{"https://acme.wordpress.com", "https://acme.wordpress.com"},
		{"https://acme-3000.app.github.dev", "https://acme-3000.app.github.dev"},
		{"https://acme.ngrok-free.app", "https://acme.ngrok-free.app"},
		{"https://acme.loca.lt", "https://acme.loca.lt"},
		{"https://acme.91-98-25-205.sslip.io", "https://acme.91-98-25-205.sslip.io"},
		{"https://web.readest.com https://readest.com", "https://readest.com"},
		{"https://studio.apollographql.com https://sandbox.embed.apollographql.com", "https://studio.apollographql.com"},
		{"https://my-project.lovable.app https://acme.bolt.host", "https://my-project.lovable.app"},

		// Everything below a domain of one's own, as a pattern.
		{"https://*.acme.com", "https://app.acme.com"},
		{"https://acme.com https://*.acme.com", "https://acme.com"},
		{"https://*.acme.io", "https://a.b.acme.io"},
		{"https://*.acme.co.uk", "https://shop.acme.co.uk"},
		{"https://*.acme.com.au https://acme.com.au", "https://www.acme.com.au"},
		{"https://*.preview.acme.dev", "https://pr-17.preview.acme.dev"},
		{"https://*.staging.acme.com https://*.prod.acme.com", "https://eu.staging.acme.com"},
		{"https://*.dev.eu-west-1.acme.cloud", "https://x.dev.eu-west-1.acme.cloud"},
		{"https://*.acme.com https://*.acme.de https://*.acme.fr", "https://www.acme.fr"},
		{"https://*.acme.com:8443", "https://app.acme.com:8443"},
		{"https://*.acme.com:*", "https://app.acme.com:3000"},
		{"https://app.acme.com:*", "https://app.acme.com:4443"},
		{"https://*.xn--bcher-kva.de", "https://shop.xn--bcher-kva.de"},
		{"https://*.acme.gov.uk https://*.acme.ac.uk https://*.acme.edu", "https://www.acme.ac.uk"},
		{"https://*.acme.k12.ca.us", "https://www.acme.k12.ca.us"},
		{"https://*.acme.vercel.app", "https://x.acme.vercel.app"},
		{"https://*.acme.pages.dev https://acme.pages.dev", "https://1a2b3c4d.acme.pages.dev"},
		{"https://*.acme.workers.dev", "https://api.acme.workers.dev"},
		{"https://*.acme.fly.dev", "https://x.acme.fly.dev"},
		{"https://*.tail1a2b3c.ts.net", "https://nas.tail1a2b3c.ts.net"},
		{"https://*.acme.duckdns.org", "https://home.acme.duckdns.org"},
		{"https://*.acme.dedyn.io", "https://home.acme.dedyn.io"},
		{"https://*.acme.nip.io", "https://a.acme.nip.io"},
		{"https://*.apps.acme.openshift.acme.com", "https://web.apps.acme.openshift.acme.com"},
		{"https://*.happyhill-1a2b3c4d.westeurope.azurecontainerapps.io", "https://acme.happyhill-1a2b3c4d.westeurope.azurecontainerapps.io"},
		{"https://*.lvh.me:3000", "https://acme.lvh.me:3000"},
		{"https://*.localtest.me", "https://acme.localtest.me"},

		// A network of one's own.
		{"https://*.internal", "https://wiki.internal"},
		{"https://*.lan https://*.local", "https://nas.local"},
		{"https://*.corp https://*.intranet https://*.home", "https://wiki.corp"},
		{"https://*.acme.internal https://*.acme.test", "https://a.acme.test"},
		{"https://*.home.arpa", "https://nas.home.arpa"},
		{"https://*.svc.cluster.local", "https://web.default.svc.cluster.local"},
		{"https://*.home.acme.net", "https://grafana.home.acme.net"},
		{"https://homeassistant.local:8123", "https://homeassistant.local:8123"},
		{"https://nas.fritz.box https://pi.hole", "https://nas.fritz.box"},
		{"https://intranet https://intranet:8443", "https://intranet:8443"},
		{"https://192.168.1.10 https://192.168.1.10:8443", "https://192.168.1.10:8443"},
		{"https://10.0.0.5:* https://172.16.0.9", "https://10.0.0.5:3000"},
		{"https://100.67.86.55:11435", "https://100.67.86.55:11435"},
		{"https://[fd00::1]:8443", "https://[fd00::1]:8443"},
		{"https://203.0.113.7", "https://203.0.113.7"},

		// The developer's own machine.
		{"http://localhost:3000", "http://localhost:3000"},
		{"http://localhost:3000 http://localhost:5173 http://127.0.0.1:5173", "http://127.0.0.1:5173"},
		{"http://localhost:*", "http://localhost:4200"},
		{"http://localhost http://localhost:* http://127.0.0.1:* http://[::1]:*", "http://[::1]:8080"},
		{"https://localhost https://localhost:*", "https://localhost:7001"},
		{"http://*.localhost:*", "http://acme.localhost:3000"},
		{"http://*.localhost https://*.localhost", "https://acme.localhost"},
		{"http://app.localhost:8080 http://admin.localhost:8080", "http://admin.localhost:8080"},
		{"https://app.acme.com http://localhost:4173 http://localhost:8081 http://localhost:19006", "http://localhost:19006"},

		// Applications that are not web sites.
		{"capacitor://localhost", "capacitor://localhost"},
		{"capacitor://localhost ionic://localhost https://localhost http://localhost", "ionic://localhost"},
		{"capacitor://localhost http://localhost https://app.acme.com", "capacitor://localhost"},
		{"capacitor://acme.app", "capacitor://acme.app"},
		{"tauri://localhost https://tauri.localhost http://tauri.localhost", "http://tauri.localhost"},
		{"app://obsidian.md capacitor://localhost http://localhost", "app://obsidian.md"},
		{"app://.", "app://."},
		{"app://com.acme.logistics.desktop", "app://com.acme.logistics.desktop"},
		{"app://localhost", "app://localhost"},
		{"chrome-extension://hiehibifnfkcajcihldapggjbnelkogm", "chrome-extension://hiehibifnfkcajcihldapggjbnelkogm"},
		{"chrome-extension://hiehibifnfkcajcihldapggjbnelkogm chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh https://app.acme.com", "https://app.acme.com"},
		{"moz-extension://0f0e0d0c-1111-2222-3333-444455556666", "moz-extension://0f0e0d0c-1111-2222-3333-444455556666"},
		{"safari-web-extension://0F0E0D0C-1111-2222-3333-444455556666", "safari-web-extension://0F0E0D0C-1111-2222-3333-444455556666"},
		{"acme-desktop://app", "acme-desktop://app"},

		// Regexps for a few names.
		{re(`https://app\.acme\.com`), "https://app.acme.com"},
		{re(`^https://app\.acme\.com$`), "https://app.acme.com"},
		{re(`^https://(app|admin|staging)\.acme\.com$`), "https://staging.acme.com"},
		{re(`https://(staging|www)\.acme\.com`), "https://www.acme.com"},
		{re(`^https://(www\.)?acme\.com$`), "https://acme.com"},
		{re(`^https://(?:www\.)?acme\.co\.uk$`), "https://www.acme.co.uk"},
		{re(`^https://(app\.)?acme\.io$`), "https://acme.io"},
		{re(`^(https://api\.acme\.com|https://acme\.com)$`), "https://acme.com"},
		{re(`^https://(web\.acme\.com|acme\.com)$`), "https://web.acme.com"},
		{re(`\Ahttps://app\.acme\.com\z`), "https://app.acme.com"},
		{re(`^https://app[1-9]\.acme\.com$`), "https://app3.acme.com"},
		{re(`^https://acme\.(com|org|net)$`), "https://acme.net"},
		{re(`^https://(www\.)?acme\.(de|at|ch)$`), "https://www.acme.ch"},
		{re(`^https://(www\.)?(acme|umbrella|initech)\.com$`), "https://www.initech.com"},
		{re(`^https://acme\.(vercel|netlify)\.app$`), "https://acme.netlify.app"},
		{re(`^https://acme(-staging|-dev)?\.vercel\.app$`), "https://acme-dev.vercel.app"},
		{re(`^https://app\.acme\.com(:8443)?$`), "https://app.acme.com:8443"},
		{re(`^(https://beta\.acme\.de|https://localhost|capacitor://localhost|http://localhost)$`), "capacitor://localhost"},
		{re(`^(https?://localhost(:\d+)?|https://acme\.com)$`), "https://acme.com"},
		{re(`(?i)^https://app\.acme\.com$`), "https://app.acme.com"},
		{re(`^https:\/\/app\.acme\.com$`), "https://app.acme.com"},
		{re(`^https://[a-c]\.tiles\.acme\.org$`), "https://b.tiles.acme.org"},

		// Regexps for everything below a domain.
		{re(`https://.*\.acme\.com`), "https://a.b.acme.com"},
		{re(`^https://.*\.acme\.com$`), "https://app.acme.com"},
		{re(`^https://.+\.acme\.com$`), "https://app.acme.com"},
		{re(`^https:\/\/.*\.acme\.com$`), "https://app.acme.com"},
		{re(`https://.*\.acme\.com(:\d+)?`), "https://app.acme.com:3000"},
		{re(`^https://.*\.acme\.com(:[0-9]+)?$`), "https://app.acme.com:3000"},
		{re(`^https://([^/]+\.)*(acme|umbrella)\.com$`), "https://a.b.umbrella.com"},
		{re(`^https://([a-z0-9-]+\.)?acme\.(me|app)$`), "https://acme-dev.acme.app"},
		{re(`^https://([a-z0-9-]+\.)*acme\.com(:[0-9]+)?$`), "https://a.b.acme.com:8443"},
		{re(`^https://([a-zA-Z0-9-]+\.)*acme\.dev$`), "https://x.acme.dev"},
		{re(`^https://[\w-]+\.acme\.ac\.in$`), "https://student.acme.ac.in"},
		{re(`^https://\w+\.acme\.io$`), "https://demo.acme.io"},
		{re(`^https://[a-z0-9-]+\.preview\.acme\.dev$`), "https://pr-17.preview.acme.dev"},
		{re(`^https://[^.]+\.acme\.com$`), "https://app.acme.com"},
		{re(`^https://[^/.]+\.acme\.com$`), "https://app.acme.com"},
		{re(`^https://(?:[^:]+\.)?acme\.com(?::\d+)?$`), "https://app.acme.com:8443"},
		{re(`^https://(.+\.)?acme\.co\.uk$`), "https://shop.acme.co.uk"},
		{re(`^https://(.*\.)?acme\.com$`), "https://acme.com"},
		{re(`https://(?:.+\.)?acme\.com\.br`), "https://loja.acme.com.br"},
		{re(`^https://[a-z0-9]([a-z0-9-]*[a-z0-9])?\.acme\.com$`), "https://a-1.acme.com"},
		{re(`^https://(app|api|admin)(-[a-z]+)?\.acme\.com$`), "https://admin-eu.acme.com"},
		{re(`^https://pr-\d+\.acme\.dev$`), "https://pr-17.acme.dev"},
		{re(`^https://pr-\d+--acme\.acme\.dev$`), "https://pr-17--acme.acme.dev"},
		{re(`^https://(feature|bugfix|release)-[a-z0-9-]+\.acme\.dev$`), "https://feature-login.acme.dev"},
		{re(`^https://v\d+(-\d+){0,2}\.docs\.acme\.com$`), "https://v1-2-3.docs.acme.com"},
		{re(`^https://[a-z]{2}(-[a-z]{2})?\.acme\.com$`), "https://pt-br.acme.com"},
		{re(`^https://[0-9a-f]{8}\.acme\.pages\.dev$`), "https://1a2b3c4d.acme.pages.dev"},
		{re(`^https://([a-z0-9-]+\.)?acme\.pages\.dev$`), "https://x.acme.pages.dev"},
		{re(`^https://.*\.acme\.github\.io$`), "https://x.acme.github.io"},
		{re(`^https://[a-z0-9-]+\.acme\.sslip\.io$`), "https://x.acme.sslip.io"},
		{re(`^https://[a-z0-9.-]+\.eu\.acme\.cloud:8443$`), "https://a.b.eu.acme.cloud:8443"},
		{re(`^https://.*\.(acme\.com|acme\.org|acme-cdn\.net)$`), "https://x.acme-cdn.net"},
		{re(`^https://.*\.(dev|staging|prod)\.acme\.com$`), "https://x.staging.acme.com"},
		{re(`^https://.*\.(com|org)\.acme\.com$`), "https://x.org.acme.com"},
		{re(`^https://(.*\.)?xn--bcher-kva\.de$`), "https://shop.xn--bcher-kva.de"},
		{re(`^https://.*\.internal$`), "https://wiki.internal"},
		{re(`^https://[a-z]+\.(lan|local|corp)$`), "https://nas.lan"},
		{re(`^https://[a-z0-9-]+(:\d+)?$`), "https://intranet:8443"},
		{re(`https://.*\.acme\.com`) + "\n" + re(`https://acme\.com`), "https://acme.com"},
		{re(`https://.*\.acme\.com https://.*\.umbrella\.de`), "https://x.umbrella.de"},

		// Regexps for addresses and for the developer's own machine.
		{re(`^https?://localhost(:\d+)?$`), "http://localhost:3000"},
		{re(`https?://localhost(:\d+)?`), "https://localhost"},
		{re(`^https?://(localhost|127\.0\.0\.1)(:[0-9]+)?$`), "http://127.0.0.1:5173"},
		{re(`^https?://(?:(?:[^:]+\.)?localhost|127\.0\.0\.1|\[::1\])(?::\d+)?$`), "http://a.localhost:3000"},
		{re(`^http://(localhost|127\.0\.0\.1):\d+$`), "http://localhost:4200"},
		{re(`http://localhost:517[0-9]`), "http://localhost:5173"},
		{re(`^http://localhost:(3000|5173|8080)$`), "http://localhost:8080"},
		{re(`^http://127\.0\.0\.\d{1,3}:\d+$`), "http://127.0.0.7:8080"},
		{re(`^https://192\.168\.\d+\.\d+$`), "https://192.168.1.10"},
		{re(`https://192\.168\.\d{1,3}\.\d{1,3}(:\d+)?`), "https://192.168.1.10:3000"},
		{re(`https://10\.[\d.]+`), "https://10.0.0.5"},
		{re(`^https://(10\.\d{1,3}|192\.168)\.\d{1,3}\.\d{1,3}(:\d+)?$`), "https://192.168.0.9"},
		{re(`^https://172\.(1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3}(:\d+)?$`), "https://172.20.0.4:8443"},
		{re(`^https://169\.254\.\d+\.\d+$`), "https://169.254.1.2"},
		{re(`^https://\[f[cd][0-9a-f:]+\](:\d+)?$`), "https://[fd00::1]:8443"},
		{re(`^https?://(localhost|.*\.localhost)(:\d+)?$`), "https://x.y.localhost"},

		// Regexps for other schemes.
		{re(`^(capacitor|ionic|tauri)://localhost$`), "tauri://localhost"},
		{re(`^(capacitor://localhost|https?://localhost(:\d+)?|https://(.+\.)?acme\.com)$`), "https://app.acme.com"},
		{re(`^chrome-extension://(hiehibifnfkcajcihldapggjbnelkogm|aaaabbbbccccddddeeeeffffgggghhhh)$`), "chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh"},
		{re(`^(app://obsidian\.md|capacitor://localhost)$`), "app://obsidian.md"},

		// Patterns and regexps together, and with the other options.
		{"allow_origins https://app.acme.com\nallow_origins https://*.acme.dev", "https://x.acme.dev"},
		{"allow_origins https://app.acme.com\n" + re(`^https://pr-\d+\.acme\.dev$`), "https://pr-3.acme.dev"},
		{"allow_origins https://acme.com\nallow_methods GET POST PUT PATCH DELETE OPTIONS\nallow_headers Authorization Content-Type X-Requested-With\nmax_age 1h", "https://acme.com"},
		{"allow_origins https://acme.com\nallow_methods *\nallow_headers *", "https://acme.com"},
		{"allow_origins https://acme.com\nallow_headers Content-Type X-CSRF-Token X-Api-Key\nexpose_headers Link X-Total-Count ETag\nmax_age 2h", "https://acme.com"},
		{"allow_origins https://*.acme.com\nallow_timing\nreject_disallowed", "https://x.acme.com"},

		// Templates within a domain of one's own.
		{"https://{http.vars.tenant}.acme.com", ""},
		{"https://{http.request.host.labels.3}.app.acme.com", ""},
		{"{tenant_origin} https://app.acme.com", "https://app.acme.com"},
	} {
		directive := tc.directive
		if !strings.HasPrefix(directive, "allow_") {
			directive = "allow_origins " + directive
		}
		directive = "cors {\n" + directive + "\nallow_credentials\n}"
		t.Run(tc.directive, func(t *testing.T) {
			h := &Handler{PreflightStatus: 204}
			if err := h.UnmarshalCaddyfile(caddyfile.NewTestDispenser(directive)); err != nil {
				t.Fatal(err)
			}
			p, findings := policy.Compile(h.config(nil))
			if findings.Problems.Len()+findings.Warnings.Len() > 0 {
				t.Fatalf("problems %q, warnings %q", findings.Problems.String(), findings.Warnings.String())
			}
			if tc.origin == "" {
				return
			}
			r := httptest.NewRequest("GET", "https://api.example.net/", nil)
			r.Header.Set("Origin", tc.origin)
			if d := p.Decide(r); d.Result != policy.Allowed {
				t.Errorf("%s: %s, %s", tc.origin, d.Result, d.Reason)
			}
		})
	}
}

// re returns the line for regexps as they are written in a Caddyfile.
func re(exprs string) string { return "allow_origins_regexp " + exprs }
