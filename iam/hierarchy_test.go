package iam_test

import (
	"encoding/csv"
	"os"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/devicehub"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

// TestHierarchy proves D1, and the same of E7 and L2, in both directions: who may give a role makes,
// changes, disables and deletes the accounts that hold it, and nobody else does (SB-62).
func TestHierarchy(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("D1: devicehub", func(w *world) { hierarchy(w, devicehub.System(), devicehub.Basic, "devicehub/testdata/grants.csv") })
		w.run("L2: lanit", func(w *world) { hierarchy(w, lanit.System(), lanit.Member, "lanit/testdata/grants.csv") })
		w.run("E7: emqx", func(w *world) { hierarchy(w, emqx.System(), emqx.Auditor, "emqx/testdata/grants.csv") })
	})
}

// mayGrant reads the transcribed pairs of granter and role.
func (w *world) mayGrant(file string) map[[2]policy.Role]bool {
	w.Helper()
	f := must(os.Open(file))(w)
	defer f.Close()
	rows := must(csv.NewReader(f).ReadAll())(w)
	pairs := map[[2]policy.Role]bool{}
	for _, row := range rows[1:] {
		pairs[[2]policy.Role{policy.Role(row[0]), policy.Role(row[1])}] = true
	}
	return pairs
}

func hierarchy(w *world, system iam.System, least policy.Role, file string) {
	o := w.organization(system)
	ctx := o.Context()
	pairs := w.mayGrant(file)
	for _, granter := range system.Policy.Roles() {
		actor := o.as(o.withRole(granter))
		for _, role := range system.Policy.Roles() {
			want := pairs[[2]policy.Role{granter, role}]
			gives := granter == system.Rules.RootRole || pairs[[2]policy.Role{granter, least}]
			is := func(what string, err error, want bool) {
				w.Helper()
				if (err == nil) != want {
					w.Errorf("%s %s %s: got %v, want %t", granter, what, role, err, want)
				}
			}
			_, _, err := actor.CreateAccount(ctx, iam.CreateAccountParams{Roles: []policy.Role{role}})
			is("creates", err, want)
			if role == system.Rules.RootRole && !want {
				continue // only root holds it, and nobody changes root: see TestGuard
			}
			_, _, err = actor.SetRoles(ctx, o.account(least), role)
			is("raises the least to", err, want && gives)
			if least != role {
				_, _, err = actor.SetRoles(ctx, o.account(role), least)
				is("lowers to the least", err, want && gives)
			}
			id := o.account(role)
			is("changes", second(actor.UpdateProfile(ctx, id, iam.Profile{Note: "x"})), want)
			is("disables", second(actor.Disable(ctx, id)), want)
			must(o.system().Disable(ctx, id))(w)
			is("enables", second(actor.Enable(ctx, id)), want)
			is("deletes", actor.Delete(ctx, id), want)
		}
	}
	for pair := range pairs {
		if !system.Policy.HasRole(pair[0]) || !system.Policy.HasRole(pair[1]) {
			w.Errorf("%s: %v: the policy lacks one of these roles", file, pair)
		}
	}
}

// withRole is an account that holds the role: root, where only root can, and a new one otherwise.
func (o *org) withRole(role policy.Role) policy.AccountID {
	o.Helper()
	if role == o.svc.Rules().RootRole {
		return o.rootID
	}
	return o.account(role)
}
