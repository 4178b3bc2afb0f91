package signin_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/iam/signin"
	"github.com/castellan-iam/castellan/policy"
)

func TestLinkRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-13: of 50 that accept one invitation, one does", raceAccept)
		w.run("SB-13: of 20 that use one link to reset, one does", raceReset)
		w.run("SB-15: sent again or accepted, and never both ways", raceResendAccept)
		w.run("SB-18: taken back or accepted", raceRevokeAccept)
		w.run("SB-19: no account becomes active behind the end of who invited it", raceDisableAccept)
		w.run("E11, SB-92: two invitations for one address in different case", raceInvite)
		w.run("L4, SB-92: and in two organisations", raceInviteEverywhere)
	})
}

// insertToken makes a link's token for the account, as the sending of a mail does.
func (p *person) insertToken(purpose iam.TokenPurpose) iam.Token {
	p.Helper()
	token := must(iam.NewToken(p.svc.Rand()))(p)
	p.ok(p.st.Write(p.Context(), p.org.id, func(tx iam.Tx) error {
		account, err := tx.Account(p.Context(), p.org.id, p.id)
		if err != nil {
			return err
		}
		return tx.InsertToken(p.Context(), iam.TokenRecord{
			Hash: token.Hash(), Purpose: purpose, Org: p.org.id, Account: p.id, Email: account.Email,
			Created: p.svc.Now(), Expires: p.svc.Now().Add(time.Hour),
		})
	}))
	return token
}

// guest is somebody who was invited and got the link by hand: no mail is sent, so that others may race as well.
func (p *person) guest(roles ...policy.Role) invited {
	p.Helper()
	params := iam.InviteParams{Email: address("guest"), Roles: roles}
	if len(roles) == 0 {
		params.Roles = []policy.Role{p.lowest()}
	}
	var password iam.Secret
	if p.svc.Rules().FirstPassword == iam.ByCreator {
		password = goodPassword()
	}
	i, _, err := p.in.Invite(p.ctx(), p.actor(), params, password)
	p.ok(err)
	guest := &person{org: p.org, id: i.Account, email: params.Email, login: p.org.id, password: password}
	return invited{guest, tokenIn(p, must(p.actor().InvitationLink(p.ctx(), i.Account))(p))}
}

func raceAccept(w *world) {
	o := w.organization(lanit.System())
	w.rounds(func() {
		guest := o.root.guest()
		var all []func() error
		for range 50 {
			params := signin.AcceptParams{Password: goodPassword()}
			all = append(all, func() error { return second(o.in.Accept(o.ctx(), guest.token, params)) })
		}
		errs := atOnce(all...)
		equal(w, "that accepted", w.expected(errs, iam.ErrToken), 1)
		equal(w, "events", len(guest.about(iam.InvitationAccepted)), 1)
		equal(w, "the status", guest.status(), iam.Active)
	})
}

func raceReset(w *world) {
	o := w.organization(lanit.System())
	w.rounds(func() {
		p := o.account()
		link := p.insertToken(iam.ForReset)
		passwords := make([]iam.Secret, 20)
		var all []func() error
		for i := range passwords {
			passwords[i] = goodPassword()
			all = append(all, func() error { return second(o.in.ResetPassword(o.ctx(), link, passwords[i])) })
		}
		errs := atOnce(all...)
		equal(w, "that reset", w.expected(errs, iam.ErrToken), 1)
		equal(w, "sessions", p.open(), 1)
		p.password = passwords[slices.Index(errs, nil)] // that of who was told so
		p.signIn()
	})
}

func raceResendAccept(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		guest := o.root.guest()
		o.clock.advance(2 * time.Minute) // 30 an hour
		errs := atOnce(guest.accept, func() error { return second(root.ResendInvitation(o.ctx(), guest.id)) })
		w.expected(errs[:1], iam.ErrToken)
		w.expected(errs[1:], iam.ErrInvalid)
		equal(w, "one of the two was done", (errs[0] == nil) != (errs[1] == nil), true)
		equal(w, "whether it is active", guest.status() == iam.Active, errs[0] == nil)
		queued := 0
		for _, m := range guest.mails(iam.MailInvitation) {
			if m.State == iam.MailQueued {
				queued++
			}
		}
		equal(w, "whether a link is on its way", queued == 1, errs[1] == nil)
		w.refused(guest.accept(), iam.ErrToken)
	})
}

func raceRevokeAccept(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		guest := o.root.guest()
		errs := atOnce(guest.accept, func() error { return root.RevokeInvitation(o.ctx(), guest.id) })
		w.expected(errs[:1], iam.ErrToken)
		w.expected(errs[1:], iam.ErrInvalid)
		equal(w, "one of the two was done", (errs[0] == nil) != (errs[1] == nil), true)
		_, err := o.system().Account(o.Context(), guest.id)
		equal(w, "whether it is there", err == nil, errs[0] == nil)
		equal(w, "rows of it", strings.Contains(guest.credentials(), string(guest.id)), errs[0] == nil)
	})
}

// credentials are the ids of the accounts that have a password in the database.
func (w *world) credentials() string {
	w.Helper()
	var ids []string
	w.ok(w.db.WithContext(w.Context()).Table("iam_credentials").Pluck("account_id", &ids).Error)
	return strings.Join(ids, " ")
}

func raceDisableAccept(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() {
		inviter := o.account(emqx.Administrator)
		guest := inviter.guest(emqx.Administrator)
		errs := atOnce(guest.accept, func() error { return second(root.Disable(o.ctx(), inviter.id)) })
		w.expected(errs[:1], iam.ErrToken)
		w.ok(errs[1])
		equal(w, "whether it is active", guest.status() == iam.Active, errs[0] == nil)
		ended := false
		for _, e := range o.events(iam.AccountDisabled, iam.InvitationAccepted) {
			ended = ended || e.Type == iam.AccountDisabled && e.Target == string(inviter.id)
			if ended && e.Type == iam.InvitationAccepted && e.Target == string(guest.id) {
				w.Error("it was accepted after who invited was disabled")
			}
		}
	})
}

func raceInvite(w *world) {
	o := w.organization(emqx.System())
	root := o.root.actor()
	w.rounds(func() { inviteOnce(w, address("Guest"), o, root, root) })
}

func raceInviteEverywhere(w *world) {
	o := w.organization(lanit.System())
	other := o.sibling()
	first, next := o.root.actor(), other.root.actor()
	w.rounds(func() { inviteOnce(w, address("Guest"), o, first, next) })
}

// inviteOnce lets the actors invite one address in different case, and wants one invitation, one account, one mail.
func inviteOnce(w *world, email string, o *org, actors ...iam.Actor) {
	w.Helper()
	var password iam.Secret
	if o.svc.Rules().FirstPassword == iam.ByCreator {
		password = goodPassword()
	}
	var all []func() error
	for i := range 10 {
		params := iam.InviteParams{Email: email, Roles: []policy.Role{o.lowest()}}
		if i%2 == 1 {
			params.Email = strings.ToUpper(email)
		}
		actor := actors[i%len(actors)]
		all = append(all, func() error { return second2(o.in.Invite(o.ctx(), actor, params, password)) })
	}
	equal(w, "invitations", w.expected(atOnce(all...), iam.ErrExists), 1)
	for table, column := range map[string]string{"iam_accounts": "email", "iam_invitations": "email", "iam_mails": "address"} {
		var n int64
		w.ok(w.db.WithContext(w.Context()).Table(table).Where(column+" = ?", strings.ToLower(email)).Count(&n).Error)
		equal(w, "rows of "+table, n, 1)
	}
}
