package policy

import (
	"cmp"
	"slices"
	"time"
)

// Holder is somebody who holds grants in one organisation: a subject as this package sees it. It
// is immutable and safe for concurrent use. The nil Holder and the zero Holder hold nothing.
type Holder struct {
	policy *Policy
	id     AccountID
	org    OrgID
	active bool
	// narrowed is set where scope is: it stands among what every decision reads.
	narrowed bool

	orgWide  []held
	orgBuf   [2]held        // room for orgWide, beside what a decision reads anyway
	projects []boundProject // sorted by project, each once
	// A few projects are found by their tags, which stand here so that looking for one that is not
	// bound reads no other memory; many are found by name.
	tags   [linearProjects]uint64
	byName map[ProjectID]int32

	resources map[resourceKey][]held
	open      map[ProjectID]bool

	grants  []Grant // what the indexes of held point to
	expired []Grant
	scope   *narrowing
}

// HolderParams say who holds what.
type HolderParams struct {
	ID  AccountID
	Org OrgID
	// Inactive makes every decision a denial. Defaults to false.
	Inactive bool
	// Grants are what the holder has: roles in the organisation, bindings to projects, single
	// permissions. What the policy does not know, or what lies in another organisation, gives nothing.
	Grants []Grant
	// OpenProjects are open to every account of the organisation (E16): each role that is held in
	// the organisation counts as bound to them. Defaults to none.
	OpenProjects []ProjectID
	// Now is the time by which grants have ended or not. Defaults to the zero time: none has ended.
	Now time.Time
}

// held is a role, or a single permission, somewhere.
type held struct {
	table *roleTable
	grant int32 // index of Holder.grants
}

// boundProject is what is held in one project.
type boundProject struct {
	project ProjectID
	held    []held
}

// projectHeld is something held in a project, before it is grouped.
type projectHeld struct {
	project ProjectID
	held
}

// tagOf is the end of an id, where ids of one system differ most: projects are told apart by it
// before their ids are compared.
func tagOf(id ProjectID) uint64 { return tail(string(id)) }

type resourceKey struct {
	kind Kind
	id   string
}

// linearProjects is how many bindings are searched one by one before a map is faster.
const linearProjects = 8

// Holder makes a holder of what params say.
func (p *Policy) Holder(params HolderParams) *Holder {
	h := &Holder{policy: p, id: params.ID, org: params.Org, active: p != nil && !params.Inactive && params.ID != "" && params.Org != ""}
	h.grants = make([]Grant, 0, len(params.Grants))
	h.orgWide = h.orgBuf[:0]
	var inProjects []projectHeld
	for _, g := range params.Grants {
		if g.At.Org != h.org || p.CheckGrant(g) != nil {
			continue
		}
		if g.ExpiredAt(params.Now) {
			h.expired = append(h.expired, g)
			continue
		}
		h.add(g, &inProjects)
	}
	h.group(inProjects)
	if len(params.OpenProjects) > 0 {
		h.open = make(map[ProjectID]bool, len(params.OpenProjects))
		for _, project := range params.OpenProjects {
			if project != "" {
				h.open[project] = true
			}
		}
	}
	return h
}

// add takes a grant into the holder; what lies in projects is collected for group.
func (h *Holder) add(g Grant, inProjects *[]projectHeld) {
	x := held{grant: int32(len(h.grants))}
	if g.Permission != "" {
		pi, _ := h.policy.permission(g.Permission)
		x.table = h.policy.direct[pi]
	} else {
		x.table = h.policy.roles[g.Role]
	}
	h.grants = append(h.grants, g)
	switch g.At.level() {
	case levelOrg:
		h.orgWide = append(h.orgWide, x)
	case levelProject:
		*inProjects = append(*inProjects, projectHeld{g.At.Project, x})
	case levelResource:
		if h.resources == nil {
			h.resources = make(map[resourceKey][]held)
		}
		key := resourceKey{g.At.Kind, g.At.ID}
		h.resources[key] = append(h.resources[key], x)
	}
}

// group makes one entry of each project, and an index when there are many.
func (h *Holder) group(list []projectHeld) {
	slices.SortStableFunc(list, func(a, b projectHeld) int { return cmp.Compare(a.project, b.project) })
	all := make([]held, len(list))
	for i := 0; i < len(list); {
		from, project := i, list[i].project
		for ; i < len(list) && list[i].project == project; i++ {
			all[i] = list[i].held
		}
		h.projects = append(h.projects, boundProject{project, all[from:i:i]})
	}
	if len(h.projects) <= linearProjects {
		for i := range h.projects {
			h.tags[i] = tagOf(h.projects[i].project)
		}
		return
	}
	h.byName = make(map[ProjectID]int32, len(h.projects))
	for i := range h.projects {
		h.byName[h.projects[i].project] = int32(i)
	}
}

// bound returns what is held in the project.
func (h *Holder) bound(project ProjectID) []held {
	if h.byName != nil {
		if i, ok := h.byName[project]; ok {
			return h.projects[i].held
		}
		return nil
	}
	tag := tagOf(project)
	for i := range min(len(h.projects), linearProjects) {
		if h.tags[i] == tag && h.projects[i].project == project {
			return h.projects[i].held
		}
	}
	return nil
}

// ID returns the account that holds.
func (h *Holder) ID() AccountID {
	if h == nil {
		return ""
	}
	return h.id
}

// Active reports whether the holder may do anything at all.
func (h *Holder) Active() bool { return h != nil && h.active }

// Org returns the organisation in which it holds.
func (h *Holder) Org() OrgID {
	if h == nil {
		return ""
	}
	return h.org
}

// Policy returns the policy by which the holder is decided; nil for the zero Holder.
func (h *Holder) Policy() *Policy {
	if h == nil {
		return nil
	}
	return h.policy
}

// Grants returns what is held, whatever a scope leaves of it: grants that ended, that the policy does
// not know or that lie in another organisation are not among them.
func (h *Holder) Grants() []Grant {
	if h == nil {
		return nil
	}
	return slices.Clone(h.grants)
}

// Effective returns what decides: nothing for an inactive holder, and otherwise the grants, with
// the roles of the organisation bound to every open project. It is nothing for a narrowed holder too,
// for no grants say what a scope leaves: see [Holder.Within].
func (h *Holder) Effective() []Grant {
	if h == nil || !h.active || h.narrowed {
		return nil
	}
	all := slices.Clone(h.grants)
	for project := range h.open {
		for _, x := range h.orgWide {
			if !x.table.direct {
				all = append(all, GrantRole(h.grants[x.grant].Role, AtProject(h.org, project)))
			}
		}
	}
	return all
}

// Roles returns the roles held in the whole organisation, in the order in which they were given, whatever
// a scope leaves of them.
func (h *Holder) Roles() []Role {
	if h == nil {
		return nil
	}
	var roles []Role
	for _, x := range h.orgWide {
		if !x.table.direct && !slices.Contains(roles, x.table.name) {
			roles = append(roles, x.table.name)
		}
	}
	return roles
}
