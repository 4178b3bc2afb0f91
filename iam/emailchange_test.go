package iam_test

import (
	"errors"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestEmailChange(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-20, SB-38: both addresses confirm, and then nothing of the old one is left", bothConfirm)
		w.run("SB-16: looking uses nothing up", lookAtEmailChange)
		w.run("who has no address confirms the new one alone", confirmNewAlone)
		w.run("SB-62: by oneself, or by who manages the account", whoChangesEmail)
		w.run("what cannot be asked for", badEmailChange)
		w.run("E11, L4, SB-27: an address that cannot be used", takenEmail)
		w.run("SB-14: the links hold to the millisecond", emailChangeExpires)
		w.run("SB-15: another one ends the one before, and not too often", emailChangeAgain)
		w.run("a change is taken back", cancelEmailChange)
		w.run("the links of an account that is not active are dead", emailChangeOfTheGone)
		w.run("an address that was taken meanwhile", emailTakenMeanwhile)
		w.run("SB-12: a link is for one purpose and one address", emailLinkPurposes)
		w.run("SB-64: who was demoted gets no address of their choice", emailChangeByTheDemoted)
	})
}

// confirm follows the link to one of the addresses.
func (o *org) confirm(token iam.Token) (done bool) {
	o.Helper()
	_, done, err := o.svc.ConfirmEmail(o.Context(), token)
	o.ok(err)
	return done
}

func (o *org) deadEmailLink(token iam.Token) {
	o.Helper()
	_, _, err := o.svc.ConfirmEmail(o.Context(), token)
	o.refused(err, iam.ErrToken)
	o.refused(second(o.svc.LookEmailChange(o.Context(), token)), iam.ErrToken)
}

func bothConfirm(w *world) {
	o := w.organization(emqx.System())
	for _, order := range [][]iam.TokenPurpose{{iam.ForOldEmail, iam.ForNewEmail}, {iam.ForNewEmail, iam.ForOldEmail}} {
		ann := o.member(emqx.Auditor)
		next := address("Anna")
		session, reset := o.signIn(ann.ID), o.resetToken(ann.ID)
		before := o.events()
		asked := must(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, next))(w)
		canonical := must(iam.ParseEmail(next))(w)
		equal(w, "asked", asked, iam.EmailChange{
			Account: ann.ID, Email: canonical, By: ann.ID, Created: o.clock.now().UTC(), Expires: o.clock.now().UTC().Add(24 * time.Hour),
		})
		same(w, "mails", o.sent(ann.ID), []string{"email_change_old to " + string(ann.Email), "email_change_new to " + string(canonical)})

		first, then := o.follow(ann.ID, order[0]), o.follow(ann.ID, order[1])
		equal(w, "done by the first", o.confirm(first), false)
		equal(w, "the address behind the first", o.get(ann.ID).Email, ann.Email)
		must(o.st.Session(o.Context(), session))(w)
		o.deadEmailLink(first)
		equal(w, "done by both", o.confirm(then), true)
		equal(w, "the address", o.get(ann.ID).Email, canonical)
		o.deadEmailLink(then)
		o.noAccess(session, reset)
		same(w, "mails behind it", o.sent(ann.ID), []string{"email_changed to " + string(ann.Email), "email_changed to " + string(canonical)})
		same(w, "events", types(o.since(before)), []iam.EventType{
			iam.EmailChangeAsked, iam.EmailConfirmed, iam.EmailConfirmed, iam.SessionsEnded, iam.EmailChanged,
		})
		w.refused(o.as(ann.ID).CancelEmailChange(o.Context(), ann.ID), iam.ErrNotFound)
	}
}

func lookAtEmailChange(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	asked := must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
	old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	o.unchanged(func() {
		for range 100 {
			seen := must(o.svc.LookEmailChange(o.Context(), old))(w)
			equal(w, "the organisation", seen.Organization.ID, o.id)
			equal(w, "the account", seen.Account.Email, ann.Email)
			equal(w, "the change", seen.Change, asked)
			equal(w, "it is the old address'", seen.New, false)
		}
		equal(w, "it is the new address'", must(o.svc.LookEmailChange(o.Context(), next))(w).New, true)
	})
	o.confirm(old)
	equal(w, "what is confirmed", must(o.svc.LookEmailChange(o.Context(), next))(w).Change.OldDone, true)
	equal(w, "done", o.confirm(next), true)
}

func confirmNewAlone(w *world) {
	o := w.organization(emqx.System())
	id := o.account(emqx.Auditor)
	asked := must(o.root().ChangeEmail(o.Context(), id, address("anna")))(w)
	same(w, "mails", o.sent(id), []string{"email_change_new to " + string(asked.Email)})
	equal(w, "done", o.confirm(o.follow(id, iam.ForNewEmail)), true)
	equal(w, "the address", o.get(id).Email, asked.Email)
	same(w, "mails behind it", o.sent(id), []string{"email_changed to " + string(asked.Email)})
}

func whoChangesEmail(w *world) {
	o := w.organization(emqx.System())
	admin, user, auditor := o.member(emqx.Administrator).ID, o.member(emqx.ProjectUser).ID, o.member(emqx.Auditor).ID
	for _, c := range []struct {
		what string
		by   iam.Actor
		id   policy.AccountID
		want error
	}{
		{"oneself", o.as(user), user, nil},
		{"a user by an administrator", o.as(admin), user, nil},
		{"an administrator by a user", o.as(user), admin, iam.ErrForbidden},
		{"a user by an auditor", o.as(auditor), user, iam.ErrForbidden},
		{"root by an administrator", o.as(admin), o.rootID, iam.ErrForbidden},
		{"root by itself", o.root(), o.rootID, nil},
		{"root by the system", o.system(), o.rootID, nil},
		{"nobody", o.root(), "nobody", iam.ErrNotFound},
		{"nothing by nobody", o.svc.As(iam.Subject{}), "", iam.ErrForbidden},
	} {
		for what, err := range map[string]error{
			"ask":  second(c.by.ChangeEmail(o.Context(), c.id, address("x"))),
			"drop": c.by.CancelEmailChange(o.Context(), c.id),
		} {
			if !errors.Is(err, c.want) {
				w.Errorf("%s for %s: got %v, want %v", what, c.what, err, c.want)
			}
		}
	}
	// Root's too is confirmed by both addresses.
	must(o.root().ChangeEmail(o.Context(), o.rootID, address("newroot")))(w)
	equal(w, "done by one", o.confirm(o.follow(o.rootID, iam.ForNewEmail)), false)
	equal(w, "done by both", o.confirm(o.follow(o.rootID, iam.ForOldEmail)), true)
	equal(w, "it is root", o.get(o.rootID).Root, true)
}

func badEmailChange(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	pending := o.create(iam.CreateAccountParams{Email: address("bob"), Roles: []policy.Role{emqx.Auditor}})
	disabled := o.member(emqx.Auditor)
	must(o.root().Disable(o.Context(), disabled.ID))(w)
	for _, c := range []struct {
		id             policy.AccountID
		address, field string
	}{
		{ann.ID, string(ann.Email), "Email"},
		{ann.ID, "Ann <ann@x.example>", "Email"},
		{ann.ID, "", "Email"},
		{pending.ID, address("x"), "Account"},
		{disabled.ID, address("x"), "Account"},
	} {
		o.unchanged(func() { w.wrong(second(o.root().ChangeEmail(o.Context(), c.id, c.address)), c.field) })
	}
	silent := must(iam.New(w.st, emqx.System(), iam.Config{Now: o.clock.now}))(w)
	w.wrong(second(silent.System("test").In(o.id).ChangeEmail(o.Context(), ann.ID, address("x"))), "Config.BaseURL")
}

func takenEmail(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	ann, bob, foreign := o.member(emqx.Auditor), o.member(emqx.Auditor), other.member(emqx.Auditor)
	for _, taken := range []iam.Email{bob.Email, o.get(o.rootID).Email, other.get(other.rootID).Email} {
		o.unchanged(func() {
			err := second(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, string(taken)))
			w.wrong(err, "Email")
			w.refused(err, iam.ErrExists)
			equal(w, "what is told", err.Error(), "iam: Email: the address cannot be used")
		})
	}
	must(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, string(foreign.Email)))(w) // an account an organisation
	must(o.root().ChangeEmail(o.Context(), o.rootID, string(foreign.Email)))(w)   // a sub-account's may be a root's
	w.wrong(second(o.root().ChangeEmail(o.Context(), o.rootID, string(other.get(other.rootID).Email))), "Email")

	l := w.organization(lanit.System())
	m := l.sibling()
	mine, theirs := l.member(lanit.Member), m.member(lanit.Member)
	err := second(l.as(mine.ID).ChangeEmail(l.Context(), mine.ID, string(theirs.Email)))
	w.wrong(err, "Email")
	equal(w, "what is told", err.Error(), "iam: Email: the address cannot be used")
}

func emailChangeExpires(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	ask := func() (old, next iam.Token) {
		must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
		return o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	}
	old, next := ask()
	o.confirm(old)
	o.clock.advance(24 * time.Hour)
	o.deadEmailLink(next)
	equal(w, "the address", o.get(ann.ID).Email, ann.Email)
	// The change has its own end, whatever a link says.
	late := o.token(iam.TokenRecord{Purpose: iam.ForNewEmail, Account: ann.ID, Email: o.queued(ann.ID)[0].To, Expires: o.clock.now().Add(time.Hour)})
	o.deadEmailLink(late)

	old, next = ask()
	o.confirm(old)
	o.clock.advance(24*time.Hour - time.Millisecond)
	equal(w, "done at the last moment", o.confirm(next), true)
}

func emailChangeAgain(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	must(o.root().ChangeEmail(o.Context(), ann.ID, address("first")))(w)
	old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	o.confirm(old)
	asked := must(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, address("second")))(w)
	equal(w, "what was confirmed is forgotten", asked.OldDone, false)
	o.deadEmailLink(old)
	o.deadEmailLink(next)
	same(w, "on their way", o.sent(ann.ID), []string{"email_change_old to " + string(ann.Email), "email_change_new to " + string(asked.Email)})
	for range 3 {
		must(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, address("again")))(w)
	}
	for _, actor := range []iam.Actor{o.as(ann.ID), o.root()} {
		o.unchanged(func() { w.refused(second(actor.ChangeEmail(o.Context(), ann.ID, address("more"))), iam.ErrThrottled) })
	}
	o.clock.advance(time.Hour + time.Millisecond)
	must(o.as(ann.ID).ChangeEmail(o.Context(), ann.ID, address("more")))(w)
}

func cancelEmailChange(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	w.refused(o.root().CancelEmailChange(o.Context(), ann.ID), iam.ErrNotFound)
	must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
	old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	w.ok(o.as(ann.ID).CancelEmailChange(o.Context(), ann.ID))
	o.deadEmailLink(old)
	o.deadEmailLink(next)
	same(w, "on their way", o.sent(ann.ID), nil)
	equal(w, "the last event", o.events()[len(o.events())-1].Type, iam.EmailChangeDropped)
}

func emailChangeOfTheGone(w *world) {
	o := w.organization(emqx.System())
	for what, gone := range map[string]func(id policy.AccountID) error{
		"disabled": func(id policy.AccountID) error { return second(o.root().Disable(o.Context(), id)) },
		"enabled again": func(id policy.AccountID) error {
			must(o.root().Disable(o.Context(), id))(w)
			return second(o.root().Enable(o.Context(), id))
		},
		"deleted": func(id policy.AccountID) error { return o.root().Delete(o.Context(), id) },
	} {
		ann := o.member(emqx.Auditor)
		must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
		old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
		o.confirm(old)
		w.ok(gone(ann.ID))
		o.deadEmailLink(next)
		same(w, "on their way when "+what, o.sent(ann.ID), nil)
	}
	// Should a change ever wait for one who is disabled, its links are dead all the same.
	ann := o.member(emqx.Auditor)
	must(o.root().Disable(o.Context(), ann.ID))(w)
	o.waitsForEmail(ann.ID)
	o.deadEmailLink(o.token(iam.TokenRecord{Purpose: iam.ForOldEmail, Account: ann.ID, Email: ann.Email, Expires: o.clock.now().Add(time.Hour)}))
}

func emailTakenMeanwhile(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	asked := must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
	old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	o.confirm(old)
	bob := o.create(iam.CreateAccountParams{Email: string(asked.Email), Roles: []policy.Role{emqx.Auditor}, Active: true})
	o.unchanged(func() {
		_, _, err := o.svc.ConfirmEmail(o.Context(), next)
		w.wrong(err, "Email")
		w.refused(err, iam.ErrExists)
	})
	w.ok(o.root().Delete(o.Context(), bob.ID))
	equal(w, "done when it is free again", o.confirm(next), true)
}

func emailLinkPurposes(w *world) {
	o := w.organization(emqx.System())
	ann := o.member(emqx.Auditor)
	asked := must(o.root().ChangeEmail(o.Context(), ann.ID, address("anna")))(w)
	old, next := o.follow(ann.ID, iam.ForOldEmail), o.follow(ann.ID, iam.ForNewEmail)
	o.deadEmailLink(iam.Token{})
	o.deadEmailLink(o.resetToken(ann.ID))
	for purpose, email := range map[iam.TokenPurpose]iam.Email{iam.ForOldEmail: asked.Email, iam.ForNewEmail: ann.Email, iam.ForInvitation: asked.Email} {
		o.deadEmailLink(o.token(iam.TokenRecord{Purpose: purpose, Account: ann.ID, Email: email, Expires: asked.Expires}))
	}
	for _, token := range []iam.Token{old, next} {
		w.refused(second(o.svc.AcceptInvitation(o.Context(), token, iam.AcceptParams{})), iam.ErrToken)
		w.refused(second(o.svc.Token(o.Context(), token, iam.ForReset)), iam.ErrToken)
	}
	equal(w, "the address", o.get(ann.ID).Email, ann.Email)
	equal(w, "done by one", o.confirm(old), false)
	equal(w, "done by both", o.confirm(next), true)
}

func emailChangeByTheDemoted(w *world) {
	o := w.organization(emqx.System())
	for what, then := range map[string]func(id policy.AccountID) error{
		"demoted": func(id policy.AccountID) error {
			_, _, err := o.root().SetRoles(o.Context(), id, emqx.ProjectUser)
			return err
		},
		"disabled": func(id policy.AccountID) error { return second(o.root().Disable(o.Context(), id)) },
		"deleted":  func(id policy.AccountID) error { return o.root().Delete(o.Context(), id) },
	} {
		eve, nameless := o.member(emqx.Administrator), o.account(emqx.Administrator)
		must(o.as(eve.ID).ChangeEmail(o.Context(), nameless, address("eve")))(w)
		link := o.follow(nameless, iam.ForNewEmail)
		must(o.svc.LookEmailChange(o.Context(), link))(w)
		w.ok(then(eve.ID))
		o.deadEmailLink(link)
		equal(w, "the address when she was "+what, o.get(nameless).Email, "")
	}
}
