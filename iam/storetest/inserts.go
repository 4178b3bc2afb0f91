package storetest

import (
	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const emailTaken = "An address that another account has within the scope is a *FieldError for Email with Reason ErrExists; " +
	"the scope is the organisation, or the whole database when everywhere is set"

const rootEmailTaken = "So is the address of a root account that another organisation's root has: root signs in by it alone (E10, E11)"

const updateErrors = "Errors are those of InsertAccount, and ErrNotFound"

const otherOrganization = "Accounts, roles, bindings and grants of another organisation cannot be reached through it"

var insertPromises = []promise{
	{"Tx", otherOrganization, func(w *world) {
		// SB-68.
		other := w.another()
		a := other.full("ann")
		other.add(a)
		other.bind(a.ID, user, "p")
		other.project("p", true)
		g := other.grant("g", a.ID, policy.AtOrg(other.org))
		root, unique := other.root("root"), other.unique("unique")
		before := inOrder(must(w.st.Subject(w.ctx, a.ID))(w))
		mine := w.named("mine")

		w.write(func(tx iam.Tx) error {
			renamed := a
			renamed.Name = "changed"
			w.is(tx.UpdateAccount(w.ctx, renamed, false), iam.ErrNotFound)
			renamed.Org = w.org
			w.is(tx.UpdateAccount(w.ctx, renamed, false), iam.ErrNotFound)
			w.is(tx.InsertAccount(w.ctx, renamed, false), iam.ErrExists)
			w.field(tx.InsertAccount(w.ctx, other.account("bob"), false), "Org", nil)
			w.is(tx.DeleteAccount(w.ctx, a.ID), iam.ErrNotFound)
			_, err := tx.InsertBinding(w.ctx, iam.Binding{Account: a.ID, Role: boss, Project: "p"})
			w.is(err, iam.ErrNotFound)
			removed, err := tx.DeleteBinding(w.ctx, iam.Binding{Account: a.ID, Role: user, Project: "p"})
			w.ok(err)
			w.equal(removed, false)
			w.is(tx.InsertGrant(w.ctx, iam.Grant{ID: "h", Account: a.ID, Grant: policy.GrantRole(user, policy.AtOrg(w.org))}), iam.ErrNotFound)
			w.field(tx.InsertGrant(w.ctx, iam.Grant{ID: "h", Account: mine, Grant: policy.GrantRole(user, policy.AtOrg(other.org))}), "Grant", nil)
			w.is(tx.DeleteGrant(w.ctx, g.ID), iam.ErrNotFound)
			gone, err := tx.ForgetProject(w.ctx, "p")
			w.ok(err)
			w.equal(gone, iam.Forgotten{})
			w.is(tx.MoveRoot(w.ctx, a.ID), iam.ErrNotFound)

			_, err = tx.Subject(w.ctx, a.ID)
			w.is(err, iam.ErrNotFound)
			_, err = tx.Account(w.ctx, other.org, a.ID)
			w.is(err, iam.ErrNotFound)
			_, err = tx.RootByEmail(w.ctx, root.Email)
			w.is(err, iam.ErrNotFound)
			_, err = tx.AccountEverywhere(w.ctx, unique.Email)
			w.is(err, iam.ErrNotFound)
			_, err = tx.LogHead(w.ctx, other.org)
			w.is(err, iam.ErrNotFound)
			_, err = tx.Grant(w.ctx, other.org, g.ID)
			w.is(err, iam.ErrNotFound)
			w.equal(len(must(tx.Accounts(w.ctx, other.org, iam.AccountQuery{}))(w)), 0)
			w.equal(len(must(tx.Bindings(w.ctx, other.org, a.ID))(w)), 0)
			return nil
		})
		w.equal(inOrder(must(w.st.Subject(w.ctx, a.ID))(w)), before)
		w.equal(must(w.st.Account(w.ctx, other.org, a.ID))(w), a)
	}},
	{"AccountWriter.InsertAccount", "InsertAccount adds an account with its roles", func(w *world) {
		a := w.full("ann")
		unsorted := a
		unsorted.Roles = []policy.Role{user, admin, user, boss}
		w.add(unsorted)
		w.equal(must(w.st.Account(w.ctx, w.org, a.ID))(w), a)
	}},
	{"AccountWriter.InsertAccount", "InsertAccount adds an account with its roles", func(w *world) {
		// One root an organisation at most.
		root, second := w.account("root"), w.account("second")
		root.Root, second.Root = true, true
		w.add(root)
		w.field(w.try(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, second, false) }), "Root", iam.ErrExists)
		w.equal(must(w.st.Organization(w.ctx, w.org))(w).Root, root.ID)
	}},
	{"AccountWriter.InsertAccount", "An id that is taken is ErrExists", func(w *world) {
		a := w.full("ann")
		w.add(a)
		again := iam.Account{ID: a.ID, Org: w.org, Status: iam.Pending, Roles: []policy.Role{"other"}}
		w.write(func(tx iam.Tx) error {
			w.is(tx.InsertAccount(w.ctx, again, false), iam.ErrExists)
			return tx.InsertAccount(w.ctx, w.account("bob"), false) // and do can go on
		})
		w.equal(must(w.st.Account(w.ctx, w.org, a.ID))(w), a)
		other := w.another()
		again.Org = other.org
		w.is(other.try(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, again, false) }), iam.ErrExists)
	}},
	{"AccountWriter.InsertAccount", emailTaken, func(w *world) {
		w.emails(func(tx iam.Tx, a iam.Account, everywhere bool) error { return tx.InsertAccount(w.ctx, a, everywhere) })
	}},
	{"AccountWriter.InsertAccount", emailTaken, func(w *world) {
		// SB-69, SB-A8: an address is free again, and inherits nothing.
		a := w.full("ann")
		w.add(a)
		w.bind(a.ID, user, "p")
		w.write(func(tx iam.Tx) error { return tx.DeleteAccount(w.ctx, a.ID) })
		b := w.account("bob")
		b.Email = a.Email
		w.write(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, b, true) })
		w.equal(must(w.st.AccountByEmail(w.ctx, w.org, a.Email))(w), b)
		w.equal(len(must(w.st.Bindings(w.ctx, w.org, b.ID))(w)), 0)
	}},
	{"AccountWriter.InsertAccount", emailTaken, func(w *world) {
		// None is not an address.
		w.add(w.account("ann"), w.account("bob"))
		w.write(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, w.account("cid"), true) })
		w.write(func(tx iam.Tx) error { return tx.InsertAccount(w.ctx, w.account("dan"), true) })
	}},
}

// emails proves the scopes of an address with put, which is to store an account with one.
func (w *world) emails(put func(tx iam.Tx, a iam.Account, everywhere bool) error) {
	w.Helper()
	other := w.another()
	with := func(w *world, name string, email iam.Email) iam.Account {
		a := w.account(name)
		a.Email = email
		return a
	}
	here, there := w.email("here"), w.email("there")
	w.add(with(w, "ann", here))
	other.add(with(other, "ann", there))
	for _, c := range []struct {
		say        string
		email      iam.Email
		everywhere bool
		free       bool
	}{
		{"another account of the organisation has it", here, false, false},
		{"another account of the organisation has it, everywhere", here, true, false},
		{"an account of another organisation has it, everywhere", there, true, false},
		{"an account of another organisation has it", there, false, true},
		{"nobody has it, everywhere", w.email("free"), true, true},
	} {
		name := "new" + string(c.email[:3])
		if c.everywhere {
			name += "+"
		}
		err := w.try(func(tx iam.Tx) error { return put(tx, with(w, name, c.email), c.everywhere) })
		if c.free {
			if err != nil {
				w.Errorf("%s: got %v", c.say, err)
			}
			continue
		}
		w.field(err, "Email", iam.ErrExists)
	}
	// What was stored for everywhere stands in the way within its organisation too.
	w.field(w.try(func(tx iam.Tx) error { return put(tx, with(w, "late", w.email("free")), false) }), "Email", iam.ErrExists)
}

var updatePromises = []promise{
	{"AccountWriter.UpdateAccount", "UpdateAccount writes status, profile, address, roles, Activated and Updated of an account", func(w *world) {
		a := w.full("ann")
		w.add(a)
		a.Status, a.Roles, a.Email = iam.Disabled, []policy.Role{boss, "viewer"}, w.email("new")
		a.Activated, a.Updated = noon.AddDate(0, 1, 0), noon.AddDate(1, 0, 0)
		a.Name, a.Username, a.Phone, a.Company, a.Note = "N", "U", "P", "C", "O"
		w.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, a, false) })
		w.equal(must(w.st.Account(w.ctx, w.org, a.ID))(w), a)
		w.equal(w.found(iam.AccountQuery{Keyword: "söhne"}), []policy.AccountID(nil))
		w.equal(w.found(iam.AccountQuery{Keyword: "NEW@"}), []policy.AccountID{"ann"})
	}},
	{"AccountWriter.UpdateAccount", "UpdateAccount writes status, profile, address, roles, Activated and Updated of an account", func(w *world) {
		// SB-A3: what becomes empty is written too.
		w.add(w.full("ann"))
		b := w.account("ann")
		w.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, b, false) })
		got := must(w.st.Account(w.ctx, w.org, b.ID))(w)
		got.CreatedBy, got.Created = b.CreatedBy, b.Created
		w.equal(got, b)
	}},
	{"AccountWriter.UpdateAccount", "The rest of it does not change", func(w *world) {
		a := w.full("ann")
		a.Root = true
		w.add(a)
		b := a
		b.Root, b.CreatedBy, b.Created = false, w.id("forged"), noon.AddDate(9, 0, 0)
		w.bind(a.ID, user, "p")
		w.grant("g", a.ID, policy.AtOrg(w.org))
		w.write(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, b, false) })
		w.equal(must(w.st.Account(w.ctx, w.org, a.ID))(w), a)
		record := must(w.st.Subject(w.ctx, a.ID))(w)
		w.equal([]int{len(record.Bindings), len(record.Grants)}, []int{1, 1})
	}},
	{"AccountWriter.UpdateAccount", updateErrors, func(w *world) {
		w.is(w.try(func(tx iam.Tx) error { return tx.UpdateAccount(w.ctx, w.account("nobody"), false) }), iam.ErrNotFound)
		w.emails(func(tx iam.Tx, a iam.Account, everywhere bool) error {
			plain := a
			plain.Email = ""
			if err := tx.InsertAccount(w.ctx, plain, everywhere); err != nil {
				return err
			}
			if err := tx.UpdateAccount(w.ctx, a, everywhere); err != nil {
				return err
			}
			return tx.UpdateAccount(w.ctx, a, everywhere) // its own address stands in nobody's way
		})
	}},
}
