package check

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-56c1dbac/caddy-cors/internal/browser"
	"github.com/seed-56c1dbac/caddy-cors/internal/fetch"
)

// Checks, in the order in which browsers make them.
var (
	originCodes = []browser.Code{
		browser.MissingAllowOrigin, browser.MultipleAllowOrigin, browser.InvalidAllowOrigin, browser.AllowOriginMismatch, browser.WildcardWithCredentials,
	}
	methodCodes = []browser.Code{browser.MalformedAllowMethods, browser.MethodNotAllowed}
	headerCodes = []browser.Code{browser.MalformedAllowHeaders, browser.HeaderNotAllowed, browser.WildcardAuthorization}
)

// preflightFailures returns the failures of the response to a preflight. A browser
// stops at the first failure, but an operator wants to know all of them. So each is
// put right in turn, until the checks after it would mean nothing.
func preflightFailures(r *browser.Request, res browser.Response) (list []*browser.Failure) {
	const most = 20
	said := res
	res.Header = res.Header.Clone()
	for len(list) < most {
		f := r.CheckPreflight(res)
		if f == nil {
			break
		}
		if list = append(list, f); ends(f, said) {
			break
		}
		switch f.Code {
		case browser.InvalidAllowCredentials:
			res.Header.Set(fetch.AllowCredentials, "true")
		case browser.PreflightStatus:
			res.Status = http.StatusNoContent
		case browser.MalformedAllowMethods, browser.MethodNotAllowed:
			res.Header.Set(fetch.AllowMethods, r.Method)
		case browser.MalformedAllowHeaders:
			res.Header.Set(fetch.AllowHeaders, strings.Join(r.UnsafeHeaders(), ","))
		case browser.HeaderNotAllowed, browser.WildcardAuthorization:
			res.Header.Add(fetch.AllowHeaders, f.Value)
		default:
			res.Header.Set(fetch.AllowOrigin, r.SentOrigin())
		}
	}
	return list
}

// preflightChecks returns the result of each check of the response to a preflight.
func preflightChecks(r *browser.Request, res browser.Response, failures []*browser.Failure) (results []Result) {
	for _, check := range []struct {
		text  string // if passed; "" if that is not worth a line
		codes []browser.Code
	}{
		{"", []browser.Code{browser.PreflightRedirect}},
		{originText(r, res), originCodes},
		{credentialsText(r), []browser.Code{browser.InvalidAllowCredentials}},
		{fmt.Sprintf("the status %d means success", res.Status), []browser.Code{browser.PreflightStatus}},
		{methodText(r), methodCodes},
		{headersText(r), headerCodes},
	} {
		passed := true
		for len(failures) > 0 && slices.Contains(check.codes, failures[0].Code) {
			results = append(results, failed(r, res, failures[0]))
			if passed = false; ends(failures[0], res) {
				return results
			}
			failures = failures[1:]
		}
		if passed && check.text != "" {
			results = append(results, Result{Passed: true, Text: check.text})
		}
	}
	return results
}

// ends reports whether the checks after a failure would mean nothing.
func ends(f *browser.Failure, res browser.Response) bool {
	return f.Code == browser.PreflightRedirect ||
		slices.Contains(originCodes, f.Code) && res.Header.Get(fetch.AllowMethods) == "" && res.Header.Get(fetch.AllowHeaders) == ""
}

// responseChecks returns the result of each check of the response to the request
// itself.
func responseChecks(r *browser.Request, res browser.Response, f *browser.Failure) []Result {
	switch {
	case !r.IsCORS():
		return []Result{}
	case f != nil && slices.Contains(originCodes, f.Code):
		return []Result{failed(r, res, f)}
	}
	results := []Result{{Passed: true, Text: originText(r, res)}}
	if f != nil {
		return append(results, failed(r, res, f))
	}
	if text := credentialsText(r); text != "" {
		results = append(results, Result{Passed: true, Text: text})
	}
	return results
}

func originText(r *browser.Request, res browser.Response) string {
	if res.Header.Get(fetch.AllowOrigin) == "*" {
		return fetch.AllowOrigin + " is *"
	}
	return fetch.AllowOrigin + " is " + r.SentOrigin()
}

func credentialsText(r *browser.Request) string {
	if !r.Credentials {
		return ""
	}
	return fetch.AllowCredentials + " is true"
}

func methodText(r *browser.Request) string {
	if fetch.IsSafelistedMethod(r.Method) {
		return ""
	}
	return fetch.AllowMethods + " allows " + r.Method
}

func headersText(r *browser.Request) string {
	names := r.UnsafeHeaders()
	if len(names) == 0 {
		return ""
	}
	return fetch.AllowHeaders + " allows " + strings.Join(names, ", ")
}

// failed returns the result of a check that failed.
func failed(r *browser.Request, res browser.Response, f *browser.Failure) Result {
	cause, fix := advise(r, res, f)
	return Result{Text: fault(r, res, f), Code: f.Code, Cause: cause, Fix: fix}
}

// fault returns what is wrong with a response.
func fault(r *browser.Request, res browser.Response, f *browser.Failure) string {
	value := shown(f.Value)
	switch f.Code {
	case browser.MissingAllowOrigin:
		return fmt.Sprintf("there is no %s (status %d)", fetch.AllowOrigin, res.Status)
	case browser.MultipleAllowOrigin:
		return fmt.Sprintf("%s has more than one value: %s", fetch.AllowOrigin, value)
	case browser.InvalidAllowOrigin:
		return fmt.Sprintf("%s is not a valid origin: %s", fetch.AllowOrigin, value)
	case browser.AllowOriginMismatch:
		return fmt.Sprintf("%s is %s, not %s", fetch.AllowOrigin, value, r.SentOrigin())
	case browser.WildcardWithCredentials:
		return fetch.AllowOrigin + " is *, which is not valid with credentials"
	case browser.InvalidAllowCredentials:
		if value == "" {
			return "there is no " + fetch.AllowCredentials
		}
		return fmt.Sprintf("%s is %s, not true", fetch.AllowCredentials, value)
	case browser.PreflightRedirect:
		return fmt.Sprintf("the preflight is redirected (%d) to %s", res.Status, value)
	case browser.PreflightStatus:
		return fmt.Sprintf("the status %d does not mean success (200 to 299)", res.Status)
	case browser.MalformedAllowMethods:
		return fmt.Sprintf("%s is not a valid list of methods: %s", fetch.AllowMethods, value)
	case browser.MalformedAllowHeaders:
		return fmt.Sprintf("%s is not a valid list of names: %s", fetch.AllowHeaders, value)
	case browser.MethodNotAllowed:
		return fmt.Sprintf("%s does not allow %s", fetch.AllowMethods, value)
	case browser.HeaderNotAllowed:
		return fmt.Sprintf("%s does not allow %s", fetch.AllowHeaders, value)
	case browser.WildcardAuthorization:
		return fetch.AllowHeaders + " is *, which does not cover Authorization"
	case browser.RedirectCredentials:
		return "the redirect has a user name or a password: " + value
	case browser.TooManyRedirects:
		return "there are more than 20 redirects"
	case browser.InvalidRedirect:
		return "the redirect leads to a URL that is not http or https: " + value
	}
	return string(f.Code)
}
