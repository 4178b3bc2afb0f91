package modeltest_test

import (
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

func (m *model) offerRoot(w who, to *account) outcome {
	switch {
	case !w.inPerson() || !w.account.root:
		return refused(forbidden)
	case to == nil || to.gone || to.org != w.org:
		return refused(notFound)
	}
	if class := m.mayReceive(to); class != "" {
		return refused(class)
	}
	return does(func() { w.org.offer = &offer{from: w.account, to: to, expires: m.at(72 * time.Hour)} })
}

// mayReceive says why an account cannot become root (SB-66).
func (m *model) mayReceive(to *account) string {
	switch {
	case m.book.former == "":
		return "field Root"
	case to.root || to.status != iam.Active || to.email == "" || !to.wasActive:
		return "field To"
	case m.rootHas(to.email):
		return "exists"
	}
	return ""
}

func (m *model) acceptRoot(w who) outcome {
	if !w.inPerson() {
		return refused(forbidden)
	}
	o := m.openOffer(w.org)
	if o == nil || o.to != w.account || !o.from.root {
		return refused(notFound)
	}
	if class := m.mayReceive(o.to); class != "" {
		return refused(class)
	}
	return does(func() { m.moveRoot(o.from, o.to) })
}

func (m *model) moveRoot(from, to *account) {
	to.org.offer = nil
	from.root, to.root = false, true
	from.become([]policy.Role{m.book.former})
	to.become([]policy.Role{m.book.root})
	m.endAccess(from)
	m.endAccess(to)
}

func (m *model) transferRoot(o *org, to *account) outcome {
	root := o.rootAccount()
	switch {
	case root == nil:
		return onField("Root")
	case to == nil || to.gone || to.org != o:
		return refused(notFound)
	}
	if class := m.mayReceive(to); class != "" {
		return refused(class)
	}
	return does(func() { m.moveRoot(root, to) })
}

func (m *model) withdrawOffer(w who) outcome {
	if !w.inPerson() {
		return refused(forbidden)
	}
	o := m.openOffer(w.org)
	if o == nil || w.account != o.from && w.account != o.to {
		return refused(notFound)
	}
	return does(func() { w.org.offer = nil })
}

func (m *model) setServer(w who, host, user, password string) outcome {
	switch s := w.org.server; {
	case !w.may(m.book.editServer, ""):
		return refused(forbidden)
	case user == "" && password != "":
		return onField("Username")
	case user != "" && password == "" && (s == nil || *s != server{host, user}):
		return onField("Password")
	}
	return does(func() { w.org.server = &server{host, user} })
}

func (m *model) removeServer(w who) outcome {
	switch {
	case !w.may(m.book.editServer, ""):
		return refused(forbidden)
	case w.org.server == nil:
		return refused(notFound)
	}
	return does(func() { w.org.server = nil })
}

func (m *model) testServer(w who) outcome {
	switch {
	case !w.may(m.book.testServer, ""):
		return refused(forbidden)
	case w.system() || w.account.email == "":
		return onField("Email")
	case w.org.server == nil:
		return refused(notFound)
	case m.recently(w.org.tests[w.account]) >= 10:
		return refused("throttled")
	}
	return does(func() { w.org.tests[w.account] = append(w.org.tests[w.account], m.now()) })
}
