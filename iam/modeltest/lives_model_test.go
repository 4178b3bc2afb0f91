package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// newborn is what is asked for with a new account.
type newborn struct {
	roles  []policy.Role
	email  string
	active bool
	quota  int // -1 for none
}

func (m *model) badRoles(roles []policy.Role) bool {
	return len(roles) == 0 || m.book.oneRole && len(sorted(roles)) > 1
}

// mayHold says why the actor cannot give an account the roles.
func (m *model) mayHold(w who, roles []policy.Role) string {
	for _, role := range roles {
		if m.book.rootOnly(role) {
			return "field Roles"
		}
		if !w.mayGive(held{role: role}) {
			return forbidden
		}
	}
	return ""
}

// rootHas reports whether the address is a root account's, of any organisation.
func (m *model) rootHas(email string) bool {
	return m.anybody(func(a *account) bool { return a.root && a.email == email })
}

func (m *model) anybody(is func(a *account) bool) bool {
	return slices.ContainsFunc(m.orgs, func(o *org) bool { return slices.ContainsFunc(o.accounts, is) })
}

// taken returns who has the address where it belongs to one account only (E11, L4).
func (m *model) taken(o *org, email string) *account {
	for _, other := range m.orgs {
		if other != o && !m.book.everywhere {
			continue
		}
		for _, a := range other.accounts {
			if email != "" && a.email == email {
				return a
			}
		}
	}
	return nil
}

func (m *model) create(w who, n newborn, made *account) outcome {
	switch {
	case !w.may(m.book.manage, ""):
		return refused(forbidden)
	case m.badRoles(n.roles):
		return onField("Roles")
	}
	if class := m.mayHold(w, n.roles); class != "" {
		return refused(class)
	}
	switch {
	case m.book.reserveRoot && n.email != "" && m.rootHas(n.email), m.taken(w.org, n.email) != nil:
		return refused("exists")
	}
	if class := m.allot(w, n.quota); class != "" {
		return refused(class)
	}
	return does(func() { m.born(w, n, made) })
}

// allot says why a new account cannot have the quota, which its creator gives.
func (m *model) allot(w who, quota int) string {
	switch {
	case quota < 0:
		return ""
	case !m.book.quotas:
		return "field Quotas"
	}
	if parent := m.parent(w.org, w.account); parent != nil && !parent.unlimited && m.used(parent)+quota > parent.most {
		return "quota"
	}
	return ""
}

func (m *model) born(w who, n newborn, a *account) {
	a.org, a.status, a.roles, a.email, a.above = w.org, iam.Pending, sorted(n.roles), n.email, w.account
	a.bindings = map[binding]bool{}
	a.most = max(0, n.quota)
	if n.active {
		a.status, a.wasActive = iam.Active, true
	}
	w.org.accounts = append(w.org.accounts, a)
}

func sorted(roles []policy.Role) []policy.Role {
	roles = slices.Clone(roles)
	slices.Sort(roles)
	return slices.Compact(roles)
}

// isAdministrator reports whether somebody with these roles counts among those of whom one must stay.
func (m *model) isAdministrator(status iam.Status, roles []policy.Role) bool {
	return status == iam.Active && slices.ContainsFunc(roles, func(r policy.Role) bool { return slices.Contains(m.book.administrators, r) })
}

// last reports whether the organisation would be left without an administrator if the account came to be this.
func (m *model) last(a *account, status iam.Status, roles []policy.Role) bool {
	if !m.isAdministrator(a.status, a.roles) || m.isAdministrator(status, roles) {
		return false
	}
	return !slices.ContainsFunc(a.org.accounts, func(b *account) bool { return b != a && m.isAdministrator(b.status, b.roles) })
}

func (m *model) rename(w who, a *account, name string) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	return does(func() { a.name = name })
}

func (m *model) setRoles(w who, a *account, roles []policy.Role) outcome {
	switch {
	case !w.may(m.book.changeRoles, ""):
		return refused(forbidden)
	case m.badRoles(roles):
		return onField("Roles")
	}
	if class := m.mayHold(w, roles); class != "" {
		return refused(class)
	}
	if class := w.target(a); class != "" {
		return refused(class)
	}
	next := sorted(roles)
	switch {
	case a.root:
		return refused("root")
	case slices.Equal(next, a.roles):
		return nothing()
	case m.last(a, a.status, next):
		return refused("last administrator")
	}
	return does(func() {
		m.endOffer(a)
		a.become(next)
	})
}

// become gives the account other roles: bindings of those that go, go too.
func (a *account) become(roles []policy.Role) {
	a.roles = roles
	for b := range a.bindings {
		if !a.has(b.role) {
			delete(a.bindings, b)
		}
	}
}

func (m *model) setStatus(w who, a *account, to iam.Status, from ...iam.Status) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	return m.change(a, to, from...)
}

func (m *model) change(a *account, to iam.Status, from ...iam.Status) outcome {
	switch {
	case a.root:
		return refused("root")
	case a.status == to:
		return nothing()
	case !slices.Contains(from, a.status):
		return onField("Status")
	case m.last(a, to, a.roles):
		return refused("last administrator")
	}
	return does(func() {
		enabled := a.status == iam.Disabled
		a.status = to
		switch {
		case to == iam.Disabled:
			m.endOffer(a)
			m.endAccess(a)
		case enabled && !a.wasActive:
			a.status = iam.Pending
		default:
			a.wasActive = true
		}
	})
}

// endAccess ends what lets somebody in as the account (SB-20, SB-38).
func (m *model) endAccess(a *account) {
	a.endSessions(nil)
	m.dropLinks(a, iam.ForReset, iam.ForOldEmail, iam.ForNewEmail)
	a.change = nil
}

// endOffer ends an offer of the root account that is from the account or to it.
func (m *model) endOffer(a *account) {
	if o := m.openOffer(a.org); o != nil && (o.from == a || o.to == a) {
		a.org.offer = nil
	}
}

func (m *model) openOffer(o *org) *offer {
	if o.offer == nil || !m.now().Before(o.offer.expires) {
		return nil
	}
	return o.offer
}

func (m *model) delete(w who, a *account) outcome {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return refused(class)
	}
	return m.remove(a)
}

func (m *model) remove(a *account) outcome {
	switch {
	case a.root:
		return refused("root")
	case m.holdsAnything(a):
		return refused("holds")
	case m.last(a, iam.Disabled, nil):
		return refused("last administrator")
	}
	return does(func() { m.bury(a) })
}

func (m *model) bury(a *account) {
	m.dropLinks(a)
	if o := a.org.offer; o != nil && (o.to == a || o.from == a) {
		a.org.offer = nil
	}
	a.gone = true
	a.endSessions(nil)
	o := a.org
	o.accounts = slices.DeleteFunc(o.accounts, func(b *account) bool { return b == a })
	o.gone = append(o.gone, a)
	for _, child := range o.accounts {
		if child.above == a {
			child.above = a.above
		}
	}
}

func (m *model) holdsAnything(a *account) bool {
	for _, holder := range a.org.held {
		if holder == a {
			return true
		}
	}
	return false
}

func (m *model) updateOrganization(w who, name string, required bool) outcome {
	switch {
	case !w.may(m.book.manage, ""), !w.system() && (w.scope != nil || !w.account.root && !m.isAdministrator(w.account.status, w.account.roles)):
		return refused(forbidden)
	}
	return does(func() { w.org.name, w.org.required = name, required })
}

func (m *model) parent(o *org, above *account) *account {
	if above != nil {
		return above
	}
	return o.rootAccount()
}

func (o *org) rootAccount() *account {
	for _, a := range o.accounts {
		if a.root {
			return a
		}
	}
	return nil
}

// used is what an account holds, and has given to those right below it (D5).
func (m *model) used(a *account) (n int) {
	for _, holder := range a.org.held {
		if holder == a {
			n++
		}
	}
	return n + m.given(a)
}

func (m *model) given(a *account) (n int) {
	for _, child := range a.org.accounts {
		if child != a && !child.root && m.parent(a.org, child.above) == a {
			n += child.most
		}
	}
	return n
}

// ago is how long before now something was, for messages.
func (m *model) ago(at time.Time) time.Duration { return m.now().Sub(at) }
