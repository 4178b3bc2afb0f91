package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Change is a difference between two policies: a role that may do something more, less, or under
// other circumstances.
type Change struct {
	Role       Role
	Permission Permission // "" when the role itself, or what it may give, came or went
	Before     string     // how the role held it: "org", "project if premium", "deny org"; "" for not at all
	After      string
}

// String prints the change as one line: - for what went, + for what came, ~ for what differs.
func (c Change) String() string {
	what := string(c.Role)
	if c.Permission != "" {
		what += " " + string(c.Permission)
	}
	switch {
	case c.Before == "":
		return fmt.Sprintf("+ %s: %s", what, c.After)
	case c.After == "":
		return fmt.Sprintf("- %s: %s", what, c.Before)
	default:
		return fmt.Sprintf("~ %s: %s -> %s", what, c.Before, c.After)
	}
}

// Diff returns what changes for each role when p is replaced by next, in the order of the roles and
// permissions of both. It is empty when both have the same rules, and so decide alike under the same model.
func (p *Policy) Diff(next *Policy) []Change {
	var changes []Change
	for _, role := range union(p.roleOrder, next.roleOrder) {
		before, after := p.describe(role), next.describe(role)
		changes = appendChange(changes, role, "", roleState(p, role), roleState(next, role))
		for _, name := range union(p.Vocabulary(), next.Vocabulary()) {
			changes = appendChange(changes, role, name, before[name], after[name])
		}
		for _, given := range union(p.Gives(role), next.Gives(role)) {
			changes = appendChange(changes, role, "", giveState(p, role, given), giveState(next, role, given))
		}
	}
	return changes
}

func appendChange(changes []Change, role Role, name Permission, before, after string) []Change {
	if before == after {
		return changes
	}
	return append(changes, Change{role, name, before, after})
}

func roleState(p *Policy, role Role) string {
	if p.HasRole(role) {
		return "role"
	}
	return ""
}

func giveState(p *Policy, granter, role Role) string {
	if p.gives[granter][role] {
		return "may give " + string(role)
	}
	return ""
}

// describe says for each permission by which rules the role has it, whatever their order in the file.
func (p *Policy) describe(role Role) map[Permission]string {
	rules := make(map[Permission][]string)
	if t := p.roles[role]; t != nil {
		for _, ri := range t.rules {
			r := p.rules[ri]
			text := string(r.Reach)
			if r.Effect == Deny {
				text = "deny " + text
			}
			if r.Condition != Always {
				text += " if " + r.Condition
			}
			rules[r.Permission()] = append(rules[r.Permission()], text)
		}
	}
	said := make(map[Permission]string, len(rules))
	for name, texts := range rules {
		slices.Sort(texts)
		said[name] = strings.Join(texts, ", ")
	}
	return said
}

// union returns the elements of both lists, each once, in the order of the first and then the second.
func union[T comparable](a, b []T) []T {
	seen := make(map[T]bool, len(a)+len(b))
	var all []T
	for _, list := range [][]T{a, b} {
		for _, x := range list {
			if !seen[x] {
				seen[x] = true
				all = append(all, x)
			}
		}
	}
	return all
}
