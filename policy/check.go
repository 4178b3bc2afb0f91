package policy

import (
	"fmt"
	"slices"
	"strings"
)

// checker turns documents into a policy whose tables are still empty, and collects what makes no sense.
type checker struct {
	*Policy
	wrong      Mistakes
	conditions []string
	kindNames  []string
	roleNames  []string
	seen       map[string]position // of a row's identity
}

type position struct {
	file string
	line int
}

// in says where the position is, seen from a file.
func (at position) in(file string) string {
	if at.file == file {
		return fmt.Sprintf("line %d", at.line)
	}
	return fmt.Sprintf("line %d of %s", at.line, at.file)
}

func compileMistakes(docs []*Document, conditions []Condition) (*Policy, Mistakes) {
	c := checker{
		Policy: &Policy{
			docs:  docs,
			kinds: make(map[Kind]bool),
			roles: make(map[Role]*roleTable),
			gives: make(map[Role]map[Role]bool),
		},
		conditions: []string{Always},
		seen:       make(map[string]position),
	}
	for _, one := range conditions {
		c.conditions = append(c.conditions, one.Name)
	}
	// Declarations may follow their use: they are collected first.
	c.each("p4", c.role)
	c.each("p3", c.declare)
	c.index = newPermissionIndex(c.permissions)
	c.each("p", c.rule)
	c.each("p2", c.give)
	return c.Policy, c.wrong
}

func (c *checker) each(section string, check func(file string, row Row)) {
	for _, d := range c.docs {
		for _, l := range d.lines {
			if l.row.Section == section {
				check(d.name, l.row)
			}
		}
	}
}

// twice reports, and notes as a mistake, that the same key stood on an earlier line.
func (c *checker) twice(file string, line int, what string, key ...string) bool {
	k := what + "\x00" + strings.Join(key, "\x00")
	if first, again := c.seen[k]; again {
		c.wrong.add(file, line, "%s %s is already on %s", what, strings.Join(key, ", "), first.in(file))
		return true
	}
	c.seen[k] = position{file, line}
	return false
}

func (c *checker) role(file string, row Row) {
	name := Role(row.Fields[0])
	if !validRole(string(name)) {
		c.wrong.add(file, row.Line, "role %q: want lower-case letters, digits and underscores, and @organisation behind the name for a custom role", name)
		return
	}
	if c.twice(file, row.Line, "role", string(name)) {
		return
	}
	c.roles[name] = &roleTable{name: name, title: row.Fields[1]}
	c.roleOrder = append(c.roleOrder, name)
	c.roleNames = append(c.roleNames, string(name))
}

func (c *checker) declare(file string, row Row) {
	key := permissionKey{Kind(row.Fields[0]), Action(row.Fields[1])}
	switch {
	case !validKind(string(key.kind)):
		c.wrong.add(file, row.Line, "kind %q: want lower-case words joined by dots, such as deployment.tls", key.kind)
		return
	case !validWord(string(key.action)):
		c.wrong.add(file, row.Line, "action %q: want lower-case letters, digits and underscores", key.action)
		return
	case c.twice(file, row.Line, "permission", string(key.kind), string(key.action)):
		return
	}
	if !c.kinds[key.kind] {
		c.kinds[key.kind] = true
		c.kindNames = append(c.kindNames, string(key.kind))
	}
	c.permissions = append(c.permissions, permissionInfo{key, row.Fields[2], row.Fields[3]})
}

func (c *checker) rule(file string, row Row) {
	f := row.Fields
	r := Rule{Role(f[0]), Extent(f[1]), Kind(f[2]), Action(f[3]), Effect(f[4]), f[5], file, row.Line}
	before := len(c.wrong)
	c.knownRole(file, row.Line, r.Role)
	if r.Reach != ReachOrg && r.Reach != ReachProject && r.Reach != ReachOwn {
		c.wrong.add(file, row.Line, "unknown reach %q: want org, project or own", r.Reach)
	}
	switch {
	case !c.kinds[r.Kind]:
		c.wrong.add(file, row.Line, "unknown kind %q: no p3 row declares it%s", r.Kind, nearest(string(r.Kind), c.kindNames))
	case !c.Knows(r.Kind, r.Action):
		c.wrong.add(file, row.Line, "unknown action %q of kind %s: no p3 row declares it%s", r.Action, r.Kind, nearest(string(r.Action), c.actionsOf(r.Kind)))
	}
	if r.Effect != Allow && r.Effect != Deny {
		c.wrong.add(file, row.Line, "unknown effect %q: want allow or deny", r.Effect)
	}
	if !slices.Contains(c.conditions, r.Condition) {
		c.wrong.add(file, row.Line, "unknown condition %q: want %s%s", r.Condition, strings.Join(c.conditions, ", "), nearest(r.Condition, c.conditions))
	}
	if len(c.wrong) > before || c.twice(file, row.Line, "rule", f...) {
		return
	}
	opposite := slices.Clone(f)
	opposite[4] = string(Allow)
	if r.Effect == Allow {
		opposite[4] = string(Deny)
	}
	if first, ok := c.seen["rule\x00"+strings.Join(opposite, "\x00")]; ok {
		c.wrong.add(file, row.Line, "the rule contradicts %s, which has the effect %s", first.in(file), opposite[4])
		return
	}
	t := c.roles[r.Role]
	t.rules = append(t.rules, int32(len(c.rules)))
	t.bindable = t.bindable || r.Reach == ReachProject
	c.rules = append(c.rules, r)
}

func (c *checker) actionsOf(kind Kind) []string {
	var actions []string
	for _, info := range c.permissions {
		if info.kind == kind {
			actions = append(actions, string(info.action))
		}
	}
	return actions
}

func (c *checker) give(file string, row Row) {
	granter, role := Role(row.Fields[0]), Role(row.Fields[1])
	if !c.knownRole(file, row.Line, granter) || !c.knownRole(file, row.Line, role) ||
		c.twice(file, row.Line, "gift", string(granter), string(role)) {
		return
	}
	if c.gives[granter] == nil {
		c.gives[granter] = make(map[Role]bool)
	}
	c.gives[granter][role] = true
}

func (c *checker) knownRole(file string, line int, role Role) bool {
	if c.roles[role] == nil {
		c.wrong.add(file, line, "unknown role %q: no p4 row declares it%s", role, nearest(string(role), c.roleNames))
		return false
	}
	return true
}
