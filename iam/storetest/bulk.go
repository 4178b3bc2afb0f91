package storetest

import (
	"errors"
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	bulkRefused = "InsertAccounts adds accounts with their roles, and returns for each, in its place, the error with which " +
		"InsertAccount would have refused it behind those before it: nil for one that was added"
	bulkUnknown = "When the account of one is not of the organisation, that is ErrNotFound, and none is added"
)

var bulkPromises = []promise{
	{"BulkWriter.AccountsAmong", "AccountsAmong returns the organisation's accounts that have one of the ids or one of the addresses, " +
		"in the order of their ids and without duplicates", func(w *world) {
		other := w.another()
		a, b, c := w.full("c"), w.account("b", roles(user, boss)), w.account("a")
		c.Email = w.email("a")
		d := other.account("d")
		d.Email = w.email("d")
		w.add(a, b, c, w.account("not"))
		other.add(d)
		w.write(func(tx iam.Tx) error {
			ids := []policy.AccountID{b.ID, a.ID, b.ID, w.id("nobody"), d.ID, "", policy.AccountID(make([]byte, 3))}
			emails := []iam.Email{c.Email, a.Email, c.Email, d.Email, "nobody@x.example", ""}
			b.Roles = []policy.Role{boss, user}
			w.equal(must(tx.AccountsAmong(w.ctx, ids, emails))(w), []iam.Account{c, b, a})
			w.equal(must(tx.AccountsAmong(w.ctx, ids, nil))(w), []iam.Account{b, a})
			w.equal(must(tx.AccountsAmong(w.ctx, nil, emails))(w), []iam.Account{c, a})
			w.equal(len(must(tx.AccountsAmong(w.ctx, nil, nil))(w)), 0)
			return nil
		})
	}},
	{"BulkWriter.RootEmails", "RootEmails returns which of the addresses belong to root accounts of any organisation, sorted and without duplicates", func(w *world) {
		here, there := w.root("root"), w.another().root("root")
		a := w.full("ann")
		w.add(a)
		w.write(func(tx iam.Tx) error {
			want := []iam.Email{min(here.Email, there.Email), max(here.Email, there.Email)}
			w.equal(must(tx.RootEmails(w.ctx, []iam.Email{a.Email, there.Email, here.Email, there.Email, ""}))(w), want)
			w.equal(len(must(tx.RootEmails(w.ctx, nil))(w)), 0)
			return nil
		})
	}},
	{"BulkWriter.InsertAccounts", bulkRefused, insertMany},
	{"BulkWriter.InsertAccounts", bulkRefused, func(w *world) {
		w.emails(func(tx iam.Tx, a iam.Account, everywhere bool) error {
			refused, err := tx.InsertAccounts(w.ctx, []iam.Account{a}, everywhere)
			return errors.Join(append(refused, err)...)
		})
	}},
	{"BulkWriter.InsertAccounts", "A root account is refused with a *FieldError for Root", func(w *world) {
		root, ann := w.account("root"), w.account("ann")
		root.Root = true
		w.write(func(tx iam.Tx) error {
			refused, err := tx.InsertAccounts(w.ctx, []iam.Account{root, ann}, false)
			w.field(refused[0], "Root", nil)
			w.ok(refused[1])
			return err
		})
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, policy.AccountID(""))
	}},
	{"BulkWriter.InsertBindings", "InsertBindings adds bindings, and returns those that were new, sorted by account, project and role", func(w *world) {
		a, b := w.named("a"), w.named("b")
		w.bind(b, user, "p2")
		w.bind(a, boss, "p3")
		var many, want []iam.Binding
		for i := range 1100 { // more than one statement holds
			many = append(many, iam.Binding{Account: a, Role: user, Project: policy.ProjectID(fmt.Sprintf("q%04d", 1099-i))})
			want = append(want, iam.Binding{Account: a, Role: user, Project: policy.ProjectID(fmt.Sprintf("q%04d", i))})
		}
		w.write(func(tx iam.Tx) error {
			of := func(id policy.AccountID, role policy.Role, project policy.ProjectID) iam.Binding {
				return iam.Binding{Account: id, Role: role, Project: project}
			}
			some := []iam.Binding{of(b, user, "p2"), of(b, boss, "p2"), of(a, user, "p3"), of(b, boss, "p1"), of(b, boss, "p2"), of(a, boss, "p3")}
			w.equal(must(tx.InsertBindings(w.ctx, some))(w), []iam.Binding{of(a, user, "p3"), of(b, boss, "p1"), of(b, boss, "p2")})
			w.equal(len(must(tx.InsertBindings(w.ctx, some))(w)), 0)
			w.equal(len(must(tx.InsertBindings(w.ctx, nil))(w)), 0)
			w.equal(must(tx.InsertBindings(w.ctx, many))(w), want)
			w.equal(len(must(tx.InsertBindings(w.ctx, many[5:9]))(w)), 0)
			return nil
		})
		w.equal(w.names(must(w.st.Bindings(w.ctx, w.org, b))(w)), []string{"b project_admin p1", "b project_admin p2", "b project_user p2"})
		w.equal(len(must(w.st.Bindings(w.ctx, w.org, a))(w)), 1102)
	}},
	{"BulkWriter.InsertBindings", bulkUnknown, func(w *world) {
		ann, elsewhere := w.named("ann"), w.another().named("ann")
		for _, id := range []policy.AccountID{w.id("nobody"), elsewhere, ""} {
			w.write(func(tx iam.Tx) error {
				_, err := tx.InsertBindings(w.ctx, []iam.Binding{{Account: ann, Role: user, Project: "p"}, {Account: id, Role: user, Project: "p"}})
				w.is(err, iam.ErrNotFound)
				return nil // and do can go on
			})
		}
		w.equal(len(must(w.st.Bindings(w.ctx, w.org, ann))(w)), 0)
	}},
	{"BulkWriter.AppendAll", "AppendAll writes events, one behind the other, as Append does", func(w *world) {
		w.append(iam.Event{Type: "t", Target: "1"})
		odd := iam.Event{
			Type: "t", Target: "2", Time: noon.Add(12345), Outcome: iam.Failed, Actor: "actor", Email: "ann@x.example", Role: "r", Reason: "why",
			Peer: "::1", Request: "q", Changes: []iam.FieldChange{{Field: "f\xff", Before: "<\u2028é\xc3", After: "\x00"}, {Field: "g", After: "\n"}},
		}
		w.write(func(tx iam.Tx) error {
			if err := tx.Append(w.ctx, odd, link); err != nil {
				return err
			}
			odd.Target = "3"
			w.ok(tx.AppendAll(w.ctx, []iam.Event{odd, {Type: "t", Target: "4", Changes: []iam.FieldChange{}}}, link))
			w.ok(tx.AppendAll(w.ctx, nil, link))
			return tx.Append(w.ctx, iam.Event{Type: "t", Target: "5"}, link)
		})
		events := w.chained()
		var targets, positions []string
		for _, e := range events {
			targets, positions = append(targets, e.Target), append(positions, fmt.Sprint(e.Revision-events[0].Revision, e.Ordinal))
		}
		w.equal(targets, []string{"1", "2", "3", "4", "5"})
		w.equal(positions, []string{"0 1", "1 1", "1 2", "1 3", "1 4"})
		one, all := events[1], events[2]
		all.Target, all.Ordinal, all.Hash = one.Target, one.Ordinal, one.Hash
		w.equal(all, one)
	}},
	{"BulkWriter.AppendAll", "Of events of which one cannot be written, none is", func(w *world) {
		w.write(func(tx iam.Tx) error {
			w.field(tx.AppendAll(w.ctx, []iam.Event{{Type: "t", Target: "1"}, {Type: ""}}, link), "Type", nil)
			return tx.Append(w.ctx, iam.Event{Type: "t", Target: "2"}, link)
		})
		events := w.chained()
		w.equal([]any{len(events), events[0].Target, events[0].Ordinal}, []any{1, "2", 1})
	}},
}

// insertMany inserts what is free among what is not.
func insertMany(w *world) {
	taken := w.full("taken")
	w.add(taken)
	elsewhere := w.another().named("elsewhere")
	with := func(name string, email iam.Email) iam.Account {
		a := w.full(name)
		a.Email = email
		return a
	}
	a, b := with("a", w.email("a")), with("b", "")
	foreign := with("b", "")
	foreign.Org = "another"
	list := []iam.Account{
		b, with("taken", ""), with("c", taken.Email), a, with("d", a.Email), a, {ID: elsewhere, Org: w.org, Status: iam.Active}, foreign, with("e", ""),
	}
	list[0].Roles = []policy.Role{user, admin, user}
	w.write(func(tx iam.Tx) error {
		refused, err := tx.InsertAccounts(w.ctx, list, false)
		w.ok(err)
		w.equal(len(refused), len(list))
		for i, want := range []error{nil, iam.ErrExists, nil, nil, nil, iam.ErrExists, iam.ErrExists, nil, nil} {
			switch i {
			case 2, 4:
				w.field(refused[i], "Email", iam.ErrExists)
			case 7:
				w.field(refused[i], "Org", nil)
			default:
				w.is(refused[i], want)
			}
		}
		return nil
	})
	b.Roles = []policy.Role{admin, user}
	for _, want := range []iam.Account{a, b, taken, list[8]} {
		w.equal(must(w.st.Account(w.ctx, w.org, want.ID))(w), want)
	}
	var many []iam.Account
	for i := range 1100 { // more than one statement holds
		many = append(many, with(fmt.Sprint("n", i), w.email(fmt.Sprint("n", i))))
	}
	w.write(func(tx iam.Tx) error {
		refused, err := tx.InsertAccounts(w.ctx, many, true)
		w.ok(errors.Join(refused...))
		return err
	})
	w.equal(must(w.st.AccountEverywhere(w.ctx, many[1099].Email))(w), many[1099])
	w.equal(w.found(iam.AccountQuery{Keyword: string(many[7].Email)}), []policy.AccountID{"n7"})
}
