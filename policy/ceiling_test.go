package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"pgregory.net/rapid"
)

// SB-61: whoever may give a grant has, with every resource in its place, all that the receiver will
// have there: whatever the policy, with denies and conditions, own resources and those of others.
func TestNobodyGivesWhatTheyLack(t *testing.T) {
	t.Parallel()
	given := 0
	rapid.Check(t, func(rt *rapid.T) {
		d := rapidDice(rt)
		p := randomPolicy(d)
		params := randomParams(d, p, "ann")
		giver := p.Holder(params)
		for range 8 {
			g := randomGrant(d, p).Until(params.Now)
			g.Expires = params.Now.AddDate(1, 0, 0)
			if giver.MayGrant(g) != nil {
				continue
			}
			given++
			receiver := p.Holder(policy.HolderParams{
				ID: "bob", Org: "acme", Grants: []policy.Grant{g}, OpenProjects: params.OpenProjects, Now: params.Now,
			})
			for _, name := range p.Vocabulary() {
				for _, r := range everyResource(g.At, name.Kind()) {
					for _, owners := range [][2]policy.AccountID{{"", ""}, {"bob", "ann"}, {"carl", "carl"}} {
						if receiver.Can(name.Action(), r.OwnedBy(owners[0])) && !giver.Can(name.Action(), r.OwnedBy(owners[1])) {
							rt.Fatalf("%v gave %s, by which another has %s of %+v %v: %s", giver.Effective(), g, name, r, r.Attrs(),
								giver.Decide(name.Action(), r.OwnedBy(owners[1])))
						}
					}
				}
			}
		}
	})
	if given == 0 {
		t.Error("nobody ever gave anything: the property proves nothing")
	}
}

// What is missing is told, as the counter-example: complete, in the order of the vocabulary.
func TestMissingIsTheCounterExample(t *testing.T) {
	t.Parallel()
	p := platform(t)
	admin := func(at ...policy.Place) *policy.Holder {
		var grants []policy.Grant
		for _, place := range at {
			grants = append(grants, policy.GrantRole("project_admin", place))
		}
		return holding(p, grants...)
	}
	tests := []struct {
		name  string
		giver *policy.Holder
		grant policy.Grant
		want  []policy.Permission
	}{
		{"a project administrator has what a user gets in the same project", admin(acme, p1), policy.GrantRole("project_user", p1), nil},
		{"an unbound one lacks it, but for tickets", admin(acme), policy.GrantRole("project_user", p1), slices.DeleteFunc(
			around(p, shipped()[0], policy.GrantRole("project_user", p1)),
			func(name policy.Permission) bool { return name.Kind() == "ticket" })},
		{"and elsewhere", admin(p1), policy.GrantPermission("deployment:view", policy.AtProject("acme", "p2")), []policy.Permission{"deployment:view"}},
		{"and in the whole organization", admin(p1), policy.GrantPermission("deployment:view", acme), []policy.Permission{"deployment:view"}},
		{"an auditor lacks what changes", holding(p, policy.GrantRole("auditor", acme)), policy.GrantRole("accountant", acme),
			[]policy.Permission{"billing.payment:manage", "billing.invoices:download"}},
		{"a condition that the giver has too", admin(p1), policy.GrantPermission("deployment.cluster_linking:view", p1), nil},
		{"nothing is missing of nothing", admin(p1), policy.Grant{}, nil},
		{"the nil holder knows no policy", nil, policy.GrantRole("auditor", acme), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.giver.Missing(tt.grant)
			if inOrder := slices.IsSortedFunc(got, func(a, b policy.Permission) int {
				return slices.Index(p.Vocabulary(), a) - slices.Index(p.Vocabulary(), b)
			}); !inOrder {
				t.Errorf("%v is not in the order of the vocabulary", got)
			}
			same(t, "missing", got, tt.want...)
		})
	}
}

// A ceiling that counts what denies: the giver may lack in one project what it has around.
func TestWhatIsDeniedAnywhereInsideIsMissing(t *testing.T) {
	t.Parallel()
	p := denying().load(t)
	everywhere := policy.GrantRole("owner", acme)
	edit := policy.GrantPermission("file:edit", acme)
	f1 := policy.AtResource("acme", "file", "f1")
	tests := []struct {
		name  string
		deny  policy.Grant
		grant policy.Grant
		want  bool
	}{
		{"denied in one project, given in all", policy.GrantRole("suspended", p1), edit, false},
		{"denied in one project, given there", policy.GrantRole("suspended", p1), policy.GrantPermission("file:edit", p1), false},
		{"denied in one project, given in another", policy.GrantRole("suspended", p1), policy.GrantPermission("file:edit", policy.AtProject("acme", "p2")), true},
		{"denied in one project, given on a file that may lie there", policy.GrantRole("suspended", p1), policy.GrantPermission("file:edit", f1), false},
		{"denied on one file, given in all", policy.GrantRole("suspended", f1), edit, false},
		{"denied on one file, given in a project", policy.GrantRole("suspended", f1), policy.GrantPermission("file:edit", p1), false},
		{"denied on one file, given on another", policy.GrantRole("suspended", f1), policy.GrantPermission("file:edit", policy.AtResource("acme", "file", "f2")), true},
		{"denied on one file, given for reports", policy.GrantRole("suspended", f1), policy.GrantPermission("report:view", acme), true},
		{"denied with one's own", policy.GrantRole("intern", acme), edit, false},
		{"another permission is denied", policy.GrantRole("suspended", p1), policy.GrantPermission("file:view", acme), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := holding(p, everywhere, tt.deny).MayGrant(tt.grant); (err == nil) != tt.want {
				t.Errorf("MayGrant(%s) = %v, want allowed %t", tt.grant, err, tt.want)
			}
			if err := holding(p, everywhere).MayGrant(tt.grant); err != nil {
				t.Errorf("without the deny: %v", err)
			}
		})
	}
}

// Each refusal says of which sort it is, and reads as a sentence.
func TestMayGrantSaysWhyNot(t *testing.T) {
	t.Parallel()
	p := platform(t)
	root := holding(p, policy.GrantRole("root", acme))
	user := holding(p, policy.GrantRole("project_user", p1))
	inactive := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Inactive: true, Grants: []policy.Grant{policy.GrantRole("root", acme)}})
	tests := []struct {
		name     string
		giver    *policy.Holder
		grant    policy.Grant
		notGiven bool
		invalid  bool
		missing  int
		want     string
	}{
		{"nobody", nil, policy.GrantRole("auditor", acme), true, false, 0, "nobody may not give auditor at org/acme"},
		{"not active", inactive, policy.GrantRole("auditor", acme), true, false, 0, "ann may not give auditor at org/acme"},
		{"another organization", root, policy.GrantRole("auditor", policy.AtOrg("globex")), true, false, 0, "ann may not give auditor at org/globex"},
		{"no p2 row", user, policy.GrantRole("project_user", p1), true, false, 0, "ann may not give project_user at org/acme/project/p1"},
		{"an unknown role", root, policy.GrantRole("king", acme), false, true, 0, `policy: unknown role "king"`},
		{"nowhere", root, policy.GrantRole("auditor", policy.Place{}), false, true, 0, "policy: a grant needs a place"},
		{"what it lacks", user, policy.GrantPermission("deployment:delete", p1), false, false, 1,
			"ann may not give deployment:delete at org/acme/project/p1: it lacks deployment:delete itself"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.giver.MayGrant(tt.grant)
			var ceiling *policy.CeilingError
			if !errors.As(err, &ceiling) {
				t.Fatalf("got %v, want a CeilingError", err)
			}
			if ceiling.NotGiven != tt.notGiven || (ceiling.Invalid != nil) != tt.invalid || len(ceiling.Missing) != tt.missing {
				t.Errorf("got %+v", ceiling)
			}
			if ceiling.Grant != tt.grant || ceiling.Giver != tt.giver.ID() || errors.Unwrap(err) != ceiling.Invalid {
				t.Errorf("the error lacks a fact: %+v", ceiling)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want %q", err, tt.want)
			}
		})
	}
	if err := root.MayGrant(policy.GrantPermission("deployment:delete", p1)); err != nil {
		t.Errorf("root gives a single permission: %v", err)
	}
}

// A role that is held in one project gives roles there, and nowhere else.
func TestGivingWithinAProject(t *testing.T) {
	t.Parallel()
	p := compile(t, "p4, lead, Lead\np4, dev, Dev\np2, lead, dev\np3, code, push, Code, Push\n"+
		"p, lead, project, code, push, allow, always\np, dev, project, code, push, allow, always\n")
	p2 := policy.AtProject("acme", "p2")
	// In p2 it has all that a dev has, and is no lead.
	lead := holding(p, policy.GrantRole("lead", p1), policy.GrantRole("dev", p2))
	for _, tt := range []struct {
		at   policy.Place
		want bool
	}{{p1, true}, {p2, false}, {acme, false}, {policy.AtResource("acme", "code", "x"), false}} {
		if err := lead.MayGrant(policy.GrantRole("dev", tt.at)); (err == nil) != tt.want {
			t.Errorf("at %s: got %v, want %t", tt.at, err, tt.want)
		}
	}
}
