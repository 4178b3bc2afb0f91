package iam_test

import (
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestLANIT(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("L1: four roles, one for each account", oneRole)
		w.run("L2: Master and Admin manage sub-accounts, nobody else", mastersManage)
		w.run("L3: the page has accounts, and roles with how much they carry", pageData)
		w.run("L7: pending, active, disabled", statuses)
		w.run("L10: a change of roles is felt by the next request", immediate)
	})
}

func oneRole(w *world) {
	o := w.organization(lanit.System())
	ctx := o.Context()
	for role, may := range map[policy.Role][4]bool{
		// read resources, manage resources, billing, users
		lanit.Member: {true, false, false, false}, lanit.BillingRole: {true, false, true, false},
		lanit.Admin: {true, true, true, true}, lanit.Master: {true, true, true, true},
	} {
		id := o.account(role)
		got := [4]bool{
			o.canOrg(id, lanit.ResourceView), o.canOrg(id, lanit.ResourceDelete),
			o.canOrg(id, lanit.BillingManage), o.canOrg(id, lanit.SubaccountManage),
		}
		equal(w, "what a "+string(role)+" may", got, may)
		o.unchanged(func() {
			_, _, err := o.root().SetRoles(ctx, id, lanit.Member, lanit.BillingRole)
			w.wrong(err, "Roles")
			_, _, err = o.root().SetRoles(ctx, id)
			w.wrong(err, "Roles")
			_, _, err = o.root().CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{role, "master2"}})
			w.wrong(err, "Roles")
		})
		_, warnings, err := o.root().SetRoles(ctx, id, role, role)
		w.ok(err)
		same(w, "warnings", warnings, nil)
	}
}

func mastersManage(w *world) {
	o := w.organization(lanit.System())
	ctx := o.Context()
	for role, manages := range map[policy.Role]bool{lanit.Master: true, lanit.Admin: true, lanit.BillingRole: false, lanit.Member: false} {
		actor, member := o.as(o.account(role)), o.account(lanit.Member)
		_, _, creates := actor.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{lanit.Member}})
		_, _, changes := actor.SetRoles(ctx, member, lanit.BillingRole)
		_, disables := actor.Disable(ctx, member)
		_, enables := actor.Enable(ctx, member)
		deletes := actor.Delete(ctx, member)
		for what, err := range map[string]error{"creates": creates, "changes": changes, "disables": disables, "enables": enables, "deletes": deletes} {
			equal(w, string(role)+" "+what, err == nil, manages)
			if !manages {
				w.refused(err, iam.ErrForbidden)
			}
		}
	}
}

func pageData(w *world) {
	o := w.organization(lanit.System())
	email := address("ann")
	id := o.create(iam.CreateAccountParams{
		Email: email, Roles: []policy.Role{lanit.BillingRole}, Profile: iam.Profile{Name: "Ann Лее", Phone: "+7 495 000-00-00"},
	}).ID
	var ann iam.Account
	for _, a := range must(o.root().Accounts(o.Context(), iam.AccountQuery{}))(w) {
		if a.ID == id {
			ann = a
		}
	}
	got := [4]string{ann.Name, string(ann.Email), ann.Phone, string(ann.Status)}
	equal(w, "name, e-mail, phone, status", got, [4]string{"Ann Лее", string(must(iam.ParseEmail(email))(w)), "+7 495 000-00-00", "pending"})
	same(w, "permission", ann.Roles, []policy.Role{lanit.BillingRole})

	carries := map[policy.Role]int{}
	for _, rule := range o.svc.Policy().Rules() {
		carries[rule.Role]++
	}
	for role, want := range map[policy.Role]int{lanit.Member: 2, lanit.BillingRole: 4, lanit.Admin: 11, lanit.Master: 11} {
		equal(w, "permissions of "+string(role), carries[role], want)
		equal(w, "what its holder may", len(o.svc.Permissions(o.subject(o.account(role)), lanit.Resource.Of(o.id))), want)
	}
}

func statuses(w *world) {
	o := w.organization(lanit.System())
	ctx := o.Context()
	id := o.create(iam.CreateAccountParams{Roles: []policy.Role{lanit.Member}, Profile: iam.Profile{Name: "Ann"}}).ID
	is := func(status iam.Status, may bool) {
		w.Helper()
		a := o.get(id)
		equal(w, "status", a.Status, status)
		equal(w, "data kept", a.Name, "Ann")
		equal(w, "whether it may", o.canOrg(id, lanit.ResourceView), may)
		equal(w, "the subject's status", o.subject(id).Status(), status)
		listed := must(o.root().Accounts(ctx, iam.AccountQuery{Status: status}))(w)
		equal(w, "listed under it", listed[len(listed)-1].ID, id)
	}
	is(iam.Pending, false)
	w.wrong(second(o.root().Enable(ctx, id)), "Status")
	must(o.root().Disable(ctx, id))(w)
	is(iam.Disabled, false)
	must(o.root().Enable(ctx, id))(w) // E9: that proves no address
	is(iam.Pending, false)
	equal(w, "activated", o.get(id).Activated.IsZero(), true)
	must(o.root().Activate(ctx, id))(w)
	is(iam.Active, true)
	must(o.root().Activate(ctx, id))(w) // stays
	is(iam.Active, true)
	must(o.root().Disable(ctx, id))(w)
	is(iam.Disabled, false)
	w.wrong(second(o.root().Activate(ctx, id)), "Status")
	must(o.root().Disable(ctx, id))(w)
	is(iam.Disabled, false)
	must(o.root().Enable(ctx, id))(w)
	is(iam.Active, true)
	equal(w, "activated", o.get(id).Activated.IsZero(), false)
}

func immediate(w *world) {
	o := w.organization(lanit.System())
	id := o.account(lanit.Admin)
	session := o.subject(id)
	_, _, err := o.root().SetRoles(o.Context(), id, lanit.Member)
	w.ok(err)
	equal(w, "the next request", o.canOrg(id, lanit.ResourceDelete), false)
	// A subject is what it was when it was loaded; its revision says that it is stale (SB-44).
	equal(w, "the loaded subject", o.svc.Can(session, lanit.Delete, lanit.Resource.Of(o.id)), true)
	if session.Revision() >= o.revision() {
		w.Errorf("the stale subject is of revision %d, and the organisation of %d", session.Revision(), o.revision())
	}
	// What it changes is decided anew, in the transaction.
	_, _, err = o.svc.As(session).CreateAccount(o.Context(), iam.CreateAccountParams{Roles: []policy.Role{lanit.Member}})
	w.refused(err, iam.ErrForbidden)
}
