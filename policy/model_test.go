package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
)

// edited returns model.conf with one piece of text replaced.
func edited(t testing.TB, old, new string) string {
	t.Helper()
	model := castellan.Model()
	if strings.Count(model, old) != 1 {
		t.Fatalf("model.conf has %q %d times: want once", old, strings.Count(model, old))
	}
	return strings.Replace(model, old, new, 1)
}

// matching returns model.conf with another matcher.
func matching(matcher string) string {
	head, _, _ := strings.Cut(castellan.Model(), "[matchers]")
	return head + "[matchers]\nm = " + matcher + "\n"
}

// The parts of the matcher of model.conf, to build others of.
const (
	names = `r.kind == p.kind && r.action == p.action`
	whose = `(p.reach != "own" || r.owner == r.sub)`
	where = `(g(r.sub, p.role, r.resource) || g(r.sub, p.role, r.project) || p.reach != "project" && g(r.sub, p.role, r.org))`
	when  = `(p.when == "always" || holds(p.when, r.attrs, p.eft))`
	same4 = names + " && " + whose + " && " + where + " && " + when
)

// withModel compiles the policy of the system under another model.
func (s system) withModel(t testing.TB, model string) (*policy.Policy, error) {
	t.Helper()
	return policy.Load(s.file, fileOf(t, s.file), policy.Config{Model: model, Conditions: s.conditions})
}

// The rules are Casbin's: who edits the matcher in model.conf changes what is decided.
func TestEditingTheModelChangesDecisions(t *testing.T) {
	t.Parallel()
	onD1 := policy.Kind("deployment.tls").In("acme", "p1").Named("d1")
	premium := policy.Kind("deployment.cluster_linking").In("acme", "p1").Named("d1")
	tests := []struct {
		name, old, new string
		grant          policy.Grant
		action         policy.Action
		resource       policy.Resource
		before, after  bool
	}{
		{"a role in the organization counts in every project", `p.reach != "project" && `, ``,
			policy.GrantRole("project_admin", acme), "manage", onD1, false, true},
		{"managing implies viewing", `r.action == p.action`, `(r.action == p.action || r.action == "view" && p.action == "manage")`,
			policy.GrantRole("auditor", acme), "view", onD1, true, true},
		{"viewing implies managing", `r.action == p.action`, `(r.action == p.action || r.action == "manage" && p.action == "view")`,
			policy.GrantRole("auditor", acme), "manage", onD1, false, true},
		{"a binding to the project no longer counts", `g(r.sub, p.role, r.project)`, `g(r.sub, p.role, r.resource)`,
			policy.GrantRole("project_admin", p1), "manage", onD1, true, false},
		{"conditions always hold", `p.when == "always"`, `p.when != "deny"`,
			policy.GrantRole("project_admin", p1), "view", premium, false, true},
		{"administrators lose deployment.tls", `r.kind == p.kind`, `r.kind == p.kind && (p.role != "administrator" || p.kind != "deployment.tls")`,
			policy.GrantRole("administrator", acme), "view", onD1, true, false},
	}
	s := shipped()[0]
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := s.withModel(t, edited(t, tt.old, tt.new))
			if err != nil {
				t.Fatal(err)
			}
			if got := holding(s.load(t), tt.grant).Can(tt.action, tt.resource); got != tt.before {
				t.Errorf("before: got %t, want %t", got, tt.before)
			}
			h := holding(p, tt.grant)
			if got := h.Can(tt.action, tt.resource); got != tt.after {
				t.Errorf("after: got %t, want %t: %s", got, tt.after, h.Decide(tt.action, tt.resource))
			}
			if p.Version() == s.load(t).Version() {
				t.Error("the version did not change")
			}
		})
	}
}

// Managing implies viewing, also for a role that has no row for viewing.
func TestActionsCanImplyOthers(t *testing.T) {
	t.Parallel()
	model := edited(t, `r.action == p.action`, `(r.action == p.action || r.action == "view" && p.action == "manage")`)
	p, err := policy.Load("test.csv", []byte("p4, chief, Chief\np3, car, view, Cars, Cars\np3, car, manage, Cars, Cars\np, chief, org, car, manage, allow, always\n"), policy.Config{Model: model})
	if err != nil {
		t.Fatal(err)
	}
	d := holding(p, policy.GrantRole("chief", acme)).Decide("view", policy.Kind("car").Of("acme"))
	if !d.Allowed() || d.Rule.Action != "manage" {
		t.Errorf("got %s by %s, want allowed by the rule about manage", d, d.Rule)
	}
}

// A model that the rest of the package does not understand is refused, and the error says what is expected.
func TestForeignModelsAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, model, want string }{
		{"no model", "hello", "model"},
		{"another request", edited(t, "r = sub, org, project, resource, owner, kind, action, attrs", "r = sub, obj, act"),
			"r = sub, obj, act: want r = sub, org, project, resource, owner, kind, action, attrs"},
		{"a request in another order", edited(t, "r = sub, org, project", "r = org, sub, project"), "want r = sub, org"},
		{"another policy", edited(t, "p = role, reach, kind, action, eft, when", "p = role, kind, action, eft"), "want p = role, reach, kind"},
		{"no p2", edited(t, "p2 = granter, role", ""), "p2 is missing: want p2 = granter, role"},
		{"no p3", edited(t, "p3 = kind, action, section, title", ""), "p3 is missing"},
		{"another p4", edited(t, "p4 = role, title", "p4 = role"), "want p4 = role, title"},
		{"another role definition", edited(t, "g = _, _, _", "g = _, _"), "want g = _, _, _"},
		{"allow overrides deny", edited(t, "&& !some(where (p.eft == deny))", ""), "e = some(where (p_eft == allow))"},
		{"deny-override without allow", edited(t, "e = some(where (p.eft == allow)) && !some", "e = !some"), "want e = some(where"},
		{"no matcher", strings.Split(castellan.Model(), "[matchers]")[0], "matcher"},
		{"everybody is let in", matching(`true`), "without any role"},
		{"everybody is let in to what is named", matching(names), "without any role"},
		{"nobody holds, the owner is let in", matching(names + ` && (r.owner == r.sub || ` + where + `)`), "without any role"},
		{"an account by its name", matching(same4 + ` || r.sub == "account:ann"`), `"account:ann"`},
		{"an account in single quotes", matching(same4 + ` || r.sub == 'account:ann'`), `'account:ann'`},
		{"an organization by its name", matching(same4 + ` && r.org != "org/acme"`), `"org/acme"`},
		{"no organization at all", matching(same4 + ` && r.org != ""`), `""`},
		{"a pattern", matching(same4 + ` || regexMatch(r.sub, "^account:a")`), `"^account:a"`},
		{"an attribute by its value", matching(same4 + ` && r.attrs.plan == "premium"`), `"premium"`},
		{"an unknown function", matching(same4 + ` && allowed(r.kind)`), "allowed"},
		{"an unknown name", matching(same4 + ` && r.place == p.kind`), "place"},
		{"no matcher that parses", matching(`r.kind == && (`), "model"},
		{"a matcher that is no truth", matching(`r.kind`), "matcher"},
		{"two places at once", matching(names + ` && g(r.sub, p.role, r.org) && g(r.sub, p.role, r.project)`), "several places at once"},
		{"the absence of a role", matching(same4 + ` && !g(r.sub, "suspended", r.org)`), "uses g("},
		{"what the owner holds", matching(same4 + ` && !g(r.owner, p.role, r.org)`), "uses g("},
		{"a condition of the request's choice", matching(same4 + ` && holds(r.kind, r.attrs, p.eft)`), "uses holds("},
		{"code from a row", matching(same4 + ` && eval(p.when)`), "uses eval("},
		{"a condition that counts at some places only", matching(names + ` && ` + whose + ` && ` + where + ` && (p.reach != "own" && g(r.sub, p.role, r.org) || ` + when + `)`), "condition"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := denying().withModel(t, tt.model)
			if err == nil || p != nil {
				t.Fatal("the model was accepted")
			}
			if !strings.HasPrefix(err.Error(), "policy: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q: want policy: … %s", err, tt.want)
			}
		})
	}
}

// Whatever the matcher, it is refused or the table equals Casbin: for holders of two roles, at every
// two levels, one's own resources and others'. A matcher that looks at several roles or places at
// once is what a table of single cells cannot say.
func TestEditedModelsAreRefusedOrEqualCasbin(t *testing.T) {
	t.Parallel()
	matchers := []string{
		same4,
		// Other shapes of the same, and other meanings of the reaches.
		names + ` && ` + where + ` && ` + whose + ` && ` + when,
		where + ` && ` + when + ` && ` + whose + ` && ` + names,
		names + ` && ` + where,
		names + ` && ` + whose + ` && ` + where,
		names + ` && ` + when + ` && (g(r.sub, p.role, r.org) || g(r.sub, p.role, r.project))`,
		names + ` && ` + when + ` && (g(r.sub, p.role, r.org) && p.reach == "org" || g(r.sub, p.role, r.project) && p.reach == "project")`,
		names + ` && ` + when + ` && r.owner != r.sub && ` + where,
		`r.kind == p.kind && ` + where + ` && ` + when,
		`(` + names + `) && (` + where + `) && ` + when,
		same4 + ` && p.role != "suspended"`,
		same4 + ` && !(p.role == "editor" && r.action == "delete")`,
		names + ` && ` + whose + ` && ` + where + ` && holds(p.when, r.attrs, p.eft)`,
		// Several roles at once, or their absence.
		same4 + ` && !g(r.sub, "suspended", r.org)`,
		same4 + ` && (p.eft == "deny" || !g(r.sub, "intern", r.project))`,
		same4 + ` && (p.role != "editor" || g(r.sub, "author", r.org))`,
		`(` + same4 + `) || ` + names + ` && g(r.sub, "owner", r.org)`,
		names + ` && g(r.sub, "owner", r.org)`,
		// Several places at once, or their absence.
		names + ` && ` + when + ` && g(r.sub, p.role, r.org) && g(r.sub, p.role, r.project)`,
		names + ` && ` + when + ` && g(r.sub, p.role, r.org) && !g(r.sub, p.role, r.project)`,
		names + ` && ` + when + ` && (g(r.sub, p.role, r.org) != g(r.sub, p.role, r.project))`,
		names + ` && ` + when + ` && (g(r.sub, p.role, r.org) ? !g(r.sub, p.role, r.resource) : g(r.sub, p.role, r.project))`,
		names + ` && ` + when + ` && (p.kind != "file.comment" && ` + where + ` || g(r.sub, p.role, r.org) && g(r.sub, p.role, r.project))`,
		names + ` && ` + when + ` && (p.when == "always" && ` + where + ` || g(r.sub, p.role, r.org) && g(r.sub, p.role, r.project))`,
		names + ` && (g(r.sub, p.role, r.org) && g(r.sub, p.role, r.project) || ` + where + ` && ` + when + `)`,
		// What others hold, and other pairs.
		names + ` && ` + when + ` && (` + where + ` || g(r.owner, p.role, r.org))`,
		names + ` && ` + when + ` && ` + where + ` && !g(r.owner, p.role, r.org)`,
		names + ` && ` + when + ` && g(r.sub, p.role, r.owner)`,
		same4 + ` && r.org != r.project`,
		same4 + ` && r.project != r.resource`,
		same4 + ` && r.owner != r.org`,
	}
	s := denying()
	for i, matcher := range matchers {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p, err := s.withModel(t, matching(matcher))
			if err != nil {
				t.Logf("%s\nis refused: %v", matcher, err)
				if i < 13 {
					t.Error("a table can say this")
				}
				return
			}
			holders := pairs(p)
			e, err := p.Enforcer(holders...)
			if err != nil {
				t.Fatal(err)
			}
			for j, h := range holders {
				for k, name := range p.Vocabulary() {
					reach := h.Reach(name.Action(), name.Kind())
					for l, r := range s.resources(p, name.Kind(), h.ID()) {
						if (j+k+l)%stride != 0 {
							continue
						}
						if agree(t, h, reach, e, name.Action(), r); t.Failed() {
							t.Fatalf("the matcher is neither refused nor represented: %s", matcher)
						}
					}
				}
			}
		})
	}
}

// pairs returns holders of each role and its neighbor at every two levels; "somebody", who owns things, holds one too.
func pairs(p *policy.Policy) []*policy.Holder {
	places := []policy.Place{acme, p1, policy.AtResource("acme", "file", "x")}
	holders := []*policy.Holder{p.Holder(policy.HolderParams{
		ID: "somebody", Org: "acme", Grants: []policy.Grant{policy.GrantRole(p.Roles()[0], acme), policy.GrantRole(p.Roles()[1], p1)},
	})}
	for i, one := range p.Roles() {
		for _, other := range p.Roles()[max(i-1, 0) : i+1] {
			for _, here := range places {
				for _, there := range places {
					holders = append(holders, p.Holder(policy.HolderParams{
						ID: policy.AccountID(fmt.Sprint("account ", len(holders))), Org: "acme",
						Grants: []policy.Grant{policy.GrantRole(one, here), policy.GrantRole(other, there)},
					}))
				}
			}
		}
	}
	return holders
}
