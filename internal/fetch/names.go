// Package fetch knows the methods and the headers of the CORS protocol, as the Fetch
// standard defines it (https://fetch.spec.whatwg.org/#http-cors-protocol).
package fetch

// Names of headers, in canonical form.
const (
	Origin           = "Origin"
	RequestMethod    = "Access-Control-Request-Method"
	RequestHeaders   = "Access-Control-Request-Headers"
	AllowOrigin      = "Access-Control-Allow-Origin"
	AllowCredentials = "Access-Control-Allow-Credentials"
	AllowMethods     = "Access-Control-Allow-Methods"
	AllowHeaders     = "Access-Control-Allow-Headers"
	ExposeHeaders    = "Access-Control-Expose-Headers"
	MaxAge           = "Access-Control-Max-Age"

	// Of Private Network Access, a draft that the standard has not taken up
	// (https://wicg.github.io/private-network-access/).
	RequestPrivateNetwork = "Access-Control-Request-Private-Network"
	AllowPrivateNetwork   = "Access-Control-Allow-Private-Network"

	TimingAllowOrigin = "Timing-Allow-Origin"
	Vary              = "Vary"
	SecFetchSite      = "Sec-Fetch-Site"

	// ResponsePrefix is how the name of every CORS header starts.
	ResponsePrefix = "Access-Control-"
)
