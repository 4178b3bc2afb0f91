package policystore_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

func TestPutRoleMakesTheRoleBeExactlyThis(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		full := role("support", "file:edit")
		full.GivenBy = []policy.Role{"lead@acme", "owner"}
		full.Permissions = append(full.Permissions,
			policystore.RolePermission{Permission: "file:view", Reach: policy.ReachOwn, Condition: "premium", Effect: policy.Deny})
		put(t, st, "acme", role("lead"))
		for _, r := range []policystore.CustomRole{role("support"), full, full, role("support", "file:edit")} {
			put(t, st, "acme", r)
			got, err := st.Roles(t.Context(), "acme")
			if want := []policystore.CustomRole{role("lead"), r}; err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v\nwant %+v", got, err, want)
			}
			version(t, st)
		}
		if err := st.DeleteRole(t.Context(), "acme", "support"); err != nil {
			t.Fatal(err)
		}
		if err := st.DeleteRole(t.Context(), "acme", "lead"); err != nil {
			t.Fatal(err)
		}
		if got := text(t, conn); got != sorted(small) {
			t.Errorf("got\n%s", got)
		}
	})
}

func TestACustomRoleDecides(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, _ := seeded(t, db)
		put(t, st, "acme", policystore.CustomRole{Name: "support", Title: "Support", Permissions: []policystore.RolePermission{
			{Permission: "file:view", Reach: policy.ReachOrg, Condition: "premium"},
		}})
		p, err := st.Policy(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		can := func(org policy.OrgID, plan string) bool {
			h := p.Holder(policy.HolderParams{ID: "ann", Org: org, Grants: []policy.Grant{policy.GrantRole("support@acme", policy.AtOrg(org))}})
			return h.Can(policy.View, policy.Kind("file").Of(org).With("plan", plan))
		}
		if !can("acme", "premium") || can("acme", "byoc") || can("globex", "premium") {
			t.Error("support@acme must view premium files, no others, and nothing in another organisation")
		}
	})
}

func TestPutRoleRefusesTheRoleWhole(t *testing.T) {
	t.Parallel()
	edit := func(change func(*policystore.CustomRole)) policystore.CustomRole {
		r := role("support")
		change(&r)
		return r
	}
	permission := func(p policystore.RolePermission) policystore.CustomRole {
		return edit(func(r *policystore.CustomRole) { r.Permissions = append(r.Permissions, p) })
	}
	const org = policy.ReachOrg
	tests := []struct {
		name string
		org  policy.OrgID
		role policystore.CustomRole
		want string
	}{
		{"an unknown action", "acme", permission(policystore.RolePermission{Permission: "file:fly", Reach: org}), `unknown action "fly"`},
		{"an unknown kind", "acme", permission(policystore.RolePermission{Permission: "fille:view", Reach: org}), `unknown kind "fille"`},
		{"no permission at all", "acme", permission(policystore.RolePermission{Permission: "file", Reach: org}), "is not a permission"},
		{"an unknown condition", "acme", permission(policystore.RolePermission{Permission: "file:edit", Reach: org, Condition: "moon"}), `unknown condition "moon"`},
		{"an unknown effect", "acme", permission(policystore.RolePermission{Permission: "file:edit", Reach: org, Effect: "Allow"}), `unknown effect "Allow"`},
		{"no reach", "acme", permission(policystore.RolePermission{Permission: "file:edit"}), "the reach is empty"},
		{"the same permission twice", "acme", permission(role("x").Permissions[0]), "already on line"},
		{"no title", "acme", edit(func(r *policystore.CustomRole) { r.Title = "" }), "the title is empty"},
		{"a title that no column holds", "acme", edit(func(r *policystore.CustomRole) { r.Title = strings.Repeat("x", 101) }), "101 bytes"},
		{"a role's name that no column holds", policy.OrgID(strings.Repeat("o", 100)), role("support"), "at most 100"},
		{"an unknown giver", "acme", edit(func(r *policystore.CustomRole) { r.GivenBy = []policy.Role{"boss"} }), `unknown role "boss"`},
		{"a giver of another organisation", "acme", edit(func(r *policystore.CustomRole) { r.GivenBy = []policy.Role{"lead@globex"} }), "not of this organisation"},
		{"no name", "acme", edit(func(r *policystore.CustomRole) { r.Name = "" }), "want lower-case letters"},
		{"a name in capitals", "acme", edit(func(r *policystore.CustomRole) { r.Name = "Support" }), "want lower-case letters"},
		{"a name with an organisation in it", "acme", edit(func(r *policystore.CustomRole) { r.Name = "support@globex" }), "is no name"},
		{"no organisation", "", role("support"), "is no name"},
	}
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		put(t, st, "acme", role("support", "file:edit"))
		put(t, st, "globex", role("lead"))
		before := text(t, conn)
		for _, test := range tests {
			err := st.PutRole(t.Context(), test.org, test.role)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v: want %s", test.name, err, test.want)
			}
			if got := text(t, conn); got != before {
				t.Fatalf("%s: the table is\n%s", test.name, got)
			}
		}
	})
}

// TestOrganisationsAreApart: ids are compared byte by byte, and none is a pattern.
func TestOrganisationsAreApart(t *testing.T) {
	t.Parallel()
	orgs := []policy.OrgID{"acme", "Acme", "a%", "a_me", "%", "!acme", "acme@x", "ácme", "x@acme", "me", `a\me`, "a'me"}
	onEach(t, func(t *testing.T, db database) {
		st, _ := seeded(t, db)
		for _, org := range orgs {
			put(t, st, org, policystore.CustomRole{Name: "support", Title: "of " + string(org)})
		}
		version(t, st)
		for i, org := range orgs {
			for j, other := range orgs {
				roles, err := st.Roles(t.Context(), other)
				if err != nil {
					t.Fatal(err)
				}
				if there := len(roles) == 1 && roles[0].Title == "of "+string(other); there != (j >= i) {
					t.Errorf("%d organisations deleted theirs: %q has %v", i, other, roles)
				}
			}
			if err := st.DeleteRole(t.Context(), org, "support"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDeleteRole(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		put(t, st, "acme", role("lead"))
		with := role("support")
		with.GivenBy = []policy.Role{"lead@acme"}
		put(t, st, "acme", with)
		before := text(t, conn)
		for _, no := range []struct {
			org  policy.OrgID
			name string
		}{{"acme", "nobody"}, {"globex", "support"}, {"", "owner"}, {"acme", "owner"}, {"globex", "support@acme"}, {"", ""}} {
			if err := st.DeleteRole(t.Context(), no.org, no.name); !errors.Is(err, policystore.ErrNotFound) {
				t.Errorf("%v: got %v", no, err)
			}
		}
		if got := text(t, conn); got != before {
			t.Errorf("got\n%s", got)
		}
		if err := st.DeleteRole(t.Context(), "acme", "lead"); err != nil {
			t.Fatal(err)
		}
		got, err := st.Roles(t.Context(), "acme")
		with.GivenBy = nil
		if want := []policystore.CustomRole{with}; err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v\nwant %+v", got, err, want)
		}
		version(t, st)
	})
}

func TestInAHostsTransaction(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, db database) {
		st, conn := seeded(t, db)
		changed := errors.New("the host changed its mind")
		err := conn.Transaction(func(tx *gorm.DB) error {
			put(t, st.In(tx), "acme", role("support"))
			if roles, err := st.In(tx).Roles(t.Context(), "acme"); err != nil || len(roles) != 1 {
				t.Errorf("within: got %v, %v", roles, err)
			}
			return changed
		})
		if got := text(t, conn); !errors.Is(err, changed) || got != sorted(small) {
			t.Errorf("rolled back: %v\n%s", err, got)
		}
		err = conn.Transaction(func(tx *gorm.DB) error {
			put(t, st.In(tx), "acme", role("support"))
			if err := st.In(tx).PutRole(t.Context(), "acme", role("lead", "file:fly")); err == nil {
				t.Error("accepted")
			}
			return nil // a refusal leaves the transaction usable
		})
		roles, readErr := st.Roles(t.Context(), "acme")
		if err = errors.Join(err, readErr); err != nil || !reflect.DeepEqual(roles, []policystore.CustomRole{role("support")}) {
			t.Errorf("committed: %v %v", roles, err)
		}
	})
}
