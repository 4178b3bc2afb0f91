package iam_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/emqx"
	"github.com/castellan-iam/castellan/iam/lanit"
	"github.com/castellan-iam/castellan/policy"
)

func TestImportAccountsAndBindings(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(w *world) {
		w.run("E5, E8, E17: what moves in is there, and the log tells of each", moveIn)
		w.run("what is there stays, and the same rows again add nothing", moveAgain)
		w.run("each account that is refused is told with its line and field, and keeps nobody else out", moveAccountMistakes)
		w.run("each binding that is refused is told with its line and field, and keeps no other out", moveBindingMistakes)
		w.run("without a report the first mistake ends the import, and takes its transaction back", moveStrictly)
		w.run("what came before the source broke is kept, in transactions of a thousand", moveBroken)
		w.run("L4: an address that is taken everywhere is refused", moveEverywhere)
	})
}

// rows is a source of rows.
func rows[Row any](all ...Row) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, row := range all {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// moved are the reports of an import.
type moved struct {
	lines   []iam.BulkLine
	summary iam.BulkSummary
}

func (m *moved) params() iam.BulkParams {
	return iam.BulkParams{Report: func(l iam.BulkLine) error {
		m.lines = append(m.lines, l)
		return nil
	}}
}

func (o *org) importAccounts(all ...iam.AccountRow) moved {
	o.Helper()
	var m moved
	m.summary = must(o.svc.System("move in").ImportAccounts(o.Context(), o.id, rows(all...), m.params()))(o)
	return m
}

func (o *org) importBindings(all ...iam.BindingRow) moved {
	o.Helper()
	var m moved
	m.summary = must(o.svc.System("move in").ImportBindings(o.Context(), o.id, rows(all...), m.params()))(o)
	return m
}

func moveIn(w *world) {
	o := w.organization(emqx.System())
	before := o.events()
	long := w.T.Name()[:5] + strings.ToLower(strings.Repeat("x", 20))
	uma, otto := policy.AccountID(address("uma")), address("otto")
	m := o.importAccounts(
		iam.AccountRow{ID: uma, Email: strings.ToUpper(address("U")), Roles: []policy.Role{emqx.ProjectUser, emqx.ProjectAdmin, emqx.ProjectUser},
			Status: iam.Active, Created: morning.AddDate(-3, 0, 0), Profile: iam.Profile{Name: "Uma", Note: long}},
		iam.AccountRow{Email: otto, Roles: []policy.Role{emqx.ProjectUser}},
		iam.AccountRow{ID: uma + "-off", Roles: []policy.Role{emqx.Auditor}, Status: iam.Disabled},
	)
	equal(w, "the summary", m.summary, iam.BulkSummary{Added: 3, LastLine: 3})
	one, two, off := o.get(uma), o.get(m.lines[1].Account), o.get(uma+"-off")
	equal(w, "uma", printedAccount(one), printedAccount(iam.Account{
		ID: uma, Org: o.id, Status: iam.Active, Email: one.Email, Name: "Uma", Note: long,
		Created: morning.AddDate(-3, 0, 0), Activated: o.clock.now().UTC(), Updated: o.clock.now().UTC(),
	}))
	same(w, "uma's roles", one.Roles, []policy.Role{emqx.ProjectAdmin, emqx.ProjectUser})
	equal(w, "otto's status", two.Status, iam.Pending)
	equal(w, "otto's first activation", two.Activated.IsZero(), true)
	equal(w, "the disabled account's status", off.Status, iam.Disabled)
	equal(w, "uma is found", len(must(o.system().Accounts(o.Context(), iam.AccountQuery{Keyword: long}))(w)), 1)

	var list []iam.BindingRow
	for i := range 60 { // more than one event holds
		list = append(list, iam.BindingRow{Account: uma, Role: emqx.ProjectUser, Project: policy.ProjectID(fmt.Sprint("p", i))})
	}
	list = append(list, iam.BindingRow{Email: otto, Role: emqx.ProjectUser, Project: "p1"}, list[0])
	b := o.importBindings(list...)
	equal(w, "the summary", b.summary, iam.BulkSummary{Added: 61, There: 1, LastLine: 62})
	equal(w, "whom the address names", b.lines[60].Account, two.ID)
	equal(w, "uma may view in p1", o.can(uma, policy.NewPermission(emqx.Deployment, emqx.View), "p1"), true)
	equal(w, "uma may view in p99", o.can(uma, policy.NewPermission(emqx.Deployment, emqx.View), "p99"), false)

	var told []string
	for _, e := range o.since(before) {
		equal(w, "who acted", e.Role+" "+e.Reason, "system move in")
		told = append(told, fmt.Sprint(e.Type, " ", len(e.Changes)))
	}
	slices.Sort(told)
	same(w, "events", told, []string{
		"account.created 3", "account.created 3", "account.created 3", "project.bound 100", "project.bound 2", "project.bound 20",
	})
	story := replay(o.events())
	equal(w, "bindings that the log tells of", strings.Count("\n"+story, "\nbound "), 61)
	equal(w, "p42 is among them", strings.Contains(story, fmt.Sprintf("bound %q", [3]string{string(uma), "p42", string(emqx.ProjectUser)})), true)
	must(o.system().VerifyEvents(o.Context(), iam.Checkpoint{}))(w)
}

func moveAgain(w *world) {
	o := w.organization(emqx.System())
	id, mail := policy.AccountID(address("id")), address("mail")
	people := []iam.AccountRow{
		{ID: id, Email: address("x"), Roles: []policy.Role{emqx.ProjectUser}, Status: iam.Active},
		{Email: mail, Roles: []policy.Role{emqx.ProjectUser}, Status: iam.Active},
	}
	bound := []iam.BindingRow{{Account: id, Role: emqx.ProjectUser, Project: "p"}, {Email: mail, Role: emqx.ProjectUser, Project: "p"}}
	first := o.importAccounts(append(people, people...)...)
	equal(w, "the summary", first.summary, iam.BulkSummary{Added: 2, There: 2, LastLine: 4})
	o.importBindings(bound...)
	state := o.get(id)
	people[0].Profile.Name, people[0].Status = "Another", iam.Disabled
	logged := len(o.events())
	again := o.importAccounts(people...)
	equal(w, "the summary", again.summary, iam.BulkSummary{There: 2, LastLine: 2})
	for i := range people {
		equal(w, "the account of the row", again.lines[i].Account, first.lines[i].Account)
	}
	equal(w, "the summary of bindings", o.importBindings(bound...).summary, iam.BulkSummary{There: 2, LastLine: 2})
	equal(w, "the account", printedAccount(o.get(id)), printedAccount(state))
	equal(w, "events", len(o.events()), logged)
}

// settled wants what each row came to: the field that was refused, or "" for none.
func (m moved) settled(w *world, file string, fields []string) {
	w.Helper()
	equal(w, "reports", len(m.lines), len(fields))
	for i, l := range m.lines {
		var about *iam.LineError
		switch {
		case fields[i] == "":
			w.ok(l.Err)
		case !errors.As(l.Err, &about) || about.Line != i+1 || !strings.HasPrefix(l.Err.Error(), fmt.Sprintf("%s:%d: ", file, i+1)):
			w.Errorf("the mistake in row %d does not name it: %v", i+1, l.Err)
		default:
			w.wrong(l.Err, fields[i])
			equal(w, "the account of who was refused", l.Account, "")
		}
	}
}

func moveAccountMistakes(w *world) {
	o := w.organization(emqx.System())
	other := o.sibling()
	there := o.create(iam.CreateAccountParams{Email: address("there"), Roles: []policy.Role{emqx.Auditor}})
	auditor := []policy.Role{emqx.Auditor}
	good := address("good")
	list := []struct {
		row   iam.AccountRow
		field string
	}{
		{iam.AccountRow{Email: good, Roles: auditor}, ""},
		{iam.AccountRow{Roles: auditor}, "ID"},
		{iam.AccountRow{ID: "a\x00", Roles: auditor}, "ID"},
		{iam.AccountRow{ID: other.rootID, Roles: auditor}, "ID"},
		{iam.AccountRow{Email: "nobody", Roles: auditor}, "Email"},
		{iam.AccountRow{ID: policy.AccountID(address("1")), Email: good, Roles: auditor}, "Email"},
		{iam.AccountRow{ID: policy.AccountID(address("2")), Email: string(there.Email), Roles: auditor}, "Email"},
		{iam.AccountRow{Email: string(o.get(o.rootID).Email), Roles: auditor}, ""},                                                 // it is there
		{iam.AccountRow{Email: string(must(other.system().Account(o.Context(), other.rootID))(w).Email), Roles: auditor}, "Email"}, // E11
		{iam.AccountRow{Email: address("a")}, "Roles"},
		{iam.AccountRow{Email: address("a"), Roles: []policy.Role{"cook"}}, "Roles"},
		{iam.AccountRow{Email: address("a"), Roles: []policy.Role{emqx.Root}}, "Roles"},
		{iam.AccountRow{Email: address("a"), Roles: auditor, Status: "gone"}, "Status"},
		{iam.AccountRow{Email: address("a"), Roles: auditor, Profile: iam.Profile{Phone: strings.Repeat("1", iam.MaxText+1)}}, "Phone"},
		{iam.AccountRow{Email: address("last"), Roles: auditor}, ""},
	}
	var all []iam.AccountRow
	var fields []string
	for _, one := range list {
		all, fields = append(all, one.row), append(fields, one.field)
	}
	m := o.importAccounts(all...)
	m.settled(w, "accounts", fields)
	equal(w, "the summary", m.summary, iam.BulkSummary{Added: 2, There: 1, Refused: 12, LastLine: 15})
	equal(w, "accounts", len(must(o.system().Accounts(o.Context(), iam.AccountQuery{}))(w)), 4)
}

func moveBindingMistakes(w *world) {
	o := w.organization(emqx.System())
	uma, off := o.account(emqx.ProjectUser, emqx.Auditor), o.account(emqx.ProjectUser)
	must(o.system().Disable(o.Context(), off))(w)
	elsewhere := o.sibling().account(emqx.ProjectUser)
	list := []struct {
		row   iam.BindingRow
		field string
	}{
		{iam.BindingRow{Account: uma, Role: emqx.ProjectUser, Project: "p"}, ""},
		{iam.BindingRow{Role: emqx.ProjectUser, Project: "p"}, "Account"},
		{iam.BindingRow{Account: "nobody", Role: emqx.ProjectUser, Project: "p"}, "Account"},
		{iam.BindingRow{Account: elsewhere, Role: emqx.ProjectUser, Project: "p"}, "Account"},
		{iam.BindingRow{Account: off, Role: emqx.ProjectUser, Project: "p"}, "Account"}, // E13
		{iam.BindingRow{Account: "a\x00", Role: emqx.ProjectUser, Project: "p"}, "Account"},
		{iam.BindingRow{Email: address("nobody"), Role: emqx.ProjectUser, Project: "p"}, "Email"},
		{iam.BindingRow{Email: "nobody", Role: emqx.ProjectUser, Project: "p"}, "Email"},
		{iam.BindingRow{Account: uma, Role: emqx.ProjectAdmin, Project: "p"}, "Role"}, // E6
		{iam.BindingRow{Account: uma, Role: emqx.Auditor, Project: "p"}, "Role"},
		{iam.BindingRow{Account: uma, Role: "cook", Project: "p"}, "Role"},
		{iam.BindingRow{Account: uma, Role: emqx.ProjectUser}, "Project"},
		{iam.BindingRow{Account: uma, Role: emqx.ProjectUser, Project: "q"}, ""},
	}
	var all []iam.BindingRow
	var fields []string
	for _, one := range list {
		all, fields = append(all, one.row), append(fields, one.field)
	}
	m := o.importBindings(all...)
	m.settled(w, "bindings", fields)
	equal(w, "the summary", m.summary, iam.BulkSummary{Added: 2, Refused: 11, LastLine: 13})
	equal(w, "bindings", len(must(o.system().Bindings(o.Context(), uma))(w)), 2)
}

func moveStrictly(w *world) {
	o := w.organization(emqx.System())
	auditor := []policy.Role{emqx.Auditor}
	o.unchanged(func() {
		summary, err := o.svc.System("move in").ImportAccounts(o.Context(), o.id, rows(
			iam.AccountRow{Line: 12, Email: address("a"), Roles: auditor}, iam.AccountRow{Line: 15, Email: "b", Roles: auditor},
		), iam.BulkParams{File: "people.csv"})
		w.wrong(err, "Email")
		if !strings.HasPrefix(fmt.Sprint(err), "people.csv:15: ") {
			w.Errorf("got %v, want the line", err)
		}
		equal(w, "the summary", summary, iam.BulkSummary{})
	})
	_, err := o.svc.System("move in").ImportAccounts(o.Context(), "nowhere", rows(iam.AccountRow{Email: address("a"), Roles: auditor}), iam.BulkParams{})
	w.refused(err, iam.ErrNotFound)
	_, err = iam.SystemActor{}.ImportBindings(o.Context(), o.id, rows[iam.BindingRow](), iam.BulkParams{})
	w.refused(err, iam.ErrForbidden)
	enough := errors.New("enough")
	_, err = o.svc.System("move in").ImportAccounts(o.Context(), o.id, rows(iam.AccountRow{Email: address("a"), Roles: auditor}),
		iam.BulkParams{Report: func(iam.BulkLine) error { return enough }})
	w.refused(err, enough)
}

func moveBroken(w *world) {
	o := w.organization(emqx.System())
	broken := errors.New("the source broke")
	prefix := address("n")
	source := func(yield func(iam.AccountRow, error) bool) {
		for i := range 1500 {
			row := iam.AccountRow{ID: policy.AccountID(fmt.Sprint(prefix, i)), Roles: []policy.Role{emqx.Auditor}}
			if !yield(row, nil) {
				return
			}
		}
		yield(iam.AccountRow{}, broken)
	}
	revision := o.revision()
	summary, err := o.svc.System("move in").ImportAccounts(o.Context(), o.id, source, iam.BulkParams{})
	w.refused(err, broken)
	equal(w, "the summary", summary, iam.BulkSummary{Added: 1500, LastLine: 1500})
	equal(w, "transactions", o.revision()-revision, 2)
	o.get(policy.AccountID(fmt.Sprint(prefix, 1499)))
}

func moveEverywhere(w *world) {
	o := w.organization(lanit.System())
	other := o.sibling()
	taken := other.create(iam.CreateAccountParams{Email: address("taken"), Roles: []policy.Role{lanit.Member}, Active: true}).Email
	m := o.importAccounts(iam.AccountRow{Email: string(taken), Roles: []policy.Role{lanit.Member}}, iam.AccountRow{Email: address("b"), Roles: []policy.Role{lanit.Member, lanit.Admin}})
	m.settled(w, "accounts", []string{"Email", "Roles"}) // L1: one role
}
