package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"time"
)

// workload is a kind of request.
type workload struct {
	name   string
	method string
	path   string
}

var (
	bare      = workload{"respond", "GET", "/"}
	static    = workload{"4 KiB file", "GET", "/" + fileName}
	proxied   = workload{"reverse_proxy", "GET", "/"}
	preflight = workload{"preflight", "OPTIONS", "/"}

	workloads = []workload{bare, static, proxied, preflight}
)

// Every request has these.
const origin = "https://app.example.com"

var requestFields = [][2]string{
	{"Origin", origin},
	{"Sec-Fetch-Site", "cross-site"},
	{"Sec-Fetch-Mode", "cors"},
	{"Accept", "*/*"},
	{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"},
}

// Preflights have these as well.
var preflightFields = [][2]string{
	{"Access-Control-Request-Method", "PUT"},
	{"Access-Control-Request-Headers", "content-type"},
}

// fields returns the fields of the requests of a workload.
func (w workload) fields() [][2]string {
	if w.method == "OPTIONS" {
		return append(requestFields[:len(requestFields):len(requestFields)], preflightFields...)
	}
	return requestFields
}

// load makes requests with wrk.
type load struct {
	command     []string // wrk, with what pins it to a processor
	script      string   // the path of the Lua script of preflights
	connections int
}

// sample is what turns of a server came to.
type sample struct {
	cpu      time.Duration
	requests int
	seconds  float64
}

func (s sample) plus(o sample) sample {
	return sample{s.cpu + o.cpu, s.requests + o.requests, s.seconds + o.seconds}
}

// cost returns what a request takes of a processor, in microseconds.
func (s sample) cost() float64 {
	return float64(s.cpu) / float64(s.requests) / float64(time.Microsecond)
}

// throughput returns the requests per second.
func (s sample) throughput() float64 { return float64(s.requests) / s.seconds }

func newLoad(dir string, connections int) (*load, error) {
	if _, err := exec.LookPath("wrk"); err != nil {
		return nil, errors.New("wrk makes the requests, and is not installed")
	}
	l := &load{
		command:     append(pin(1), "wrk"),
		script:      filepath.Join(dir, "preflight.lua"),
		connections: connections,
	}
	return l, os.WriteFile(l.script, []byte(`wrk.method = "OPTIONS"`), 0o600)
}

// pin returns the beginning of a command that stays on one processor, if there
// is more than one: servers on the first, all else on the second.
func pin(cpu int) []string {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		return nil
	}
	return []string{"taskset", "-c", strconv.Itoa(cpu)}
}

var wrkCount = regexp.MustCompile(`(?m)^ +(\d+) requests in ([\d.]+)s,`)

// measure makes requests for a second.
func (l *load) measure(ctx context.Context, s *server, w workload) (sample, error) {
	args := append(l.command[1:len(l.command):len(l.command)],
		"-t1", "-c", strconv.Itoa(l.connections), "-d", "1s", "--timeout", "30s")
	for _, f := range w.fields() {
		args = append(args, "-H", f[0]+": "+f[1])
	}
	if w.method == "OPTIONS" {
		args = append(args, "-s", l.script)
	}
	before, err := s.process.CPU()
	if err != nil {
		return sample{}, err
	}
	out, err := exec.CommandContext(ctx, l.command[0], append(args, s.url(w))...).CombinedOutput() //nolint:gosec // wrk
	if err != nil {
		return sample{}, fmt.Errorf("wrk: %w\n%s", err, out)
	}
	after, err := s.process.CPU()
	if err != nil {
		return sample{}, err
	}
	count := wrkCount.FindSubmatch(out)
	if count == nil || wrkFailure.Match(out) {
		return sample{}, fmt.Errorf("wrk: %s", out)
	}
	requests, err := strconv.Atoi(string(count[1]))
	if err != nil || requests == 0 {
		return sample{}, fmt.Errorf("wrk: no requests\n%s", out)
	}
	seconds, err := strconv.ParseFloat(string(count[2]), 64)
	if err != nil {
		return sample{}, err
	}
	return sample{after - before, requests, seconds}, nil
}

// wrkFailure is what wrk says when requests went wrong.
var wrkFailure = regexp.MustCompile(`Non-2xx|Socket errors`)
