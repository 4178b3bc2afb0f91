package policy

import "slices"

// Scope is what a holder is narrowed to: see [Holder.Within]. It never gives anything. The zero Scope
// leaves nothing.
type Scope struct {
	// Permissions are what may be done. What the policy does not know counts for nothing. Defaults to none.
	Permissions []Permission
	// AllProjects leaves the whole organisation, with what lies outside of projects. Defaults to Projects alone.
	AllProjects bool
	// Projects are those whose resources are left; with AllProjects they do not count. Defaults to none.
	Projects []ProjectID
}

// narrowing is a scope as decisions read it. It is immutable, and shared by the holders that it narrows.
type narrowing struct {
	permissions []uint64 // a bit for each permission of the policy
	everywhere  bool
	projects    []ProjectID // sorted, each once
}

// Within returns the holder narrowed to a scope: it may do what h may do and the scope has, where h
// may do it and the scope reaches. A resource in no project is reached with AllProjects only. What
// the scope takes away is denied with [OutOfScope]. A narrowed holder gives nothing to anybody
// (SB-61), and one that is narrowed again has what both scopes leave.
func (h *Holder) Within(scope Scope) *Holder {
	if h == nil || h.policy == nil {
		return h // which may do nothing
	}
	n := &narrowing{
		permissions: make([]uint64, (len(h.policy.permissions)+63)/64),
		everywhere:  scope.AllProjects,
	}
	for _, name := range scope.Permissions {
		if pi, known := h.policy.permission(name); known {
			n.permissions[pi/64] |= 1 << (pi % 64)
		}
	}
	if !n.everywhere {
		n.projects = slices.DeleteFunc(slices.Clone(scope.Projects), func(p ProjectID) bool { return p == "" })
		n.projects = sortedSet(n.projects)
	}
	if h.narrowed {
		n.intersect(h.more.scope)
	}
	within, rest := *h, *h.rest()
	rest.scope = n
	within.narrowed, within.more = true, &rest
	return &within
}

// Narrowed reports whether the holder was narrowed to a scope.
func (h *Holder) Narrowed() bool { return h != nil && h.narrowed }

// intersect takes away what another scope does not leave.
func (n *narrowing) intersect(other *narrowing) {
	for i := range n.permissions {
		n.permissions[i] &= other.permissions[i]
	}
	switch {
	case n.everywhere:
		n.everywhere, n.projects = other.everywhere, other.projects
	case !other.everywhere:
		n.projects = other.those(n.projects)
	}
}

// has reports whether the permission is in the scope.
func (n *narrowing) has(pi int32) bool { return n.permissions[pi/64]&(1<<(pi%64)) != 0 }

// reaches reports whether the scope reaches what lies in the project; "" is outside of every project.
func (n *narrowing) reaches(project ProjectID) bool {
	if n.everywhere {
		return true
	}
	_, found := slices.BinarySearch(n.projects, project)
	return found
}

// those returns the projects that the scope reaches, in their order.
func (n *narrowing) those(projects []ProjectID) []ProjectID {
	kept := make([]ProjectID, 0, min(len(projects), len(n.projects)))
	for _, project := range projects {
		if n.reaches(project) {
			kept = append(kept, project)
		}
	}
	return kept
}

// covers reports whether the scope leaves the permission on a resource in the project.
func (n *narrowing) covers(pi int32, project ProjectID) bool { return n.has(pi) && n.reaches(project) }

// leaves reports whether nothing keeps the holder from using a permission that it has in the project.
func (h *Holder) leaves(pi int32, project ProjectID) bool {
	return !h.narrowed || h.more.scope.covers(pi, project)
}

// clauses narrows the clauses of a reach: each keeps what lies in the scope's projects.
func (n *narrowing) clauses(list []Clause) []Clause {
	if n.everywhere {
		return list
	}
	var kept []Clause
	for _, c := range list {
		if c.Projects == nil {
			c.Projects = slices.Clone(n.projects)
		} else {
			c.Projects = n.those(c.Projects)
		}
		if len(c.Projects) > 0 {
			kept = append(kept, c)
		}
	}
	return kept
}
