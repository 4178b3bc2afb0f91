package iamtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
)

// Route is a request to a host, as data. Names in braces, in the pattern and in the body, stand for [Values].
type Route struct {
	// Pattern is a method and a path, as for http.ServeMux, with a query where the route takes one:
	// "GET /deployments?project={project}". A parameter of the query whose value is empty is left out. Defaults to
	// GET where there is no method.
	Pattern string
	// Body is what is sent. In JSON and in a form the values are escaped. Defaults to nothing.
	Body string
	// Type is the media type of the body. Defaults to application/json where there is a body.
	Type string
	// Public lets everybody through: nobody has to be refused here. Defaults to no.
	Public bool
}

// Values stand for names in braces, such as {"deployment": "d1"}.
type Values map[string]string

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// braces are a name in a pattern or a body. An object in JSON is none, for its names have quotes.
var braces = regexp.MustCompile(`\{([a-z][a-z0-9_]*)(?:\.\.\.)?\}`)

// names are those in braces, in their order, as often as they occur.
func (rt Route) names() []string {
	var all []string
	for _, found := range braces.FindAllStringSubmatch(rt.Pattern+"\n"+rt.Body, -1) {
		all = append(all, found[1])
	}
	return all
}

func (rt Route) method() string {
	if method, _, found := strings.Cut(rt.Pattern, " "); found {
		return method
	}
	return http.MethodGet
}

// target is the path with its query.
func (rt Route) target() string {
	if _, target, found := strings.Cut(rt.Pattern, " "); found {
		return strings.TrimSpace(target)
	}
	return rt.Pattern
}

// safe reports whether the route only reads (RFC 9110, 9.2.1).
func (rt Route) safe() bool {
	return slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, rt.method())
}

func (rt Route) missing() bool { return rt.Pattern == "" }

func (rt Route) mediaType() string {
	if rt.Type == "" && rt.Body != "" {
		return typeJSON
	}
	return rt.Type
}

// filling returns the value of a name at its nth occurrence, counted over pattern and body from 0.
type filling func(name string, nth int) string

func (v Values) filling(name string, _ int) string { return v[name] }

// request makes a request of the route.
func (rt Route) request(ctx context.Context, base *url.URL, fill filling) *http.Request {
	n := -1
	put := func(text string, escape func(string) string) string {
		return braces.ReplaceAllStringFunc(text, func(found string) string {
			n++
			return escape(fill(braces.FindStringSubmatch(found)[1], n))
		})
	}
	path, query, _ := strings.Cut(rt.target(), "?")
	target := put(strings.TrimSuffix(path, "{$}"), url.PathEscape)
	var parameters []string
	for part := range strings.SplitSeq(query, "&") {
		if filled := put(part, url.QueryEscape); filled != "" && (!strings.HasSuffix(filled, "=") || filled == part) {
			parameters = append(parameters, filled)
		}
	}
	if len(parameters) > 0 {
		target += "?" + strings.Join(parameters, "&")
	}
	escape := func(text string) string { return text }
	switch rt.mediaType() {
	case typeJSON:
		escape = inJSON
	case typeForm:
		escape = url.QueryEscape
	}
	body := put(rt.Body, escape)
	r := httptest.NewRequestWithContext(ctx, rt.method(), base.Scheme+"://"+base.Host+target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	if kind := rt.mediaType(); kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

// inJSON is a text as it stands between quotes.
func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted[1 : len(quoted)-1])
}

// signInPaths are where people sign in: a redirection to one of them lets nobody through.
func signInPaths(svc *iam.Service) []string {
	var all []string
	for _, get := range []func() (string, error){svc.RootLoginAddress, func() (string, error) { return svc.LoginAddress("{org}") }} {
		if address, err := get(); err == nil {
			all = append(all, pathOf(address))
		}
	}
	return all
}

// pathOf is the path of an address, with braces as they are.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Path
}
