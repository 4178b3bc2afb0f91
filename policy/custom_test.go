package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// support is a role that acme made for itself.
const support = `p4, support@acme, Support
p2, administrator, support@acme
p, support@acme, org, deployment, view, allow, always
p, support@acme, project, deployment, start_stop, allow, always
p, support@acme, project, deployment.cluster_linking, view, allow, premium
`

func with(t testing.TB, p *policy.Policy, csv string) (*policy.Policy, error) {
	t.Helper()
	doc, err := policy.ReadDocument("acme.csv", []byte(csv))
	if err != nil {
		t.Fatal(err)
	}
	return p.With(doc)
}

// A custom role gives what its rows say in its own organization, and nothing in any other one.
func TestCustomRoleCountsInItsOrganization(t *testing.T) {
	t.Parallel()
	base := platform(t)
	p, err := with(t, base, support)
	if err != nil {
		t.Fatal(err)
	}
	role := policy.CustomRole("acme", "support")
	if role != "support@acme" || role.Org() != "acme" || !role.UsableIn("acme") || role.UsableIn("globex") || role.UsableIn("") {
		t.Errorf("the role is %q of %q", role, role.Org())
	}
	if !policy.Role("auditor").UsableIn("globex") || policy.Role("auditor").Org() != "" {
		t.Error("a shipped role is usable everywhere")
	}
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1")
	h := holding(p, policy.GrantRole(role, acme), policy.GrantRole(role, p1))
	for _, action := range []policy.Action{"view", "start_stop"} {
		if d := h.Decide(action, d1); !d.Allowed() || d.Rule.File != "acme.csv" || d.Rule.Role != role {
			t.Errorf("%s: got %s by %s, want allowed by acme.csv", action, d, d.Rule)
		}
	}
	linking := policy.Kind("deployment.cluster_linking").In("acme", "p1")
	if !h.Can("view", linking.With("plan", "premium")) || h.Can("view", linking.With("plan", "basic")) {
		t.Error("the condition of a custom role's rule does not count")
	}
	if h.Can("delete", d1) || h.Can("start_stop", policy.Kind("deployment").In("acme", "p2")) {
		t.Error("the role gives more than its rows")
	}
	elsewhere := policy.AtOrg("globex")
	if err := p.CheckGrant(policy.GrantRole(role, elsewhere)); err == nil {
		t.Error("the role can be held in another organization")
	}
	spy := p.Holder(policy.HolderParams{ID: "spy", Org: "globex", Grants: []policy.Grant{policy.GrantRole(role, elsewhere)}})
	if len(spy.Grants()) != 0 || spy.Can("view", policy.Kind("deployment").Of("globex")) {
		t.Error("the role gives something in another organization")
	}
	if base.HasRole(role) || p.Title(role) != "Support" || !p.Bindable(role) {
		t.Error("the first policy changed, or the second lacks the role")
	}
}

// With compiles the added roles alone, and says the same as compiling everything together.
func TestWithEqualsCompile(t *testing.T) {
	t.Parallel()
	base := platform(t)
	added, err := with(t, base, support)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := policy.ReadDocument("../policy.csv", fileOf(t, "../policy.csv"))
	second, _ := policy.ReadDocument("acme.csv", []byte(support))
	together, err := policy.Compile(policy.Config{Conditions: plans()}, first, second)
	if err != nil {
		t.Fatal(err)
	}
	if changes := together.Diff(added); len(changes) != 0 || together.Version() != added.Version() {
		t.Errorf("versions %s and %s, changes %v", together.Version(), added.Version(), changes)
	}
	if added.Version() == base.Version() {
		t.Error("the added role changes no version")
	}
	s := shipped()[0]
	for _, role := range added.Roles() {
		for _, grants := range [][]policy.Grant{{policy.GrantRole(role, acme)}, {policy.GrantRole(role, p1)}} {
			one, other := holding(added, grants...), holding(together, grants...)
			for _, name := range added.Vocabulary() {
				for _, r := range s.resources(added, name.Kind(), "ann") {
					if a, b := one.Decide(name.Action(), r), other.Decide(name.Action(), r); a.Reason != b.Reason || a.Rule != b.Rule {
						t.Fatalf("%s: got %s, together %s", role, a, b)
					}
				}
			}
		}
	}
}

// Every id of an organization has a name for its roles, and no two have the same.
func TestCustomRoleNamesAreEscaped(t *testing.T) {
	t.Parallel()
	orgs := []policy.OrgID{"acme", "Acme", "a b", "a+b", "a%20b", "a/b", "a,b", "a\nb", "a\x00b", "\xff", "@", "名", "a@b", ".", "administrator"}
	seen := make(map[policy.Role]bool)
	for _, org := range orgs {
		role := policy.CustomRole(org, "support")
		if role.Org() != org || !role.UsableIn(org) || seen[role] {
			t.Errorf("%q: the role is %q, of %q", org, role, role.Org())
		}
		seen[role] = true
		for _, other := range orgs {
			if other != org && role.UsableIn(other) {
				t.Errorf("%q is usable in %q", role, other)
			}
		}
		doc, err := policy.NewDocument("custom", []policy.Row{
			{Section: "p4", Fields: []string{string(role), "Support"}},
			{Section: "p", Fields: []string{string(role), "org", "ticket", "view", "allow", "always"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p, err := platform(t).With(doc)
		if err != nil {
			t.Errorf("%q: %v", org, err)
			continue
		}
		h := p.Holder(policy.HolderParams{ID: "ann", Org: org, Grants: []policy.Grant{policy.GrantRole(role, policy.AtOrg(org))}})
		ticket := policy.Kind("ticket").Of(org)
		e, err := p.Enforcer(h)
		if err != nil {
			t.Fatal(err)
		}
		if !agree(t, h, h.Reach("view", "ticket"), e, "view", ticket) {
			t.Errorf("%q: the role gives nothing", org)
		}
	}
	for _, bad := range []policy.Role{"support@", "support@%", "support@%zz"} {
		if bad.Org() != "" || bad.UsableIn("acme") {
			t.Errorf("%q is of %q, usable in acme: %t", bad, bad.Org(), bad.UsableIn("acme"))
		}
	}
}

// SB-63: what an organization adds cannot change what is shipped: no permissions, no rules of other
// roles, no gifts between them, no role a second time.
func TestAddedRulesKeepToTheirRoles(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, line, want string }{
		{"a permission", "p3, moon, view, Moon, Moon", "acme.csv:6: added rules use the permissions of the policy that they are added to: p3 is not allowed here"},
		{"a rule of a shipped role", "p, project_user, org, deployment, delete, allow, always", `acme.csv:6: role "project_user" is not declared in this document`},
		{"a gift between shipped roles", "p2, project_user, administrator", `acme.csv:6: `},
		{"a role again", "p4, auditor, Auditor", "acme.csv:6: role auditor is already on line 17 of ../policy.csv"},
		{"an unknown kind", "p, support@acme, org, moon, view, allow, always", `acme.csv:6: unknown kind "moon"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := with(t, platform(t), support+tt.line+"\n")
			var wrong policy.Mistakes
			if p != nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Policies that are added one to the other share the tables of the roles that they have in common;
// custom roles do not change the terms of single permissions for others.
func TestWithLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	p, err := with(t, platform(t), "p4, free@acme, Free\np, free@acme, org, deployment.cluster_linking, view, allow, always\n")
	if err != nil {
		t.Fatal(err)
	}
	grant := policy.GrantPermission("deployment.cluster_linking:view", acme)
	first, _ := policy.ReadDocument("first.csv", fileOf(t, "../policy.csv"))
	second, _ := policy.ReadDocument("second.csv", []byte("p4, free@acme, Free\np, free@acme, org, deployment.cluster_linking, view, allow, always\n"))
	together := policy.Must(policy.Compile(policy.Config{Conditions: plans()}, first, second))
	for _, p := range []*policy.Policy{p, together} {
		if holding(p, grant).Can("view", policy.Kind("deployment.cluster_linking").Of("acme")) {
			t.Error("a custom role without the condition lifts it from grants of the single permission")
		}
	}
	if got := platform(t).Diff(p); len(got) != 2 {
		t.Errorf("got %v: want the role and its rule, and nothing else", got)
	}
	if !slices.Contains(p.Roles(), "free@acme") || !slices.Equal(p.Roles()[:6], platform(t).Roles()) {
		t.Errorf("got the roles %v", p.Roles())
	}
}
