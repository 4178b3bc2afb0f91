package policy

import "time"

// Can reports whether the holder may do the action to the resource. It reads memory only and
// allocates nothing. It always agrees with [Holder.Decide].
func (h *Holder) Can(action Action, r Resource) bool {
	if h == nil || !h.active || r.Org == "" || r.Org != h.org {
		return false
	}
	pi, known := h.policy.index.find(r.Kind, action)
	if !known {
		return false
	}
	if h.narrowed && !h.more.scope.covers(pi, r.Project) {
		return false
	}
	sum := h.sum(pi, &r)
	switch {
	case sum.denies():
		return false
	case sum.conditional():
		return h.weigh(pi, &r).allows()
	default:
		return sum.allows()
	}
}

// owns is the half of the situation that does not depend on where a role is held.
func (h *Holder) owns(r *Resource) bool { return r.Owner != "" && r.Owner == h.id }

// sum adds up the cells of everything that the holder has around the resource.
func (h *Holder) sum(pi int32, r *Resource) cell {
	var inOrg, inProject cell
	if table := h.orgWide[0]; table != nil {
		inOrg = table.cell(pi)
	}
	if table := h.orgWide[1]; table != nil {
		inOrg |= table.cell(pi)
	}
	if r.Project != "" {
		bound := h.in(r.Project)
		for i := range bound {
			inProject |= bound[i].table.cell(pi)
		}
	}
	own := h.owns(r)
	if h.more == nil {
		return inOrg.in(situationOf(levelOrg, own)) | inProject.in(situationOf(levelProject, own))
	}
	return h.sumOfMore(pi, r, own, inOrg, inProject)
}

// sumOfMore adds what few holders have to what all do.
func (h *Holder) sumOfMore(pi int32, r *Resource, own bool, inOrg, inProject cell) cell {
	for _, table := range h.more.roles {
		inOrg |= table.cell(pi)
	}
	open := r.Project != "" && h.more.open[r.Project]
	if open {
		inProject |= inOrg
	}
	for i := range h.more.orgWide {
		x := &h.more.orgWide[i]
		inOrg |= x.table.cell(pi)
		if open && !x.table.direct { // single permissions do not spread to open projects
			inProject |= x.table.cell(pi)
		}
	}
	if r.Project != "" && h.more.projects != nil {
		inProject |= sumOf(h.more.projects[r.Project], pi)
	}
	sum := inOrg.in(situationOf(levelOrg, own)) | inProject.in(situationOf(levelProject, own))
	if h.more.resources != nil && r.ID != "" {
		named := h.more.resources[resourceKey{r.Kind.Base(), r.ID}]
		sum |= sumOf(named, pi).in(situationOf(levelResource, own))
	}
	return sum
}

func sumOf(list []lease, pi int32) (sum cell) {
	for i := range list {
		sum |= list[i].table.cell(pi)
	}
	return sum
}

// held is something that the holder has around a resource, with where it has it.
type held struct {
	table *roleTable
	// project is where the role is bound; "" when it is held in the organisation.
	project ProjectID
	lease   *lease // nil for what is held for good
}

// grant returns the grant by which it is held.
func (x held) grant(org OrgID) Grant {
	switch {
	case x.lease != nil:
		return x.lease.grant
	case x.project != "":
		return GrantRole(x.table.name, AtProject(org, x.project))
	default:
		return GrantRole(x.table.name, AtOrg(org))
	}
}

// lasts reports whether it is held until the end; the zero end is never.
func (x held) lasts(end time.Time) bool { return x.lease == nil || x.lease.grant.lasts(end) }

// each calls visit for every rule that matches, but for its condition, until visit returns false.
// It goes over the same things as sum.
func (h *Holder) each(pi int32, r *Resource, visit func(x held, e *entry) bool) {
	own, rest := h.owns(r), h.rest()
	inOrg, inProject := situationOf(levelOrg, own), situationOf(levelProject, own)
	for table := range h.plain() {
		if !eachEntry(held{table: table}, pi, inOrg, visit) {
			return
		}
	}
	if !eachOf(rest.orgWide, pi, inOrg, visit) {
		return
	}
	if r.Project != "" {
		bound := h.in(r.Project)
		for i := range bound {
			if !eachEntry(held{table: bound[i].table, project: r.Project}, pi, inProject, visit) {
				return
			}
		}
		if !eachOf(rest.projects[r.Project], pi, inProject, visit) {
			return
		}
		if rest.open[r.Project] && !h.eachSpread(pi, inProject, visit) {
			return
		}
	}
	if r.ID != "" {
		eachOf(rest.resources[resourceKey{r.Kind.Base(), r.ID}], pi, situationOf(levelResource, own), visit)
	}
}

// eachSpread visits the roles of the organisation as if they were bound to a project.
func (h *Holder) eachSpread(pi int32, s situation, visit func(x held, e *entry) bool) bool {
	for table := range h.plain() {
		if !eachEntry(held{table: table}, pi, s, visit) {
			return false
		}
	}
	leases := h.rest().orgWide
	for i := range leases {
		if !leases[i].table.direct && !eachEntry(held{table: leases[i].table, lease: &leases[i]}, pi, s, visit) {
			return false
		}
	}
	return true
}

func eachOf(list []lease, pi int32, s situation, visit func(x held, e *entry) bool) bool {
	for i := range list {
		if !eachEntry(held{table: list[i].table, lease: &list[i]}, pi, s, visit) {
			return false
		}
	}
	return true
}

func eachEntry(x held, pi int32, s situation, visit func(x held, e *entry) bool) bool {
	entries := x.table.entriesOf(pi)
	for i := range entries {
		if entries[i].where&s.set() != 0 && !visit(x, &entries[i]) {
			return false
		}
	}
	return true
}

// verdict is what all matching rules say together.
type verdict struct {
	allow, deny, unmet          *entry
	allowHeld, denyHeld, unmetH held
}

func (v verdict) allows() bool { return v.allow != nil && v.deny == nil }

// weigh asks the conditions of the rules that match.
func (h *Holder) weigh(pi int32, r *Resource) (v verdict) {
	attrs := r.attrs
	h.each(pi, r, func(x held, e *entry) bool {
		met := e.condition == nil || e.condition.ask(attrs).matches(e.denies)
		switch {
		case e.denies && met:
			v.deny, v.denyHeld = e, x
			return false
		case e.denies:
		case met && v.allow == nil:
			v.allow, v.allowHeld = e, x
		case !met && v.unmet == nil:
			v.unmet, v.unmetH = e, x
		}
		return true
	})
	return v
}
