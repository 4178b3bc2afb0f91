package iamtest

import (
	"net/http"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func invitationAttacks() []Attack {
	all := []string{needsSignIn, needsMails, "Activate"}
	return []Attack{
		{"an invitation accepted by somebody else", "SB-17, CVE-2026-34389, CVE-2022-39306", append(all, needsCookies, "Account"), acceptedByOther},
		{"an inviter who may not invite any more", "SB-18, SB-19, ASVS 8.3.2", all, demotedInviter},
		{"the link before the last", "SB-15, CVE-2024-41890", append(all, "Resend"), linkBefore},
		{"an invitation that was taken back", "SB-18", append(all, "Revoke"), revoked},
		{"an invitation behind a deleted account", "SB-18, SB-99, CVE-2026-0798", all, deletedGuest},
	}
}

// acceptedByOther follows a link while somebody else is signed in: neither becomes the other.
func acceptedByOther(w *World) {
	g, other := w.invite(w.strongest(w.Home)), w.member(w.least())
	other.signedIn()
	before, _ := other.account()
	a := w.accept(g.token.Reveal(), func(r *http.Request) {
		other.cookie.on(r)
		query := r.URL.Query()
		query.Set("email", string(other.Email))
		r.URL.RawQuery = query.Encode()
	})
	if !a.through() {
		w.errorf("an invitation cannot be accepted while somebody else is signed in: %s", a.short())
	}
	after, _ := other.account()
	accepted, there := g.account()
	switch {
	case !there || accepted.Email != g.Email || accepted.Status != iam.Active:
		w.errorf("the invited account is not active with the address that was invited")
	case before.Email != after.Email || len(before.Roles) != len(after.Roles) || before.Updated != after.Updated:
		w.errorf("the account that was signed in has changed")
	}
	if opened := a.session(); len(opened) > 0 && w.signedInBy(opened) {
		w.errorf("a link that may have been forwarded signs in without a password")
	}
}

// inviter is somebody who may invite, and is not root, which never may less; nil when there is nobody.
func (w *World) inviter() *Person {
	w.tb.Helper()
	manage := w.Host.Service.Rules().Permissions.ManageAccounts
	for _, role := range w.given() {
		p := w.member(role)
		if w.Host.Service.Can(p.Subject(), manage.Action(), manage.Kind().Of(w.Home)) && len(w.Host.Service.Policy().Gives(role)) > 0 {
			return p
		}
	}
	w.lack = "role beside root's that may invite"
	return nil
}

// demotedInviter takes the right to invite from whoever has invited, in each of the ways in which it goes.
func demotedInviter(w *World) {
	demoted, disabled, deleted := w.inviter(), w.inviter(), w.inviter()
	if w.lack != "" {
		return
	}
	guests := map[string]guest{
		"though who invited was demoted": w.invite(demoted), "though who invited is disabled": w.invite(disabled), "though who invited was deleted": w.invite(deleted),
	}
	_, _, err := w.system(w.Home).SetRoles(w.ctx(), demoted.ID, w.least())
	w.ok(err)
	_ = must(w.system(w.Home).Disable(w.ctx(), disabled.ID))(w.tb)
	w.ok(w.system(w.Home).Delete(w.ctx(), deleted.ID))
	for when, g := range guests {
		g.dead(when)
	}
}

// linkBefore sends an invitation again, by the host's route.
func linkBefore(w *World) {
	by := w.strongest(w.Home)
	g := w.invite(by)
	w.Clock.Advance(time.Minute) // before which it is not sent again (SB-15)
	if a := by.ask(w.Host.Doors.Resend, Values{"account": string(g.ID)}); !a.through() {
		w.errorf("an invitation cannot be sent again: %s", a.short())
		return
	}
	g.dead("though another one was sent")
	if next := w.mailed(g.Email); next.Reveal() == g.token.Reveal() {
		w.errorf("the other link is the same")
	} else {
		w.accepts(next, "when it was sent again")
	}
}

func revoked(w *World) {
	by := w.strongest(w.Home)
	g := w.invite(by)
	if a := by.ask(w.Host.Doors.Revoke, Values{"account": string(g.ID)}); !a.through() {
		w.errorf("an invitation cannot be taken back: %s", a.short())
	}
	g.dead("though the invitation was taken back")
}

// deletedGuest deletes who was invited, and invites the address again: the old link is not the new account's.
func deletedGuest(w *World) {
	by := w.strongest(w.Home)
	g := w.invite(by)
	w.ok(w.system(w.Home).Delete(w.ctx(), g.ID))
	again, _, err := w.system(w.Home).CreateAccount(w.ctx(), iam.CreateAccountParams{Email: string(g.Email), Roles: g.roles})
	w.ok(err)
	g.dead("though its account was deleted")
	if account, there := w.person(again).account(); there && account.Status == iam.Active {
		w.errorf("the link of a deleted account has activated the one that has its address now")
	}
}
