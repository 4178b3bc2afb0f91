package modeltest_test

import (
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// bind predicts binding one account, or taking a binding away.
func (m *model) bind(w who, a *account, b binding, take bool) outcome {
	switch {
	case !w.may(m.book.bind, b.project):
		return refused(forbidden)
	case !slices.Contains(m.book.bindable, b.role):
		return onField("Role")
	}
	if class := w.target(a); class != "" {
		return refused(class)
	}
	if take {
		if !w.mayGive(held{role: b.role, at: place{project: b.project}}) {
			return refused(forbidden)
		}
		return does(func() { delete(a.bindings, b) })
	}
	if class := m.mayBind(w, a.status, a.roles, b); class != "" {
		return refused(class)
	}
	return does(func() { a.bindings[b] = true })
}

func (m *model) mayBind(w who, status iam.Status, roles []policy.Role, b binding) string {
	switch {
	case !w.mayGive(held{role: b.role, at: place{project: b.project}}):
		return forbidden
	case status == iam.Disabled:
		return "field Account"
	case !slices.Contains(roles, b.role):
		return "field Role"
	}
	return ""
}

// chooseProject predicts opening a project to all, or closing it.
func (m *model) chooseProject(w who, project policy.ProjectID, open bool) outcome {
	if !w.may(m.book.bind, project) {
		return refused(forbidden)
	}
	for _, role := range m.book.bindable {
		if !w.mayGive(held{role: role, at: place{project: project}}) {
			return refused(forbidden)
		}
	}
	return does(func() { w.org.projects[project] = open })
}

func (m *model) forgetProject(w who, project policy.ProjectID) outcome {
	if !w.may(m.book.forget, project) {
		return refused(forbidden)
	}
	return does(func() {
		delete(w.org.projects, project)
		for _, a := range w.org.accounts {
			for b := range a.bindings {
				if b.project == project {
					delete(a.bindings, b)
				}
			}
			a.grants = slices.DeleteFunc(a.grants, func(g *grant) bool { return g.at.project == project })
			for _, k := range a.keys {
				k.scope.Projects = slices.DeleteFunc(slices.Clone(k.scope.Projects), func(p policy.ProjectID) bool { return p == project })
			}
		}
	})
}

// giveGrant predicts a grant. In a project, the actor is asked about the very resource that it has before it.
func (m *model) giveGrant(w who, a *account, g held, on *place, made *grant) outcome {
	may := func() bool { return w.mayGive(g) }
	if on != nil {
		may = func() bool { return w.mayGiveOn(g.permission, *on, false, g.until) }
	}
	switch {
	case !w.may(m.book.giveGrants, ""):
		return refused(forbidden)
	case g.endedAt(m.now()):
		return onField("Grant.Expires")
	case g.role != "" && m.book.rootOnly(g.role):
		return onField("Grant.Role")
	case !may():
		return refused(forbidden)
	}
	if class := m.notShared(w, g); class != "" {
		return refused(class)
	}
	if class := w.target(a); class != "" {
		return refused(class)
	}
	if a.root {
		return refused("root")
	}
	return does(func() {
		made.held, made.to = g, a
		a.grants = append(a.grants, made)
	})
}

// notShared keeps what is held to those who have the say about it (D8).
func (m *model) notShared(w who, g held) string {
	holder := w.org.held[g.at.id]
	if !m.book.quotas || g.at.id == "" || holder == nil || w.system() || holder == w.account {
		return ""
	}
	return w.below(holder)
}

func (m *model) revokeGrant(w who, g *grant) outcome {
	switch {
	case !w.may(m.book.giveGrants, ""):
		return refused(forbidden)
	case !m.there(w.org, g):
		return refused(notFound)
	}
	if class := w.target(g.to); class != "" {
		return refused(class)
	}
	return does(func() { g.end() })
}

// there reports whether the organisation has the grant.
func (m *model) there(o *org, g *grant) bool {
	return g != nil && g.to.org == o && !g.to.gone && slices.Contains(g.to.grants, g)
}

func (g *grant) end() {
	g.to.grants = slices.DeleteFunc(g.to.grants, func(other *grant) bool { return other == g })
}
