package policy_test

import (
	"testing"

	"github.com/castellan-iam/castellan/policy"
)

// Whoever may not know that a resource exists is told that it does not: Sees says who may.
func TestSeesTellsWhatMayBeKnown(t *testing.T) {
	t.Parallel()
	emqx, hub := platform(t), shipped()[3].load(t)
	d1 := policy.AtResource("acme", "deployment", "d1")
	user := holding(emqx, policy.GrantRole("project_user", p1))
	tests := []struct {
		name   string
		holder *policy.Holder
		r      policy.Resource
		want   bool
	}{
		{"what one may view", user, policy.Kind("deployment").In("acme", "p1").Named("d1"), true},
		{"of another project", user, policy.Kind("deployment").In("acme", "p2").Named("d1"), false},
		{"of another organization", user, policy.Kind("deployment").In("globex", "p1").Named("d1"), false},
		{"of no organization", user, policy.Resource{Kind: "deployment", Project: "p1", ID: "d1"}, false},
		{"what one may list", user, policy.Kind("project").In("acme", "p1").Named("p1"), true},
		{"a list that one may not read", user, policy.Kind("subaccount").Of("acme").Named("bob"), false},
		{"a facet of what one may view", holding(emqx, policy.GrantPermission("deployment:view", d1)), policy.Kind("deployment.ports").In("acme", "p1").Named("d1"), true},
		{"the base of a facet that one may view", holding(emqx, policy.GrantPermission("deployment.tls:view", d1)), policy.Kind("deployment").In("acme", "p1").Named("d1"), false},
		{"a facet that one may change and not view", holding(emqx, policy.GrantPermission("deployment.tls:manage", d1)), policy.Kind("deployment.tls").In("acme", "p1").Named("d1"), true},
		{"no one resource", holding(emqx), policy.Kind("deployment").Of("acme"), true},
		{"a project without a name of a resource", holding(emqx), policy.Kind("deployment").In("acme", "p1"), false},
		{"a kind that nobody views, by who may do something", user, policy.Kind("data_hub").In("acme", "p1").Named("h").With("plan", "premium"), true},
		{"a kind that nobody views, by who may nothing", holding(emqx), policy.Kind("data_hub").In("acme", "p1").Named("h").With("plan", "premium"), false},
		{"one's own", holding(hub, policy.GrantRole("admin", acme)), policy.Kind("device").Of("acme").Named("x").OwnedBy("ann"), true},
		{"somebody else's", holding(hub, policy.GrantRole("admin", acme)), policy.Kind("device").Of("acme").Named("x").OwnedBy("bob"), false},
		{"an unknown kind", user, policy.Kind("rocket").In("acme", "p1").Named("r"), false},
		{"by an inactive account", emqx.Holder(policy.HolderParams{ID: "ann", Org: "acme", Inactive: true}), policy.Kind("deployment").Of("acme"), false},
		{"by nobody", nil, policy.Kind("deployment").Of("acme"), false},
		{"by the zero holder", &policy.Holder{}, policy.Kind("deployment").Of("acme"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.holder.Sees(tt.r); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}
