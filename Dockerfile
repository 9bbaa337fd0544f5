# Caddy with this module, from a clone: docker build -t caddy-cors .
# Without a clone, write the two lines of the builder in your own Dockerfile, and
# leave out COPY and "@v0.0.0=/src".
FROM caddy:2.11-builder AS builder
COPY . /src
# With a version, so that no proxy is asked for one.
RUN xcaddy build --with github.com/seed-56c1dbac/caddy-cors@v0.0.0=/src

FROM caddy:2.11
COPY --from=builder /usr/bin/caddy /usr/bin/caddy
