package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// What a reach says about itself, for hosts that make their own query of it.
func TestReachIsData(t *testing.T) {
	t.Parallel()
	p, d := platform(t), denying().load(t)
	p2 := policy.AtProject("acme", "p2")
	tests := []struct {
		name        string
		holder      *policy.Holder
		action      policy.Action
		kind        policy.Kind
		none, all   bool
		projects    []policy.ProjectID
		allow, deny int
	}{
		{"nothing held", holding(p), "view", "deployment", true, false, nil, 0, 0},
		{"everything", holding(p, policy.GrantRole("auditor", acme)), "view", "deployment", false, true, nil, 1, 0},
		{"unbound", holding(p, policy.GrantRole("project_user", acme)), "view", "deployment", true, false, nil, 0, 0},
		{"bound twice, out of order", holding(p, policy.GrantRole("project_user", p2), policy.GrantRole("project_admin", p1), policy.GrantRole("project_user", p1)),
			"view", "deployment", false, false, []policy.ProjectID{"p1", "p2"}, 1, 0},
		{"one of the roles only", holding(p, policy.GrantRole("project_user", p2), policy.GrantRole("project_admin", p1)),
			"delete", "deployment", false, false, []policy.ProjectID{"p1"}, 1, 0},
		{"on one resource", holding(p, policy.GrantPermission("deployment.tls:view", policy.AtResource("acme", "deployment", "d1"))),
			"view", "deployment.tls", false, false, nil, 1, 0},
		{"under a condition", holding(p, policy.GrantRole("project_user", p1)), "view", "deployment.cluster_linking", false, false, nil, 1, 0},
		{"one's own and a project", holding(d, policy.GrantRole("author", acme), policy.GrantRole("author", p1)), "view", "file", false, false, []policy.ProjectID{"p1"}, 3, 0},
		{"everything but what is denied", holding(d, policy.GrantRole("owner", acme)), "delete", "file", false, false, nil, 1, 1},
		{"an unknown kind", holding(p, policy.GrantRole("root", acme)), "view", "rocket", true, false, nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := tt.holder.Reach(tt.action, tt.kind)
			allow, deny := r.Clauses()
			if r.IsNone() != tt.none || r.IsAll() != tt.all || !slices.Equal(r.Projects(), tt.projects) || len(allow) != tt.allow || len(deny) != tt.deny {
				t.Errorf("got none %t, all %t, projects %v, %d and %d clauses: %+v %+v", r.IsNone(), r.IsAll(), r.Projects(), len(allow), len(deny), allow, deny)
			}
			if !tt.none && (r.Org() != "acme" || r.Subject() != "ann" || r.Kind() != tt.kind) {
				t.Errorf("it is of %q, %q, %q", r.Org(), r.Subject(), r.Kind())
			}
			for _, c := range slices.Concat(allow, deny) {
				once := slices.Compact(slices.Clone(c.Projects))
				if c.Projects != nil && c.IDs != nil || !slices.IsSorted(c.Projects) || !slices.IsSorted(c.IDs) || len(once) != len(c.Projects) {
					t.Errorf("the clause %+v names both, or out of order, or twice", c)
				}
			}
			if r.Contains(policy.Kind(tt.kind).In("globex", "p1")) || r.Contains(policy.Kind("other").In("acme", "p1")) {
				t.Error("it contains what is of another organization or kind")
			}
		})
	}
}

// Open projects are listed as if the account were bound to them (E16), once, in order.
func TestReachOfOpenProjects(t *testing.T) {
	t.Parallel()
	h := platform(t).Holder(policy.HolderParams{
		ID: "ann", Org: "acme", OpenProjects: []policy.ProjectID{"z", "lab", "", "p1"},
		Grants: []policy.Grant{policy.GrantRole("project_user", acme), policy.GrantRole("project_user", p1), policy.GrantPermission("ticket:view", acme)},
	})
	if got := h.Reach("view", "deployment").Projects(); !slices.Equal(got, []policy.ProjectID{"lab", "p1", "z"}) {
		t.Errorf("got %v", got)
	}
	if h.Can("view", policy.Kind("deployment").Of("acme")) {
		t.Error("an open project without a name opens what lies outside of projects")
	}
}

// 100,000 bindings on one account: every answer is right, and the reach lists them all.
func TestManyBindings(t *testing.T) {
	t.Parallel()
	const n = 100_000
	p := platform(t)
	name := func(i int) policy.ProjectID { return policy.ProjectID(fmt.Sprintf("project %d", i)) }
	grants := make([]policy.Grant, 0, n)
	for i := range n {
		role := policy.Role("project_user")
		if i%3 == 0 {
			role = "project_admin"
		}
		grants = append(grants, policy.GrantRole(role, policy.AtProject("acme", name((i*7919)%n))))
	}
	h := holding(p, grants...)
	admins := 0
	for i, g := range grants {
		r := policy.Kind("deployment").In("acme", g.At.Project)
		if want := i%3 == 0; h.Can("delete", r) != want || !h.Can("rename", r) {
			t.Fatalf("binding %d: delete %t, rename %t", i, h.Can("delete", r), h.Can("rename", r))
		} else if want {
			admins++
		}
	}
	for _, project := range []policy.ProjectID{"", "project", "project -1", name(n), "project 00"} {
		if h.Can("rename", policy.Kind("deployment").In("acme", project)) {
			t.Errorf("%q: an unbound project is reached", project)
		}
	}
	view, del := h.Reach("view", "deployment"), h.Reach("delete", "deployment")
	if len(view.Projects()) != n || len(del.Projects()) != admins || view.IsAll() {
		t.Errorf("the reaches have %d and %d projects, want %d and %d", len(view.Projects()), len(del.Projects()), n, admins)
	}
	if len(h.Grants()) != n {
		t.Errorf("%d grants", len(h.Grants()))
	}
}

// Ids that differ in ways that a shortcut could miss: length, case, the first byte, the last.
func TestSimilarProjectsAreToldApart(t *testing.T) {
	t.Parallel()
	ids := []policy.ProjectID{"12345678", "x12345678", "y12345678", "xx12345678", "12345678x", "1234567", "11234567", "\x0012345678",
		"a", "b", "aa", "ab", "ba", "\x00a", "a\x00", "A", "ä", "a\u0308"}
	for _, count := range []int{4, len(ids)} { // searched one by one, and by an index
		for i, bound := range ids[:count] {
			grants := []policy.Grant{policy.GrantRole("project_admin", policy.AtProject("acme", bound))}
			for j, other := range ids[:count] {
				if j != i {
					grants = append(grants, policy.GrantRole("project_user", policy.AtProject("acme", other)))
				}
			}
			h := holding(platform(t), grants...)
			for j, id := range ids {
				r := policy.Kind("deployment").In("acme", id)
				if h.Can("delete", r) != (i == j) || h.Can("rename", r) != (j < count) {
					t.Errorf("admin of %q, %d bindings: %q: delete %t, rename %t", bound, count, id, h.Can("delete", r), h.Can("rename", r))
				}
			}
		}
	}
}

// Roles, Grants and Effective say what is held, without what does not count.
func TestHolderSaysWhatItHolds(t *testing.T) {
	t.Parallel()
	p := platform(t)
	user := policy.GrantRole("project_user", acme)
	h := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", OpenProjects: []policy.ProjectID{"lab"}, Grants: []policy.Grant{
		user, policy.GrantRole("auditor", acme), user, policy.GrantRole("project_admin", p1),
		policy.GrantPermission("ticket:view", acme), policy.GrantRole("king", acme), policy.GrantRole("root", policy.AtOrg("globex")),
	}})
	if got := h.Roles(); !slices.Equal(got, []policy.Role{"project_user", "auditor"}) {
		t.Errorf("Roles: %v", got)
	}
	if got := h.Grants(); len(got) != 5 {
		t.Errorf("Grants: %v", got)
	}
	if got := h.Effective(); len(got) != 8 || !slices.Contains(got, policy.GrantRole("auditor", policy.AtProject("acme", "lab"))) {
		t.Errorf("Effective: %v", got)
	}
	h.Grants()[0].Role = "root"
	if h.Can("delete", policy.Kind("project").Of("acme")) || h.ID() != "ann" || h.Org() != "acme" || h.Policy() != p {
		t.Error("a holder can be changed, or forgets who it is")
	}
}
