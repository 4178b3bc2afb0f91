package adminhttp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/smtp"
)

// Config adjusts the API. The zero Config works.
type Config struct {
	// Prefix stands in front of every path, such as /iam/v1: with a slash at its beginning and none at its
	// end. Defaults to none.
	Prefix string
	// CursorKey authenticates the cursors by which lists are read on (SB-72): at least 32 random bytes, the
	// same on every node. Defaults to random ones, so that another node, and this one after a restart, answers 400
	// to a cursor.
	CursorKey []byte
	// SignIn adds the routes about passwords, second factors and sessions, and lets an invitation set the first
	// password where the Rules say so (E8). Defaults to none: these routes are not found.
	SignIn *signin.Service
	// TestMailServer adds the route that tests the organisation's own mail server (D3): it is the method of
	// that name of an outbox.Outbox. Defaults to none: the route is not found.
	TestMailServer func(ctx context.Context, actor iam.Actor) (smtp.Report, error)
	// Fresh returns nil when whoever asks has given their password a short while ago, and otherwise an error such
	// as signin.ErrStale, which is answered with 403 (SB-05). It is asked before somebody changes their own address,
	// makes an API key, and offers or accepts the root account. Defaults to refusing these.
	Fresh func(r *http.Request) error
	// TrustedOrigins are further origins whose pages may change something, such as https://console.example.com,
	// where console and API have two names. Defaults to the API's own (SB-45).
	TrustedOrigins []string
}

// api is what all routes share. It is immutable.
type api struct {
	svc     *iam.Service
	guard   *iamhttp.Guard
	config  Config
	cursors cursors
}

// New returns the handler of the API. The guard refuses and logs as it does for the host's other handlers; put
// its Load in front of the handler. Nothing is done before the first request but to read a key from the
// service's randomness, where the config has none. An error names the field of the config that is wrong.
func New(svc *iam.Service, guard *iamhttp.Guard, config Config) (http.Handler, error) {
	if svc == nil || guard == nil {
		return nil, errors.New("adminhttp: the service or the guard is nil")
	}
	if p := config.Prefix; p != "" && (!strings.HasPrefix(p, "/") || strings.HasSuffix(p, "/") || strings.ContainsAny(p, "{} ?#%")) {
		return nil, fmt.Errorf("adminhttp: Config.Prefix: %q: want a path such as /iam/v1", p)
	}
	keys, err := newCursors(config.CursorKey, svc.Rand())
	if err != nil {
		return nil, err
	}
	a := &api{svc: svc, guard: guard, config: config, cursors: keys}
	routes := slices.DeleteFunc(routes(), func(r route) bool { return r.only != nil && !r.only(config) })
	document, err := describe(routes, config.Prefix)
	if err != nil {
		return nil, err
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range config.TrustedOrigins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("adminhttp: Config.TrustedOrigins: %w", err)
		}
	}
	protection.SetDenyHandler(guard.Handler(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	return protection.Handler(a.mux(routes, document)), nil
}

// mux leads to the routes, and tells what leads to none of them.
func (a *api) mux(routes []route, document []byte) *http.ServeMux {
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.Handle(r.method+" "+a.config.Prefix+r.path, a.guard.Handler(func(w http.ResponseWriter, req *http.Request) error {
			return a.serve(w, req, r)
		}))
	}
	mux.Handle("GET "+a.config.Prefix+"/openapi.json", a.guard.Handler(func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, err := w.Write(document)
		return err
	}))
	mux.Handle("/", a.guard.Handler(func(w http.ResponseWriter, r *http.Request) error {
		allowed := allowedMethods(mux, r)
		if len(allowed) == 0 {
			return iam.ErrNotFound
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		return &iamhttp.StatusError{Status: http.StatusMethodNotAllowed}
	}))
	return mux
}

// allowedMethods are those for which the mux has a route at the path of the request.
func allowedMethods(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && pattern != "" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

// serve is everything that the routes have in common.
func (a *api) serve(w http.ResponseWriter, r *http.Request, to route) error {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	sub := iam.FromContext(r.Context())
	if sub.ID() == "" {
		return &iamhttp.StatusError{Status: http.StatusInternalServerError, Err: errNotLoaded}
	}
	c := &call{api: a, r: r, w: w, route: to, sub: sub, actor: a.svc.As(sub)}
	return c.answerable(to.serve(c))
}

// call is one request.
type call struct {
	*api
	r     *http.Request
	w     http.ResponseWriter
	route route
	sub   iam.Subject
	actor iam.Actor
}

// fresh refuses who has not given their password a short while ago.
func (c *call) fresh() error {
	if c.config.Fresh == nil {
		return errNotFresh
	}
	return c.config.Fresh(c.r)
}
