package iam_test

import (
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
)

func TestHandOver(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("bindings, grants and invitations go over, and then the account goes", handOverAll)
		w.run("what cannot go over stays, and keeps the account from being deleted", handOverRest)
		w.run("SB-61, SB-62: nobody hands over what they could not give", handOverCeiling)
		w.run("who can hand over to whom", badHandOver)
		w.run("SB-18: an invitation goes to who could send it", handOverInvitations)
		w.run("SB-61: an invitation goes over by who could send it", handOverOthersInvitations)
		w.run("the host's rows go over in the same transaction", handOverHostRows)
		w.run("SB-65: the last administrator stays", handOverKeepsAdministrator)
	})
}

func handOverAll(w *world) {
	for _, then := range []iam.Departure{iam.ThenKeep, iam.ThenDisable, iam.ThenDelete} {
		o := w.organization(emqx.System())
		ann, bob, admin := o.member(emqx.ProjectAdmin, emqx.ProjectUser), o.member(emqx.ProjectAdmin, emqx.ProjectUser), o.member(emqx.Administrator)
		o.bind(ann.ID, emqx.ProjectAdmin, "p1")
		o.bind(ann.ID, emqx.ProjectUser, "p2", "p3")
		o.bind(bob.ID, emqx.ProjectUser, "p3", "p4")
		forever := policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))
		while := policy.GrantRole(emqx.Auditor, policy.AtOrg(o.id)).Until(o.clock.now().Add(2 * time.Hour).UTC())
		over := forever.Until(o.clock.now().Add(time.Minute))
		for _, g := range []policy.Grant{forever, while, over} {
			must(o.root().GiveGrant(o.Context(), ann.ID, g))(w)
		}
		o.clock.advance(time.Minute)
		session, reset := o.signIn(ann.ID), o.resetToken(ann.ID)

		done := must(o.as(admin.ID).HandOver(o.Context(), iam.HandOverParams{From: ann.ID, To: bob.ID, Then: then}))(w)
		same(w, "bindings handed over", done.Bindings, []iam.Binding{
			{Account: bob.ID, Role: emqx.ProjectAdmin, Project: "p1"},
			{Account: bob.ID, Role: emqx.ProjectUser, Project: "p2"}, {Account: bob.ID, Role: emqx.ProjectUser, Project: "p3"},
		})
		same(w, "bindings of the receiver", must(o.root().Bindings(o.Context(), bob.ID))(w), append(done.Bindings, iam.Binding{Account: bob.ID, Role: emqx.ProjectUser, Project: "p4"}))
		same(w, "grants of the receiver", must(o.root().Grants(o.Context(), bob.ID))(w), done.Grants)
		equal(w, "grants handed over", len(done.Grants), 2)
		equal(w, "the first", done.Grants[0].Grant, forever)
		equal(w, "the second, with its end", done.Grants[1].Grant, while)
		equal(w, "who gave them", done.Grants[0].By, admin.ID)
		equal(w, "left over", len(done.Rest.Bindings)+len(done.Rest.Grants)+len(done.Rest.Invitations), 0)
		events := o.events()
		last := map[iam.Departure]iam.EventType{iam.ThenKeep: iam.HandedOver, iam.ThenDisable: iam.AccountDisabled, iam.ThenDelete: iam.AccountDeleted}
		equal(w, "the last event", events[len(events)-1].Type, last[then])

		switch then {
		case iam.ThenDelete:
			w.refused(second(o.root().Account(o.Context(), ann.ID)), iam.ErrNotFound)
			o.noAccess(session, reset)
			continue
		case iam.ThenDisable:
			equal(w, "status", o.get(ann.ID).Status, iam.Disabled)
			o.noAccess(session, reset)
		case iam.ThenKeep:
			equal(w, "status", o.get(ann.ID).Status, iam.Active)
			must(o.st.Session(o.Context(), session))(w)
		}
		equal(w, "bindings left", len(must(o.root().Bindings(o.Context(), ann.ID))(w)), 0)
		equal(w, "grants left, which has ended", len(must(o.root().Grants(o.Context(), ann.ID))(w)), 1)
		equal(w, "roles left", len(o.get(ann.ID).Roles), 2)
	}
}

func handOverRest(w *world) {
	o := w.organization(emqx.System())
	ann, bob := o.member(emqx.ProjectAdmin, emqx.ProjectUser), o.member(emqx.ProjectUser)
	o.bind(ann.ID, emqx.ProjectAdmin, "p1")
	o.bind(ann.ID, emqx.ProjectUser, "p2")
	params := iam.HandOverParams{From: ann.ID, To: bob.ID, Then: iam.ThenDelete}
	rest := []iam.Binding{{Account: ann.ID, Role: emqx.ProjectAdmin, Project: "p1"}}
	o.unchanged(func() {
		done, err := o.root().HandOver(o.Context(), params)
		w.wrong(err, "DropRest")
		same(w, "left over", done.Rest.Bindings, rest)
		same(w, "handed over", done.Bindings, nil)
	})
	params.Then = iam.ThenKeep
	done := must(o.root().HandOver(o.Context(), params))(w)
	same(w, "left over", done.Rest.Bindings, rest)
	same(w, "what stays", must(o.root().Bindings(o.Context(), ann.ID))(w), rest)
	same(w, "what went", must(o.root().Bindings(o.Context(), bob.ID))(w), done.Bindings)
	params.Then, params.DropRest = iam.ThenDelete, true
	done = must(o.root().HandOver(o.Context(), params))(w)
	same(w, "dropped", done.Rest.Bindings, rest)
	w.refused(second(o.root().Account(o.Context(), ann.ID)), iam.ErrNotFound)

	// Root needs no grant and takes none.
	eve := o.member(emqx.Auditor)
	grant := must(o.root().GiveGrant(o.Context(), eve.ID, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))))(w)
	done = must(o.root().HandOver(o.Context(), iam.HandOverParams{From: eve.ID, To: o.rootID}))(w)
	same(w, "grants left over", done.Rest.Grants, []iam.Grant{grant})
}

func handOverCeiling(w *world) {
	o := w.organization(devicehub.System())
	super, admin := o.member(devicehub.SuperAdmin), o.member(devicehub.Admin)
	ann, bob := o.member(devicehub.Basic), o.member(devicehub.Basic)
	must(o.root().GiveGrant(o.Context(), ann.ID, policy.GrantPermission(devicehub.DeviceReboot, policy.AtOrg(o.id))))(w)
	for _, c := range []struct {
		what     string
		actor    iam.Actor
		from, to policy.AccountID
	}{
		{"a task that the actor lacks", o.as(super.ID), ann.ID, bob.ID},
		{"from one above", o.as(admin.ID), super.ID, bob.ID},
		{"to one above", o.as(admin.ID), bob.ID, super.ID},
		{"to root", o.as(super.ID), bob.ID, o.rootID},
		{"by one who manages nobody", o.as(ann.ID), ann.ID, bob.ID},
		{"by nobody", iam.Actor{}, ann.ID, bob.ID},
	} {
		revision := o.revision()
		if err := second(c.actor.HandOver(o.Context(), iam.HandOverParams{From: c.from, To: c.to})); !errors.Is(err, iam.ErrForbidden) {
			w.Errorf("%s: got %v, want ErrForbidden", c.what, err)
		}
		equal(w, "revision after "+c.what, o.revision(), revision)
	}
	done := must(o.root().HandOver(o.Context(), iam.HandOverParams{From: ann.ID, To: bob.ID}))(w)
	equal(w, "by root", len(done.Grants), 1)
}

func badHandOver(w *world) {
	o := w.organization(emqx.System())
	ann, bob, off := o.member(emqx.ProjectUser), o.member(emqx.ProjectUser), o.member(emqx.ProjectUser)
	pending := o.create(iam.CreateAccountParams{Roles: []policy.Role{emqx.ProjectUser}})
	foreign := o.sibling().member(emqx.ProjectUser)
	must(o.root().Disable(o.Context(), off.ID))(w)
	for _, c := range []struct {
		params iam.HandOverParams
		field  string
		err    error
	}{
		{iam.HandOverParams{From: ann.ID, To: ann.ID}, "To", nil},
		{iam.HandOverParams{From: ann.ID, To: off.ID}, "To", nil},
		{iam.HandOverParams{From: ann.ID, To: pending.ID}, "To", nil},
		{iam.HandOverParams{From: ann.ID, To: bob.ID, Then: 3}, "Then", nil},
		{iam.HandOverParams{From: ann.ID, To: foreign.ID}, "", iam.ErrNotFound},
		{iam.HandOverParams{From: foreign.ID, To: ann.ID}, "", iam.ErrNotFound},
		{iam.HandOverParams{From: o.rootID, To: ann.ID, Then: iam.ThenDelete}, "", iam.ErrRoot},
		{iam.HandOverParams{From: o.rootID, To: ann.ID, Then: iam.ThenDisable}, "", iam.ErrRoot},
	} {
		o.unchanged(func() {
			err := second(o.root().HandOver(o.Context(), c.params))
			if c.err != nil {
				w.refused(err, c.err)
				return
			}
			w.wrong(err, c.field)
		})
	}
	// One who is disabled can still be cleared away.
	must(o.root().HandOver(o.Context(), iam.HandOverParams{From: off.ID, To: ann.ID, Then: iam.ThenDisable}))(w)
	equal(w, "status", o.get(off.ID).Status, iam.Disabled)
}

func handOverInvitations(w *world) {
	o := w.organization(emqx.System())
	ann, boss, auditor := o.member(emqx.Administrator), o.member(emqx.Administrator), o.member(emqx.Auditor)
	invite := func(by policy.AccountID) iam.Invitation {
		i, _, err := o.as(by).Invite(o.Context(), iam.InviteParams{Email: address("new"), Roles: []policy.Role{emqx.ProjectUser}})
		w.ok(err)
		return i
	}
	accept := func(i iam.Invitation) error {
		return second(o.svc.AcceptInvitation(o.Context(), o.follow(i.Account, iam.ForInvitation), iam.AcceptParams{}))
	}
	kept, lost, done, expired := invite(ann.ID), invite(boss.ID), invite(ann.ID), invite(ann.ID)
	w.ok(accept(done))
	o.ok(o.st.Write(o.Context(), o.id, func(tx iam.Tx) error {
		expired.Expires = o.clock.now()
		return tx.PutInvitation(o.Context(), expired)
	}))

	handed := must(o.root().HandOver(o.Context(), iam.HandOverParams{From: ann.ID, To: boss.ID, Then: iam.ThenDelete}))(w)
	if len(handed.Invitations) != 1 || handed.Invitations[0].Account != kept.Account || len(handed.Rest.Invitations) != 0 {
		w.Errorf("handed over %+v, want the one that is open", handed)
	}
	w.ok(accept(kept))
	// An auditor invites nobody: what it would get dies with the inviter.
	handed = must(o.root().HandOver(o.Context(), iam.HandOverParams{From: boss.ID, To: auditor.ID, Then: iam.ThenDelete}))(w)
	if len(handed.Invitations) != 0 || len(handed.Rest.Invitations) != 1 || handed.Rest.Invitations[0].Account != lost.Account {
		w.Errorf("handed over %+v, want the open one to be left over", handed)
	}
	w.refused(accept(lost), iam.ErrToken)

}

// chainOfCommand is a system in which a manager is above leads, and leads alone make workers.
const chainOfCommand = `p4, root, Root
p4, manager, Manager
p4, lead, Lead
p4, worker, Worker
p2, root, manager
p2, root, lead
p2, root, worker
p2, manager, lead
p2, lead, worker
p3, subaccount, manage, S, T
p, root, org, subaccount, manage, allow, always
p, manager, org, subaccount, manage, allow, always
p, lead, org, subaccount, manage, allow, always
`

func handOverOthersInvitations(w *world) {
	p := must(policy.Load("chain.csv", []byte(chainOfCommand), policy.Config{}))(w)
	o := w.organization(iam.System{Name: "chain", Policy: p, Rules: iam.Rules{
		RootRole: "root", Permissions: iam.Permissions{ListAccounts: "subaccount:manage", ManageAccounts: "subaccount:manage"},
	}})
	manager, ann, bob := o.member("manager"), o.member("lead"), o.member("lead")
	i, _, err := o.as(ann.ID).Invite(o.Context(), iam.InviteParams{Email: address("new"), Roles: []policy.Role{"worker"}})
	w.ok(err)
	params := iam.HandOverParams{From: ann.ID, To: bob.ID}
	handed := must(o.as(manager.ID).HandOver(o.Context(), params))(w)
	equal(w, "handed over by who could not invite", len(handed.Invitations), 0)
	equal(w, "left over", handed.Rest.Invitations[0].Account, i.Account)
	handed = must(o.root().HandOver(o.Context(), params))(w)
	equal(w, "handed over by root", handed.Invitations[0].Account, i.Account)
	equal(w, "whose it is now", must(o.system().Invitations(o.Context(), iam.InvitationQuery{By: bob.ID}))(w)[0].Account, i.Account)
}

func handOverHostRows(w *world) {
	o := w.organization(emqx.System())
	o.hostTable()
	ann, bob := o.member(emqx.ProjectUser), o.member(emqx.ProjectUser)
	o.bind(ann.ID, emqx.ProjectUser, "p1")
	params := iam.HandOverParams{From: ann.ID, To: bob.ID, Then: iam.ThenDelete}
	thinksBetter := errors.New("the host thinks better of it")
	hand := func(end error) error {
		return o.inHostTransaction(func(svc *iam.Service, tx *gorm.DB) error {
			params.Also = func(from, to iam.Change) error {
				equal(w, "from", from.Account().ID, ann.ID)
				equal(w, "to", to.Account().ID, bob.ID)
				equal(w, "bindings already over", len(must(to.Tx().Bindings(o.Context(), o.id, bob.ID))(w)), 1)
				must(from.Tx().Account(o.Context(), o.id, ann.ID))(w) // it is there still
				w.ok(tx.Exec("INSERT INTO host_rows (id, org) VALUES (1, ?)", o.id).Error)
				return end
			}
			return second(svc.As(o.subject(o.rootID)).HandOver(o.Context(), params))
		})
	}
	o.unchanged(func() { w.refused(hand(thinksBetter), thinksBetter) })
	equal(w, "host rows", o.hostRows(), 0)
	w.ok(hand(nil))
	equal(w, "host rows", o.hostRows(), 1)
	w.refused(second(o.root().Account(o.Context(), ann.ID)), iam.ErrNotFound)
}

func handOverKeepsAdministrator(w *world) {
	o := w.rootless(emqx.System())
	last, user := o.member(emqx.Administrator), o.member(emqx.ProjectUser)
	for _, then := range []iam.Departure{iam.ThenDisable, iam.ThenDelete} {
		o.unchanged(func() {
			w.refused(second(o.as(last.ID).HandOver(o.Context(), iam.HandOverParams{From: last.ID, To: user.ID, Then: then})), iam.ErrLastAdministrator)
		})
	}
}
