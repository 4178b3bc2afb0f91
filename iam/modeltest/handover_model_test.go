package modeltest_test

import (
	"maps"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// A handover is what the model lets somebody hand over.
type handover struct {
	from, to *account
	then     iam.Departure
	drop     bool

	bindings    []binding
	grants      []*grant
	devices     []string
	invitations []*account
	rest        int // what To cannot take, and would be lost
}

func (m *model) handOver(w who, h *handover) outcome {
	if class := w.onAccount(m.book.manage, h.from); class != "" {
		return refused(class)
	}
	if class := w.target(h.to); class != "" {
		return refused(class)
	}
	switch {
	case h.from == h.to, h.to.status != iam.Active:
		return onField("To")
	case h.then != iam.ThenKeep && h.from.root:
		return refused("root")
	}
	for _, plan := range []func(who, *handover) string{m.planBindings, m.planGrants, m.planDevices} {
		if class := plan(w, h); class != "" {
			return refused(class)
		}
	}
	if h.rest > 0 && h.then == iam.ThenDelete && !h.drop {
		return onField("DropRest")
	}
	m.planInvitations(w, h)
	return m.depart(w, h)
}

func (m *model) planBindings(w who, h *handover) string {
	for b := range h.from.bindings {
		if !h.to.has(b.role) {
			h.rest++
			continue
		}
		if !w.may(m.book.bind, b.project) || !w.mayGive(held{role: b.role, at: place{project: b.project}}) {
			return forbidden
		}
		h.bindings = append(h.bindings, b)
	}
	return ""
}

func (m *model) planGrants(w who, h *handover) string {
	for _, g := range h.from.grants {
		switch shared := m.book.quotas && g.at.id != "" && w.org.held[g.at.id] != nil; {
		case g.endedAt(m.now()):
			continue
		case h.to.root:
			h.rest++
			continue
		case !w.may(m.book.giveGrants, ""):
			return forbidden
		case !shared || g.permission == "" || w.system():
			if !w.mayGive(g.held) {
				return forbidden
			}
		case m.notShared(w, g.held) != "" || !w.mayGiveOn(g.permission, g.at, true, g.until):
			h.rest++
			continue
		}
		h.grants = append(h.grants, g)
	}
	return ""
}

func (m *model) planDevices(w who, h *handover) string {
	var all []string
	for _, id := range slices.Sorted(maps.Keys(w.org.held)) {
		if w.org.held[id] == h.from {
			all = append(all, id)
		}
	}
	if len(all) == 0 {
		return ""
	}
	if h.from != w.account {
		if class := w.below(h.from); class != "" {
			return class
		}
	}
	if class := w.receiver(h.to); class != "" {
		return class
	}
	room := len(all)
	if !h.to.unlimited {
		most := h.to.most - m.used(h.to)
		if h.then == iam.ThenDelete && m.parent(w.org, h.from.above) == h.to {
			most += h.from.most - m.given(h.from) // what goes gives back what it has not given on
		}
		room = max(0, min(room, most))
	}
	if room > 0 && !w.mayOwn("device:transfer", all[0]) || room < len(all) && h.then == iam.ThenDelete && h.drop && !w.mayOwn("device:delete", all[0]) {
		return forbidden
	}
	h.devices = all[:room]
	h.rest += len(all) - room
	return ""
}

// planInvitations finds those that To could send today, with all that it was given, and the actor too.
func (m *model) planInvitations(w who, h *handover) {
	to := m.standing(h.to)
	for _, b := range h.bindings {
		to.holds = append(to.holds, held{role: b.role, at: place{project: b.project}})
	}
	for _, g := range h.grants {
		to.holds = append(to.holds, g.held)
	}
	senders := []who{to}
	if !w.system() {
		senders = append(senders, w)
	}
	for _, a := range w.org.accounts {
		if i := a.invitation; i != nil && i.by == h.from && !i.accepted && m.meant(a, senders...) {
			h.invitations = append(h.invitations, a)
		}
	}
}

func (m *model) depart(w who, h *handover) outcome {
	end := nothing()
	switch h.then {
	case iam.ThenDisable:
		end = m.change(h.from, iam.Disabled, iam.Active, iam.Pending)
	case iam.ThenDelete:
		if m.last(h.from, iam.Disabled, nil) {
			return refused("last administrator")
		}
		end = does(func() {
			for id, holder := range w.org.held {
				if holder == h.from {
					m.endGrantsOn(w.org, id)
					delete(w.org.held, id)
				}
			}
			m.bury(h.from)
		})
	}
	if end.refuses() {
		return end
	}
	return does(func() {
		for _, b := range h.bindings {
			delete(h.from.bindings, b)
			h.to.bindings[b] = true
		}
		for _, g := range h.grants {
			g.end()
			g.to = h.to
			h.to.grants = append(h.to.grants, g)
		}
		for _, id := range h.devices {
			m.endGrantsOn(w.org, id)
			w.org.held[id] = h.to
		}
		for _, a := range h.invitations {
			a.invitation.by = h.to
		}
		end.then()
	})
}

// scoped is a scope as it is stored.
func scoped(s policy.Scope) policy.Scope {
	s.Permissions = slices.Compact(slices.Sorted(slices.Values(s.Permissions)))
	s.Projects = slices.Compact(slices.Sorted(slices.Values(s.Projects)))
	if s.AllProjects {
		s.Projects = nil
	}
	return s
}
