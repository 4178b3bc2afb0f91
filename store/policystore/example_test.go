package policystore_test

import (
	"context"
	"fmt"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

const rules = `p4, owner, Owner
p4, reader, Reader
p3, file, view, Files, View files
p3, file, edit, Files, Edit files
p, owner, org, file, view, allow, always
p, owner, org, file, edit, allow, always
p, reader, org, file, view, allow, always
`

// example opens a database in memory with the rules seeded into it.
func example(ctx context.Context) (*policystore.Store, func()) {
	db := must(gorm.Open(sqlite.Open(":memory:"), &gorm.Config{}))
	pool := must(db.DB())
	pool.SetMaxOpenConns(1) // every connection to :memory: is a database of its own
	st := policystore.New(db, policy.Config{})
	check(st.Migrate(ctx))
	must(st.Seed(ctx, must(policy.ReadDocument("rules.csv", []byte(rules))), policystore.SeedParams{}))
	return st, func() { check(pool.Close()) }
}

// A dry run shows what a new version of the shipped rules would change.
func ExampleStore_Seed() {
	ctx := context.Background()
	st, done := example(ctx)
	defer done()

	next := must(policy.ReadDocument("rules.csv", []byte(rules+"p, reader, own, file, edit, allow, always\n")))
	fmt.Println(must(st.Seed(ctx, next, policystore.SeedParams{DryRun: true, Prune: true})))
	// Output:
	// dry run: 1 added, 0 removed, 0 moved, 7 unchanged, 0 stale
	// + p, reader, own, file, edit, allow, always
}

// An organisation makes a role of its own, which another one does not have.
func ExampleStore_PutRole() {
	ctx := context.Background()
	st, done := example(ctx)
	defer done()

	check(st.PutRole(ctx, "acme", policystore.CustomRole{
		Name:        "author",
		Title:       "Author",
		Permissions: []policystore.RolePermission{{Permission: "file:edit", Reach: policy.ReachOwn}},
		GivenBy:     []policy.Role{"owner"},
	}))
	p := must(st.Policy(ctx))
	author := policy.CustomRole("acme", "author")
	for _, org := range []policy.OrgID{"acme", "globex"} {
		ann := p.Holder(policy.HolderParams{ID: "ann", Org: org, Grants: []policy.Grant{policy.GrantRole(author, policy.AtOrg(org))}})
		fmt.Println(org, ann.Can("edit", policy.Kind("file").Of(org).OwnedBy("ann")))
	}
	// Output:
	// acme true
	// globex false
}

// Nobody defines a role that gives what they lack themselves.
func ExampleCustomRole_Missing() {
	ctx := context.Background()
	st, done := example(ctx)
	defer done()

	p := must(st.Policy(ctx))
	bob := p.Holder(policy.HolderParams{ID: "bob", Org: "acme", Grants: []policy.Grant{policy.GrantRole("reader", policy.AtOrg("acme"))}})
	author := policystore.CustomRole{Name: "author", Title: "Author", Permissions: []policystore.RolePermission{
		{Permission: "file:view", Reach: policy.ReachOrg},
		{Permission: "file:edit", Reach: policy.ReachOrg},
	}}
	fmt.Println(author.Missing(bob))
	// Output: [file:edit] <nil>
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
