package caddycors_test

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	caddycors "github.com/seed-56c1dbac/caddy-cors"
)

// Regions is a source of a third party: it allows the origins of a company's
// sites in certain regions. In a Caddyfile, it is `dynamic regions eu us`.
type Regions struct {
	// The regions.
	Regions []string `json:"regions,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Regions) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.cors.origins.regions",
		New: func() caddy.Module { return new(Regions) },
	}
}

// UnmarshalCaddyfile sets up the source from Caddyfile tokens.
func (s *Regions) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume source name
	s.Regions = d.RemainingArgs()
	if len(s.Regions) == 0 {
		return d.ArgErr()
	}
	return nil
}

// AllowsOrigin implements caddycors.OriginSource.
func (s *Regions) AllowsOrigin(_ *http.Request, origin string) (bool, error) {
	return slices.ContainsFunc(s.Regions, func(region string) bool {
		return origin == "https://"+region+".example.com"
	}), nil
}

func init() {
	caddy.RegisterModule(Regions{})
}

// A source of a third party is a Caddy module in the namespace
// http.cors.origins with a method AllowsOrigin.
func ExampleOriginSource() {
	var source caddycors.OriginSource = &Regions{Regions: []string{"eu", "us"}}

	for _, origin := range []string{"https://eu.example.com", "https://asia.example.com"} {
		allowed, err := source.AllowsOrigin(nil, origin)
		fmt.Println(origin, allowed, err)
	}
	// Output:
	// https://eu.example.com true <nil>
	// https://asia.example.com false <nil>
}
