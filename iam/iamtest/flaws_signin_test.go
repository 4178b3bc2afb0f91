package iamtest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/iamtest"
)

// noThrottle forgets every guess.
func noThrottle(c *console, h *iamtest.Host) {
	over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		c.db.Exec("DELETE FROM iam_throttles")
		next.ServeHTTP(w, r)
	}, "POST /o/{org}/login", "POST /login/code", "POST /o/{org}/login/forgot")
}

func signInFlaws() map[string]flaw {
	const login = "POST /o/{org}/login"
	again := func(pattern string) flaw {
		return func(_ *console, h *iamtest.Host) {
			var good sync.Map // what was answered to a code that was right
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				code, _ := bodyOf(r)["code"].(string)
				rec := answered(next, r)
				if rec.Code == http.StatusOK {
					good.Store(code, rec)
				} else if before, met := good.Load(code); met {
					rec = before.(*httptest.ResponseRecorder)
				}
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, pattern)
		}
	}
	return map[string]flaw{
		"a session from before the sign-in": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				if cookie, err := r.Cookie("__Host-session"); err == nil && rec.Code == http.StatusOK {
					rec.Header().Set("Set-Cookie", "__Host-session="+cookie.Value+"; Path=/; Secure; HttpOnly; SameSite=Lax")
				}
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, login)
		},
		"a cookie that others get": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				rec.Header().Set("Set-Cookie", strings.Replace(rec.Header().Get("Set-Cookie"), "; HttpOnly", "", 1))
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, login)
		},
		"signed in by another site": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				r.Header.Del("Sec-Fetch-Site")
				r.Header.Del("Origin")
				next.ServeHTTP(w, r)
			}, login)
		},
		"the door of another organisation": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				email, _ := bodyOf(r)["email"].(string)
				for _, org := range c.orgs {
					if _, err := c.svc.AccountAt(r.Context(), org, iam.Email(email)); err == nil {
						r.URL.Path = "/o/" + string(org) + "/login"
					}
				}
				next.ServeHTTP(w, r)
			}, login)
		},
		"whose address signs in": func(c *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				email, _ := bodyOf(r)["email"].(string)
				if account, err := c.svc.AccountAt(r.Context(), c.orgs[0], iam.Email(email)); err == nil && account.Status == iam.Disabled {
					http.Error(w, "the account is disabled", http.StatusForbidden)
					return
				}
				next.ServeHTTP(w, r)
			}, login)
		},
		"a way out behind the sign-in": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				raw, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(raw))
				rec := answered(next, r)
				r.Body = io.NopCloser(bytes.NewReader(raw))
				if to := r.FormValue("next"); rec.Code == http.StatusSeeOther && strings.HasPrefix(to, "/") { // as if that were a path
					rec.Header().Set("Location", to)
				}
				replay(w, rec.Code, rec.Header(), rec.Body.Bytes())
			}, login)
		},
		"an address in other letters, at the door": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				body := bodyOf(r)
				email, _ := body["email"].(string)
				body["email"] = strings.ToLower(strings.ToUpper(email)) // which makes s of ſ
				next.ServeHTTP(w, rewritten(r, body))
			}, login)
		},
		"guessing a password":                  noThrottle,
		"guessing a password at once":          noThrottle,
		"guessing codes":                       noThrottle,
		"more resets than one reads":           noThrottle,
		"a session that was signed out":        cached,
		"a session from before a new password": cached,
		"a session from before a reset":        cached,
		"a session of a disabled account":      cached,
		"a session that was never used":        cached,
		"an address that was somebody else's":  cached,
		"a session of a demoted account":       cached,
		"a code used twice":                    again("POST /login/code"),
		"a recovery code used twice":           again("POST /login/recovery"),
		"a reset around the second factor":     halfIsEnough,
		"a recovery code of somebody else": func(_ *console, h *iamtest.Host) {
			over(h, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
				rec := answered(next, r)
				replay(w, http.StatusOK, rec.Header(), rec.Body.Bytes()) // whose code it is was not asked
			}, "POST /login/recovery")
		},
	}
}
