package storetest

import (
	"fmt"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// root stores the organisation's root account, with an address.
func (w *world) root(name string) iam.Account {
	w.Helper()
	a := w.account(name)
	a.Root, a.Email = true, w.email(name)
	w.add(a)
	return a
}

// unique stores an account whose address exists once in the whole database.
func (w *world) unique(name string) iam.Account {
	w.Helper()
	a := w.account(name)
	a.Email = w.email(name)
	w.write(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, a, true) })
	return a
}

// rootByEmail returns the id of the root account with an address, and "" when there is none.
func (w *world) rootByEmail(email iam.Email) policy.AccountID {
	w.Helper()
	a, err := w.st.RootByEmail(w.ctx, email)
	if err != nil {
		w.is(err, iam.ErrNotFound)
	}
	return a.ID
}

var rootPromises = []promise{
	{"AccountReader.RootByEmail", "RootByEmail returns the root account, of whatever organisation, that has the address, or ErrNotFound", func(w *world) {
		other := w.another()
		root := other.full("root")
		root.Root = true
		sub := other.full("sub")
		other.add(root, sub, other.account("none"))
		w.equal(must(w.st.RootByEmail(w.ctx, root.Email))(w), root)
		w.equal(w.rootByEmail(sub.Email), policy.AccountID(""))
		w.equal(w.rootByEmail(""), policy.AccountID("")) // SB-A1
		same := w.account("same")                        // E11: a sub-account may have a root's address elsewhere
		same.Email = root.Email
		w.add(same)
		w.equal(w.rootByEmail(root.Email), root.ID)

		moved := root
		moved.Email = w.email("moved")
		other.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, moved, false) })
		w.equal(w.rootByEmail(root.Email), policy.AccountID(""))
		w.equal(w.rootByEmail(moved.Email), root.ID)
		moved.Email = ""
		other.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, moved, false) })
		w.equal(w.rootByEmail(w.email("moved")), policy.AccountID(""))
	}},
	{"AccountReader.AccountEverywhere", "AccountEverywhere returns the account, of whatever organisation, that was stored with everywhere set and has the address, or ErrNotFound", func(w *world) {
		other := w.another()
		a, plain := other.full("ann"), other.full("bob")
		other.write(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, a, true) })
		other.add(plain)
		w.equal(must(w.st.AccountEverywhere(w.ctx, a.Email))(w), a)
		for _, email := range []iam.Email{plain.Email, "", w.email("nobody")} {
			_, err := w.st.AccountEverywhere(w.ctx, email)
			w.is(err, iam.ErrNotFound)
		}
		other.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, a, false) })
		_, err := w.st.AccountEverywhere(w.ctx, a.Email)
		w.is(err, iam.ErrNotFound)
	}},
	{"AccountWriter.InsertAccount", rootEmailTaken, func(w *world) {
		other := w.another()
		root := other.root("root")
		mine := w.account("mine")
		mine.Root, mine.Email = true, root.Email
		w.write(func(tx iam.Tx) error {
			w.field(tx.InsertAccount(w.ctx, mine, false), "Email", iam.ErrExists)
			mine.Root = false
			return tx.InsertAccount(w.ctx, mine, false) // of a sub-account it may be the address (E11)
		})
		other.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, root.ID) })
		next := w.account("next")
		next.Root, next.Email = true, w.email("next")
		w.add(next)
		later := other.account("later")
		later.Root, later.Email = true, root.Email // it is free again
		other.add(later)
		w.equal(w.rootByEmail(root.Email), later.ID)
	}},
	{"AccountWriter.InsertAccount", rootEmailTaken, func(w *world) {
		// Eight organisations are made at once, with one address of their roots.
		w.exactlyOne(w.atOnce(8, func(i int) error {
			org := policy.OrgID(fmt.Sprintf("org-%d-%s", i, w.tag))
			root := iam.Account{ID: w.id(fmt.Sprint(i)), Org: org, Root: true, Status: iam.Active, Email: w.email("root")}
			return w.st.Create(w.ctx, iam.Organization{ID: org, Root: root.ID}, func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, root, false) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
		must(w.st.RootByEmail(w.ctx, w.email("root")))(w)
	}},
	{"AccountWriter.UpdateAccount", updateErrors, func(w *world) {
		// Of roots, too: of those who want one address at once, one gets it.
		worlds := w.several(8)
		roots := make([]iam.Account, len(worlds))
		for i, one := range worlds {
			roots[i] = one.root("root")
			roots[i].Email = w.email("root")
		}
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			return worlds[i].try(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, roots[i], false) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
	}},
	{"AccountWriter.MoveRoot", "MoveRoot makes another account of the organisation its root in place of the one that is: neither changes otherwise", func(w *world) {
		old, next := w.full("old"), w.full("next")
		old.Root = true
		w.add(old, next, w.account("none"))
		w.write(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, next.ID) })
		old.Root, next.Root = false, true
		w.equal(must(w.st.Account(w.ctx, w.org, old.ID))(w), old)
		w.equal(must(w.st.Account(w.ctx, w.org, next.ID))(w), next)
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, next.ID)
		w.equal(w.rootByEmail(next.Email), next.ID)
		w.equal(w.rootByEmail(old.Email), policy.AccountID(""))

		w.write(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, next.ID) }) // nothing is to be done
		w.equal(w.rootByEmail(next.Email), next.ID)
		w.write(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, w.id("none")) }) // without an address
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, w.id("none"))
		w.equal(w.rootByEmail(next.Email), policy.AccountID(""))
		w.write(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, old.ID) }) // and back
		w.equal(w.rootByEmail(old.Email), old.ID)
	}},
	{"AccountWriter.MoveRoot", "It is ErrNotFound when there is no such account, or no root", func(w *world) {
		ann := w.named("ann")
		w.is(w.try(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, ann) }), iam.ErrNotFound)
		root := w.root("root")
		for _, id := range append([]string{"nobody"}, unstorable...) {
			w.is(w.try(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, policy.AccountID(id)) }), iam.ErrNotFound)
		}
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, root.ID)
	}},
	{"AccountWriter.MoveRoot", "An address that another organisation's root has is a *FieldError for Email with Reason ErrExists", func(w *world) {
		taken := w.another().root("taken")
		root, next := w.root("root"), w.account("next")
		next.Email = taken.Email
		w.add(next)
		w.write(func(tx iam.Tx) error {
			w.field(tx.MoveRoot(w.ctx, next.ID), "Email", iam.ErrExists)
			return nil // and do can go on
		})
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, root.ID)
		w.equal(w.rootByEmail(root.Email), root.ID)
	}},
	{"AccountWriter.MoveRoot", "An address that another organisation's root has is a *FieldError for Email with Reason ErrExists", func(w *world) {
		// Eight organisations want to hand over at once to one person's accounts.
		worlds := w.several(8)
		for _, one := range worlds {
			one.root("root")
			next := one.account("next")
			next.Email = w.email("next")
			one.add(next)
		}
		w.exactlyOne(w.atOnce(len(worlds), func(i int) error {
			return worlds[i].try(func(tx iam.Tx) error { return tx.MoveRoot(w.ctx, worlds[i].id("next")) })
		}), func(err error) { w.field(err, "Email", iam.ErrExists) })
	}},
}
