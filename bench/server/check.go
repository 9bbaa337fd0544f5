package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// check makes one request of each kind to each server, since what answers
// wrongly is not worth timing: the fields by header must be those of the module,
// and everyone but these and the plain server must tell origins apart.
func check(ctx context.Context, servers []*server) error {
	fields := make(map[string]map[workload]string)
	for _, s := range servers {
		fields[s.name] = make(map[workload]string)
		for _, w := range workloads {
			status, header, err := request(ctx, s, w, origin)
			if err != nil {
				return err
			}
			fields[s.name][w] = corsFields(header)
			want := origin
			if s.name == plain {
				want = ""
			}
			if err := wrong(s, w, status, header, want); err != nil {
				return err
			}
			if s.name == plain || s.name == byHeader || w == preflight {
				continue
			}
			if status, header, err = request(ctx, s, w, "https://foreign.example"); err != nil {
				return err
			}
			if err := wrong(s, w, status, header, ""); err != nil {
				return err
			}
		}
	}
	for _, w := range workloads {
		if a, b := fields[byHeader][w], fields[module][w]; a != b {
			return fmt.Errorf("%s: what is compared has not the same fields: %s has\n%s\nand %s\n%s", w.name, byHeader, a, module, b)
		}
	}
	return nil
}

// request makes a request as the load does.
func request(ctx context.Context, s *server, w workload, origin string) (status int, header http.Header, err error) {
	r, err := http.NewRequestWithContext(ctx, w.method, s.url(w), nil)
	if err != nil {
		return 0, nil, err
	}
	for _, f := range w.fields() {
		r.Header.Set(f[0], f[1])
	}
	r.Header.Set("Origin", origin)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, res.Header, err
}

// wrong says what is wrong with a response.
func wrong(s *server, w workload, status int, fields http.Header, allowed string) error {
	allow := fields["Access-Control-Allow-Origin"]
	if status >= 300 || len(allow) > 1 || strings.Join(allow, "") != allowed {
		return fmt.Errorf("%s, %s: %d %v, want Access-Control-Allow-Origin %q", s.name, w.name, status, fields, allowed)
	}
	return nil
}

// corsFields returns the fields of a response that are about CORS, sorted.
func corsFields(header http.Header) string {
	var lines []string
	for name, values := range header {
		if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
			elements := strings.Split(strings.Join(values, ", "), ", ")
			if name == "Vary" { // whose order and lines mean nothing
				slices.Sort(elements)
			}
			lines = append(lines, name+": "+strings.Join(elements, ", "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
