package policy

import (
	"slices"
)

// Reach is the answer to "on which resources of a kind may the subject do this?", as data that can
// become a WHERE clause: see store.InReach. It holds for the holder that it was asked of, and is
// immutable. The zero Reach contains nothing.
type Reach struct {
	org         OrgID
	subject     AccountID
	kind        Kind
	allow, deny []Clause
}

// Whose narrows a clause by the owner of the resource.
type Whose uint8

// The values of Whose.
const (
	Anyones Whose = iota // whoever owns it
	Own                  // owned by the subject
	Others               // not owned by the subject
)

// Clause is a set of resources within the organisation: those that meet everything that is set. With
// nothing set, it is the whole organisation.
type Clause struct {
	Projects  []ProjectID // sorted, without duplicates; nil for anywhere
	IDs       []string    // sorted, without duplicates; nil for any
	Whose     Whose
	Condition *Condition // nil for always; must hold too
}

// Reach returns the resources of a kind on which the holder may do the action.
func (h *Holder) Reach(action Action, kind Kind) Reach {
	if h == nil || !h.active {
		return Reach{}
	}
	pi, known := h.policy.index.find(kind, action)
	if !known {
		return Reach{}
	}
	reach := Reach{org: h.org, subject: h.id, kind: kind}
	if h.narrowed && !h.more.scope.has(pi) {
		return reach
	}
	rest := h.rest()
	b := reachBuilder{pi: pi, projects: len(h.bound)}
	for table := range h.plain() {
		b.add(table, levelOrg, "", "")
	}
	for i := range rest.orgWide {
		b.add(rest.orgWide[i].table, levelOrg, "", "")
	}
	for i := range h.bound {
		if i == 0 || h.bound[i].project != h.bound[i-1].project {
			b.visit++
		}
		b.add(h.bound[i].table, levelProject, h.bound[i].project, "")
	}
	b.unsorted = len(rest.projects)+len(rest.open) > 0
	for _, project := range sortedKeys(rest.projects) {
		b.visit++
		for i := range rest.projects[project] {
			b.add(rest.projects[project][i].table, levelProject, project, "")
		}
	}
	for _, project := range sortedKeys(rest.open) {
		b.visit++
		for table := range h.roleTables() {
			b.add(table, levelProject, project, "")
		}
	}
	base := kind.Base()
	for key, named := range rest.resources {
		for i := range named {
			if key.kind == base {
				b.add(named[i].table, levelResource, "", key.id)
			}
		}
	}
	reach.allow, reach.deny = b.finish(b.allow), b.finish(b.deny)
	if h.narrowed {
		reach.allow = h.more.scope.clauses(reach.allow)
	}
	return reach
}

// reachBuilder collects clauses; those that differ in projects or ids only become one.
type reachBuilder struct {
	pi          int32
	projects    int  // how many there may be
	unsorted    bool // whether projects may come twice, or out of order
	visit       int  // counts the projects, so that each is added to a clause once
	allow, deny []*levelClause

	// What was added last, and to which clauses: the next project mostly holds the same role.
	last      *roleTable
	lastLevel level
	lastTo    []*levelClause
}

type levelClause struct {
	level level
	visit int // the last project that was added
	Clause
}

func (b *reachBuilder) add(table *roleTable, l level, project ProjectID, id string) {
	if table != b.last || l != b.lastLevel {
		b.last, b.lastLevel, b.lastTo = table, l, b.clauses(table, l)
	}
	for _, c := range b.lastTo {
		switch l {
		case levelProject:
			if c.visit != b.visit {
				c.visit = b.visit
				c.Projects = append(c.Projects, project)
			}
		case levelResource:
			c.IDs = append(c.IDs, id)
		}
	}
}

// clauses returns those that what is held at the level belongs to, and makes them where they are missing.
func (b *reachBuilder) clauses(table *roleTable, l level) []*levelClause {
	if table.cell(b.pi) == 0 {
		return nil
	}
	var to []*levelClause
	entries := table.entriesOf(b.pi)
	for i := range entries {
		e := &entries[i]
		others := e.where&situationOf(l, false).set() != 0
		own := e.where&situationOf(l, true).set() != 0
		whose := Anyones
		switch {
		case !others && !own:
			continue
		case !others:
			whose = Own
		case !own:
			whose = Others
		}
		list := &b.allow
		if e.denies {
			list = &b.deny
		}
		c := clauseFor(list, levelClause{level: l, Clause: Clause{Whose: whose, Condition: e.condition}})
		if l == levelProject && c.Projects == nil {
			c.Projects = make([]ProjectID, 0, b.projects)
		}
		to = append(to, c)
	}
	return to
}

// clauseFor returns the clause of the list that is like want, and adds it when there is none.
func clauseFor(list *[]*levelClause, want levelClause) *levelClause {
	for _, c := range *list {
		if c.level == want.level && c.Whose == want.Whose && c.Condition == want.Condition {
			return c
		}
	}
	*list = append(*list, &want)
	return &want
}

// finish sorts the clauses' ids, and leaves out what a whole-organisation clause already says.
func (b *reachBuilder) finish(list []*levelClause) []Clause {
	var clauses []Clause
	for _, c := range list {
		if c.level == levelOrg && c.Whose == Anyones && c.Condition == nil {
			return []Clause{c.Clause}
		}
		if b.unsorted {
			c.Projects = sortedSet(c.Projects)
		}
		c.IDs = sortedSet(c.IDs)
		clauses = append(clauses, c.Clause)
	}
	return clauses
}

func sortedSet[T ~string](ids []T) []T {
	if !slices.IsSorted(ids) {
		slices.Sort(ids)
	}
	return slices.Clip(slices.Compact(ids))
}

func sortedKeys[T ~string, V any](m map[T]V) []T {
	keys := make([]T, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Org returns the organisation in which the reach lies.
func (r Reach) Org() OrgID { return r.org }

// Subject returns the account whose reach it is, for clauses about owners.
func (r Reach) Subject() AccountID { return r.subject }

// Kind returns the kind of the resources.
func (r Reach) Kind() Kind { return r.kind }

// IsNone reports whether the reach contains nothing at all.
func (r Reach) IsNone() bool { return len(r.allow) == 0 }

// IsAll reports whether the reach is every resource of the kind in the organisation.
func (r Reach) IsAll() bool {
	return len(r.deny) == 0 && slices.ContainsFunc(r.allow, func(c Clause) bool {
		return c.Projects == nil && c.IDs == nil && c.Whose == Anyones && c.Condition == nil
	})
}

// Projects returns the projects of which every resource of the kind is reached, sorted. When
// IsAll holds there is no list: it is every project.
func (r Reach) Projects() []ProjectID {
	if len(r.deny) > 0 {
		return nil
	}
	var all []ProjectID
	for _, c := range r.allow {
		if c.IDs == nil && c.Whose == Anyones && c.Condition == nil {
			all = append(all, c.Projects...)
		}
	}
	return sortedSet(all)
}

// Clauses returns the sets that the reach is made of: what lies in any of allow and in none of deny.
func (r Reach) Clauses() (allow, deny []Clause) {
	return slices.Clone(r.allow), slices.Clone(r.deny)
}

// Contains reports whether the resource is reached. It agrees with [Holder.Can].
func (r Reach) Contains(res Resource) bool {
	if r.org == "" || res.Org != r.org || res.Kind != r.kind {
		return false
	}
	contains := func(denies bool) func(Clause) bool {
		return func(c Clause) bool { return r.matches(&c, &res, denies) }
	}
	return slices.ContainsFunc(r.allow, contains(false)) && !slices.ContainsFunc(r.deny, contains(true))
}

func (r Reach) matches(c *Clause, res *Resource, denies bool) bool {
	if c.Projects != nil {
		if _, found := slices.BinarySearch(c.Projects, res.Project); !found {
			return false
		}
	}
	if c.IDs != nil {
		if _, found := slices.BinarySearch(c.IDs, res.ID); !found {
			return false
		}
	}
	own := res.Owner != "" && res.Owner == r.subject
	if c.Whose == Own && !own || c.Whose == Others && own {
		return false
	}
	return c.Condition == nil || c.Condition.ask(res.attrs).matches(denies)
}
