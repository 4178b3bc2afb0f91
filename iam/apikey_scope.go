package iam

import (
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// maxScopeProjects is how many projects a scope names.
const maxScopeProjects = 1000

// normalScope is a scope as it is stored: sorted, each once, and with no projects beside all of them.
func normalScope(s policy.Scope) policy.Scope {
	s.Permissions = slices.Compact(slices.Sorted(slices.Values(s.Permissions)))
	if s.AllProjects {
		s.Projects = nil
	} else {
		s.Projects = slices.Compact(slices.Sorted(slices.Values(s.Projects)))
	}
	return s
}

// scopeWithin reports whether a scope has nothing that another lacks. Both are as they are stored.
func scopeWithin(s, outer policy.Scope) bool {
	for _, name := range s.Permissions {
		if _, found := slices.BinarySearch(outer.Permissions, name); !found {
			return false
		}
	}
	if s.AllProjects || outer.AllProjects {
		return outer.AllProjects
	}
	for _, project := range s.Projects {
		if _, found := slices.BinarySearch(outer.Projects, project); !found {
			return false
		}
	}
	return true
}

// checkScope refuses a scope that is none, whoever it is for.
func (c *change) checkScope(s policy.Scope) error {
	switch {
	case len(s.Permissions) == 0:
		return invalid("Scope", "want a permission at least")
	case !s.AllProjects && len(s.Projects) == 0:
		return invalid("Scope", "want a project at least, or all projects")
	case len(s.Projects) > maxScopeProjects:
		return invalid("Scope", "there are %d projects: at most %d", len(s.Projects), maxScopeProjects)
	}
	for _, name := range s.Permissions {
		if !c.system.Policy.Knows(name.Kind(), name.Action()) {
			return invalid("Scope", "unknown permission %.100q", name)
		}
	}
	for _, project := range s.Projects {
		if err := checkID("Scope", string(project)); err != nil {
			return err
		}
	}
	return nil
}

// mayScope refuses a scope that the key's account could not have chosen, and one that gives by the hand of
// another key what the actor lacks.
func (c *change) mayScope(key, before APIKey) error {
	own := c.holder
	if key.Account != c.holder.ID() {
		record, err := c.tx.Subject(c.ctx, key.Account)
		if err != nil {
			return err
		}
		own = record.holder(c.system.Policy, c.now)
		if !c.isSystem() && !scopeWithin(key.Scope, before.Scope) {
			if lacking := c.lacking(c.holder, key.Scope); lacking != "" {
				return invalid("Scope", "you lack there: %s", lacking)
			}
		}
	}
	if lacking := c.lacking(own, key.Scope); lacking != "" {
		return invalid("Scope", "the account of the key lacks there: %s", lacking)
	}
	return nil
}

// lacking names the permissions of a scope that a holder does not have all over it at this moment.
func (c *change) lacking(h *policy.Holder, s policy.Scope) string {
	places := []policy.Place{policy.AtOrg(c.org)}
	if !s.AllProjects {
		places = places[:0]
		for _, project := range s.Projects {
			places = append(places, policy.AtProject(c.org, project))
		}
	}
	var names []string
	for _, name := range s.Permissions {
		// A key is never more than its account: what the account has for a while only, it may scope too.
		lacks := func(at policy.Place) bool {
			return len(h.Missing(policy.GrantPermission(name, at).Until(c.now.Add(time.Millisecond)))) > 0
		}
		if h.ID() == "" || slices.ContainsFunc(places, lacks) {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ", ")
}

// differences are what makes the key another than before, for an event.
func (k APIKey) differences(before APIKey) []FieldChange {
	return differences(before.facts(k)...)
}

// facts are what an event says about a key, before and after a change. They fit in what the log stores.
func (k APIKey) facts(after APIKey) []FieldChange {
	return []FieldChange{
		changed("description", k.Description, after.Description),
		changed("permissions", joined(k.Scope.Permissions), joined(after.Scope.Permissions)),
		changed("projects", projectsOf(k.Scope), projectsOf(after.Scope)),
		changed("expires", timeOf(k.Expires), timeOf(after.Expires)),
	}
}

// projectsOf writes where a scope reaches.
func projectsOf(s policy.Scope) string {
	if s.AllProjects {
		return "*"
	}
	return joined(s.Projects)
}

func joined[T ~string](ids []T) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = string(id)
	}
	return strings.Join(texts, " ")
}

// timeOf writes a time for an event, and "" for never.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
