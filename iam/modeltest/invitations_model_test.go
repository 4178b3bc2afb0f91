package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

func (m *model) invite(w who, n newborn, bindings []binding, made *account) outcome {
	switch {
	case !w.may(m.book.manage, ""):
		return refused(forbidden)
	case n.email == "":
		return onField("Email")
	case m.badRoles(n.roles):
		return onField("Roles")
	}
	if class := m.mayHold(w, n.roles); class != "" {
		return refused(class)
	}
	for _, b := range bindings {
		switch {
		case !w.may(m.book.bind, b.project):
			return refused(forbidden)
		case !slices.Contains(m.book.bindable, b.role):
			return onField("Role")
		}
		if class := m.mayBind(w, iam.Pending, n.roles, b); class != "" {
			return refused(class)
		}
	}
	if m.book.reserveRoot && m.rootHas(n.email) {
		return refused("exists")
	}
	old := m.taken(w.org, n.email)
	if old != nil && !m.replaceable(w, old) {
		return refused("exists")
	}
	if class := m.allotInstead(w, n.quota, old); class != "" {
		return refused(class)
	}
	return does(func() {
		if old != nil {
			m.bury(old)
		}
		m.born(w, n, made)
		for _, b := range bindings {
			made.bindings[b] = true
		}
		made.invitation = &invitation{by: w.account}
		m.mailInvitation(made)
	})
}

// replaceable reports whether an invitation that has expired gives way to another (L6).
func (m *model) replaceable(w who, old *account) bool {
	i := old.invitation
	return old.org == w.org && i != nil && !old.wasActive && old.status == iam.Pending && !m.now().Before(i.expires) && w.target(old) == ""
}

func (m *model) allotInstead(w who, quota int, old *account) string {
	if old == nil || quota < 0 || !m.book.quotas {
		return m.allot(w, quota)
	}
	before := old.most
	old.most = 0
	defer func() { old.most = before }()
	return m.allot(w, quota)
}

func (m *model) mailInvitation(a *account) {
	i := a.invitation
	i.renewed, i.expires = m.now(), m.at(m.book.lifetime)
	m.dropLinks(a, iam.ForInvitation)
	i.latest = m.send(&letter{purpose: iam.ForInvitation, to: a, email: a.email, expires: i.expires})
}

// onInvitation guards a change of an invitation that was not accepted.
func (m *model) onInvitation(w who, a *account) string {
	if class := w.onAccount(m.book.manage, a); class != "" {
		return class
	}
	switch {
	case a.invitation == nil:
		return notFound
	case a.invitation.accepted || a.wasActive:
		return "field Account"
	}
	return ""
}

func (m *model) resend(w who, a *account) outcome {
	if class := m.onInvitation(w, a); class != "" {
		return refused(class)
	}
	if m.ago(a.invitation.renewed) < time.Minute {
		return refused("throttled")
	}
	return does(func() {
		a.invitation.renewals++
		m.mailInvitation(a)
	})
}

func (m *model) revoke(w who, a *account) outcome {
	if class := m.onInvitation(w, a); class != "" {
		return refused(class)
	}
	return m.remove(a)
}

func (m *model) oneMoreLink(w who, a *account, made *link) outcome {
	if class := m.onInvitation(w, a); class != "" {
		return refused(class)
	}
	switch {
	case !m.now().Before(a.invitation.expires):
		return onField("Account")
	case !w.mayBecome(a):
		return refused(forbidden)
	}
	return does(func() {
		*made = link{purpose: iam.ForInvitation, to: a, email: a.email, expires: a.invitation.expires, token: made.token}
		m.links = append(m.links, made)
	})
}

// meant reports whether who invited could still do so (SB-18, SB-19).
func (m *model) meant(a *account, inviters ...who) bool {
	i := a.invitation
	if i == nil || i.accepted || !m.now().Before(i.expires) || a.status != iam.Pending {
		return false
	}
	for _, w := range inviters {
		if !w.may(m.book.manage, "") {
			return false
		}
		for _, role := range a.roles {
			if !w.mayGive(held{role: role}) {
				return false
			}
		}
		for b := range a.bindings {
			if !w.mayGive(held{role: b.role, at: place{project: b.project}}) {
				return false
			}
		}
	}
	return true
}

// inviters are who must still be able to invite: nobody where the system did.
func (m *model) inviters(i *invitation) []who {
	if i == nil || i.by == nil {
		return nil
	}
	return []who{m.standing(i.by)}
}

// accept predicts following an invitation's link: with a password where it is the invitee's to choose.
func (m *model) accept(l *link, name, password string) outcome {
	switch {
	case !m.alive(l, iam.ForInvitation) || l.email != l.to.email || !m.meant(l.to, m.inviters(l.to.invitation)...):
		return refused(dead)
	case m.book.byCreator == (password != ""), password == weakPassword:
		return onField("Password")
	}
	return does(func() { m.accepted(l.to, name, password) })
}

func (m *model) accepted(a *account, name, password string) {
	m.dropLinks(a, iam.ForInvitation)
	a.invitation.accepted, a.status, a.wasActive = true, iam.Active, true
	if name != "" {
		a.name = name
	}
	if password != "" {
		m.knows(a, password, false)
	}
}

// knows gives an account a password.
func (m *model) knows(a *account, password string, byOthers bool) {
	a.password, a.mustChange, a.passwordSet = password, byOthers, m.now()
}

func (m *model) changeEmail(w who, a *account, email string) outcome {
	if class := m.onEmail(w, a); class != "" {
		return refused(class)
	}
	switch {
	case a.status != iam.Active:
		return onField("Account")
	case email == a.email:
		return onField("Email")
	case m.recently(a.asked) >= 5:
		return refused("throttled")
	case !m.usable(a, email):
		return refused("exists")
	}
	return does(func() {
		m.dropLinks(a, iam.ForOldEmail, iam.ForNewEmail)
		a.change = &change{email: email, oldDone: a.email == "", by: w.account, expires: m.at(24 * time.Hour)}
		a.asked = append(a.asked, m.now())
		m.send(&letter{purpose: iam.ForOldEmail, to: a, email: a.email, expires: a.change.expires})
		m.send(&letter{purpose: iam.ForNewEmail, to: a, email: email, expires: a.change.expires})
	})
}

// onEmail guards what is done to an account's address: by itself, or by who manages it.
func (m *model) onEmail(w who, a *account) string {
	if a == w.account {
		if !w.inPerson() {
			return forbidden
		}
		return ""
	}
	return w.onAccount(m.book.manage, a)
}

// usable reports whether an account could have the address.
func (m *model) usable(a *account, email string) bool {
	if a.root && m.anybody(func(b *account) bool { return b != a && b.root && b.email == email }) {
		return false
	}
	if !a.root && m.book.reserveRoot && m.rootHas(email) {
		return false
	}
	other := m.taken(a.org, email)
	return other == nil || other == a
}

func (m *model) cancelEmail(w who, a *account) outcome {
	if class := m.onEmail(w, a); class != "" {
		return refused(class)
	}
	if a.change == nil {
		return refused(notFound)
	}
	return does(func() {
		m.dropLinks(a, iam.ForOldEmail, iam.ForNewEmail)
		a.change = nil
	})
}

func (m *model) confirmEmail(l *link) outcome {
	if !m.alive(l, iam.ForOldEmail, iam.ForNewEmail) {
		return refused(dead)
	}
	a, c := l.to, l.to.change
	if c == nil || a.status != iam.Active || !m.now().Before(c.expires) || !m.stillAsked(a, c.by) {
		return refused(dead)
	}
	proves := c.email
	if l.purpose == iam.ForOldEmail {
		proves = a.email
	}
	last := c.oldDone || l.purpose == iam.ForOldEmail
	last = last && (c.newDone || l.purpose == iam.ForNewEmail)
	switch {
	case l.email != proves:
		return refused(dead)
	case last && !m.usable(a, c.email):
		return refused("exists")
	}
	return does(func() {
		m.dropLinks(a, l.purpose)
		c.oldDone = c.oldDone || l.purpose == iam.ForOldEmail
		c.newDone = c.newDone || l.purpose == iam.ForNewEmail
		if last {
			a.email = c.email
			m.endAccess(a)
		}
	})
}

// stillAsked reports whether who asked for a change could do so today (SB-64).
func (m *model) stillAsked(a, by *account) bool {
	if by == nil || by == a {
		return true
	}
	return !by.gone && m.standing(by).onAccount(m.book.manage, a) == ""
}
