package main

import (
	"fmt"
	"strings"
	"time"
)

// targets are what requests are made for, with the answer when all is well.
var targets = []struct {
	method, path string
	answer       answer
	webSocket    bool
}{
	{method: "GET", path: "/respond", answer: answer{status: 200, body: "hello"}},
	{method: "POST", path: "/respond", answer: answer{status: 200, body: "hello"}},
	{method: "GET", path: "/file", answer: answer{status: 200, body: "hello"}},
	{method: "GET", path: "/missing", answer: answer{status: 404, body: "404"}},
	{method: "GET", path: "/proxy/ok", answer: answer{status: 200, body: "hello"}},
	{method: "POST", path: "/proxy/ok", answer: answer{status: 200, body: "hello"}},
	{method: "GET", path: "/proxy/stream", answer: answer{status: 200, body: streamed}},
	{method: "GET", path: "/proxy/slow", answer: answer{status: 200, body: "hello"}},
	{method: "GET", path: "/proxy/early", answer: answer{status: 200, body: "hello"}},
	{method: "GET", path: "/proxy/fail", answer: answer{status: 500, body: "hello"}},
	{method: "GET", path: "/proxy/abort", answer: answer{status: 502, body: "502"}},
	{method: "GET", path: "/proxy/ws", answer: answer{body: "hello"}, webSocket: true},
	{method: "GET", path: "/dead", answer: answer{status: 502, body: "502"}},
}

// page is where a request comes from.
type page struct {
	name string
	// origin returns the lines of Origin.
	origin func(c *client) []string
	// could reports whether it can have been right, at some time, that the origin
	// was allowed, or that it was not.
	could func(c *client, a answer, allowed bool, from, to time.Time) bool
}

// knownOrigins are asked about at the beginning. From then on there is an answer
// to fall back to.
var knownOrigins = []string{askOrigin, "https://yes-1.example", "https://yes-2.example", "https://yes-3.example"}

var malformed = []string{
	"null", "", "https://app.example.com/", "HTTPS://APP.EXAMPLE.COM", "https://app.example.com:443", "https://app.example.com.evil.example",
	"https://example.org", "http://app.example.org", "https://app.example.com https://x.example", "https://[::1", "app.example.com",
	"https://" + strings.Repeat("a", 400) + ".example.org", "https://a..example.org", "https://a.example.org:99999", "file://",
}

var pages = []page{
	{"none", func(*client) []string { return nil }, never},
	{"exact", lines("https://app.example.com"), always},
	{"exact", lines("https://app.example.com"), always},
	{"wildcard", func(c *client) []string { return []string{fmt.Sprintf("https://%d.example.org", c.random.Uint32())} }, always},
	{"foreign", func(c *client) []string { return []string{fmt.Sprintf("https://%d.evil.example", c.random.Uint32())} }, never},
	{"foreign", lines("https://evil.example"), never},
	{"malformed", func(c *client) []string { return []string{malformed[c.random.IntN(len(malformed))]} }, never},
	{"two", lines("https://app.example.com", "https://app.example.com"), never},
	{"list", func(c *client) []string {
		return []string{fmt.Sprintf("https://tenant-%d.example.net", c.random.IntN(500))}
	}, always},
	{"reload", lines(reloadOrigins[0]), inConfig(0)},
	{"reload", lines(reloadOrigins[1]), inConfig(1)},
	{"file", lines(fileOrigin), func(c *client, _ answer, allowed bool, from, to time.Time) bool {
		return c.world.inFile.could(allowed, from, to)
	}},
	{"http", lines(httpOrigin), func(c *client, _ answer, allowed bool, from, to time.Time) bool {
		return c.world.inList.could(allowed, from, to)
	}},
	{"ask", lines(askOrigin), func(c *client, _ answer, allowed bool, from, to time.Time) bool {
		return c.world.asked.could(allowed, from, to)
	}},
	{"ask, known", func(c *client) []string { return []string{knownOrigins[1+c.random.IntN(len(knownOrigins)-1)]} }, always},
	// One that is not known is allowed if there is an answer to be had, in time.
	{"ask, new", func(c *client) []string {
		return []string{fmt.Sprintf("https://yes-%d.example", c.random.Uint64())}
	}, func(c *client, _ answer, allowed bool, from, to time.Time) bool {
		return c.world.answers.could(allowed, from, to) || !allowed && to.Sub(from) >= askTimeout
	}},
}

func lines(origin ...string) func(*client) []string {
	return func(*client) []string { return origin }
}

func inConfig(i int) func(*client, answer, bool, time.Time, time.Time) bool {
	return func(_ *client, a answer, allowed bool, _, _ time.Time) bool {
		return allowed == (a.header.Get("X-Origin") == reloadOrigins[i])
	}
}

func always(_ *client, _ answer, allowed bool, _, _ time.Time) bool { return allowed }
func never(_ *client, _ answer, allowed bool, _, _ time.Time) bool  { return !allowed }
