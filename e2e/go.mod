module github.com/seed-56c1dbac/caddy-cors/e2e

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	golang.org/x/image v0.47.0
)
