package signinhttp

import (
	"mime"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/policy"
)

// An exchange is a request with its answer.
type exchange struct {
	*Handler
	w     http.ResponseWriter
	r     *http.Request
	route *route
	html  bool // a page is wanted, and not JSON
	body  body
}

// serve answers the requests at a route's path.
func (h *Handler) serve(rt *route) http.Handler {
	return h.guard.Origin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{Handler: h, w: w, r: r, route: rt}
		x.header()
		if err := x.run(); err != nil {
			x.fail(err)
		}
	}))
}

// header is on every answer (SB-22). A page of the host's own says itself what it loads.
func (x *exchange) header() {
	header := x.w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
}

func (x *exchange) run() error {
	asksPage := strings.Contains(x.r.Header.Get("Accept"), "text/html")
	x.html = asksPage
	read := x.r.Method == http.MethodGet || x.r.Method == http.MethodHead
	switch {
	case read && x.route.page != "" && x.route.form == "":
		if x.config.App != nil && (asksPage || x.route.look == nil) {
			x.w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
			x.config.App.ServeHTTP(x.w, x.r)
			return nil
		}
		x.html = asksPage || x.route.look == nil
		return x.get()
	case x.r.Method == http.MethodPost && x.route.post != nil:
		return x.post()
	}
	x.w.Header().Set("Allow", strings.Join(x.route.methods(), ", "))
	return &iamhttp.StatusError{Status: http.StatusMethodNotAllowed}
}

// get shows the page, or answers what it would show.
func (x *exchange) get() error {
	if x.html {
		p, err := x.page()
		if err != nil {
			return err
		}
		return x.show(http.StatusOK, x.route.page, p)
	}
	if err := x.queryOnce(); err != nil {
		return err
	}
	found, err := x.route.look(x)
	if err != nil {
		return err
	}
	return x.json(http.StatusOK, found)
}

// post reads the body and does what it asks for.
func (x *exchange) post() error {
	if err := x.foreign.Check(x.r); err != nil {
		return &iamhttp.StatusError{Status: http.StatusForbidden, Detail: "the request comes from another site", Err: err}
	}
	sent := x.r.Header.Values("Content-Type")
	kind, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	charset := params["charset"]
	switch {
	case len(sent) == 0 && x.r.ContentLength == 0 && len(x.route.fields) == 0:
		kind = typeJSON // there is nothing to read
	case len(sent) != 1 || err != nil || kind != typeJSON && kind != typeForm || charset != "" && !strings.EqualFold(charset, "utf-8"):
		return &iamhttp.StatusError{Status: http.StatusUnsupportedMediaType, Detail: "want " + typeJSON + " or " + typeForm}
	}
	x.html = kind == typeForm
	if x.body, err = x.read(kind); err != nil {
		return err
	}
	return x.route.post(x)
}

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

// org is the organisation whose login address it is, and "" for root's. An id that none can have is nobody's.
func (x *exchange) org() (policy.OrgID, error) {
	id := x.r.PathValue("org")
	if !possibleID(id) && strings.Contains(x.route.path, anyOrg) {
		return "", iam.ErrNotFound
	}
	return policy.OrgID(id), nil
}

// possibleID reports whether there can be something with the id: see iam.MaxID.
func possibleID(id string) bool {
	return id != "" && len(id) <= iam.MaxID && utf8.ValidString(id) && strings.IndexFunc(id, unicode.IsControl) < 0
}

// queryOnce refuses a parameter of the URL that is there twice: of two tokens, none is meant.
func (x *exchange) queryOnce() error {
	for name, values := range x.r.URL.Query() {
		if (name == "token" || name == "next") && len(values) > 1 {
			return &iamhttp.StatusError{Status: http.StatusBadRequest, Detail: "there are several parameters " + name}
		}
	}
	return nil
}

// linkToken is the token of a link that was followed, or of the form that it led to.
func (x *exchange) linkToken() iam.Token {
	if x.r.Method == http.MethodPost {
		return iam.ParseToken(x.body.text["token"])
	}
	return iam.ParseToken(x.r.URL.Query().Get("token"))
}
