package storetest

import (
	"time"

	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// full is an account with something in every field.
func (w *world) full(name string) iam.Account {
	a := w.account(name, roles(admin, boss, user))
	a.Email = w.email(name)
	a.Name, a.Username, a.Phone = "Ann Ölçer 😀", "ann", "+49 30 1234"
	a.Company, a.Note = "O'Hara & \"Söhne\" \\ 100%", "line one\nline two\t; DROP TABLE x --"
	a.CreatedBy, a.Created, a.Activated, a.Updated = w.id("by"), noon, noon.Add(time.Hour), noon.AddDate(0, 0, 1)
	return a
}

var accountPromises = []promise{
	{"Reader", "Lists without matches are empty and no error", func(w *world) {
		nobody := w.id("nobody")
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)), 0)
		w.equal(len(must(w.st.Bindings(w.ctx, w.org, nobody))(w)), 0)
		w.equal(len(must(w.st.ProjectBindings(w.ctx, w.org, "p", iam.AccountQuery{}))(w)), 0)
		w.equal(len(must(w.st.Grants(w.ctx, w.org, nobody))(w)), 0)
		w.equal(len(must(w.st.Projects(w.ctx, w.org))(w)), 0)
		w.equal(len(must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w)), 0)
		w.equal(len(must(w.st.Candidates(w.ctx, w.org, iam.CandidateQuery{OrgRoles: []policy.Role{admin}}))(w)), 0)
		w.equal(len(must(w.st.Accounts(w.ctx, w.org+"-not", iam.AccountQuery{}))(w)), 0)
	}},
	{"Reader", "What belongs to another organisation is not found", func(w *world) {
		// SB-67.
		other := w.another()
		a := other.full("ann")
		other.add(a)
		other.bind(a.ID, user, "p")
		g := other.grant("g", a.ID, policy.AtOrg(other.org))
		other.project("p", true)
		other.append(iam.Event{Type: "t", Target: string(a.ID)})

		_, err := w.st.Account(w.ctx, w.org, a.ID)
		w.is(err, iam.ErrNotFound)
		_, err = w.st.AccountByEmail(w.ctx, w.org, a.Email)
		w.is(err, iam.ErrNotFound)
		_, err = w.st.Grant(w.ctx, w.org, g.ID)
		w.is(err, iam.ErrNotFound)
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{Project: "p"}))(w)), 0)
		w.equal(len(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{Role: admin}))(w)), 0)
		w.equal(len(must(w.st.Bindings(w.ctx, w.org, a.ID))(w)), 0)
		w.equal(len(must(w.st.ProjectBindings(w.ctx, w.org, "p", iam.AccountQuery{}))(w)), 0)
		w.equal(len(must(w.st.Grants(w.ctx, w.org, a.ID))(w)), 0)
		w.equal(len(must(w.st.Projects(w.ctx, w.org))(w)), 0)
		w.equal(len(must(w.st.Events(w.ctx, w.org, iam.EventQuery{}))(w)), 0)
		w.equal(must(w.st.Administrators(w.ctx, w.org, []policy.Role{admin}))(w), 0)
		w.equal(len(w.candidates(iam.CandidateQuery{OrgRoles: []policy.Role{admin}, Project: "p", ProjectRoles: []policy.Role{user}, Grants: true, Place: policy.AtOrg(w.org)})), 0)
	}},
	{"AccountReader.Organization", "Organization returns one organisation, or ErrNotFound", func(w *world) {
		o := must(w.st.Organization(w.ctx, w.org))(w)
		w.equal(o, iam.Organization{ID: w.org, Name: "Acme", Revision: 1})
		root := w.account("root")
		root.Root = true
		w.add(root, w.account("ann"))
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, root.ID)
		_, err := w.st.Organization(w.ctx, w.org+"-not")
		w.is(err, iam.ErrNotFound)
	}},
	{"AccountReader.Account", "Account returns an account of the organisation, or ErrNotFound", func(w *world) {
		a, b := w.full("ann"), w.account("bob")
		w.add(a, b)
		w.equal(must(w.st.Account(w.ctx, w.org, a.ID))(w), a)
		w.equal(must(w.st.Account(w.ctx, w.org, b.ID))(w), b)
		_, err := w.st.Account(w.ctx, w.org, w.id("nobody"))
		w.is(err, iam.ErrNotFound)
	}},
	{"AccountReader.AccountByEmail", "AccountByEmail returns the organisation's account with the address, or ErrNotFound", func(w *world) {
		a, b, other := w.full("ann"), w.account("bob"), w.another()
		w.add(a, b)
		same := other.account("ann")
		same.Email = a.Email
		other.add(same)
		w.equal(must(w.st.AccountByEmail(w.ctx, w.org, a.Email))(w), a)
		w.equal(must(w.st.AccountByEmail(w.ctx, other.org, a.Email))(w).ID, same.ID)
		_, err := w.st.AccountByEmail(w.ctx, w.org, w.email("bob"))
		w.is(err, iam.ErrNotFound)
		_, err = w.st.AccountByEmail(w.ctx, w.org, "") // SB-A1: bob has no address either
		w.is(err, iam.ErrNotFound)
	}},
	{"AccountReader.Accounts", "Accounts returns a page of the organisation's accounts in the order of their ids", func(w *world) {
		a := w.full("a")
		w.add(w.account("c"), a, w.account("b"), w.account("B", status(iam.Disabled)))
		got := must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{}))(w)
		w.equal(ids(got), []policy.AccountID{w.id("B"), w.id("a"), w.id("b"), w.id("c")})
		w.equal(got[1], a)
	}},
	{"AccountReader.Administrators", "Administrators counts the active accounts that hold one of the roles in the whole organisation", func(w *world) {
		count := func(roles ...policy.Role) int { return must(w.st.Administrators(w.ctx, w.org, roles))(w) }
		w.named("ann", roles(admin, boss))
		w.named("bob", roles(boss))
		w.named("off", roles(admin), status(iam.Disabled))
		w.named("new", roles(admin), status(iam.Pending))
		w.bind(w.named("cid"), admin, "p")
		w.equal([]int{count(admin), count(boss), count(admin, boss), count(user), count()}, []int{1, 2, 2, 0, 0})
	}},
	{"AccountReader.RootEmail", "RootEmail reports whether the address belongs to a root account of any organisation", func(w *world) {
		other := w.another()
		root := other.account("root")
		root.Root, root.Email = true, w.email("root")
		sub := other.account("sub")
		sub.Email = w.email("sub")
		other.add(root, sub, other.account("none"))
		w.equal(must(w.st.RootEmail(w.ctx, root.Email))(w), true)
		w.equal(must(w.st.RootEmail(w.ctx, sub.Email))(w), false)
		w.equal(must(w.st.RootEmail(w.ctx, ""))(w), false)
		w.write(func(tx iam.Tx) error {
			w.equal(must(tx.RootEmail(w.ctx, root.Email))(w), true) // within a Write on another organisation, too
			return nil
		})
	}},
}

// found returns the names of the accounts that a query finds.
func (w *world) found(q iam.AccountQuery) []policy.AccountID {
	w.Helper()
	var all []policy.AccountID
	for _, a := range must(w.st.Accounts(w.ctx, w.org, q))(w) {
		all = append(all, a.ID[len(w.tag)+1:])
	}
	return all
}

var everybody = []policy.AccountID{"a", "b", "c"}

func (w *world) three() {
	w.Helper()
	b := w.account("b", roles(user), status(iam.Disabled))
	w.add(w.account("a", roles(admin, user)), b, w.account("c"))
	w.bind(b.ID, user, "p1")
}

var queryPromises = []promise{
	{"AccountQuery", "The zero query is everybody's first page", func(w *world) {
		w.three()
		w.equal(w.found(iam.AccountQuery{}), everybody)
	}},
	{"AccountQuery.Keyword", "Keyword must occur in the address, name, username, phone, company or note: letters of either case, and every character for itself", func(w *world) {
		a, b := w.account("a"), w.account("b")
		a.Name, a.Username, a.Phone, a.Company, a.Note = "Ann ÖZIL", "annie_1", "+49-30", `50% \o/ Ωmega`, "Straße"
		b.Name, b.Username, b.Note, b.Email = "ozil", "annie21", "50 x 0 strasse", w.email("bob")
		w.add(a, b, w.account("c"))
		for keyword, want := range map[string][]policy.AccountID{
			"ann": {"a", "b"}, "ANN": {"a", "b"}, "özil": {"a"}, "ÖZIL": {"a"}, "OZIL": {"b"}, "e_1": {"a"}, "50%": {"a"}, "%": {"a"}, "_": {"a"},
			`\`: {"a"}, "ωMEGA": {"a"}, "ΩMEGA": {"a"}, "strasse": {"b"}, "STRAßE": {"a"}, "+49-3": {"a"}, "[a-z]": nil, "bob@": {"b"}, "ann özil": {"a"},
			"özilannie": nil, "'": nil, "\x00": nil, "\xff": nil, "\x1f": nil, " ": {"a", "b"}, "zil ": nil,
		} {
			if got := w.found(iam.AccountQuery{Keyword: keyword}); !equalIDs(got, want) {
				w.Errorf("keyword %q: got %v, want %v", keyword, got, want)
			}
		}
	}},
	{"AccountQuery.Keyword", "Defaults to no narrowing", func(w *world) {
		w.three()
		w.equal(w.found(iam.AccountQuery{Keyword: ""}), everybody)
	}},
	{"AccountQuery.Status", "Status must be the account's", func(w *world) {
		w.three()
		w.equal(w.found(iam.AccountQuery{Status: iam.Disabled}), []policy.AccountID{"b"})
	}},
	{"AccountQuery.Status", "Defaults to any", func(w *world) { w.three(); w.equal(w.found(iam.AccountQuery{}), everybody) }},
	{"AccountQuery.Role", "Role must be held in the organisation", func(w *world) {
		w.three()
		w.bind(w.id("c"), admin, "p1")
		w.equal(w.found(iam.AccountQuery{Role: admin}), []policy.AccountID{"a"})
		w.equal(must(w.st.Accounts(w.ctx, w.org, iam.AccountQuery{Role: admin}))(w)[0].Roles, []policy.Role{admin, user})
	}},
	{"AccountQuery.Role", "Defaults to any", func(w *world) { w.three(); w.equal(w.found(iam.AccountQuery{}), everybody) }},
	{"AccountQuery.Project", "Project must have a binding of the account", func(w *world) {
		w.three()
		w.project("p1", true)
		w.equal(w.found(iam.AccountQuery{Project: "p1"}), []policy.AccountID{"b"})
		w.equal(len(w.found(iam.AccountQuery{Project: "p1", Role: admin})), 0)
	}},
	{"AccountQuery.Project", "Defaults to any", func(w *world) { w.three(); w.equal(w.found(iam.AccountQuery{}), everybody) }},
	{"AccountQuery.After", "After is the last id of the page before", func(w *world) {
		w.three()
		w.equal(w.found(iam.AccountQuery{After: w.id("a")}), []policy.AccountID{"b", "c"})
		w.equal(w.found(iam.AccountQuery{After: w.id("a"), Limit: 1}), []policy.AccountID{"b"})
		w.equal(w.found(iam.AccountQuery{After: w.id("ab")}), []policy.AccountID{"b", "c"})
		w.equal(len(w.found(iam.AccountQuery{After: w.id("c")})), 0)
	}},
	{"AccountQuery.After", "Defaults to the first page", func(w *world) { w.three(); w.equal(w.found(iam.AccountQuery{}), everybody) }},
	{"AccountQuery.Limit", "Limit is the size of the page, from 1 to 1,000", func(w *world) {
		w.crowd(1001)
		w.equal(len(w.found(iam.AccountQuery{Limit: 1})), 1)
		w.equal(len(w.found(iam.AccountQuery{Limit: -7})), 1)
		w.equal(len(w.found(iam.AccountQuery{Limit: 999})), 999)
		w.equal(len(w.found(iam.AccountQuery{Limit: 1_000_000})), 1000)
	}},
	{"AccountQuery.Limit", "Defaults to 100", func(w *world) {
		w.crowd(101)
		w.equal(len(w.found(iam.AccountQuery{})), 100)
	}},
}

func (w *world) crowd(n int) {
	w.Helper()
	var all []iam.Account
	for i := range n {
		all = append(all, w.account(fmt.Sprint(i), roles(admin, user))) // two roles: a page counts accounts, not rows
	}
	w.add(all...)
}

func equalIDs(a, b []policy.AccountID) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
