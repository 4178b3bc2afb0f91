package policy_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// around returns what the grants allow around a resource of p1 whose plan satisfies every condition,
// tried one plan after the other.
func around(p *policy.Policy, s system, grants ...policy.Grant) []policy.Permission {
	h := holding(p, grants...)
	var all []policy.Permission
	for _, value := range append([]string{""}, s.values...) {
		r := policy.Resource{Org: "acme", Project: "p1", ID: "x", Owner: "ann"}.With(s.attribute, value)
		for _, name := range h.Permissions(r) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// lacks returns what is in a and not in b.
func lacks(a, b []policy.Permission) []policy.Permission {
	return slices.DeleteFunc(slices.Clone(a), func(name policy.Permission) bool { return slices.Contains(b, name) })
}

func same(t *testing.T, what string, got []policy.Permission, want ...policy.Permission) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// E2: an administrator may exactly what root may.
func TestAdministratorEqualsRoot(t *testing.T) {
	t.Parallel()
	for _, s := range shipped()[:2] {
		p := s.load(t)
		root, administrator := around(p, s, policy.GrantRole("root", acme)), around(p, s, policy.GrantRole("administrator", acme))
		same(t, s.name, administrator, root...)
		same(t, s.name+": root has everything", root, slices.Clone(p.Vocabulary())...)
		// Not only there: rule by rule.
		rules := make(map[policy.Role][]policy.Rule)
		for _, r := range p.Rules() {
			role := r.Role
			r.Role, r.Line = "", 0
			rules[role] = append(rules[role], r)
		}
		if !slices.Equal(rules["root"], rules["administrator"]) {
			t.Errorf("%s: the rules of root and administrator differ", s.name)
		}
	}
}

// E5: in one project, a project administrator may all that a project user may, and this more.
func TestProjectUserWithinProjectAdministrator(t *testing.T) {
	t.Parallel()
	more := map[string][]policy.Permission{
		"emqx": {
			"billing.subscription:renew", "deployment.nat_gateway:manage", "deployment:change_spend_limit", "deployment:change_tier",
			"deployment:create", "deployment:delete", "deployment:move", "deployment:start_stop", "deployment:update_license", "project:edit",
		},
		"emqx-legacy": {
			"deployment:change_plan", "deployment:create", "deployment:delete", "deployment:move", "deployment:start_stop", "project:edit",
		},
	}
	for _, s := range shipped()[:2] {
		p := s.load(t)
		admin, user := around(p, s, policy.GrantRole("project_admin", p1)), around(p, s, policy.GrantRole("project_user", p1))
		same(t, s.name+": what the user has and the administrator lacks", lacks(user, admin))
		same(t, s.name+": what the administrator has and the user lacks", lacks(admin, user), more[s.name]...)
	}
}

// E5: a project role that is bound to nothing gives no project and no deployment; tickets, and no more.
func TestUnboundProjectRoleHasNoProject(t *testing.T) {
	t.Parallel()
	for _, s := range shipped()[:2] {
		p := s.load(t)
		for _, role := range s.bound {
			var want []policy.Permission
			if s.name == "emqx" {
				want = []policy.Permission{"ticket:manage", "ticket:view"}
			}
			same(t, s.name+": "+string(role), around(p, s, policy.GrantRole(role, acme)), want...)
			if !p.Bindable(role) {
				t.Errorf("%s: %s cannot be bound to projects", s.name, role)
			}
		}
		for _, role := range []policy.Role{"root", "administrator", "accountant", "auditor"} {
			if p.Bindable(role) {
				t.Errorf("%s: %s can be bound to projects (E6)", s.name, role)
			}
		}
	}
}

// The auditor changes nothing: all that it may is reading, but for these two.
func TestAuditorChangesNothing(t *testing.T) {
	t.Parallel()
	for _, s := range shipped()[:2] {
		auditor := around(s.load(t), s, policy.GrantRole("auditor", acme))
		changes := slices.DeleteFunc(auditor, func(name policy.Permission) bool {
			return name.Action() == policy.View || name.Action() == policy.List
		})
		var want []policy.Permission
		if s.name == "emqx" {
			want = []policy.Permission{"deployment.online_test:use", "ticket:manage"}
		}
		same(t, s.name, changes, want...)
	}
}

// The accountant touches no deployment and no account: what it changes is money, and those two.
func TestAccountantChangesMoneyOnly(t *testing.T) {
	t.Parallel()
	for _, s := range shipped()[:2] {
		changes := slices.DeleteFunc(around(s.load(t), s, policy.GrantRole("accountant", acme)), func(name policy.Permission) bool {
			return name.Action() == policy.View || name.Action() == policy.List || strings.HasPrefix(string(name), "billing.")
		})
		var want []policy.Permission
		if s.name == "emqx" {
			want = []policy.Permission{"deployment.online_test:use", "ticket:manage"}
		}
		same(t, s.name, changes, want...)
	}
}

// L1: each role of LANIT has what the one below has, and this more; Master has the same as Admin,
// and may give one role more.
func TestLanitRolesAreALadder(t *testing.T) {
	t.Parallel()
	s := shipped()[2]
	p := s.load(t)
	has := make(map[policy.Role][]policy.Permission)
	for _, role := range p.Roles() {
		has[role] = around(p, s, policy.GrantRole(role, acme))
	}
	same(t, "member", has["member"], "resource:list", "resource:view")
	same(t, "billing beyond member", lacks(has["billing"], has["member"]), "billing:manage", "billing:view")
	same(t, "member beyond billing", lacks(has["member"], has["billing"]))
	same(t, "admin beyond billing", lacks(has["admin"], has["billing"]), "resource:create", "resource:delete", "resource:edit",
		"subaccount:change_role", "subaccount:list", "subaccount:manage", "subaccount:view")
	same(t, "billing beyond admin", lacks(has["billing"], has["admin"]))
	same(t, "master is admin", has["master"], has["admin"]...)
	same(t, "master has everything", has["master"], slices.Clone(p.Vocabulary())...)
}

// D1, D2: what one owns, a Super Admin or Admin may all with; Basic has nothing of its own.
func TestDeviceHubRolesAreALadder(t *testing.T) {
	t.Parallel()
	s := shipped()[3]
	p := s.load(t)
	has := make(map[policy.Role][]policy.Permission)
	for _, role := range p.Roles() {
		has[role] = around(p, s, policy.GrantRole(role, acme))
	}
	same(t, "basic", has["basic"])
	same(t, "super_admin beyond admin", lacks(has["super_admin"], has["admin"]), "settings.mail:view")
	same(t, "admin beyond super_admin", lacks(has["admin"], has["super_admin"]))
	same(t, "root beyond super_admin", lacks(has["root"], has["super_admin"]), "settings.mail:manage", "settings.mail:test")
	same(t, "root has everything", has["root"], slices.Clone(p.Vocabulary())...)
}

// No shipped policy denies by a rule, and none names a role in one system only: grant by enumeration.
func TestShippedPoliciesEnumerate(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		for _, r := range s.load(t).Rules() {
			if r.Effect != policy.Allow {
				t.Errorf("%s:%d: %s: no shipped policy denies", r.File, r.Line, r)
			}
		}
	}
}
