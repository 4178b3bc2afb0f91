package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// onHeld says why a change about a device is refused before it is looked at.
func (m *model) onHeld(w who, need policy.Permission, id string) string {
	switch {
	case !m.book.quotas:
		if !w.system() && (w.account.gone || w.account.status != iam.Active) {
			return forbidden
		}
		return "field Kind"
	case !w.mayOwn(need, id):
		return forbidden
	}
	return ""
}

// heldBy says why the actor has no say about a device: nobody holds it, or somebody who does not stand below.
func (m *model) heldBy(w who, id string) string {
	holder := w.org.held[id]
	switch {
	case holder == nil:
		return notFound
	case holder == w.account:
		return ""
	}
	return w.below(holder)
}

func (m *model) claim(w who, id string) outcome {
	if class := m.onHeld(w, "device:add", id); class != "" {
		return refused(class)
	}
	switch {
	case w.system():
		return refused(forbidden)
	case w.org.held[id] != nil:
		return refused("exists")
	case !m.room(w.account, 1):
		return refused("quota")
	}
	return does(func() { w.org.held[id] = w.account })
}

// room reports whether an account may have so many more.
func (m *model) room(a *account, n int) bool { return a.unlimited || m.used(a)+n <= a.most }

func (m *model) release(w who, id string) outcome {
	if class := m.onHeld(w, "device:delete", id); class != "" {
		return refused(class)
	}
	if class := m.heldBy(w, id); class != "" {
		return refused(class)
	}
	return does(func() {
		m.endGrantsOn(w.org, id)
		delete(w.org.held, id)
	})
}

func (m *model) endGrantsOn(o *org, id string) {
	for _, a := range o.accounts {
		a.grants = slices.DeleteFunc(a.grants, func(g *grant) bool { return g.at.id == id })
	}
}

func (m *model) transfer(w who, id string, to *account) outcome {
	if class := m.onHeld(w, "device:transfer", id); class != "" {
		return refused(class)
	}
	if class := m.heldBy(w, id); class != "" {
		return refused(class)
	}
	if class := w.receiver(to); class != "" {
		return refused(class)
	}
	switch {
	case to.status != iam.Active, to == w.org.held[id]:
		return onField("To")
	case !m.room(to, 1):
		return refused("quota")
	}
	return does(func() {
		m.endGrantsOn(w.org, id)
		w.org.held[id] = to
	})
}

func (m *model) share(w who, id string, to *account, permissions []policy.Permission, until time.Time, made func() []*grant) outcome {
	if class := m.onHeld(w, "device:share", id); class != "" {
		return refused(class)
	}
	if class := m.heldBy(w, id); class != "" {
		return refused(class)
	}
	if len(permissions) == 0 || slices.ContainsFunc(permissions, func(p policy.Permission) bool { return slices.Contains(holdersAlone, p) }) {
		return onField("Permissions")
	}
	if class := w.below(to); class != "" {
		return refused(class)
	}
	switch {
	case to.status == iam.Disabled, to == w.org.held[id]:
		return onField("To")
	case !until.IsZero() && !m.now().Before(until):
		return onField("Until")
	case to.root:
		return refused("root")
	}
	return m.giveOn(w, id, to, permissions, until, made)
}

// giveOn gives permissions on a device, each in the place of an earlier grant of the same one.
func (m *model) giveOn(w who, id string, to *account, permissions []policy.Permission, until time.Time, made func() []*grant) outcome {
	for _, p := range permissions {
		if !w.mayGiveOn(p, place{id: id}, true, until) {
			return refused(forbidden)
		}
	}
	return does(func() {
		to.grants = slices.DeleteFunc(to.grants, func(g *grant) bool { return g.at.id == id && slices.Contains(permissions, g.permission) })
		for _, g := range made() {
			g.to = to
			to.grants = append(to.grants, g)
		}
	})
}

func (m *model) unshare(w who, id string, g *grant) outcome {
	if class := m.onHeld(w, "device:share", id); class != "" {
		return refused(class)
	}
	if class := m.heldBy(w, id); class != "" {
		return refused(class)
	}
	if !m.there(w.org, g) || g.at.id != id {
		return refused(notFound)
	}
	if class := w.receiver(g.to); class != "" {
		return refused(class)
	}
	return does(g.end)
}

func (m *model) takeManagement(w who, id string, made func() []*grant) outcome {
	if class := m.onHeld(w, m.book.manage, id); class != "" {
		return refused(class)
	}
	if w.system() {
		return refused(forbidden)
	}
	if class := m.heldBy(w, id); class != "" {
		return refused(class)
	}
	switch {
	case w.account.root:
		return refused("root")
	case w.org.held[id] == w.account:
		return onField("ID")
	}
	return m.giveOn(w, id, w.account, management, time.Time{}, made)
}

func (m *model) setQuota(w who, a *account, most int) outcome {
	if !w.may(m.book.changeQuotas, "") {
		return refused(forbidden)
	}
	if class := w.below(a); class != "" {
		return refused(class)
	}
	switch {
	case !m.book.quotas:
		return onField("Kind")
	case most < 0 && !(a.root && most == iam.Unlimited):
		return onField("Most")
	}
	if most >= 0 && m.used(a) > most {
		return refused("quota")
	}
	if parent := m.parent(a.org, a.above); !a.root && parent != nil && !parent.unlimited && m.used(parent)-a.most+most > parent.most {
		return refused("quota")
	}
	return does(func() { a.most, a.unlimited = max(0, most), most < 0 })
}
