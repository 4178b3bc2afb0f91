package policy

// Permissions returns everything that the holder may do around a resource: each permission of the
// vocabulary, in its order, decided as if the resource were of the permission's kind. It is what a
// console needs to draw the buttons of a page. The id and the owner of around count for its own
// kind and the facets of it, or for every kind when it has none; for other kinds only its
// organisation, project and attributes do.
func (h *Holder) Permissions(around Resource) []Permission {
	if h == nil || h.policy == nil {
		return nil
	}
	var all []Permission
	for _, info := range h.policy.permissions {
		r := around
		if r.Kind = info.kind; around.Kind != "" && around.Kind.Base() != info.kind.Base() {
			r.ID, r.Owner = "", ""
		}
		if h.Can(info.action, r) {
			all = append(all, info.permission())
		}
	}
	return all
}

// RolesThatAllow are the roles by which somebody may do something to a resource, by where they are held.
type RolesThatAllow struct {
	Org      []Role // held in the organisation
	Project  []Role // held in the resource's project
	Resource []Role // held on the resource itself
}

// RolesThatAllow returns the roles that have a rule for it. A deny of another role and conditions
// are not weighed: it finds candidates, and [Holder.Can] decides about each.
func (p *Policy) RolesThatAllow(action Action, kind Kind) RolesThatAllow {
	var found RolesThatAllow
	if p == nil {
		return found
	}
	pi, known := p.index.find(kind, action)
	if !known {
		return found
	}
	for _, role := range p.roleOrder {
		var where situationSet
		for _, e := range p.roles[role].entriesOf(pi) {
			if !e.denies {
				where |= e.where
			}
		}
		for l, list := range []*[]Role{&found.Org, &found.Project, &found.Resource} {
			if where&(situationOf(level(l), false).set()|situationOf(level(l), true).set()) != 0 {
				*list = append(*list, role)
			}
		}
	}
	return found
}

// Sees reports whether the holder may know that the resource exists: it may do anything with it, or
// it may view or list what the resource is a facet of. Where no one resource is meant, as for "may I
// create a project here?", there is nothing to hide.
func (h *Holder) Sees(r Resource) bool {
	if h == nil || !h.active || r.Org == "" || r.Org != h.org {
		return false
	}
	if r.ID == "" && r.Project == "" {
		return true
	}
	for _, info := range h.policy.permissions {
		if info.kind == r.Kind && h.Can(info.action, r) {
			return true
		}
	}
	r.Kind = r.Kind.Base()
	return h.Can(View, r) || h.Can(List, r)
}
