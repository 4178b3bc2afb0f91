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
	rule      int32      // index of Policy.rules, or noRule
	where     situationSet
	denies    bool
}

// roleTable is everything that a role gives: a row of cells, one for each permission.
type roleTable struct {
	name     Role
	title    string
	bindable bool
	direct   bool    // not a role, but the grant of a single permission
	rules    []int32 // the role's own p rows

	// The cells are those of consecutive permissions, from base on; all others are empty. A grant of
	// a single permission mostly has one cell.
	base    int32
	cells   []cell
	entries []entry // sorted by permission
	first   []int32 // for each cell its first entry; one more at the end
}

func (t *roleTable) cell(pi int32) cell {
	if i := uint(pi - t.base); i < uint(len(t.cells)) {
		return t.cells[i]
	}
	return 0
}

func (t *roleTable) entriesOf(pi int32) []entry {
	if i := uint(pi - t.base); i < uint(len(t.cells)) {
		return t.entries[t.first[i]:t.first[i+1]]
	}
	return nil
}

// set lays the matched rules of consecutive permissions out in the table.
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

// noRule stands for the rule of an entry that comes from the grant of a single permission.
const noRule = -1

// directRole is the role that somebody has who was granted a single permission. Its colon keeps it
// apart from every role of a policy.
func directRole(name Permission) Role { return Role("permission:" + string(name)) }

// directRules are the rules of such a role. It holds the permission under the conditions with which
// the policy knows it: always, unless every rule that allows it names a condition. The custom roles
// of one organisation do not count, so that they change nothing for the others.
func (p *Policy) directRules(pi int32) []Rule {
	key := p.permissions[pi].permissionKey
	var rules []Rule
	for _, name := range p.known[key] {
		rules = append(rules, Rule{
			Role: directRole(p.permissions[pi].permission()), Reach: ReachOrg,
			Kind: key.kind, Action: key.action, Effect: Allow, Condition: name,
		})
	}
	return rules
}

// knowConditions finds the conditions under which the policy knows each permission.
func (p *Policy) knowConditions() {
	p.known = make(map[permissionKey][]string, len(p.permissions))
	for _, r := range p.rules {
		key := permissionKey{r.Kind, r.Action}
		if r.Effect == Allow && r.Role.Org() == "" && !slices.Contains(p.known[key], r.Condition) {
			p.known[key] = append(p.known[key], r.Condition)
		}
	}
	for _, info := range p.permissions {
		names := p.known[info.permissionKey]
		if len(names) == 0 || slices.Contains(names, Always) {
			p.known[info.permissionKey] = []string{Always}
		}
	}
}

// rulesOf returns the role's own rules.
func (p *Policy) rulesOf(t *roleTable) []Rule {
	rules := make([]Rule, len(t.rules))
	for i, ri := range t.rules {
		rules[i] = p.rules[ri]
	}
	return rules
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
