package iamtest

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func sessionAttacks() []Attack {
	in := []string{needsSignIn, needsCookies, "Account"}
	return []Attack{
		{"a session that was signed out", "SB-38, ASVS 7.4.1", append(in, "SignOut"), signedOut},
		{"a session from before a new password", "SB-38, CVE-2026-26060", append(in, "ChangePassword"), passwordChanged},
		{"a session from before a reset", "SB-38, ASVS 7.4.3", append(in, "Reset"), passwordReset},
		{"a session of a disabled account", "SB-38, SB-71, CVE-2024-47060", in, disabledSession},
		{"a session that was never used", "SB-41, ASVS 7.3.1", in, idleSession},
		{"an address that was somebody else's", "SB-69, CVE-2024-43784, CVE-2026-55670", in, addressAgain},
	}
}

// over fails when a session is still good.
func (w *World) over(s session, since string) {
	w.tb.Helper()
	if w.signedInBy(s) {
		w.errorf("the session is still good %s", since)
	}
}

// begun is somebody with a session, which is seen to be good.
func (w *World) begun() (*Person, session) {
	w.tb.Helper()
	p := w.member(w.least())
	s := p.signIn()
	if !w.signedInBy(s) {
		w.tb.Fatalf("iamtest: somebody who has signed in does not get through at Doors.Account, %s", w.Host.Doors.Account.Pattern)
	}
	return p, s
}

// signedOut takes a copy of the cookie, and signs out: it is not enough that the browser forgets it.
func signedOut(w *World) {
	p, copied := w.begun()
	p.cookie = copied
	if a := p.ask(w.Host.Doors.SignOut, nil); !a.through() && !a.login {
		w.errorf("nobody can sign out: %s", a.short())
	}
	w.over(copied, "behind the sign-out")
}

// passwordChanged changes the password in one browser, because of who is signed in at another.
func passwordChanged(w *World) {
	p, thief := w.begun()
	p.cookie = p.signIn()
	mine := p.cookie
	next := newPassword()
	if a := p.ask(w.Host.Doors.ChangePassword, Values{"current": w.secret.Reveal(), "password": next.Reveal()}); !a.through() {
		w.errorf("nobody can change the password: %s", a.short())
	}
	w.over(thief, "behind a new password")
	w.over(mine, "under the same token, behind a new password")
}

func passwordReset(w *World) {
	p, thief := w.begun()
	a := w.useReset(p.token(iam.ForReset, time.Hour), newPassword())
	if !a.through() {
		w.errorf("nobody can reset the password: %s", a.short())
	}
	w.over(thief, "behind a reset")
}

// disabledSession disables and enables: what was ended does not come back.
func disabledSession(w *World) {
	p, s := w.begun()
	_ = must(w.system(w.Home).Disable(w.ctx(), p.ID))(w.tb)
	w.over(s, "though the account is disabled")
	_ = must(w.system(w.Home).Enable(w.ctx(), p.ID))(w.tb)
	w.over(s, "when the account is enabled again")
}

// longest is how long a session may live without being used: what an absolute timeout of NIST SP 800-63B-4 leaves.
const longest = 24 * time.Hour

func idleSession(w *World) {
	_, s := w.begun()
	w.Clock.Advance(longest)
	w.over(s, "a day later, without having been used")
}

// addressAgain gives the address of a deleted account to a new one: nothing of the old one is its.
func addressAgain(w *World) {
	p, s := w.begun()
	w.ok(w.system(w.Home).Delete(w.ctx(), p.ID))
	_, _, err := w.system(w.Home).CreateAccount(w.ctx(), iam.CreateAccountParams{Email: string(p.Email), Roles: p.roles, Active: true})
	w.ok(err)
	w.over(s, "though its account is deleted, and the address somebody else's")
	if a := p.tryPassword(w.secret, nil); len(a.session()) > 0 {
		w.errorf("the password of a deleted account opens the one that has its address now")
	}
}

// useReset follows the link to reset a password.
func (w *World) useReset(token iam.Token, password iam.Secret) answer {
	return w.send(w.requestOf(w.Host.Doors.Reset, Values{"token": token.Reveal(), "password": password.Reveal()}))
}
