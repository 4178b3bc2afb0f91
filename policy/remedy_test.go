package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// A denial for want of a grant comes with what would help, the smallest first, and who may give it.
func TestRemediesNameGrantsAndGivers(t *testing.T) {
	t.Parallel()
	h := holding(platform(t))
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1")
	type remedy struct {
		grant  string
		givers []policy.Role
	}
	all := []policy.Role{"root", "administrator"}
	plus := func(more ...policy.Role) []policy.Role { return append(slices.Clone(all), more...) }
	tests := []struct {
		name     string
		action   policy.Action
		resource policy.Resource
		want     []remedy
	}{
		{"on a resource in a project", "start_stop", d1, []remedy{
			{"deployment:start_stop at org/acme/resource/deployment/d1", all},
			{"deployment:start_stop at org/acme/project/p1", all},
			{"deployment:start_stop at org/acme", all},
			{"project_admin at org/acme/project/p1", all},
			{"administrator at org/acme", all},
		}},
		{"in a project, without an id", "create", policy.Kind("deployment").In("acme", "p1"), []remedy{
			{"deployment:create at org/acme/project/p1", all},
			{"deployment:create at org/acme", all},
			{"project_admin at org/acme/project/p1", all},
			{"administrator at org/acme", all},
		}},
		{"outside of projects", "view", policy.Kind("audit_log").Of("acme"), []remedy{
			{"audit_log:view at org/acme", plus("auditor")},
			{"auditor at org/acme", all},
			{"administrator at org/acme", all},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := h.Decide(tt.action, tt.resource)
			var got []string
			size := 0
			for i, r := range d.Remedies() {
				got = append(got, r.Grant.String())
				if r.Gives < size {
					t.Errorf("%s gives %d permissions, and stands behind one that gives %d", r.Grant, r.Gives, size)
				}
				size = r.Gives
				if i < len(tt.want) && tt.want[i].givers != nil && len(r.Givers) < 2 {
					t.Errorf("%s: givers %v", r.Grant, r.Givers)
				}
			}
			for _, want := range tt.want {
				i := slices.Index(got, want.grant)
				if i < 0 {
					t.Errorf("no remedy %s", want.grant)
					continue
				}
				// Only roles that may give anything are named: the auditor has it, and gives nothing.
				if givers := d.Remedies()[i].Givers; !slices.Equal(givers, without(want.givers, "auditor")) {
					t.Errorf("%s: may be given by %v, want %v", want.grant, givers, want.givers)
				}
			}
			if len(got) != len(tt.want) {
				t.Errorf("got %q", got)
			}
			if first := d.Remedies()[0]; first.Gives != 1 || first.Grant.Permission == "" {
				t.Errorf("the first remedy is %+v, want the permission alone", first)
			}
		})
	}
}

func without(roles []policy.Role, role policy.Role) []policy.Role {
	return slices.DeleteFunc(slices.Clone(roles), func(r policy.Role) bool { return r == role })
}

// Who may only view, and whose grant has ended, are told what would help as well.
func TestRemediesOfEveryReason(t *testing.T) {
	t.Parallel()
	p := platform(t)
	now := time.Unix(1000, 0)
	h := p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Now: now, Grants: []policy.Grant{
		policy.GrantRole("auditor", acme), policy.GrantRole("project_user", p1).Until(now),
	}})
	for _, tt := range []struct {
		action policy.Action
		kind   policy.Kind
		want   policy.Reason
	}{{"manage", "deployment.nat_gateway", policy.ReadOnly}, {"rename", "deployment", policy.Expired}, {"manage", "deployment.ports", policy.Expired}, {"subscribe", "billing", policy.UnknownAction}} {
		d := h.Decide(tt.action, tt.kind.In("acme", "p1").Named("d1"))
		if d.Reason != tt.want {
			t.Errorf("%s of %s: got %s, want %s", tt.action, tt.kind, d.Reason, tt.want)
		}
		if helps := len(d.Remedies()) > 0; helps != (tt.want != policy.UnknownAction) {
			t.Errorf("%s: got %v", d, d.Remedies())
		}
	}
}

// No remedy where no grant helps.
func TestNoRemedyWhereNoGrantHelps(t *testing.T) {
	t.Parallel()
	p := denying().load(t)
	file := policy.Kind("file").In("acme", "p1").Named("f1")
	linking := policy.Kind("deployment.cluster_linking").In("acme", "p1")
	for name, d := range map[string]policy.Decision{
		"allowed":              holding(p, policy.GrantRole("owner", acme)).Decide("view", file),
		"denied by rule":       holding(p, policy.GrantRole("suspended", acme)).Decide("edit", file),
		"other organization":   holding(p).Decide("view", policy.Kind("file").Of("globex")),
		"no organization":      holding(p).Decide("view", policy.Kind("file").Of("")),
		"unknown kind":         holding(p).Decide("view", policy.Kind("rocket").Of("acme")),
		"unknown action":       holding(p).Decide("fly", file),
		"no subject":           (*policy.Holder)(nil).Decide("view", file),
		"condition not met":    holding(platform(t), policy.GrantRole("administrator", acme)).Decide("view", linking),
		"no grant, other plan": holding(platform(t)).Decide("view", linking.With("plan", "basic")),
	} {
		if remedies := d.Remedies(); len(remedies) != 0 {
			t.Errorf("%s: got %v", name, remedies)
		}
	}
	if d := holding(platform(t)).Decide("view", linking.With("plan", "premium")); len(d.Remedies()) == 0 {
		t.Error("with the right plan there should be a remedy")
	}
}

// Custom roles are remedies in their own organization only.
func TestRemediesWithCustomRoles(t *testing.T) {
	t.Parallel()
	p, err := with(t, platform(t), support)
	if err != nil {
		t.Fatal(err)
	}
	for _, org := range []policy.OrgID{"acme", "globex"} {
		h := p.Holder(policy.HolderParams{ID: "ann", Org: org})
		d := h.Decide("start_stop", policy.Kind("deployment").In(org, "p1"))
		offered := slices.ContainsFunc(d.Remedies(), func(r policy.Remedy) bool { return r.Grant.Role == "support@acme" })
		if offered != (org == "acme") {
			t.Errorf("%s: support@acme is offered: %t", org, offered)
		}
	}
}
