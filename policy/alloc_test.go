package policy_test

import (
	"fmt"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Deciding allocates nothing: allowed or not, with conditions, with many bindings, narrowed, with the reason.
// It is not parallel: the allocations of other tests would count.
func TestDecidingAllocatesNothing(t *testing.T) {
	p := platform(t)
	few := []policy.Grant{policy.GrantRole("auditor", acme), policy.GrantRole("project_user", p1), policy.GrantPermission("ticket:view", acme)}
	many := few
	for i := range 1000 {
		many = append(many, policy.GrantRole("project_admin", policy.AtProject("acme", policy.ProjectID(fmt.Sprint("project ", i)))))
	}
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1")
	linking := policy.Kind("deployment.cluster_linking").In("acme", "p1").Named("d1")
	requests := map[string]struct {
		action   policy.Action
		resource policy.Resource
	}{
		"allowed":             {"rename", d1},
		"read only":           {"delete", d1},
		"no grant":            {"manage", policy.Kind("api_key").Of("acme")},
		"condition met":       {"manage", linking.With("plan", "premium")},
		"condition not met":   {"manage", linking.With("plan", "basic")},
		"condition unknown":   {"manage", linking},
		"other organization":  {"view", policy.Kind("deployment").Of("globex")},
		"unknown kind":        {"view", policy.Kind("rocket").Of("acme")},
		"the last project":    {"delete", policy.Kind("deployment").In("acme", "project 999")},
		"an unbound project":  {"rename", policy.Kind("deployment").In("acme", "project 1000")},
		"a single permission": {"view", policy.Kind("ticket").Of("acme")},
	}
	scope := policy.Scope{Permissions: p.Vocabulary()[20:], Projects: []policy.ProjectID{"p1", "project 999"}}
	for holder, h := range map[string]*policy.Holder{
		"few": holding(p, few...), "many": holding(p, many...), "narrowed": holding(p, many...).Within(scope),
	} {
		for name, ask := range requests {
			if n := testing.AllocsPerRun(100, func() { h.Can(ask.action, ask.resource) }); n != 0 {
				t.Errorf("%s grants, %s: Can allocates %v times", holder, name, n)
			}
			if n := testing.AllocsPerRun(100, func() { h.Decide(ask.action, ask.resource) }); n != 0 {
				t.Errorf("%s grants, %s: Decide allocates %v times", holder, name, n)
			}
		}
	}
}
