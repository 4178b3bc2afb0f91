package policy

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// Holder is somebody who holds grants in one organisation: a subject as this package sees it. It
// is immutable and safe for concurrent use. The nil Holder and the zero Holder hold nothing. It is small, for
// a process keeps many: a role that is held for good costs a pointer, with its project where it is bound.
type Holder struct {
	policy *Policy
	id     AccountID
	org    OrgID
	active bool
	// narrowed is set where there is a scope: it stands among what every decision reads.
	narrowed bool

	orgWide [2]*roleTable  // roles held in the organisation for good, beside what a decision reads anyway
	bound   []boundRole    // roles bound to projects for good, sorted by project
	tags    [linear]uint32 // of bound, while they are few: looking for a project that is not bound reads nothing else
	more    *more          // nil for most
}

// more is what few holders have.
type more struct {
	roles []*roleTable // held in the organisation for good, behind the first two

	byName map[ProjectID]span // where a project stands among many bound ones

	// What ends at some time, single permissions, and everything that is held on one resource.
	orgWide   []lease
	projects  map[ProjectID][]lease
	resources map[resourceKey][]lease

	open    map[ProjectID]bool
	expired []Grant
	scope   *narrowing
}

// boundRole is a role in a project.
type boundRole struct {
	project ProjectID
	table   *roleTable
}

// lease is something that is held by a grant which must be kept, for it says more than its table and its place.
type lease struct {
	table *roleTable
	grant Grant
}

// span are consecutive elements of Holder.bound.
type span struct{ from, to int32 }

// none is the more of those that have nothing of it. It is never written to.
var none more

// rest returns what few have, and is never nil.
func (h *Holder) rest() *more {
	if h.more == nil {
		return &none
	}
	return h.more
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

// tagOf is made of the end of an id, where ids of one system differ most: projects are told apart by it
// before their ids are compared.
func tagOf(id ProjectID) uint32 {
	end := tail(string(id))
	return uint32(end) ^ uint32(end>>32)
}

type resourceKey struct {
	kind Kind
	id   string
}

func (k resourceKey) compare(other resourceKey) int {
	return cmp.Or(cmp.Compare(k.kind, other.kind), cmp.Compare(k.id, other.id))
}

// linear is how many bindings are searched one by one before a map is faster.
const linear = 8

// Holder makes a holder of what params say.
func (p *Policy) Holder(params HolderParams) *Holder {
	h := &Holder{policy: p, id: params.ID, org: params.Org, active: p != nil && !params.Inactive && params.ID != "" && params.Org != ""}
	inProjects := 0
	for i := range params.Grants {
		if params.Grants[i].At.level() == levelProject {
			inProjects++
		}
	}
	if inProjects > 0 {
		h.bound = make([]boundRole, 0, inProjects)
	}
	for _, g := range params.Grants {
		switch {
		case g.At.Org != h.org || p.CheckGrant(g) != nil:
		case g.ExpiredAt(params.Now):
			h.own().expired = append(h.more.expired, g)
		default:
			h.add(g)
		}
	}
	h.group()
	for _, project := range params.OpenProjects {
		if project == "" {
			continue
		}
		if h.own().open == nil {
			h.more.open = make(map[ProjectID]bool, len(params.OpenProjects))
		}
		h.more.open[project] = true
	}
	return h
}

// own returns the holder's more, while it is made.
func (h *Holder) own() *more {
	if h.more == nil {
		h.more = new(more)
	}
	return h.more
}

// add takes a grant into the holder. Behind the last one comes group.
func (h *Holder) add(g Grant) {
	var table *roleTable
	if g.Permission != "" {
		pi, _ := h.policy.permission(g.Permission)
		table = h.policy.direct[pi]
	} else {
		table = h.policy.roles[g.Role]
	}
	plain := g.Permission == "" && g.Expires.IsZero()
	switch level := g.At.level(); {
	case level == levelOrg && plain && h.orgWide[0] == nil:
		h.orgWide[0] = table
	case level == levelOrg && plain && h.orgWide[1] == nil:
		h.orgWide[1] = table
	case level == levelOrg && plain:
		h.own().roles = append(h.more.roles, table)
	case level == levelOrg:
		h.own().orgWide = append(h.more.orgWide, lease{table, g})
	case level == levelProject && plain:
		h.bound = append(h.bound, boundRole{g.At.Project, table})
	case level == levelProject:
		if h.own().projects == nil {
			h.more.projects = make(map[ProjectID][]lease)
		}
		h.more.projects[g.At.Project] = append(h.more.projects[g.At.Project], lease{table, g})
	default:
		if h.own().resources == nil {
			h.more.resources = make(map[resourceKey][]lease)
		}
		key := resourceKey{g.At.Kind, g.At.ID}
		h.more.resources[key] = append(h.more.resources[key], lease{table, g})
	}
}

// group puts the bound roles of each project together, and makes an index when there are many.
func (h *Holder) group() {
	slices.SortStableFunc(h.bound, func(a, b boundRole) int { return cmp.Compare(a.project, b.project) })
	if len(h.bound) <= linear {
		for i := range h.bound {
			h.tags[i] = tagOf(h.bound[i].project)
		}
		return
	}
	h.own().byName = make(map[ProjectID]span, len(h.bound))
	for from := 0; from < len(h.bound); {
		to := h.endOf(from)
		h.more.byName[h.bound[from].project] = span{int32(from), int32(to)}
		from = to
	}
}

// endOf returns where the bound roles of a project end that begin at from.
func (h *Holder) endOf(from int) int {
	to := from + 1
	for to < len(h.bound) && h.bound[to].project == h.bound[from].project {
		to++
	}
	return to
}

// in returns the roles that are bound to the project.
func (h *Holder) in(project ProjectID) []boundRole {
	if len(h.bound) > linear {
		at := h.more.byName[project]
		return h.bound[at.from:at.to]
	}
	tag := tagOf(project)
	for i := range h.bound {
		if h.tags[i] == tag && h.bound[i].project == project {
			return h.bound[i:h.endOf(i)]
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
// not know or that lie in another organisation are not among them. The roles of the organisation come first, in
// the order in which they were given.
func (h *Holder) Grants() []Grant {
	if h == nil {
		return nil
	}
	return slices.Collect(h.grants())
}

// grants are those of Grants.
func (h *Holder) grants() iter.Seq[Grant] {
	return func(yield func(Grant) bool) {
		for table := range h.plain() {
			if !yield(GrantRole(table.name, AtOrg(h.org))) {
				return
			}
		}
		for i := range h.bound {
			if !yield(GrantRole(h.bound[i].table.name, AtProject(h.org, h.bound[i].project))) {
				return
			}
		}
		for x := range h.rest().leases() {
			if !yield(x.grant) {
				return
			}
		}
	}
}

// leases are everything that is held by a lease, in the order of places.
func (m *more) leases() iter.Seq[*lease] {
	return func(yield func(*lease) bool) {
		lists := [][]lease{m.orgWide}
		for _, project := range slices.Sorted(maps.Keys(m.projects)) {
			lists = append(lists, m.projects[project])
		}
		for _, key := range slices.SortedFunc(maps.Keys(m.resources), resourceKey.compare) {
			lists = append(lists, m.resources[key])
		}
		for _, list := range lists {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// Effective returns what decides: nothing for an inactive holder, and otherwise the grants, with
// the roles of the organisation bound to every open project. It is nothing for a narrowed holder too,
// for no grants say what a scope leaves: see [Holder.Within].
func (h *Holder) Effective() []Grant {
	if h == nil || !h.active || h.narrowed {
		return nil
	}
	all := h.Grants()
	for project := range h.rest().open {
		for table := range h.roleTables() {
			all = append(all, GrantRole(table.name, AtProject(h.org, project)))
		}
	}
	return all
}

// Roles returns the roles held in the whole organisation, in the order in which they were given, those that
// end last, whatever a scope leaves of them.
func (h *Holder) Roles() []Role {
	if h == nil {
		return nil
	}
	var roles []Role
	for table := range h.roleTables() {
		if !slices.Contains(roles, table.name) {
			roles = append(roles, table.name)
		}
	}
	return roles
}

// roleTables are the roles held in the whole organisation.
func (h *Holder) roleTables() iter.Seq[*roleTable] {
	return func(yield func(*roleTable) bool) {
		for table := range h.plain() {
			if !yield(table) {
				return
			}
		}
		for _, x := range h.rest().orgWide {
			if !x.table.direct && !yield(x.table) {
				return
			}
		}
	}
}

// plain are the roles held in the whole organisation for good.
func (h *Holder) plain() iter.Seq[*roleTable] {
	return func(yield func(*roleTable) bool) {
		for _, table := range h.orgWide {
			if table == nil || !yield(table) {
				return
			}
		}
		for _, table := range h.rest().roles {
			if !yield(table) {
				return
			}
		}
	}
}
