package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
	"pgregory.net/rapid"
)

// leaves is what a scope means, said without any of the code that it is held against.
func leaves(s policy.Scope, name policy.Permission, r policy.Resource) bool {
	return slices.Contains(s.Permissions, name) && (s.AllProjects || r.Project != "" && slices.Contains(s.Projects, r.Project))
}

// narrows reports where a narrowed holder is not the base and the scope, in any of its readings.
func narrows(t reporter, base, h *policy.Holder, s policy.Scope, reach policy.Reach, action policy.Action, r policy.Resource) bool {
	t.Helper()
	name := policy.NewPermission(r.Kind, action)
	full, left := base.Decide(action, r), leaves(s, name, r)
	want := full.Allowed() && left
	got := h.Decide(action, r)
	if h.Can(action, r) != want || got.Allowed() != want || reach.Contains(r) != want {
		t.Errorf("%v within %+v: %s of %+v %v: Can %t, Reach %t, Decide %s: want %t",
			base.Effective(), s, name, r, r.Attrs(), h.Can(action, r), reach.Contains(r), got, want)
	}
	if (got.Reason == policy.OutOfScope) != (full.Allowed() && !left) {
		t.Errorf("%v within %+v: %s of %+v: %s, and without the scope %s", base.Effective(), s, name, r, got, full)
	}
	if got.Reason == policy.OutOfScope && (got.Grant != full.Grant || got.Rule != full.Rule || len(got.Remedies()) > 0) {
		t.Errorf("%s: it tells of another rule than %s, or of remedies %v", got, full, got.Remedies())
	}
	if got.Reason == policy.ReadOnly && !h.Can(policy.View, r) {
		t.Errorf("%s, but it may not view", got)
	}
	return want
}

// scopesFor returns scopes that differ in each of their parts.
func scopesFor(p *policy.Policy) []policy.Scope {
	all := p.Vocabulary()
	var some []policy.Permission
	for i, name := range all {
		if i%3 != 0 {
			some = append(some, name)
		}
	}
	return []policy.Scope{
		{},
		{Permissions: all},
		{Permissions: all, AllProjects: true},
		{AllProjects: true, Projects: []policy.ProjectID{"p1"}},
		{Permissions: some, AllProjects: true, Projects: []policy.ProjectID{"p1"}},
		{Permissions: append(slices.Clone(some), some[0], "rocket:launch"), Projects: []policy.ProjectID{"p1", "", "none", "p1"}},
		{Permissions: all, Projects: []policy.ProjectID{"lab", "p2"}},
	}
}

// E18: over every set of up to three roles, held in the organization, bound, and both, every
// permission and every resource that the rules tell apart: the narrowed answer is the holder's own and the scope's.
func TestNarrowedIsTheHolderAndTheScope(t *testing.T) {
	t.Parallel()
	for _, s := range append(shipped(), denying()) {
		p := s.load(t)
		for i, scope := range scopesFor(p) {
			t.Run(fmt.Sprintf("%s/%d", s.name, i), func(t *testing.T) {
				t.Parallel()
				asked, allowed, outside := 0, 0, 0
				for _, set := range roleSets(p.Roles()) {
					for _, params := range situations(set) {
						params.ID = "ann"
						base := p.Holder(params)
						h := base.Within(scope)
						for _, name := range p.Vocabulary() {
							reach := h.Reach(name.Action(), name.Kind())
							for _, r := range s.resources(p, name.Kind(), "ann") {
								if asked++; asked%stride != 0 {
									continue
								}
								if narrows(t, base, h, scope, reach, name.Action(), r) {
									allowed++
								} else if base.Can(name.Action(), r) {
									outside++
								}
							}
						}
					}
				}
				t.Logf("%d requests, %d allowed, %d out of scope", asked, allowed, outside)
				full := len(scope.Permissions) == len(p.Vocabulary()) && scope.AllProjects
				empty := len(scope.Permissions) == 0 || !scope.AllProjects && len(scope.Projects) == 0
				if stride == 1 && ((outside == 0) != full || (allowed == 0) != empty) {
					t.Error("the requests prove nothing")
				}
			})
		}
	}
}

// Whatever the policy, the grants and the scopes: a scope only ever takes away, two take away what
// either does, in any order, and every reading of the holder says the same.
func narrowsOnly(t *dice) {
	p := randomPolicy(t)
	all := p.Vocabulary()
	draw := func() policy.Scope {
		s := policy.Scope{AllProjects: t.roll(3) == 0}
		for _, name := range append(all, "rocket:launch") {
			if t.roll(3) > 0 {
				s.Permissions = append(s.Permissions, name)
			}
		}
		for _, project := range randomProjects {
			if t.roll(2) == 1 {
				s.Projects = append(s.Projects, project)
			}
		}
		return s
	}
	base, first, second := randomHolder(t, p, "ann"), draw(), draw()
	h, twice, other := base.Within(first), base.Within(first).Within(second), base.Within(second).Within(first)
	for range 40 {
		r, action := randomResource(t), pick(t, randomActions)
		can := narrows(t, base, h, first, h.Reach(action, r.Kind), action, r)
		both := can && leaves(second, policy.NewPermission(r.Kind, action), r)
		for _, narrowed := range []*policy.Holder{twice, other} {
			if narrowed.Can(action, r) != both || narrowed.Reach(action, r.Kind).Contains(r) != both {
				t.Errorf("within %+v and %+v: %s of %+v: want %t", first, second, action, r, both)
			}
		}
		if listed := slices.Contains(h.Permissions(r), policy.NewPermission(r.Kind, action)); listed != can {
			t.Errorf("Permissions lists %s of %+v: %t, Can %t", action, r, listed, can)
		}
		if h.Sees(r) && !base.Sees(r) {
			t.Errorf("within %+v: it sees %+v, which the holder itself does not", first, r)
		}
		for _, remedy := range h.Decide(action, r).Remedies() {
			grants := append(base.Effective(), remedy.Grant)
			if !p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: grants}).Within(first).Can(action, r) {
				t.Errorf("within %+v: %s of %+v: the remedy %s does not allow it", first, action, r, remedy.Grant)
			}
		}
		givesNothing(t, base, h, randomGrant(t, p), r)
	}
	if e, err := p.Enforcer(h); err != nil || len(h.Effective()) > 0 {
		t.Errorf("a narrowed holder has %v for Casbin: %v, %v", h.Effective(), e, err)
	}
}

// givesNothing reports what a narrowed holder would give, or have, that it does not (SB-61).
func givesNothing(t reporter, base, h *policy.Holder, g policy.Grant, r policy.Resource) {
	t.Helper()
	if err := h.MayGrant(g); err == nil {
		t.Errorf("it may give %s", g)
	} else if base.MayGrant(g) == nil && !narrowedError(err) {
		t.Errorf("it may not give %s for another reason: %v", g, err)
	}
	if name := g.Permission; name != "" {
		if err := h.MayGrantOn(name, r, time.Time{}); err == nil || base.MayGrantOn(name, r, time.Time{}) == nil && !narrowedError(err) {
			t.Errorf("it may give %s on %+v, or may not for another reason: %v", name, r, err)
		}
	}
	missing := h.Missing(g)
	for _, name := range base.Missing(g) {
		if !slices.Contains(missing, name) {
			t.Errorf("it has %s at %s, which the holder itself lacks", name, g.At)
		}
	}
	name := g.Permission
	if name == "" || g.At.Org != "acme" || slices.Contains(missing, name) {
		return
	}
	for _, in := range everyResource(g.At, name.Kind()) {
		if base.Can(name.Action(), in) && !h.Can(name.Action(), in) {
			t.Errorf("it does not lack %s at %s, but may not with %+v", name, g.At, in)
		}
	}
}

func narrowedError(err error) bool {
	var ceiling *policy.CeilingError
	return errors.As(err, &ceiling) && ceiling.Narrowed
}

func TestScopesOnlyTakeAway(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { narrowsOnly(rapidDice(t)) })
}

func FuzzScopesOnlyTakeAway(f *testing.F) {
	for seed := range byte(10) {
		f.Add(noise(seed, 600))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) { narrowsOnly(byteDice(t, bytes)) })
}

// What a narrowed reach says about itself: an administrator's is a list of projects, and single
// resources are asked for their project too.
func TestNarrowedReachIsData(t *testing.T) {
	t.Parallel()
	p := platform(t)
	view := policy.Scope{Permissions: []policy.Permission{"deployment:view"}, Projects: []policy.ProjectID{"p2", "p1"}}
	d1 := policy.AtResource("acme", "deployment", "d1")
	for _, tt := range []struct {
		name     string
		holder   *policy.Holder
		action   policy.Action
		projects []policy.ProjectID
		clauses  []policy.Clause
	}{
		{"everything becomes the projects", holding(p, policy.GrantRole("administrator", acme)), "view",
			[]policy.ProjectID{"p1", "p2"}, []policy.Clause{{Projects: []policy.ProjectID{"p1", "p2"}}}},
		{"what is not in the scope", holding(p, policy.GrantRole("administrator", acme)), "delete", nil, nil},
		{"of the bindings those in the scope", holding(p, policy.GrantRole("project_user", p1), policy.GrantRole("project_user", policy.AtProject("acme", "p3"))), "view",
			[]policy.ProjectID{"p1"}, []policy.Clause{{Projects: []policy.ProjectID{"p1"}}}},
		{"a resource, where its project is in the scope", holding(p, policy.GrantPermission("deployment:view", d1)), "view",
			nil, []policy.Clause{{Projects: []policy.ProjectID{"p1", "p2"}, IDs: []string{"d1"}}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := tt.holder.Within(view)
			r := h.Reach(tt.action, "deployment")
			allow, deny := r.Clauses()
			if r.IsAll() || r.IsNone() != (tt.clauses == nil) || !slices.Equal(r.Projects(), tt.projects) || len(deny) > 0 ||
				fmt.Sprintf("%+v", allow) != fmt.Sprintf("%+v", tt.clauses) || r.Org() != "acme" || r.Subject() != "ann" {
				t.Errorf("got %+v %+v, projects %v", allow, deny, r.Projects())
			}
			if len(allow) > 0 && len(allow[0].Projects) > 1 {
				allow[0].Projects[0] = "elsewhere"
				if !h.Can("view", policy.Kind("deployment").In("acme", "p1").Named("d1")) {
					t.Error("who changes a clause changes the scope")
				}
			}
		})
	}
}

// The reasons of a narrowed holder, and how it says them.
func TestNarrowedSaysWhy(t *testing.T) {
	t.Parallel()
	p := platform(t)
	scope := policy.Scope{Permissions: []policy.Permission{"deployment:view", "project:create", "api_key:view"}, Projects: []policy.ProjectID{"p1"}}
	admin := holding(p, policy.GrantRole("administrator", acme)).Within(scope)
	user := holding(p, policy.GrantRole("project_user", p1)).Within(policy.Scope{Permissions: []policy.Permission{"deployment:delete"}, AllProjects: true})
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1")
	for _, tt := range []struct {
		name   string
		holder *policy.Holder
		action policy.Action
		r      policy.Resource
		want   policy.Reason
	}{
		{"in the scope", admin, "view", d1, policy.Allowed},
		{"another permission", admin, "delete", d1, policy.OutOfScope},
		{"another project", admin, "view", policy.Kind("deployment").In("acme", "p2").Named("d2"), policy.OutOfScope},
		{"of the whole organization", admin, "view", policy.Kind("api_key").Of("acme"), policy.OutOfScope},
		{"another organization", admin, "view", policy.Kind("deployment").In("globex", "p1"), policy.OtherOrganization},
		{"what the account itself may not", user, "delete", d1, policy.NoGrant}, // and not read only: view is out of the scope
		{"by an inactive account", p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Inactive: true}).Within(scope), "view", d1, policy.Inactive},
		{"by the zero holder", new(policy.Holder).Within(scope), "view", d1, policy.NoSubject},
		{"by nobody", (*policy.Holder)(nil).Within(scope), "view", d1, policy.NoSubject},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := tt.holder.Decide(tt.action, tt.r)
			if d.Reason != tt.want || tt.holder.Can(tt.action, tt.r) != d.Allowed() {
				t.Errorf("got %v: %s, want %v", d.Reason, d, tt.want)
			}
			if d.Reason == policy.OutOfScope && !strings.Contains(d.String(), "scope") {
				t.Errorf("it says %s", d)
			}
		})
	}
	if hidden := policy.Kind("deployment").In("acme", "p2").Named("d2"); admin.Sees(hidden) || !admin.Sees(d1) {
		t.Error("it sees what the scope leaves out, or does not see what it leaves")
	}
	if !admin.Narrowed() || holding(p).Narrowed() || (*policy.Holder)(nil).Narrowed() {
		t.Error("Narrowed does not say who is")
	}
	err := admin.MayGrant(policy.GrantRole("project_user", p1))
	if want := "policy: ann may not give project_user at org/acme/project/p1: who is narrowed to a scope gives nothing"; !narrowedError(err) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
