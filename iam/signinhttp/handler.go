package signinhttp

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
)

// Config adjusts a Handler. The zero Config works.
type Config struct {
	// Product is the host's name as the pages show it. Defaults to none.
	Product string
	// Guard is how errors are answered and logged, and where requests come from: as for the guard of the host's own
	// routes. Challenges, LogOnly and Subject mean nothing here. Defaults to what they are there.
	Guard iamhttp.Config
	// Home is the path to which a browser goes after signing in. Defaults to the page of the account.
	Home string
	// Next are the paths to which a page may send people back after signing in, as the parameter next of a login
	// address; one that ends in a slash stands for all below it. Everything else is passed over (SB-95). Defaults
	// to none but the pages of the account.
	Next []string
	// Bearer lets clients ask for the token in the answer, and send it in the header Authorization. Defaults to cookies
	// alone.
	Bearer bool
	// Insecure is for development on localhost without TLS: the cookie is called "session" and goes over plain
	// connections. It is refused for any other host, as is a BaseURL of http:// without it. Defaults to TLS.
	Insecure bool
	// Pages has templates, and style.css, which take the place of those here with the same name: see [Page]. Defaults
	// to none.
	Pages fs.FS
	// App shows pages of the host's own, such as a single-page application that talks JSON with the routes: it gets
	// every GET that asks for a page. Defaults to the pages here.
	App http.Handler
}

// Handler serves everything that signing in needs. It is immutable and safe for concurrent use.
type Handler struct {
	in      *signin.Service
	svc     *iam.Service
	config  Config
	links   Links
	routes  []*route
	pages   pages
	cookie  string // its name
	foreign *http.CrossOriginProtection
	guard   *iamhttp.Guard // answers errors
	stale   *iamhttp.Guard // answers with the challenge to give the password again
	mux     *http.ServeMux
}

// New returns a handler for the accounts of svc, which in lets in. It does no I/O. A service without BaseURL is refused, as
// are templates that cannot be parsed.
func New(in *signin.Service, svc *iam.Service, config Config) (*Handler, error) {
	if in == nil || svc == nil {
		return nil, errors.New("signinhttp: a service is nil")
	}
	links, base, err := newLinks(svc)
	if err != nil {
		return nil, err
	}
	h := &Handler{in: in, svc: svc, config: config, links: links, cookie: "__Host-session", foreign: http.NewCrossOriginProtection()}
	if err := h.secure(base); err != nil {
		return nil, err
	}
	// Behind a proxy the header Host may be another than the one that browsers know.
	if err := h.foreign.AddTrustedOrigin(base.String()); err != nil {
		return nil, fmt.Errorf("signinhttp: %w", err)
	}
	if err := h.checkNext(); err != nil {
		return nil, err
	}
	if h.pages, err = newPages(config.Pages); err != nil {
		return nil, err
	}
	guard := config.Guard
	guard.Subject, guard.Challenges = h.Subject, []string{"Bearer"}
	h.guard = iamhttp.New(svc, nil, guard)
	guard.Challenges = []string{`Bearer error="insufficient_user_authentication"`}
	h.stale = iamhttp.New(svc, nil, guard)
	if h.routes, err = h.allRoutes(); err != nil {
		return nil, err
	}
	h.mux = http.NewServeMux()
	h.Mount(h.mux)
	return h, nil
}

// secure refuses to send tokens in clear.
func (h *Handler) secure(base *url.URL) error {
	if base.Scheme == "https" {
		h.config.Insecure = false
		return nil
	}
	ip := net.ParseIP(base.Hostname())
	switch local := base.Hostname() == "localhost" || ip.IsLoopback(); {
	case !h.config.Insecure:
		return errors.New("signinhttp: iam.Config.BaseURL has no TLS: want https://, or Config.Insecure to develop on localhost")
	case !local:
		return errors.New("signinhttp: Config.Insecure is for a BaseURL on localhost")
	}
	h.cookie = "session"
	return nil
}

// Mount registers all routes with a mux, each by its path alone: what is asked there by another method is answered with 405.
// Other routes may stand beside them, and below "/".
func (h *Handler) Mount(mux *http.ServeMux) {
	for _, rt := range h.routes {
		mux.Handle(rt.path, h.serve(rt))
	}
}

// ServeHTTP serves all routes, for a host that mounts nothing beside them.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Routes returns what the handler serves, such as "POST /login/code", as patterns of http.ServeMux: for the tests of a
// host that want to ask all of them. HEAD goes with GET.
func (h *Handler) Routes() []string {
	var all []string
	for _, rt := range h.routes {
		for _, method := range rt.methods() {
			all = append(all, method+" "+rt.path)
		}
	}
	slices.Sort(all)
	return all
}
