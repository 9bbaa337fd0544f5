package clients

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
)

// registerProvider registers a provider of OpenID Connect, whose only user is
// hello. Clients do not check the signature of what comes from a token endpoint.
func registerProvider(mux *http.ServeMux) {
	mux.HandleFunc("GET /oidc/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		issuer := "https://" + r.Host + "/oidc"
		writeJSON(w, map[string]any{
			"issuer":                 issuer,
			"authorization_endpoint": issuer + "/authorize",
			"token_endpoint":         issuer + "/token",
			"userinfo_endpoint":      issuer + "/userinfo",
		})
	})
	mux.HandleFunc("POST /oidc/token", func(w http.ResponseWriter, r *http.Request) {
		token := map[string]any{"access_token": "token", "refresh_token": "refresh", "token_type": "Bearer", "expires_in": 3600, "scope": "openid"}
		if r.FormValue("grant_type") == "refresh_token" {
			token["access_token"] = "renewed"
		} else {
			token["id_token"] = unsigned(map[string]any{"sub": "1", "iss": "https://" + r.Host + "/oidc", "aud": "page"})
		}
		writeJSON(w, token)
	})
	mux.HandleFunc("GET /oidc/userinfo", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, map[string]any{"sub": "1", "name": "hello"})
	})
}

// unsigned is a JSON Web Token without a signature.
func unsigned(claims map[string]any) string {
	encode := func(value any) string {
		text, _ := json.Marshal(value)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return encode(map[string]any{"alg": "none"}) + "." + encode(claims) + "."
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}
