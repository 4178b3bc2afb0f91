package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// enforcer is the part of Casbin's enforcer that the tests use.
type enforcer interface {
	Enforce(request ...any) (bool, error)
}

// roleSets returns every set of one to three of the roles, and the empty one.
func roleSets(roles []policy.Role) [][]policy.Role {
	sets := [][]policy.Role{nil}
	for i := range roles {
		sets = append(sets, roles[i:i+1])
		for j := range i {
			sets = append(sets, []policy.Role{roles[i], roles[j]})
			for k := range j {
				sets = append(sets, []policy.Role{roles[i], roles[j], roles[k]})
			}
		}
	}
	return sets
}

// situations are the ways in which a holder of roles stands to project p1.
func situations(roles []policy.Role) map[string]policy.HolderParams {
	everywhere := policy.HolderParams{Org: "acme", OpenProjects: []policy.ProjectID{"lab"}}
	bound := policy.HolderParams{Org: "acme"}
	for _, role := range roles {
		everywhere.Grants = append(everywhere.Grants, policy.GrantRole(role, acme))
		bound.Grants = append(bound.Grants, policy.GrantRole(role, p1))
	}
	both := everywhere
	both.Grants = slices.Concat(everywhere.Grants, bound.Grants)
	return map[string]policy.HolderParams{"in the organization": everywhere, "bound": bound, "both": both}
}

// resources returns a resource of the kind in each situation that tells rules of the system apart.
func (s system) resources(p *policy.Policy, kind policy.Kind, holder policy.AccountID) []policy.Resource {
	all := []policy.Resource{
		kind.In("acme", "p1").Named("x"), kind.In("acme", "p2").Named("x"), kind.In("acme", "lab"),
		kind.Of("acme"), kind.In("globex", "p1").Named("x"), {Kind: kind},
	}
	if slices.ContainsFunc(p.Rules(), func(r policy.Rule) bool { return r.Reach == policy.ReachOwn && r.Kind == kind }) {
		for _, r := range slices.Clone(all) {
			all = append(all, r.OwnedBy(holder), r.OwnedBy("somebody"))
		}
	}
	if slices.ContainsFunc(p.Rules(), func(r policy.Rule) bool { return r.Condition != policy.Always && r.Kind == kind }) {
		for _, value := range s.values {
			all = append(all, kind.In("acme", "p1").Named("x").With(s.attribute, value))
		}
		all = append(all, kind.In("acme", "p2").With(s.attribute, s.values[2%len(s.values)]))
	}
	return all
}

// The full cross product: every set of up to three roles, held in the organization, bound, and both;
// every permission; in the project, another, an open one, none, another organization and nowhere;
// one's own and not, with every plan: Casbin gives the answer that the table gives.
func TestShippedPoliciesEqualCasbin(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		p := s.load(t)
		for _, situation := range []string{"in the organization", "bound", "both"} {
			t.Run(s.name+"/"+situation, func(t *testing.T) {
				t.Parallel()
				var holders []*policy.Holder
				for i, set := range roleSets(p.Roles()) {
					params := situations(set)[situation]
					params.ID = policy.AccountID(fmt.Sprintf("account %d", i))
					holders = append(holders, p.Holder(params))
				}
				e, err := p.Enforcer(holders...)
				if err != nil {
					t.Fatal(err)
				}
				allowed, asked := 0, 0
				for _, h := range holders {
					for _, name := range p.Vocabulary() {
						reach := h.Reach(name.Action(), name.Kind())
						for _, r := range s.resources(p, name.Kind(), h.ID()) {
							if asked++; asked%stride != 0 {
								continue
							}
							if agree(t, h, reach, e, name.Action(), r) {
								allowed++
							}
						}
					}
				}
				t.Logf("%d requests, %d allowed", asked, allowed)
				if allowed == 0 || allowed == asked {
					t.Error("the requests prove nothing")
				}
			})
		}
	}
}

// reporter is what a test and a property of rapid have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// agree reports a request that is answered in two ways, and returns the answer of Can.
func agree(t reporter, h *policy.Holder, reach policy.Reach, e enforcer, action policy.Action, r policy.Resource) bool {
	t.Helper()
	can := h.Can(action, r)
	d := h.Decide(action, r)
	byCasbin, err := e.Enforce(policy.Request(h.ID(), action, r)...)
	if err != nil {
		t.Fatalf("Casbin: %v", err)
	}
	if contains := reach.Contains(r); d.Allowed() != can || byCasbin != can || contains != can {
		t.Errorf("%v holding %v: %s of %+v %v: Can %t, Casbin %t, Reach %t, Decide %s",
			h.ID(), h.Effective(), action, r, r.Attrs(), can, byCasbin, contains, d)
	}
	return can
}

// The same for grants on single resources, of roles and of permissions, beside a role.
func TestGrantsEqualCasbin(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			p := s.load(t)
			var holders []*policy.Holder
			add := func(grants ...policy.Grant) {
				params := policy.HolderParams{ID: policy.AccountID(fmt.Sprint(len(holders))), Org: "acme", Grants: grants}
				holders = append(holders, p.Holder(params))
			}
			for _, name := range p.Vocabulary() {
				on := policy.AtResource("acme", name.Kind(), "x")
				for _, at := range []policy.Place{acme, p1, on} {
					add(policy.GrantPermission(name, at))
				}
				for _, role := range p.Roles() {
					add(policy.GrantRole(role, on))
				}
			}
			e, err := p.Enforcer(holders...)
			if err != nil {
				t.Fatal(err)
			}
			vocabulary, asked := p.Vocabulary(), 0
			for i, h := range holders {
				// Each holder is asked about its own permission, and about one that is not its own.
				own := i / (3 + len(p.Roles()))
				for _, j := range []int{own, own + 1} {
					name := vocabulary[j%len(vocabulary)]
					reach := h.Reach(name.Action(), name.Kind())
					for _, r := range append(s.resources(p, name.Kind(), h.ID()), name.Kind().In("acme", "p1").Named("y")) {
						if asked++; asked%stride == 0 {
							agree(t, h, reach, e, name.Action(), r)
						}
					}
				}
			}
		})
	}
}
