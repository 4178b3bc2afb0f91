package iamtest

import (
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func resetAttacks() []Attack {
	in := []string{needsSignIn, "Reset"}
	return []Attack{
		{"whose address can be reset", "SB-24, SB-26, ASVS 6.3.8", []string{needsSignIn, needsMails, "Forgot"}, knownByReset},
		{"a reset used at once", "SB-13, CVE-2026-45720", in, resetAtOnce},
		{"a reset at its end", "SB-14, CVE-2025-64708", in, resetAtItsEnd},
		{"a reset from before a new password", "SB-20, CVE-2026-26060", append(in, needsCookies, "ChangePassword"), resetBefore},
		{"a reset of a disabled account", "SB-21, SB-71", in, resetDisabled},
		{"more resets than one reads", "SB-15, CVE-2022-31184", []string{needsSignIn, needsMails, "Forgot"}, resetFlood},
	}
}

// forget asks for a link to reset a password, for what somebody has typed.
func (w *World) forget(typed string) answer {
	r := w.requestOf(w.Host.Doors.Forgot, Values{"email": typed})
	r.RemoteAddr = w.nextPeer()
	return w.send(r)
}

func knownByReset(w *World) {
	all := w.sameForAll("asking for a reset", func(p *Person) answer { return w.forget(string(p.Email)) })
	for kind, p := range all {
		if linked := w.Link(p.Email) != ""; linked != (kind == "known") {
			w.errorf("an address that is %s was mailed a link: %v", kind, linked)
		}
	}
}

func resetAtOnce(w *World) {
	p := w.member(w.least())
	token := p.token(iam.ForReset, time.Hour)
	const many = 20
	if used := atOnce(many, func(int) bool { return w.useReset(token, newPassword()).through() }); used != 1 {
		w.errorf("%d of %d who used one link at once got through, and one should", used, many)
	}
	if a := w.useReset(token, newPassword()); a.through() {
		w.errorf("the link is good once more: %s", a.short())
	}
}

func resetAtItsEnd(w *World) {
	good, late := w.member(w.least()).token(iam.ForReset, time.Hour), w.member(w.least()).token(iam.ForReset, time.Hour)
	w.Clock.Advance(time.Hour - time.Millisecond)
	if a := w.useReset(good, newPassword()); !a.through() {
		w.errorf("the link is not good a millisecond before its end: %s", a.short())
	}
	w.Clock.Advance(time.Millisecond)
	if a := w.useReset(late, newPassword()); a.through() {
		w.errorf("the link is good at its end: %s", a.short())
	}
}

// resetBefore has a link from before the owner changed the password.
func resetBefore(w *World) {
	p := w.member(w.least()).signedIn()
	thief := p.token(iam.ForReset, time.Hour)
	if a := p.ask(w.Host.Doors.ChangePassword, Values{"current": w.secret.Reveal(), "password": newPassword().Reveal()}); !a.through() {
		w.errorf("nobody can change the password: %s", a.short())
	}
	if a := w.useReset(thief, newPassword()); a.through() {
		w.errorf("a link from before the password was changed is still good: %s", a.short())
	}
}

func resetDisabled(w *World) {
	p := w.member(w.least())
	token := p.token(iam.ForReset, time.Hour)
	_ = must(w.system(w.Home).Disable(w.ctx(), p.ID))(w.tb)
	if a := w.useReset(token, newPassword()); a.through() || len(a.session()) > 0 {
		w.errorf("the password of a disabled account can be reset: %s", a.short())
	}
	if account, there := p.account(); there && account.Status != iam.Disabled {
		w.errorf("a reset has made a disabled account %s", account.Status)
	}
}

// mostResets is how many mails an hour somebody may get whom others ask for.
const mostResets = 20

// resetFlood asks again and again, also from elsewhere.
func resetFlood(w *World) {
	p := w.member(w.least())
	for n := range 2 * mostResets {
		r := w.requestOf(w.Host.Doors.Forgot, Values{"email": string(p.Email)})
		pretend(r, n)
		if n%2 == 1 {
			r.RemoteAddr = strings.Replace(w.peer, "198.18", "198.19", 1)
		}
		w.send(r)
	}
	w.Deliver()
	if n := len(w.Mails.To(p.Email)); n > mostResets {
		w.errorf("%d mails went to one address within a moment", n)
	}
}
