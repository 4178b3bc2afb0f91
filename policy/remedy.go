package policy

import (
	"cmp"
	"slices"
)

// Remedy is a grant that would turn a denial into an allow, and the roles whose holders may give it.
type Remedy struct {
	Grant Grant
	// Gives is how many permissions the grant brings in all: 1 for a single permission.
	Gives int
	// Givers are the roles that may give it, in the order of the policy: none when it is the
	// system's alone.
	Givers []Role
}

// Remedies returns the grants that would allow what was denied, the smallest first: the single
// permission on the resource, in its project or in the organisation, a binding to the project, a
// role in the organisation. Roles that nobody may give are left out. It is empty when no grant helps: for an allow, a deny rule, a condition
// that does not hold, another organisation, an unknown kind or action, an account that is not active, and
// whatever a scope takes away.
func (d Decision) Remedies() []Remedy {
	switch d.Reason {
	case NoGrant, ReadOnly, Expired:
	default:
		return nil
	}
	if d.holder == nil { // made by hand
		return nil
	}
	p, r := d.holder.policy, d.Resource
	pi, _ := p.index.find(r.Kind, d.Action)
	if !d.holder.leaves(pi, r.Project) {
		return nil
	}
	var found []Remedy
	for _, g := range p.helpful(p.permissions[pi].permission(), r) {
		if !d.holder.wouldAllow(g, pi, &r) {
			continue
		}
		givers := p.givers(g)
		if g.Role != "" && givers == nil {
			continue // such as root, which is nobody's to give
		}
		found = append(found, Remedy{Grant: g, Gives: p.size(g), Givers: givers})
	}
	slices.SortStableFunc(found, func(a, b Remedy) int { return cmp.Compare(a.Gives, b.Gives) })
	return found
}

// helpful returns the grants that could matter for the resource, the narrowest places first.
func (p *Policy) helpful(name Permission, r Resource) []Grant {
	var grants []Grant
	if r.ID != "" {
		grants = append(grants, GrantPermission(name, AtResource(r.Org, r.Kind, r.ID)))
	}
	if r.Project != "" {
		grants = append(grants, GrantPermission(name, AtProject(r.Org, r.Project)))
	}
	grants = append(grants, GrantPermission(name, AtOrg(r.Org)))
	for _, role := range p.roleOrder {
		if !role.UsableIn(r.Org) {
			continue
		}
		if r.Project != "" && p.roles[role].bindable {
			grants = append(grants, GrantRole(role, AtProject(r.Org, r.Project)))
		} else {
			grants = append(grants, GrantRole(role, AtOrg(r.Org)))
		}
	}
	return grants
}

// size counts the permissions that a grant brings.
func (p *Policy) size(g Grant) int {
	if g.Permission != "" {
		return 1
	}
	return len(p.PermissionsOf(g.Role))
}

// givers returns the shipped roles that could give the grant when held in the whole organisation.
func (p *Policy) givers(g Grant) []Role {
	var givers []Role
	for _, role := range p.roleOrder {
		if len(p.gives[role]) == 0 || !role.UsableIn(g.At.Org) {
			continue
		}
		h := p.Holder(HolderParams{ID: "giver", Org: g.At.Org, Grants: []Grant{GrantRole(role, AtOrg(g.At.Org))}})
		if h.MayGrant(g) == nil {
			givers = append(givers, role)
		}
	}
	return givers
}
