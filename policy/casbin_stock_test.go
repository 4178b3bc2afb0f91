package policy_test

import (
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/castellan-iam/castellan/policy"
)

// Stock Casbin loads model.conf and each policy file as they stand, with its own file adapter. With
// holds added and the accounts' roles written as g lines by hand, it decides as the policy does.
func TestStockCasbinLoadsTheFiles(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := s.load(t)
			e, err := casbin.NewEnforcer("../model.conf", s.file)
			if err != nil {
				t.Fatal(err)
			}
			e.AddFunction("holds", policy.Holds(s.conditions...))
			var holders []*policy.Holder
			for _, role := range p.Roles() {
				bob := policy.AccountID("bob the " + role)
				holders = append(holders, p.Holder(policy.HolderParams{ID: bob, Org: "acme", Grants: []policy.Grant{
					policy.GrantRole(role, acme), policy.GrantRole(role, p1),
				}}))
				for _, place := range []string{"org/acme", "org/acme/project/p1"} {
					if _, err := e.AddGroupingPolicy("account:bob+the+"+string(role), string(role), place); err != nil {
						t.Fatal(err)
					}
				}
			}
			asked := 0
			for _, h := range holders {
				for _, name := range p.Vocabulary() {
					reach := h.Reach(name.Action(), name.Kind())
					for _, r := range s.resources(p, name.Kind(), h.ID()) {
						// A part of the requests: TestShippedPoliciesEqualCasbin asks them all.
						if asked++; asked%(2*stride) == 0 {
							agree(t, h, reach, e, name.Action(), r)
						}
					}
				}
			}
		})
	}
}

// P19: the function that stock Casbin is given answers an error, and so a denial, for what it cannot know.
func TestHoldsRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	holds := policy.Holds(plans()...)
	attrs := map[string]string{"plan": "premium"}
	for _, args := range [][]any{nil, {"premium"}, {"premium", attrs, "allow", "more"}, {"gold", attrs, "allow"}, {"", attrs, "allow"}, {7, attrs, "allow"}} {
		if answer, err := holds(args...); err == nil || answer == true {
			t.Errorf("holds(%v) = %v, %v: want an error", args, answer, err)
		}
	}
	for _, tt := range []struct {
		args []any
		want bool
	}{
		{[]any{"always", attrs, "allow"}, true},
		{[]any{"premium", attrs, "allow"}, true},
		{[]any{"byoc", attrs, "allow"}, false},
		{[]any{"byoc", attrs, "deny"}, false},
		{[]any{"premium", map[string]string{}, "allow"}, false},
		{[]any{"premium", map[string]string{}, "deny"}, true},
		{[]any{"premium", nil, "allow"}, false},
		{[]any{"premium", nil, "deny"}, true},
	} {
		if answer, err := holds(tt.args...); err != nil || answer != tt.want {
			t.Errorf("holds(%v) = %v, %v: want %t", tt.args, answer, err, tt.want)
		}
	}
}
