package policy

import "slices"

// A situation is how a held role lies to the resource that is asked for: held in its organisation,
// in its project or on the resource itself, and whether the subject owns the resource.
type situation uint8

const situations = situation(levels) * 2

func situationOf(l level, own bool) situation {
	s := situation(l) * 2
	if own {
		s++
	}
	return s
}

// situationSet has a bit for each situation.
type situationSet uint8

func (s situation) set() situationSet { return 1 << s }

// cell answers for one role and one permission in every situation: the six low bits say where a
// rule allows, the next six where a rule denies, the last six where some rule names a condition
// and has to be asked.
type cell uint32

const (
	denyShift      = uint(situations)
	conditionShift = 2 * uint(situations)
)

func makeCell(entries []entry) cell {
	var c cell
	for _, e := range entries {
		switch {
		case e.condition != nil:
			c |= cell(e.where) << conditionShift
		case e.denies:
			c |= cell(e.where) << denyShift
		default:
			c |= cell(e.where)
		}
	}
	return c
}

// in narrows the cell to one situation.
func (c cell) in(s situation) cell {
	return c & (1<<s | 1<<(uint(s)+denyShift) | 1<<(uint(s)+conditionShift))
}

const allBits = cell(1)<<denyShift - 1

func (c cell) allows() bool      { return c&allBits != 0 }
func (c cell) denies() bool      { return c&(allBits<<denyShift) != 0 }
func (c cell) conditional() bool { return c&(allBits<<conditionShift) != 0 }

// entry is a rule as Casbin matched it: the situations in which it does.
type entry struct {
	condition *Condition // nil for always
	rule      int32      // -1 for the grant of a single permission
	where     situationSet
	denies    bool
}

// roleTable is everything that a role gives: a row of cells, one for each permission.
type roleTable struct {
	name     Role
	title    string
	bindable bool
	rules    []int32 // the role's own p rows

	cells   []cell
	entries []entry // sorted by permission
	first   []int32 // for each permission its first entry; one more at the end
}

func (t *roleTable) entriesOf(pi int32) []entry { return t.entries[t.first[pi]:t.first[pi+1]] }

// set lays the matched rules of each permission out in the table.
func (t *roleTable) set(byPermission [][]entry) {
	t.cells = make([]cell, len(byPermission))
	t.first = make([]int32, 1, len(byPermission)+1)
	for pi, entries := range byPermission {
		t.cells[pi] = makeCell(entries)
		t.entries = append(t.entries, entries...)
		t.first = append(t.first, int32(len(t.entries)))
	}
	t.entries = slices.Clip(t.entries)
}

// everywhere is the situations of a permission that is granted by itself.
const everywhere = situationSet(1)<<situations - 1

// grantDirectly makes the tables of grants of a single permission. Such a grant holds under the
// conditions with which the policy knows the permission: always, unless every rule that allows it
// names a condition. The custom roles of one organisation do not count, so that they change
// nothing for the others.
func (p *Policy) grantDirectly() {
	conditions := make(map[permissionKey][]string)
	for _, r := range p.rules {
		key := permissionKey{r.Kind, r.Action}
		if r.Effect == Allow && r.Role.Org() == "" && !slices.Contains(conditions[key], r.Condition) {
			conditions[key] = append(conditions[key], r.Condition)
		}
	}
	p.direct = make([]*roleTable, len(p.permissions))
	for pi, info := range p.permissions {
		names := conditions[info.permissionKey]
		if len(names) == 0 || slices.Contains(names, Always) {
			names = []string{Always}
		}
		t := &roleTable{}
		for _, name := range names {
			t.entries = append(t.entries, entry{rule: -1, condition: p.condition(name), where: everywhere})
		}
		t.cells = []cell{makeCell(t.entries)}
		p.direct[pi] = t
	}
}

// condition returns nil for Always.
func (p *Policy) condition(name string) *Condition {
	for i := range p.config.Conditions {
		if p.config.Conditions[i].Name == name {
			return &p.config.Conditions[i]
		}
	}
	return nil
}
