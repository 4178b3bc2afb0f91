package signin_test

import (
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func inviteAgain(w *world, system iam.System) {
	o := w.organization(system)
	email := address("Cleo")
	first := o.root.invite(email)
	w.ok(second(o.system().UpdateProfile(o.Context(), first.id, iam.Profile{Note: "old"})))
	again := iam.InviteParams{Email: strings.ToUpper(email), Roles: []policy.Role{o.lowest()}}
	var password iam.Secret
	if o.svc.Rules().FirstPassword == iam.ByCreator {
		password = goodPassword()
	}
	_, _, err := o.in.Invite(o.ctx(), o.root.actor(), again, password)
	w.refused(err, iam.ErrExists)

	o.clock.advance(lifetimes[system.Name])
	next := o.root.invite(strings.ToUpper(email))
	equal(w, "SB-69: the account is another", next.id != first.id, true)
	equal(w, "the note", must(o.system().Account(o.Context(), next.id))(w).Note, "")
	equal(w, "the password is inherited", !first.password.IsZero() && next.stored().Password == first.stored().Password, false)
	w.refused(first.accept(), iam.ErrToken)
	w.refused(second(o.system().Account(o.Context(), first.id)), iam.ErrNotFound)
	equal(w, "rows of the first", strings.Count(o.rows("iam_events", "iam_mails"), string(first.id)), 0)
	w.ok(next.accept())
	// Who has accepted is not invited away, however late.
	o.clock.advance(2 * lifetimes[system.Name])
	_, _, err = o.in.Invite(o.ctx(), o.root.actor(), again, password)
	w.refused(err, iam.ErrExists)
}

func resendInvitation(w *world) {
	o := w.organization(devicehub.System())
	guest := o.root.invite(address("dan"), devicehub.Admin)
	actor := o.root.actor()
	o.clock.advance(time.Minute - time.Millisecond)
	w.unchanged(func() { w.refused(second(actor.ResendInvitation(o.ctx(), guest.id)), iam.ErrThrottled) })
	o.clock.advance(time.Millisecond)
	i := must(actor.ResendInvitation(o.ctx(), guest.id))(w)
	equal(w, "renewals", i.Renewals, 1)
	equal(w, "its whole lifetime", i.Expires.Sub(o.svc.Now()), 24*time.Hour)
	w.refused(guest.accept(), iam.ErrToken) // dead before the new one is mailed

	o.clock.advance(time.Minute)
	must(actor.ResendInvitation(o.ctx(), guest.id))(w)
	fresh := o.allLinked()
	equal(w, "mails of two sendings, of which one was overtaken", len(fresh), 1)
	guest.token = fresh[0]
	w.ok(guest.accept())
	o.clock.advance(time.Minute)
	w.refused(second(actor.ResendInvitation(o.ctx(), guest.id)), iam.ErrInvalid)
	equal(w, "events", len(guest.about(iam.InvitationResent)), 2)

	// One that has expired lives again.
	late := o.root.invite(address("eve"))
	o.clock.advance(25 * time.Hour)
	must(actor.ResendInvitation(o.ctx(), late.id))(w)
	late.token = o.linked()
	w.ok(late.accept())

	// A basic user resends nothing, and an admin not the invitation of one above.
	boss := o.root.invite(address("boss"), devicehub.SuperAdmin)
	o.clock.advance(time.Minute)
	for _, role := range []policy.Role{devicehub.Basic, devicehub.Admin} {
		w.refused(second(o.account(role).actor().ResendInvitation(o.ctx(), boss.id)), iam.ErrForbidden)
	}
}

func resendLimits(w *world) {
	o := w.organization(lanit.System())
	by := []*person{o.account(lanit.Admin), o.account(lanit.Admin), o.account(lanit.Admin)}
	var guests []invited
	for range 51 {
		guests = append(guests, by[0].invite(address("guest")))
	}
	o.clock.advance(time.Minute)
	first, next, third := by[0].actor(), by[1].actor(), by[2].actor()
	for _, guest := range guests[:50] {
		must(first.ResendInvitation(o.ctx(), guest.id))(w)
	}
	w.refused(second(first.ResendInvitation(o.ctx(), guests[50].id)), iam.ErrThrottled)
	must(next.ResendInvitation(o.ctx(), guests[50].id))(w)
	o.clock.advance(time.Minute)
	for _, guest := range guests[:49] {
		must(next.ResendInvitation(o.ctx(), guest.id))(w)
	}
	w.refused(second(third.ResendInvitation(o.ctx(), guests[50].id)), iam.ErrThrottled)
	o.clock.advance(time.Hour)
	must(third.ResendInvitation(o.ctx(), guests[50].id))(w)
}

func linkAndRevoke(w *world) {
	o := w.organization(emqx.System())
	guest := o.root.invite(address("fay"))
	copied := tokenIn(w, must(o.root.actor().InvitationLink(o.ctx(), guest.id))(w))
	w.refused(second(o.account(emqx.Auditor).actor().InvitationLink(o.ctx(), guest.id)), iam.ErrForbidden)
	equal(w, "events of the link", len(guest.about(iam.InvitationLinked)), 1)
	must(o.svc.LookInvitation(o.ctx(), guest.token))(w) // both are good
	must(o.svc.LookInvitation(o.ctx(), copied))(w)
	must(o.in.Accept(o.ctx(), copied, signin.AcceptParams{}))(w)
	w.refused(guest.accept(), iam.ErrToken) // and one is used
	w.refused(second(o.root.actor().InvitationLink(o.ctx(), guest.id)), iam.ErrInvalid)
	w.refused(o.root.actor().RevokeInvitation(o.ctx(), guest.id), iam.ErrInvalid)

	gone := o.root.invite(address("gil"))
	copied = tokenIn(w, must(o.root.actor().InvitationLink(o.ctx(), gone.id))(w))
	w.ok(o.root.actor().RevokeInvitation(o.ctx(), gone.id))
	for _, token := range []iam.Token{gone.token, copied} {
		w.refused(second(o.svc.LookInvitation(o.ctx(), token)), iam.ErrToken)
		w.refused(second(o.in.Accept(o.ctx(), token, signin.AcceptParams{})), iam.ErrToken)
	}
	w.refused(second(o.system().Account(o.Context(), gone.id)), iam.ErrNotFound)
	equal(w, "events of taking it back", len(gone.about(iam.InvitationRevoked)), 1)
	w.ok(o.root.invite(gone.email).accept()) // its address is free

	late := o.root.invite(address("hal"))
	o.clock.advance(time.Hour)
	w.refused(second(o.root.actor().InvitationLink(o.ctx(), late.id)), iam.ErrInvalid)
}

func listInvitations(w *world) {
	o := w.organization(lanit.System())
	expired := o.root.invite(address("expired"))
	o.clock.advance(24 * time.Hour)
	open, done := o.root.invite(address("open")), o.root.invite(address("done"))
	w.ok(done.accept())
	want := map[policy.AccountID]iam.InvitationState{
		expired.id: iam.InvitationExpired, open.id: iam.InvitationOpen, done.id: iam.InvitationDone,
	}
	all := must(o.root.actor().Invitations(o.ctx(), iam.InvitationQuery{}))(w)
	equal(w, "all", len(all), 3)
	for _, i := range all {
		equal(w, "the state of "+string(i.Email), i.StateAt(o.svc.Now()), want[i.Account])
		equal(w, "who invited", i.By, o.root.id)
		equal(w, "the mail", i.Mail, iam.MailSent)
	}
	equal(w, "not accepted", len(must(o.root.actor().Invitations(o.ctx(), iam.InvitationQuery{Open: true}))(w)), 2)
	w.refused(second(o.account(lanit.Member).actor().Invitations(o.ctx(), iam.InvitationQuery{})), iam.ErrForbidden)
	equal(w, "of another organisation", len(must(o.sibling().root.actor().Invitations(o.ctx(), iam.InvitationQuery{}))(w)), 0)
}

func droppedInvitations(w *world) {
	o := w.organization(emqx.System())
	send := func() policy.AccountID {
		i, _, err := o.in.Invite(o.ctx(), o.root.actor(), iam.InviteParams{Email: address("kay"), Roles: []policy.Role{emqx.Auditor}}, goodPassword())
		w.ok(err)
		return i.Account
	}
	w.ok(o.root.actor().RevokeInvitation(o.ctx(), send()))
	w.ok(o.root.actor().Delete(o.ctx(), send()))
	w.ok(second(o.root.actor().Disable(o.ctx(), send())))
	equal(w, "mails", len(o.allLinked()), 0)
}
