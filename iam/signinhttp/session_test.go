package signinhttp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/iamhttp"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/iam/signinhttp"
	"github.com/castellan-iam/castellan/policy"
)

// SB-36: the cookie is for this host alone, over TLS alone, and out of reach for scripts.
func TestTheCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lanit.System(), signinhttp.Config{})
	uma := w.organization("acme").member("uma")
	rec := uma.signIn()
	token := tokenOf(t, rec)
	equal(t, "the cookie", rec.Header().Get("Set-Cookie"), "__Host-session="+token.Reveal()+"; Path=/; HttpOnly; Secure; SameSite=Lax")
	equal(t, "the body", strings.Contains(rec.Body.String(), token.Reveal()), false)
	equal(t, "the session", w.holds(token), true)

	out := w.send(request{method: "POST", path: "/logout", cookie: token})
	equal(t, "the answer to signing out", out.Code, http.StatusNoContent)
	equal(t, "the cookie after it", out.Header().Get("Set-Cookie"), "__Host-session=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax")
	equal(t, "the session after it", w.holds(token), false)
}

// E10: who has signed out is at the login address that is theirs, which is root's own where the Rules have one.
func TestSigningOutLeadsToTheOwnLoginAddress(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		system     iam.System
		root, user string
	}{
		"EMQX":  {emqx.System(), "/login", "/o/acme/login"},
		"LANIT": {lanit.System(), "/o/acme/login", "/o/acme/login"},
	} {
		w := newWorld(t, tt.system, signinhttp.Config{})
		root := w.organization("acme")
		for who, want := range map[*person]string{root: tt.root, root.member("uma"): tt.user} {
			token := who.opens()
			rec := w.send(request{method: "POST", path: "/logout", form: "next=", cookie: token})
			equal(t, name+": "+who.email, rec.Header().Get("Location"), want)
			equal(t, name+": the session", w.holds(token), false)
		}
	}
}

// SB-37: no token from before goes on, whoever put it into the browser; what it opened has ended.
func TestACookieFromBeforeIsNotAdopted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{})
	acme := w.organization("acme")
	uma, mal := acme.member("uma"), acme.member("mal")
	planted := mal.opens()
	rec := w.send(request{method: "POST", path: uma.login, json: fields{"email": uma.email, "password": uma.password}, cookie: planted})
	token := tokenOf(t, rec)
	equal(t, "another token", token != planted, true)
	equal(t, "the planted session", w.holds(planted), false)

	reset := w.send(request{method: "POST", path: "/reset", json: fields{"token": mal.token(iam.ForReset).Reveal(), "password": goodPassword()}, cookie: token})
	equal(t, "the reset", reset.Code, http.StatusOK)
	equal(t, "the session before the reset", w.holds(token), false)

	// A sign-in that fails leaves the session alone.
	token = tokenOf(t, reset)
	failed := w.send(request{method: "POST", path: uma.login, json: fields{"email": uma.email, "password": "wrong"}, cookie: token})
	equal(t, "the failed one", failed.Code, http.StatusForbidden)
	equal(t, "cookies of the failed one", len(failed.Result().Cookies()), 0)
	equal(t, "the session after it", w.holds(token), true)

	// SB-37: each step hands out another token.
	uma.enrolls()
	half := tokenOf(t, uma.signIn())
	full := tokenOf(t, w.send(request{method: "POST", path: "/login/code", json: fields{"code": uma.code()}, cookie: half}))
	equal(t, "the half session", w.holds(half), false)
	again := tokenOf(t, w.send(request{method: "POST", path: "/account/confirm", json: fields{"password": uma.password}, cookie: full}))
	equal(t, "the session before the confirmation", w.holds(full), false)
	equal(t, "the one behind it", w.holds(again), true)
}

// SB-17: an invitation is its own account's, whoever is signed in, and leaves that session alone.
func TestAcceptingAsSomebodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lanit.System(), signinhttp.Config{})
	acme := w.organization("acme")
	uma := acme.member("uma")
	session := uma.opens()
	rec := w.send(request{method: "POST", path: "/activate", json: fields{"token": acme.invites("ivan").Reveal(), "password": goodPassword()}, cookie: session})
	equal(t, "the answer", rec.Code, http.StatusOK)
	equal(t, "whose account", strings.Contains(rec.Body.String(), "ivan@acme.example"), true)
	equal(t, "cookies", len(rec.Result().Cookies()), 0)
	sub, _, err := w.in.Session(t.Context(), session)
	w.ok(err)
	equal(t, "who is signed in", sub.ID(), uma.id)
}

// A client that is no browser gets the token in the answer, and sends it in a header.
func TestBearer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emqx.System(), signinhttp.Config{Bearer: true})
	uma := w.organization("acme").member("uma")
	uma.enrolls()
	type answer struct {
		Stage iam.Stage
		Token string
	}
	read := func(rec *httptest.ResponseRecorder) answer {
		t.Helper()
		var a answer
		w.ok(json.Unmarshal(rec.Body.Bytes(), &a))
		equal(t, "cookies", len(rec.Result().Cookies()), 0)
		return a
	}
	auth := func(token string) map[string]string { return map[string]string{"Authorization": "bearer " + token} }
	half := read(w.send(request{method: "POST", path: uma.login, json: fields{"email": uma.email, "password": uma.password, "bearer": true}}))
	equal(t, "the stage", half.Stage, iam.NeedsSecondFactor)
	full := read(w.send(request{method: "POST", path: "/login/code", json: fields{"code": uma.code()}, header: auth(half.Token)}))
	equal(t, "the stage behind the code", full.Stage, iam.Full)
	equal(t, "another token", full.Token != half.Token, true)
	equal(t, "the guarded route", sendTo(t, w.guarded(), request{method: "GET", path: "/", header: auth(full.Token)}).Body.String(), string(uma.id))

	// The header is meant where there is one, and two are none.
	cookie := iam.ParseToken(full.Token)
	equal(t, "a wrong header beside a cookie", w.send(request{method: "GET", path: "/account", cookie: cookie, header: auth("x")}).Code, http.StatusUnauthorized)
	equal(t, "another scheme", w.send(request{method: "GET", path: "/account", cookie: cookie, header: map[string]string{"Authorization": "Basic eDo="}}).Code, http.StatusUnauthorized)
	out := w.send(request{method: "POST", path: "/logout", header: auth(full.Token)})
	equal(t, "signing out", out.Code, http.StatusNoContent)
	equal(t, "cookies of signing out", len(out.Result().Cookies()), 0)
	equal(t, "the session", w.holds(cookie), false)

	off := newWorld(t, emqx.System(), signinhttp.Config{})
	token := off.organization("acme").opens()
	equal(t, "a header where none is taken", off.send(request{method: "GET", path: "/account", header: auth(token.Reveal())}).Code, http.StatusUnauthorized)
	asked := off.send(request{method: "POST", path: "/login", json: fields{"email": "a@b.example", "password": "x", "bearer": true}})
	equal(t, "a token where none is given", asked.Code, http.StatusUnprocessableEntity)
}

// Of two cookies one is not ours: neither opens anything.
func TestTwoCookiesAreNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, lanit.System(), signinhttp.Config{})
	token := w.organization("acme").opens()
	r := httptest.NewRequest("GET", baseURL+"/account", nil)
	for _, value := range []string{token.Reveal(), "x"} {
		r.AddCookie(&http.Cookie{Name: cookie, Value: value})
	}
	rec := httptest.NewRecorder()
	w.door.ServeHTTP(rec, r)
	equal(t, "the answer", rec.Code, http.StatusUnauthorized)
}

// L10, SB-44: the guard sees the subject that the session was opened with, where the Rules say so, and else today's.
func TestTheGuardSeesTheSessionsSubject(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		system iam.System
		role   policy.Role
		pinned bool
	}{"LANIT": {lanit.System(), lanit.BillingRole, true}, "EMQX": {emqx.System(), emqx.Accountant, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, tt.system, signinhttp.Config{})
			uma := w.organization("acme").member("uma")
			token := uma.opens()
			w.ok(third(w.svc.System("test").In("acme").SetRoles(t.Context(), uma.id, tt.role)))
			guard := iamhttp.New(w.svc, nil, iamhttp.Config{Subject: w.door.Subject, Logger: discard})
			var seen []policy.Role
			h := guard.Load(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = iam.FromContext(r.Context()).Roles() }))
			sendTo(t, h, request{method: "GET", path: "/", cookie: token})
			want := tt.role
			if tt.pinned {
				want = w.lowest()
			}
			if !slices.Equal(seen, []policy.Role{want}) {
				t.Errorf("got the roles %v, want %s", seen, want)
			}
			must(w.svc.System("test").In("acme").Disable(t.Context(), uma.id))(t)
			equal(t, "SB-38: after disabling", sendTo(t, h, request{method: "GET", path: "/", cookie: token}).Code, http.StatusUnauthorized)
		})
	}
}

// RFC 9470: a client that speaks JSON learns that the password must be given again, and not that it is signed out.
func TestStepUp(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, lanit.System(), signin.Config{Fresh: 1e6}, signinhttp.Config{})
	token := w.organization("acme").opens()
	fresh := func(token iam.Token) error {
		r := httptest.NewRequest("POST", "/", nil)
		r.AddCookie(&http.Cookie{Name: "__Host-session", Value: token.Reveal()})
		return w.door.Fresh(r)
	}
	equal(t, "fresh just behind the sign-in", fresh(token), nil)
	w.advance(1e9)
	equal(t, "stale a second later", errors.Is(fresh(token), signin.ErrStale), true)
	equal(t, "nobody is fresh", errors.Is(fresh(iam.Token{}), iamhttp.ErrNoAccount), true)
	rec := w.send(request{method: "POST", path: "/account/sessions/end-others", cookie: token})
	equal(t, "the status", rec.Code, http.StatusUnauthorized)
	equal(t, "the challenge", rec.Header().Get("WWW-Authenticate"), `Bearer error="insufficient_user_authentication"`)
	equal(t, "without a session", w.send(request{method: "POST", path: "/account/sessions/end-others"}).Header().Get("WWW-Authenticate"), "Bearer")
}

// third is the error of a call that returns two values too.
func third[T, U any](_ T, _ U, err error) error { return err }
