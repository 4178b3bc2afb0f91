package policy_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// E7, D1, L2: who may give which role is what grants.csv says, for every pair of roles: in Gives and,
// as nobody of the shipped policies is to give what they lack, in MayGrant.
func TestWhoMayGiveWhichRole(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := s.load(t)
			rows, _ := readTable(t, s.grants)
			pairs := make(map[[2]policy.Role]bool)
			for _, row := range rows {
				pairs[[2]policy.Role{policy.Role(row["granter"]), policy.Role(row["may_grant"])}] = true
			}
			for _, granter := range p.Roles() {
				for _, role := range p.Roles() {
					want := pairs[[2]policy.Role{granter, role}]
					delete(pairs, [2]policy.Role{granter, role})
					if got := slices.Contains(p.Gives(granter), role); got != want {
						t.Errorf("Gives: %s gives %s: got %t, want %t", granter, role, got, want)
					}
					giver := holding(p, policy.GrantRole(granter, acme))
					err := giver.MayGrant(policy.GrantRole(role, acme))
					if (err == nil) != want {
						t.Errorf("MayGrant: %s gives %s: got %v, want %t", granter, role, err, want)
					}
					var ceiling *policy.CeilingError
					if err != nil && (!errors.As(err, &ceiling) || !ceiling.NotGiven) {
						t.Errorf("MayGrant: %s gives %s: got %v, want a CeilingError that says NotGiven", granter, role, err)
					}
				}
			}
			for pair := range pairs {
				t.Errorf("%s: %v: the policy lacks one of these roles", s.grants, pair)
			}
		})
	}
}

// D1: exactly one root: nobody can give the role.
func TestNobodyGivesRoot(t *testing.T) {
	t.Parallel()
	for _, s := range shipped() {
		p := s.load(t)
		for _, granter := range p.Roles() {
			if s.root != "" && slices.Contains(p.Gives(granter), s.root) {
				t.Errorf("%s: %s gives %s", s.name, granter, s.root)
			}
		}
	}
}
