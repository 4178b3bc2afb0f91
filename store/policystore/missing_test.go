package policystore_test

import (
	"slices"
	"testing"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

// TestMissing is SB-63: who edits the definition of a role gains nothing by it.
func TestMissing(t *testing.T) {
	t.Parallel()
	p, err := policy.Compile(config(), document(t, small+"p4, guest, Guest\np, guest, org, file, view, allow, premium\np4, editor, Editor\np, editor, own, file, edit, allow, always\n"),
		document(t, "p4, support@acme, Support\np, support@acme, org, file, view, allow, always\n"))
	if err != nil {
		t.Fatal(err)
	}
	at := policy.AtOrg("acme")
	holding := func(grants ...policy.Grant) policy.HolderParams {
		return policy.HolderParams{ID: "ann", Org: "acme", Grants: grants}
	}
	inactive := holding(policy.GrantRole("owner", at))
	inactive.Inactive = true
	rule := func(p policy.Permission, reach policy.Extent, condition string) policystore.CustomRole {
		return policystore.CustomRole{Name: "x", Title: "X", Permissions: []policystore.RolePermission{{Permission: p, Reach: reach, Condition: condition}}}
	}
	both := []policy.Permission{"file:view", "file:edit"}
	tests := []struct {
		name    string
		definer policy.HolderParams
		role    policystore.CustomRole
		want    []policy.Permission
	}{
		{"the owner has everything", holding(policy.GrantRole("owner", at)), role("x", "file:edit"), nil},
		{"an inactive owner has nothing", inactive, role("x", "file:edit"), both},
		{"nobody has nothing", holding(), role("x", "file:edit"), both},
		{"a role that gives nothing", holding(), policystore.CustomRole{Name: "x", Title: "X"}, nil},
		{"what one has in a project is not the organisation's", holding(policy.GrantRole("reader", policy.AtProject("acme", "p1"))), role("x"), both[:1]},
		{"nor for the projects of all", holding(policy.GrantRole("reader", policy.AtProject("acme", "p1"))), rule("file:view", policy.ReachProject, ""), both[:1]},
		{"under the condition is not always", holding(policy.GrantRole("guest", at)), role("x"), both[:1]},
		{"under the same condition is", holding(policy.GrantRole("guest", at)), rule("file:view", policy.ReachOrg, "premium"), nil},
		{"under another condition is not", holding(policy.GrantRole("guest", at)), rule("file:view", policy.ReachOrg, "byoc"), both[:1]},
		{"what one owns is not everything", holding(policy.GrantRole("editor", at)), rule("file:edit", policy.ReachOrg, ""), both[1:]},
		{"what one owns is what one owns", holding(policy.GrantRole("editor", at)), rule("file:edit", policy.ReachOwn, ""), nil},
		{"who holds the role cannot widen it", holding(policy.GrantRole("support@acme", at)), role("support", "file:edit"), both[1:]},
		{"who holds the role can leave it as it is", holding(policy.GrantRole("support@acme", at)), role("support"), nil},
	}
	for _, test := range tests {
		got, err := test.role.Missing(p.Holder(test.definer))
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: got %v, %v: want %v", test.name, got, err, test.want)
		}
	}
	scope := policy.Scope{Permissions: p.Vocabulary(), AllProjects: true}
	if got, err := role("x", "file:edit").Missing(p.Holder(tests[0].definer).Within(scope)); err != nil || !slices.Equal(got, both) {
		t.Errorf("SB-61: an owner's API key defines no roles: got %v, %v: want %v", got, err, both)
	}
	if _, err := role("x").Missing(nil); err == nil {
		t.Error("a definer without a policy must be an error")
	}
	if _, err := role("x", "file:fly").Missing(p.Holder(tests[0].definer)); err == nil {
		t.Error("an unknown permission must be an error")
	}
}
