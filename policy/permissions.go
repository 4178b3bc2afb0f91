package policy

// Permissions returns everything that the holder may do around a resource: each permission of the
// vocabulary, in its order, decided as if the resource were of the permission's kind. The kind of
// around does not matter; its organisation, project, id, owner and attributes do. It is what a
// console needs to draw the buttons of a page.
func (h *Holder) Permissions(around Resource) []Permission {
	if h == nil || h.policy == nil {
		return nil
	}
	var all []Permission
	for _, info := range h.policy.permissions {
		around.Kind = info.kind
		if h.Can(info.action, around) {
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
	Owner    bool   // some of them suffice only for the owner of the resource
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
			others := where & situationOf(level(l), false).set()
			own := where & situationOf(level(l), true).set()
			if others|own != 0 {
				*list = append(*list, role)
			}
			found.Owner = found.Owner || others == 0 && own != 0
		}
	}
	return found
}

// Sees reports whether the holder may know that the resource exists: it may view or list it, or the
// resource that it is a facet of. A kind that knows neither is seen by whoever may do anything with
// it. Where no one resource is meant, as for "may I create a project here?", there is nothing to hide.
func (h *Holder) Sees(r Resource) bool {
	if h == nil || !h.active || r.Org == "" || r.Org != h.org {
		return false
	}
	if r.ID == "" && r.Project == "" {
		return true
	}
	facet, readable := r.Kind, false
	for _, kind := range []Kind{facet, facet.Base()} {
		r.Kind = kind
		for _, action := range []Action{View, List} {
			readable = readable || h.policy.Knows(kind, action)
			if h.Can(action, r) {
				return true
			}
		}
	}
	if readable {
		return false
	}
	r.Kind = facet
	for _, info := range h.policy.permissions {
		if info.kind == facet && h.Can(info.action, r) {
			return true
		}
	}
	return false
}
