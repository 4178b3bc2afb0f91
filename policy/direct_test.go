package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

const vehicles = `p4, chief, Chief
p3, car, view, Cars, Cars
p3, car, manage, Cars, Cars
p3, car.radio, manage, Cars, Radio
p3, truck, manage, Trucks, Trucks
p, chief, org, car, view, allow, always
p, chief, org, car, manage, allow, always
p, chief, org, truck, manage, allow, archived
`

// A grant of a single permission is asked of Casbin too: an edited matcher counts for it as for a role.
func TestSinglePermissionsEqualCasbinUnderEditedModels(t *testing.T) {
	t.Parallel()
	models := map[string]string{
		"as it stands":        edited(t, "[matchers]", "[matchers]"),
		"managing is viewing": edited(t, `r.action == p.action`, `(r.action == p.action || r.action == "view" && p.action == "manage")`),
		"in projects only":    edited(t, `p.reach != "project" && g(r.sub, p.role, r.org)`, `p.reach == "project" && g(r.sub, p.role, r.org)`),
		"on resources only":   matching(names + ` && ` + when + ` && g(r.sub, p.role, r.resource)`),
	}
	allowed := make(map[string]int)
	for name, model := range models {
		p, err := policy.Load("test.csv", []byte(vehicles), policy.Config{Model: model, Conditions: denying().conditions})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, permission := range p.Vocabulary() {
			for _, at := range []policy.Place{acme, p1, policy.AtResource("acme", "car", "c1")} {
				h := holding(p, policy.GrantPermission(permission, at))
				e, err := p.Enforcer(h)
				if err != nil {
					t.Fatal(err)
				}
				for _, asked := range p.Vocabulary() {
					for _, r := range []policy.Resource{
						asked.Kind().Of("acme"),
						asked.Kind().In("acme", "p1").Named("c1").With("archived", "yes"),
						asked.Kind().In("acme", "p2").Named("c2").With("archived", "no"),
					} {
						want, err := e.Enforce(policy.Request("ann", asked.Action(), r)...)
						if err != nil {
							t.Fatal(err)
						}
						if got := h.Can(asked.Action(), r); got != want {
							t.Errorf("%s: %s at %s: %s of %+v: got %t, Casbin says %t", name, permission, at, asked, r, got, want)
						}
						if got := h.Reach(asked.Action(), asked.Kind()).Contains(r); got != want {
							t.Errorf("%s: %s at %s: %s of %+v: the reach says %t, Casbin %t", name, permission, at, asked, r, got, want)
						}
						if want {
							allowed[name]++
						}
					}
				}
			}
		}
	}
	if allowed["managing is viewing"] <= allowed["as it stands"] || allowed["in projects only"] >= allowed["as it stands"] {
		t.Errorf("the edits change nothing: %v", allowed)
	}
}

// What somebody has for a while, they give for no longer (SB-61).
func TestNobodyGivesForLongerThanTheyHave(t *testing.T) {
	t.Parallel()
	p := platform(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	deputy := holding(p, policy.GrantRole("administrator", acme).Until(noon))
	for _, gift := range []policy.Grant{policy.GrantRole("project_user", p1), policy.GrantPermission("deployment:delete", p1)} {
		for _, tt := range []struct {
			until time.Time
			may   bool
		}{{noon.Add(-time.Hour), true}, {noon, true}, {noon.Add(time.Second), false}, {time.Time{}, false}} {
			if err := deputy.MayGrant(gift.Until(tt.until)); (err == nil) != tt.may {
				t.Errorf("%s: got %v, want it to be given: %t", gift.Until(tt.until), err, tt.may)
			}
		}
	}
	both := holding(p, policy.GrantRole("administrator", acme).Until(noon), policy.GrantRole("administrator", acme))
	if err := both.MayGrant(policy.GrantRole("project_user", p1)); err != nil {
		t.Errorf("held for ever too: %v", err)
	}
}

// The id of one resource says nothing about another kind of the same id.
func TestPermissionsKeepKindsApart(t *testing.T) {
	t.Parallel()
	h := holding(platform(t), policy.GrantPermission("deployment:delete", policy.AtResource("acme", "deployment", "x")),
		policy.GrantPermission("deployment.tls:manage", policy.AtResource("acme", "deployment", "x")))
	both := []policy.Permission{"deployment:delete", "deployment.tls:manage"}
	for kind, want := range map[policy.Kind][]policy.Permission{"deployment": both, "deployment.tls": both, "": both, "project": nil, "streaming": nil} {
		got := h.Permissions(kind.In("acme", "p1").Named("x"))
		slices.Sort(got)
		if !slices.Equal(got, slices.Sorted(slices.Values(want))) {
			t.Errorf("around a %q named x: got %v, want %v", kind, got, want)
		}
	}
}

// The order of the rows decides nothing, and so it is no other version.
func TestVersionIgnoresTheOrderOfRows(t *testing.T) {
	t.Parallel()
	rows := strings.Split(strings.TrimSpace(vehicles), "\n")
	slices.Reverse(rows)
	if a, b := compile(t, vehicles).Version(), compile(t, strings.Join(rows, "\n")).Version(); a != b {
		t.Errorf("got %s and %s", a, b)
	}
}

// On a resource that is known in full, somebody gives what they may do with it: as its owner, in its
// project, under its attributes, and for no longer than they may themselves (D2, SB-61).
func TestGivingOnOneKnownResource(t *testing.T) {
	t.Parallel()
	hub, emqx := shipped()[3].load(t), platform(t)
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	d1 := policy.Kind("device").Of("acme").Named("d1")
	dep := policy.Kind("deployment").In("acme", "p1").Named("d1")
	owner := holding(hub, policy.GrantRole("admin", acme))
	bound := holding(emqx, policy.GrantRole("project_admin", p1))
	deputy := holding(emqx, policy.GrantRole("project_admin", p1).Until(noon))
	tests := []struct {
		name   string
		giver  *policy.Holder
		gift   policy.Permission
		on     policy.Resource
		until  time.Time
		refuse string
	}{
		{"one's own", owner, "device:reboot", d1.OwnedBy("ann"), time.Time{}, ""},
		{"somebody else's", owner, "device:reboot", d1.OwnedBy("bob"), time.Time{}, "lacks device:reboot"},
		{"nobody's", owner, "device:reboot", d1, time.Time{}, "lacks device:reboot"},
		{"in one's project", bound, "deployment:delete", dep, time.Time{}, ""},
		{"a facet of it", bound, "deployment.tls:manage", dep, time.Time{}, ""},
		{"in another project", bound, "deployment:delete", policy.Kind("deployment").In("acme", "p2").Named("d1"), time.Time{}, "lacks"},
		{"under its condition", bound, "deployment.cluster_linking:manage", dep.With("plan", "premium"), time.Time{}, ""},
		{"against its condition", bound, "deployment.cluster_linking:manage", dep.With("plan", "byoc"), time.Time{}, "lacks"},
		{"for as long as one has it", deputy, "deployment:delete", dep, noon, ""},
		{"for longer", deputy, "deployment:delete", dep, noon.Add(1), "lacks"},
		{"for ever", deputy, "deployment:delete", dep, time.Time{}, "lacks"},
		{"of another organization", bound, "deployment:delete", policy.Kind("deployment").In("globex", "p1").Named("d1"), time.Time{}, "may not give"},
		{"of another kind", bound, "project:edit", dep, time.Time{}, "no permission on a deployment"},
		{"without an id", bound, "deployment:delete", policy.Kind("deployment").In("acme", "p1"), time.Time{}, "place"},
		{"an unknown permission", bound, "deployment:fly", dep, time.Time{}, "unknown permission"},
		{"by nobody", nil, "deployment:delete", dep, time.Time{}, "nobody may not give"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.giver.MayGrantOn(tt.gift, tt.on, tt.until)
			if (err == nil) != (tt.refuse == "") || err != nil && !strings.Contains(err.Error(), tt.refuse) {
				t.Errorf("got %v, want a refusal with %q", err, tt.refuse)
			}
		})
	}
	denied := `p4, keeper, Keeper
p3, car, drive, Cars, Drive
p, keeper, org, car, drive, allow, always
p, keeper, own, car, drive, deny, always
`
	keeper := holding(compile(t, denied), policy.GrantRole("keeper", acme))
	if err := keeper.MayGrantOn("car:drive", policy.Kind("car").Of("acme").Named("c").OwnedBy("ann"), time.Time{}); err == nil {
		t.Error("what a rule denies is given")
	}
}
