package signinhttp

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/signin"
)

// Subject returns who a request's session belongs to, for Config.Subject of package iamhttp: two round trips, and one where
// sessions keep what they were opened with (L10). It is an error that is iamhttp.ErrNoAccount where there is no session, or
// one that is not full yet (SB-43, SB-52). A connection that lives long asks again now and then (SB-40).
//
// A host that takes API keys as well asks for those first: see iamhttp.KeyOf.
func (h *Handler) Subject(r *http.Request) (iam.Subject, error) {
	token, _ := h.token(r)
	sub, _, err := h.in.Session(r.Context(), token)
	if errors.Is(err, signin.ErrSession) {
		return iam.Subject{}, fmt.Errorf("%w: %w", iamhttp.ErrNoAccount, err)
	}
	return sub, err
}

// Fresh returns nil when the password was given a while ago at most, for Config.Fresh of package adminhttp and for a
// host's own routes (SB-05). signin.ErrStale says that it must be given again, at the path for that: see [Links].
func (h *Handler) Fresh(r *http.Request) error {
	token, _ := h.token(r)
	err := h.in.Fresh(r.Context(), token)
	if errors.Is(err, signin.ErrSession) {
		return fmt.Errorf("%w: %w", iamhttp.ErrNoAccount, err)
	}
	return err
}

// token returns the token that a request came with, and whether that was in the header Authorization. That header is
// meant where there is one: whoever sends it does so on purpose.
func (h *Handler) token(r *http.Request) (token iam.Token, bearer bool) {
	if values := r.Header.Values("Authorization"); h.config.Bearer && len(values) > 0 {
		scheme, text, _ := strings.Cut(values[0], " ")
		if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return iam.Token{}, true
		}
		return iam.ParseToken(text), true
	}
	return h.cookieToken(r), false
}

// cookieToken is the token in the cookie. Two cookies are none: one of them is not ours.
func (h *Handler) cookieToken(r *http.Request) iam.Token {
	cookies := r.CookiesNamed(h.cookie)
	if len(cookies) != 1 {
		return iam.Token{}
	}
	return iam.ParseToken(cookies[0].Value)
}

// setCookie hands a token out, in place of the one before (SB-36, SB-37). The zero Token takes the cookie away.
func (x *exchange) setCookie(token iam.Token) {
	cookie := &http.Cookie{
		Name: x.cookie, Value: token.Reveal(), Path: "/", Secure: !x.config.Insecure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if token.IsZero() {
		cookie.MaxAge = -1
	}
	http.SetCookie(x.w, cookie)
}
