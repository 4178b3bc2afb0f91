package signinhttp

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
)

// json answers with a body.
func (x *exchange) json(status int, body any) error {
	x.w.Header().Set("Content-Type", typeJSON)
	x.w.WriteHeader(status)
	_ = json.NewEncoder(x.w).Encode(body) // fails only when the client has gone
	return nil
}

// done answers what has nothing to say: by another page, or by an empty body.
func (x *exchange) done(page string) error {
	if x.html {
		return x.redirect(page)
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// fail answers an error: with a problem (RFC 9457), or the same on a page. What happens to a browser whose session is not
// far enough is that it is led to the page where that is mended.
func (x *exchange) fail(err error) {
	var staged *signin.StageError
	var to elsewhere
	switch {
	case errors.As(err, &to):
		_ = x.redirect(string(to))
		return
	case x.html && errors.As(err, &staged) && x.links.stage(staged.Stage) != "":
		_ = x.redirect(withNext(x.links.stage(staged.Stage), x.next()))
		return
	case x.html && errors.Is(err, signin.ErrStale):
		_ = x.redirect(withNext(x.links.Confirm, x.back()))
		return
	}
	guard := x.guard
	if errors.Is(err, signin.ErrStale) {
		guard = x.stale
	}
	err = x.answerable(err)
	if !x.html {
		guard.Error(x.w, x.r, err)
		return
	}
	var c caught
	guard.Error(&c, x.r, err)
	x.apologize(&c)
}

// elsewhere is the page that somebody should be at, who asks for another one.
type elsewhere string

func (to elsewhere) Error() string { return "signinhttp: the page is " + string(to) }

// back is the page to return to when the password was given again. A form is filled in anew: what was in it is not kept.
func (x *exchange) back() string {
	if x.route.form != "" {
		return x.route.form
	}
	return x.route.path
}

// answerable turns the errors of package signin into ones that package iamhttp has an answer for.
func (x *exchange) answerable(err error) error {
	var throttled *iam.ThrottledError
	var field *iam.FieldError
	var staged *signin.StageError
	refuse := func(status int, detail string) error {
		return &iamhttp.StatusError{Status: status, Detail: detail, Err: err}
	}
	switch {
	case errors.As(err, &throttled):
		x.retryAfter(throttled.Until.Sub(x.svc.Now()))
		return refuse(http.StatusTooManyRequests, "too many attempts")
	case errors.Is(err, signin.ErrBusy):
		x.retryAfter(time.Second)
		return refuse(http.StatusServiceUnavailable, "too many people at once")
	case errors.Is(err, signin.ErrCredentials):
		return refuse(http.StatusForbidden, x.route.wrong)
	case errors.As(err, &staged):
		return refuse(http.StatusUnauthorized, "the sign-in is not finished")
	case errors.Is(err, signin.ErrSession):
		return refuse(http.StatusUnauthorized, "nobody is signed in")
	case errors.Is(err, signin.ErrStale):
		return refuse(http.StatusUnauthorized, "the password must be given again")
	case errors.Is(err, iam.ErrToken):
		return refuse(http.StatusGone, "the link is not valid any more")
	case errors.As(err, &field):
		own := *field
		own.Field = snake(field.Field)
		return &own
	}
	return err
}

// retryAfter says when to come back, in whole seconds and not too early.
func (x *exchange) retryAfter(wait time.Duration) {
	seconds := max(1, int(math.Ceil(wait.Seconds())))
	x.w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

// snake turns the name of a field of a Params struct into that of the request: SecondFactor into second_factor.
func snake(field string) string {
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// caught is an answer that is not sent, so that a page can say the same.
type caught struct {
	header http.Header
	status int
	body   []byte
}

func (c *caught) Header() http.Header {
	if c.header == nil {
		c.header = make(http.Header)
	}
	return c.header
}

func (c *caught) WriteHeader(status int) { c.status = status }

func (c *caught) Write(p []byte) (int, error) {
	c.body = append(c.body, p...)
	return len(p), nil
}

// apologize shows a page that says what was caught: the form again, where it can be mended there.
func (x *exchange) apologize(c *caught) {
	if len(c.body) == 0 { // the client has gone
		x.w.WriteHeader(c.status)
		return
	}
	var problem struct{ Title, Detail, Field string }
	_ = json.Unmarshal(c.body, &problem) // it was made a moment ago
	if challenge := c.header.Get("Www-Authenticate"); challenge != "" {
		x.w.Header().Set("WWW-Authenticate", challenge)
	}
	switch {
	case problem.Detail == "":
		problem.Detail = problem.Title
	case problem.Field != "":
		problem.Detail = strings.ReplaceAll(problem.Field, "_", " ") + ": " + problem.Detail
	}
	if mendable(c.status) && x.r.Method == http.MethodPost && x.route.page != "" {
		if p, err := x.page(); err == nil {
			p.Status, p.Problem, p.Field = c.status, sentence(problem.Detail), problem.Field
			_ = x.show(c.status, x.route.page, p)
			return
		}
	}
	p := x.blank()
	p.Status, p.Problem = c.status, sentence(problem.Detail)
	_ = x.show(c.status, "problem", p)
}

// mendable reports whether a form is to be filled in again.
func mendable(status int) bool {
	switch status {
	case http.StatusForbidden, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	default:
		return false
	}
}

// sentence begins with a capital and ends with a full stop.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}
