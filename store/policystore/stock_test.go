package policystore_test

import (
	"testing"

	"github.com/casbin/casbin/v2"
	gormadapter "github.com/casbin/gorm-adapter/v3"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

// TestAStockCasbinDecidesAlike: model.conf, the stock gorm-adapter and the one function are all that
// it takes to read our table and to give the answers of the compiled policy, for every role,
// permission and place, a custom role among them.
func TestAStockCasbinDecidesAlike(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := migrated(t, db)
		if _, err := st.Seed(t.Context(), shipped(t), policystore.SeedParams{}); err != nil {
			t.Fatal(err)
		}
		put(t, st, "acme", policystore.CustomRole{Name: "support", Title: "Support", Permissions: []policystore.RolePermission{
			{Permission: "deployment:view", Reach: policy.ReachOrg},
			{Permission: "deployment:start_stop", Reach: policy.ReachOwn, Condition: "premium"},
			{Permission: "deployment:start_stop", Reach: policy.ReachProject},
			{Permission: "deployment:delete", Reach: policy.ReachOrg, Effect: policy.Deny},
		}})
		p, err := st.Policy(t.Context())
		if err != nil {
			t.Fatal(err)
		}

		adapter, err := gormadapter.NewAdapterByDB(conn)
		if err != nil {
			t.Fatal(err)
		}
		stock, err := casbin.NewEnforcer("../../model.conf", adapter)
		if err != nil {
			t.Fatal(err)
		}
		stock.EnableAutoSave(false) // bindings are not policy: they stay out of the table
		stock.AddFunction("holds", policy.Holds(config().Conditions...))

		allowed, asked := 0, 0
		for _, role := range p.Roles() {
			for _, at := range []policy.Place{policy.AtOrg("acme"), policy.AtProject("acme", "p1")} {
				id := policy.AccountID(string(role) + " at " + at.String())
				subject := policy.Request(id, policy.View, policy.Resource{})[0]
				if _, err := stock.AddGroupingPolicy(subject, string(role), at.String()); err != nil {
					t.Fatal(err)
				}
				h := p.Holder(policy.HolderParams{ID: id, Org: "acme", Grants: []policy.Grant{policy.GrantRole(role, at)}})
				for i, name := range p.Vocabulary() {
					// Every permission in the bound project, and one of the other questions in turn.
					turn := []policy.Resource{
						name.Kind().Of("acme"), name.Kind().In("acme", "p2").With("plan", "dedicated"),
						name.Kind().In("acme", "p2").Named("d1").OwnedBy(id).With("plan", "premium"), name.Kind().In("globex", "p1"),
					}
					for _, r := range []policy.Resource{name.Kind().In("acme", "p1").With("plan", "premium"), turn[i%len(turn)]} {
						want := h.Can(name.Action(), r)
						got, err := stock.Enforce(policy.Request(id, name.Action(), r)...)
						if err != nil || got != want {
							t.Errorf("%s, %s of %+v: Casbin says %v, %v; the policy %v", id, name, r, got, err, want)
						}
						asked++
						if want {
							allowed++
						}
					}
				}
			}
		}
		if allowed < asked/10 || allowed > asked*9/10 {
			t.Errorf("%d of %d allowed: the sample says little", allowed, asked)
		}
		if before, after := text(t, conn), text(t, db.connect(t)); before != after {
			t.Errorf("the table changed")
		}
	})
}
