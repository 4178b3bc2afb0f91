package policy

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
	if h.narrowed && !h.scope.covers(pi, r.Project) {
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
	own := h.owns(r)
	sum := sumOf(h.orgWide, pi).in(situationOf(levelOrg, own))
	if r.Project != "" {
		inProject := sumOf(h.bound(r.Project), pi)
		if h.open != nil && h.open[r.Project] {
			inProject |= sumOfRoles(h.orgWide, pi)
		}
		sum |= inProject.in(situationOf(levelProject, own))
	}
	if h.resources != nil && r.ID != "" {
		named := h.resources[resourceKey{r.Kind.Base(), r.ID}]
		sum |= sumOf(named, pi).in(situationOf(levelResource, own))
	}
	return sum
}

func sumOf(list []held, pi int32) (sum cell) {
	for i := range list {
		sum |= list[i].table.cell(pi)
	}
	return sum
}

// sumOfRoles leaves out single permissions: they do not spread to open projects.
func sumOfRoles(list []held, pi int32) (sum cell) {
	for i := range list {
		if !list[i].table.direct {
			sum |= list[i].table.cell(pi)
		}
	}
	return sum
}

// each calls visit for every rule that matches, but for its condition, until visit returns false.
// It goes over the same things as sum.
func (h *Holder) each(pi int32, r *Resource, visit func(x *held, e *entry) bool) {
	own := h.owns(r)
	for i := range h.orgWide {
		if !eachEntry(&h.orgWide[i], pi, situationOf(levelOrg, own), visit) {
			return
		}
	}
	if r.Project != "" {
		bound := h.bound(r.Project)
		for i := range bound {
			if !eachEntry(&bound[i], pi, situationOf(levelProject, own), visit) {
				return
			}
		}
		if h.open[r.Project] {
			for i := range h.orgWide {
				if !h.orgWide[i].table.direct && !eachEntry(&h.orgWide[i], pi, situationOf(levelProject, own), visit) {
					return
				}
			}
		}
	}
	if r.ID != "" {
		named := h.resources[resourceKey{r.Kind.Base(), r.ID}]
		for i := range named {
			if !eachEntry(&named[i], pi, situationOf(levelResource, own), visit) {
				return
			}
		}
	}
}

func eachEntry(x *held, pi int32, s situation, visit func(x *held, e *entry) bool) bool {
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
	allowHeld, denyHeld, unmetH *held
}

func (v verdict) allows() bool { return v.allow != nil && v.deny == nil }

// weigh asks the conditions of the rules that match.
func (h *Holder) weigh(pi int32, r *Resource) (v verdict) {
	attrs := r.attrs
	h.each(pi, r, func(x *held, e *entry) bool {
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
