module github.com/seed-56c1dbac/caddy-cors/e2e

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/seed-56c1dbac/caddy-cors v0.0.0-00010101000000-000000000000
	golang.org/x/image v0.47.0
	golang.org/x/net v0.60.0
)

require golang.org/x/text v0.43.0 // indirect

replace github.com/seed-56c1dbac/caddy-cors => ../
