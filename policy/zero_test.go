package policy_test

import (
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Style 1, SB-60: zero and nil values deny, say so, and do not panic.
func TestZeroValuesDeny(t *testing.T) {
	t.Parallel()
	d1 := policy.Kind("deployment").In("acme", "p1").Named("d1").OwnedBy("ann")
	root := []policy.Grant{policy.GrantRole("root", acme)}
	var nilHolder *policy.Holder
	var nilPolicy *policy.Policy
	tests := []struct {
		name   string
		holder *policy.Holder
		want   policy.Reason
	}{
		{"the nil holder", nilHolder, policy.NoSubject},
		{"the zero holder", &policy.Holder{}, policy.NoSubject},
		{"a holder without an id", platform(t).Holder(policy.HolderParams{Org: "acme", Grants: root}), policy.NoSubject},
		{"a holder without an organization", platform(t).Holder(policy.HolderParams{ID: "ann", Grants: root}), policy.Inactive},
		{"the zero params", platform(t).Holder(policy.HolderParams{}), policy.NoSubject},
		{"a holder of the nil policy", nilPolicy.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: root}), policy.NoSubject},
		{"a holder of an empty policy", policy.Must(policy.Compile(policy.Config{})).Holder(policy.HolderParams{ID: "ann", Org: "acme"}), policy.UnknownKind},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := tt.holder
			if h.Can("view", d1) {
				t.Error("Can allows")
			}
			d := h.Decide("view", d1)
			if d.Allowed() || d.Reason != tt.want {
				t.Errorf("Decide answers %s, want %s", d.Reason, tt.want)
			}
			if d.String() == "" || len(d.Remedies()) != 0 {
				t.Errorf("the decision is %q with the remedies %v", d, d.Remedies())
			}
			if r := h.Reach("view", "deployment"); r.Contains(d1) || !r.IsNone() || r.IsAll() || len(r.Projects()) != 0 {
				t.Errorf("the reach is %+v", r)
			}
			if all := h.Permissions(d1); len(all) != 0 {
				t.Errorf("Permissions lists %v", all)
			}
			if h.MayGrant(root[0]) == nil {
				t.Error("it may grant")
			}
			if len(h.Effective()) != 0 {
				t.Errorf("Effective lists %v", h.Effective())
			}
			h.Missing(root[0])
			h.Grants()
			h.Roles()
			h.ID()
			h.Org()
			h.Policy()
		})
	}
}

func TestZeroDecisionDenies(t *testing.T) {
	t.Parallel()
	var d policy.Decision
	if d.Allowed() || d.Reason != policy.NoSubject || len(d.Remedies()) != 0 {
		t.Errorf("the zero decision is %+v", d)
	}
	if got, want := d.String(), "nobody may not :: there is no subject"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
	// A decision that somebody built by hand denies too, and does not panic.
	for reason := policy.Reason(0); reason < 20; reason++ {
		d := policy.Decision{Reason: reason}
		if d.Allowed() != (reason == policy.Allowed) || d.String() == "" || len(d.Remedies()) != 0 {
			t.Errorf("%s: %q, %v", reason, d, d.Remedies())
		}
	}
}

func TestZeroReachContainsNothing(t *testing.T) {
	t.Parallel()
	var r policy.Reach
	for _, res := range []policy.Resource{{}, {Kind: "deployment"}, policy.Kind("deployment").Of("acme"), policy.Kind("").Of("")} {
		if r.Contains(res) {
			t.Errorf("it contains %+v", res)
		}
	}
	allow, deny := r.Clauses()
	if !r.IsNone() || r.IsAll() || r.Projects() != nil || len(allow)+len(deny) != 0 || r.Org() != "" || r.Subject() != "" || r.Kind() != "" {
		t.Errorf("it is %+v", r)
	}
}

func TestNilPolicyKnowsNothing(t *testing.T) {
	t.Parallel()
	var p *policy.Policy
	if p.HasRole("root") || p.Knows("deployment", "view") || p.Bindable("project_user") || p.Title("root") != "" {
		t.Error("it knows something")
	}
	if len(p.Roles())+len(p.Rules())+len(p.Vocabulary())+len(p.Gives("root"))+len(p.Conditions()) != 0 || p.Version() != "" {
		t.Error("it lists something")
	}
	if p.CheckGrant(policy.GrantRole("root", acme)) == nil || p.CheckGrant(policy.GrantPermission("deployment:view", acme)) == nil {
		t.Error("it knows a grant")
	}
	if found := p.RolesThatAllow("view", "deployment"); len(found.Org)+len(found.Project)+len(found.Resource) != 0 {
		t.Errorf("roles of the nil policy allow: %+v", found)
	}
}

// The zero Place is nowhere: nothing lies in it, and nothing can be held there.
func TestZeroPlaceIsNowhere(t *testing.T) {
	t.Parallel()
	var at policy.Place
	if at.Valid() || at.Contains(policy.Resource{}) || at.Contains(policy.Kind("deployment").Of("acme")) || at.String() != "" {
		t.Errorf("%+v is somewhere", at)
	}
	if !(policy.Grant{}).IsZero() || (policy.Grant{}).String() != "nothing" || (policy.Grant{Role: "x"}).IsZero() {
		t.Error("the zero grant is nothing")
	}
}
