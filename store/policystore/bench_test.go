package policystore_test

import (
	"fmt"
	"testing"

	gormadapter "github.com/casbin/gorm-adapter/v3"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
	"github.com/castellan-iam/castellan/store/testdb"
)

// BenchmarkStore measures the EMQX policy alone, and with 3,000 custom roles of ten permissions beside it.
func BenchmarkStore(b *testing.B) {
	for _, name := range testdb.Reachable(b) {
		b.Run(name, func(b *testing.B) {
			st, conn := migrated(b, create(b, name))
			if _, err := st.Seed(b.Context(), shipped(b), policystore.SeedParams{}); err != nil {
				b.Fatal(err)
			}
			support := policystore.CustomRole{Name: "support", Title: "Support", GivenBy: []policy.Role{"administrator"}}
			p, err := st.Policy(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			for _, name := range p.Vocabulary()[:10] {
				support.Permissions = append(support.Permissions, policystore.RolePermission{Permission: name, Reach: policy.ReachOrg})
			}
			run := func(b *testing.B, roles string) {
				measure(b, "load/"+roles, func() error { _, err := st.Load(b.Context()); return err })
				measure(b, "seed/"+roles, func() error {
					_, err := st.Seed(b.Context(), shipped(b), policystore.SeedParams{})
					return err
				})
				measure(b, "put/"+roles, func() error { return st.PutRole(b.Context(), "org1", support) })
				measure(b, "roles/"+roles, func() error { _, err := st.Roles(b.Context(), "org1"); return err })
				measure(b, "policy/"+roles, func() error { _, err := st.Policy(b.Context()); return err })
			}
			run(b, "shipped")
			var lines []gormadapter.CasbinRule
			for i := range 3000 {
				if i == 1 {
					continue // put above
				}
				role := string(policy.CustomRole(policy.OrgID(fmt.Sprintf("org%d", i)), "support"))
				lines = append(lines, gormadapter.CasbinRule{Ptype: "p4", V0: role, V1: "Support"}, gormadapter.CasbinRule{Ptype: "p2", V0: "administrator", V1: role})
				for _, name := range p.Vocabulary()[:10] {
					lines = append(lines, gormadapter.CasbinRule{Ptype: "p", V0: role, V1: "org", V2: string(name.Kind()), V3: string(name.Action()), V4: "allow", V5: "always"})
				}
			}
			if err := conn.CreateInBatches(lines, 500).Error; err != nil {
				b.Fatal(err)
			}
			run(b, "3000")
		})
	}
}

func measure(b *testing.B, name string, do func() error) {
	b.Run(name, func(b *testing.B) {
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
