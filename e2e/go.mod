module github.com/seed-56c1dbac/caddy-cors/e2e

go 1.26.0
