package iam_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/testdb"
)

func TestRaces(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("SB-65: the last administrator stays, whatever two do at once", raceLastAdministrator)
		w.run("SB-65: of many who remove each other, one stays", raceManyAdministrators)
		w.run("E14: no binding is left of an account that is deleted", raceBindDelete)
		w.run("E13: bound or disabled, and never bound after", raceBindDisable)
		w.run("E12: no binding of a role that went", raceBindSetRoles)
		w.run("E11, SB-92: one account an address and organisation", raceAddress)
		w.run("L4, SB-92: one account an address", raceAddressEverywhere)
		w.run("E16: a project is open or closed, and its events say which", raceOpenClose)
		w.run("SB-64: who is demoted gives nothing after", raceDemotion)
		w.run("one binding is made once", raceOneBinding)
	})
}

// The races' tools, with the names that the tests call them by.
var atOnce = testdb.AtOnce

func (w *world) rounds(race func()) {
	w.Helper()
	testdb.Rounds(w, race)
}

func (w *world) expected(errs []error, allowed ...error) (succeeded int) {
	w.Helper()
	return testdb.Succeeded(w, errs, allowed...)
}

func raceBindDelete(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		id := o.account(emqx.ProjectUser)
		errs := atOnce(
			func() error {
				return root.Bind(o.Context(), iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p1"})
			},
			func() error { return root.Delete(o.Context(), id) },
			func() error {
				return second(root.GiveGrant(o.Context(), id, policy.GrantPermission(emqx.TicketView, policy.AtOrg(o.id))))
			},
		)
		w.expected(errs, iam.ErrNotFound)
		w.ok(errs[1])
		equal(w, "rows left of it", strings.Count(o.state(), "account_id="+string(id)), 0)
	})
}

func raceBindDisable(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		id := o.account(emqx.ProjectUser)
		before := o.events()
		errs := atOnce(
			func() error {
				return root.Bind(o.Context(), iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p1"})
			},
			func() error { return second(root.Disable(o.Context(), id)) },
		)
		w.expected(errs, iam.ErrInvalid)
		w.ok(errs[1])
		after := o.since(before)
		if after[len(after)-1].Type != iam.AccountDisabled {
			w.Errorf("the events end with a binding: %v", saidAll(after))
		}
		equal(w, "whether it is bound", len(must(root.Bindings(o.Context(), id))(w)) == 1, errs[0] == nil)
	})
}

func raceBindSetRoles(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		id := o.account(emqx.ProjectUser, emqx.ProjectAdmin)
		errs := atOnce(
			func() error {
				return root.Bind(o.Context(), iam.Binding{Account: id, Role: emqx.ProjectUser, Project: "p1"})
			},
			func() error {
				_, _, err := root.SetRoles(o.Context(), id, emqx.ProjectAdmin)
				return err
			},
		)
		w.expected(errs, iam.ErrInvalid)
		w.ok(errs[1])
		same(w, "bindings of the role that went", must(root.Bindings(o.Context(), id))(w), nil)
	})
}

func raceOpenClose(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	n := 0
	w.rounds(func() {
		n++
		project := policy.ProjectID(fmt.Sprint("p", n))
		var all []func() error
		for range 3 {
			all = append(all,
				func() error { return root.OpenProject(o.Context(), project) },
				func() error { return root.CloseProject(o.Context(), project) })
		}
		w.expected(atOnce(all...))
		isOpen := false
		events := must(o.system().Events(o.Context(), iam.EventQuery{Target: string(project)}))(w)
		slices.Reverse(events)
		for i, e := range events {
			opens := e.Type == iam.ProjectOpened
			if i > 0 && opens == isOpen {
				w.Errorf("the events do not alternate: %v", saidAll(events))
			}
			isOpen = opens
		}
		projects := must(root.Projects(o.Context()))(w)
		at := slices.IndexFunc(projects, func(p iam.Project) bool { return p.ID == project })
		equal(w, "open, as its last event says", projects[at].Open, isOpen)
	})
}

func raceDemotion(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		id := o.account(emqx.Administrator)
		actor := o.as(id)
		before := o.events()
		all := []func() error{func() error {
			_, _, err := root.SetRoles(o.Context(), id, emqx.Auditor)
			return err
		}}
		for range 4 {
			all = append(all, func() error {
				_, _, err := actor.CreateAccount(o.Context(), iam.CreateAccountParams{Roles: []policy.Role{emqx.Administrator}})
				return err
			}, func() error { return actor.ForgetProject(o.Context(), "p1") })
		}
		errs := atOnce(all...)
		w.expected(errs, iam.ErrForbidden)
		w.ok(errs[0])
		demoted := false
		for _, e := range o.since(before) {
			demoted = demoted || e.Type == iam.AccountRolesChanged && e.Target == string(id)
			if demoted && e.Actor == id {
				w.Errorf("the account acted after its demotion: %s", said(e))
			}
		}
	})
}

func raceOneBinding(w *world) {
	o := w.organization(emqx.System())
	root := o.root()
	w.rounds(func() {
		b := iam.Binding{Account: o.account(emqx.ProjectUser), Role: emqx.ProjectUser, Project: "p1"}
		before := o.events()
		all := slices.Repeat([]func() error{func() error { return root.Bind(o.Context(), b) }}, 50)
		equal(w, "no errors", w.expected(atOnce(all...)), len(all))
		same(w, "bindings", must(root.Bindings(o.Context(), b.Account))(w), []iam.Binding{b})
		equal(w, "events", len(o.since(before)), 1)
	})
}
