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
	pi, known := p.index[permissionKey{kind, action}]
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
