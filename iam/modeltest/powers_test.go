package modeltest_test

import (
	"slices"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// who acts: the system, an account as it stands, one by a session that keeps what it was opened with (L10), or
// one by a key.
type who struct {
	book    *rulebook
	now     time.Time
	org     *org
	account *account // nil for the system
	holds   []held
	open    map[policy.ProjectID]bool
	key     *apiKey
	scope   *policy.Scope
	actor   iam.Actor
	as      string // in a story
}

func (w who) system() bool { return w.account == nil }

// holds is all that an account has, also what has ended.
func (a *account) holds() []held {
	var all []held
	for _, role := range a.roles {
		all = append(all, held{role: role})
	}
	for b := range a.bindings {
		all = append(all, held{role: b.role, at: place{project: b.project}})
	}
	for _, g := range a.grants {
		all = append(all, g.held)
	}
	return all
}

func (m *model) standing(a *account) who {
	open := map[policy.ProjectID]bool{}
	for project, is := range a.org.projects {
		open[project] = is
	}
	return who{book: m.book, now: m.now(), org: a.org, account: a, holds: a.holds(), open: open, as: a.nick}
}

// may asks a row of the policy about the whole organisation or a project. An empty row is the system's alone.
func (w who) may(need policy.Permission, project policy.ProjectID) bool {
	return w.system() || need != "" && w.has(need, "", place{project: project}, false, time.Time{}, true)
}

// mayOwn asks it about what the actor holds itself.
func (w who) mayOwn(need policy.Permission, id string) bool {
	return w.system() || need != "" && w.has(need, "", place{id: id}, true, time.Time{}, true)
}

// has reports whether it can be done with everything at the place until a time. For whom it is asked whether something
// can be done now, whatever ends later counts too.
func (w who) has(name policy.Permission, condition string, at place, own bool, until time.Time, now bool) bool {
	if w.account == nil || w.account.gone || w.account.status != iam.Active {
		return false
	}
	if w.scope != nil && (!slices.Contains(w.scope.Permissions, name) || !w.scope.AllProjects && !slices.Contains(w.scope.Projects, at.project)) {
		return false
	}
	return slices.ContainsFunc(w.holds, func(h held) bool {
		if h.endedAt(w.now) || !now && !h.lasts(until) || !h.at.around(at) {
			return false
		}
		if h.permission != "" {
			return h.permission == name
		}
		return slices.ContainsFunc(w.book.rows[h.role], func(r row) bool {
			if r.permission != name || r.condition != "always" && r.condition != condition {
				return false
			}
			switch r.reach {
			case "own":
				return own
			case "project":
				return at.project != "" && (h.at.project == at.project || h.at == place{} && w.open[at.project])
			}
			return true
		})
	})
}

// mayGive is the ceiling: nobody gives what they lack, nor a role that none of theirs gives (SB-61).
func (w who) mayGive(g held) bool {
	switch {
	case w.system():
		return true
	case w.account.gone || w.account.status != iam.Active || w.scope != nil:
		return false
	case g.permission != "":
		return w.has(g.permission, "always", g.at, false, g.until, false)
	}
	gives := func(h held) bool {
		return h.role != "" && !h.endedAt(w.now) && h.lasts(g.until) && slices.Contains(w.book.gives[h.role], g.role) && (h.at == place{} || h.at == g.at)
	}
	lacks := func(r row) bool { return !w.has(r.permission, r.condition, g.at, r.reach == "own", g.until, false) }
	return slices.ContainsFunc(w.holds, gives) && !slices.ContainsFunc(w.book.rows[g.role], lacks)
}

// mayGiveOn is the ceiling for one permission on a resource that the actor has before it: with its project, or its own.
func (w who) mayGiveOn(name policy.Permission, at place, own bool, until time.Time) bool {
	return w.system() || w.scope == nil && w.has(name, "", at, own, until, false)
}

// target says how the actor is kept from an account, and "" when it is not (SB-62, SB-67).
func (w who) target(a *account) string {
	switch {
	case a == nil || a.gone || a.org != w.org:
		return notFound
	case w.system():
		return ""
	case w.scope != nil:
		return forbidden
	case a.root:
		if a != w.account {
			return forbidden
		}
		return ""
	}
	for _, role := range a.roles {
		if !w.mayGive(held{role: role}) {
			return forbidden
		}
	}
	for _, g := range a.grants {
		if g.role != "" && !g.endedAt(w.now) && !w.mayGive(g.held) {
			return forbidden
		}
	}
	return ""
}

// mayBecome asks whether the actor could do as much as the account by itself (SB-62).
func (w who) mayBecome(a *account) bool {
	if w.system() || w.account == a {
		return true
	}
	return !slices.ContainsFunc(a.grants, func(g *grant) bool { return !g.endedAt(w.now) && !w.mayGive(g.held) })
}

// inPerson is for what an account does about itself: not the system, no key, nobody who is not active.
func (w who) inPerson() bool {
	return !w.system() && w.scope == nil && !w.account.gone && w.account.status == iam.Active
}

// stands reports whether the actor stands above an account in the tree (D9).
func (w who) stands(a *account) bool {
	switch {
	case w.system():
		return true
	case a == w.account || a.root:
		return false
	case w.account.root:
		return true
	}
	for at := a; !at.root && at.above != nil; at = at.above {
		if at.above == w.account {
			return true
		}
	}
	return false
}

// below says how the actor is kept from what only those do who stand above an account.
func (w who) below(a *account) string {
	if class := w.target(a); class != "" {
		return class
	}
	if !w.stands(a) {
		return forbidden
	}
	return ""
}

// receiver is below, or oneself.
func (w who) receiver(a *account) string {
	if a != nil && a == w.account {
		return ""
	}
	return w.below(a)
}

// onAccount guards a change of an account by somebody who may do such things.
func (w who) onAccount(need policy.Permission, a *account) string {
	if !w.may(need, "") {
		return forbidden
	}
	return w.target(a)
}
