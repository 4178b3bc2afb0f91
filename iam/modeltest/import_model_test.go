package modeltest_test

import (
	"slices"

	"github.com/castellan-iam/castellan/iam"
)

// moveIn predicts what becomes of an account that moves in from another system, and does it.
func (m *model) moveIn(system who, row iam.AccountRow, a *account) (class string, then func()) {
	o := system.org
	refused := func(class string) (string, func()) { return class, func() {} }
	switch {
	case row.Status == "away":
		return refused("field Status")
	case row.ID == "" && row.Email == "":
		return refused("field ID")
	case m.badRoles(row.Roles):
		return refused("field Roles")
	}
	if class := m.mayHold(system, row.Roles); class != "" {
		return refused(class)
	}
	byID := func(b *account) bool { return b.id == row.ID }
	has := m.taken(o, row.Email)
	switch {
	case row.ID != "" && slices.ContainsFunc(o.accounts, byID), row.ID == "" && has != nil && has.org == o:
		return refused(there)
	case row.ID != "" && m.anybody(byID), has != nil, m.book.reserveRoot && row.Email != "" && m.rootHas(row.Email):
		return refused("exists")
	}
	return added, func() {
		a.id = row.ID
		m.born(system, newborn{roles: row.Roles, email: row.Email, active: row.Status == iam.Active, quota: -1}, a)
		if row.Status == iam.Disabled {
			a.status, a.wasActive = iam.Disabled, true
		}
	}
}

// moveBinding predicts what becomes of a binding that moves in.
func (m *model) moveBinding(o *org, a *account, b binding, row iam.BindingRow) (class string, then func()) {
	refused := func(class string) (string, func()) { return class, func() {} }
	switch {
	case row.Account == "" && row.Email == "":
		return refused("field Account")
	case a == nil || a.gone || a.org != o:
		if row.Account == "" {
			return refused("field Email")
		}
		return refused("field Account")
	case !slices.Contains(m.book.bindable, b.role):
		return refused("field Role")
	}
	if class := m.mayBind(who{}, a.status, a.roles, b); class != "" {
		return refused(class)
	}
	if a.bindings[b] {
		return refused(there)
	}
	return added, func() { a.bindings[b] = true }
}

// addressed is the account of the organisation that has an address, and nil when none has it.
func (m *model) addressed(o *org, email string) *account {
	for _, a := range o.accounts {
		if email != "" && a.email == email {
			return a
		}
	}
	return nil
}
