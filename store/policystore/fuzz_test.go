package policystore_test

import (
	"errors"
	"testing"
	"unicode/utf8"

	gormadapter "github.com/casbin/gorm-adapter/v3"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
	"github.com/castellan-iam/castellan/store/testdb"
)

// FuzzRows puts any row into the table beside a policy, past every check: the policy has it, or is refused whole with the id
// of that row. The adapter's panics end there (P10 to P12).
func FuzzRows(f *testing.F) {
	for _, r := range [][7]string{
		{"p4", "guest", "Guest"}, {"p", "reader", "org", "file", "edit", "allow", "always"}, {"p", "owner", "org", "file", "view", "deny", "always"}, {},
		{"g", "account:a", "owner", "org/acme"}, {"p", "", "", "", "", "", "x"}, {"p4", "guest@acme", "Guest"}, {"p4", "guest@%61cme", "Guest"}, {"p2", "owner", "owner"},
		{"m", "m"}, {"p9", "x"}, {"P4", "guest", "Guest"}, {"p4", "a\"b", "c,d"}, {"p3", "file.part", "view", "Files", "Part"}, {"p4", "owner", "Another title"}, {"pp", "\x1f"},
	} {
		f.Add(r[0], r[1], r[2], r[3], r[4], r[5], r[6])
	}
	st, conn := seeded(f, create(f, testdb.SQLite))
	f.Fuzz(func(t *testing.T, ptype, v0, v1, v2, v3, v4, v5 string) {
		for _, text := range []string{ptype, v0, v1, v2, v3, v4, v5} {
			if len(text) > 100 || !utf8.ValidString(text) {
				return // no database has it in such a column
			}
		}
		row := gormadapter.CasbinRule{Ptype: ptype, V0: v0, V1: v1, V2: v2, V3: v3, V4: v4, V5: v5}
		if conn.Create(&row).Error != nil {
			return // it is there already
		}
		defer conn.Delete(&row)
		p, err := st.Policy(t.Context())
		var bad *policystore.BadRowsError
		switch {
		case err == nil && p.HasRole("owner"):
		case err == nil:
			t.Errorf("%+v: the policy has lost a role", row)
		case !errors.As(err, &bad):
			t.Errorf("%+v: got %v, want a BadRowsError", row, err)
		case len(bad.Rows) == 0:
			t.Errorf("%+v: no row is named", row)
		}
		if docs, err := st.Load(t.Context()); err == nil {
			if n := len(docs.Shipped.Rows()) + len(docs.Custom.Rows()); n != 9 {
				t.Errorf("%+v: the table has 9 rows, and %d were loaded", row, n)
			}
		}
	})
}

// FuzzCustomRole defines a role of any form: what is refused leaves nothing, and what is taken reads back and is usable in
// its own organisation alone (SB-63, SB-67).
func FuzzCustomRole(f *testing.F) {
	f.Add("acme", "support", "Support", "file:view", "org", "", "", "owner")
	f.Add("a@b", "x", "X", "file:edit", "project", "always", "deny", "reader")
	f.Add("acme", "x@globex", "X", "file:view:x", "own", "never", "maybe", "x@acme")
	f.Add("", "", "", "", "", "", "", "")
	st, _ := seeded(f, create(f, testdb.SQLite))
	f.Fuzz(func(t *testing.T, org, name, title, permission, reach, condition, effect, giver string) {
		role := policystore.CustomRole{Name: name, Title: title, GivenBy: []policy.Role{policy.Role(giver)}, Permissions: []policystore.RolePermission{{
			Permission: policy.Permission(permission), Reach: policy.Extent(reach), Condition: condition, Effect: policy.Effect(effect),
		}}}
		before, err := st.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		err = st.PutRole(t.Context(), policy.OrgID(org), role)
		if err != nil {
			after, err := st.Load(t.Context())
			if err != nil || len(after.Custom.Rows()) != len(before.Custom.Rows()) {
				t.Errorf("%+v was refused, and is there: %v", role, err)
			}
			return
		}
		p, err := st.Policy(t.Context())
		if err != nil {
			t.Fatalf("%+v of %q is taken, and %v", role, org, err)
		}
		if id := policy.CustomRole(policy.OrgID(org), name); !p.HasRole(id) || id.Org() != policy.OrgID(org) {
			t.Errorf("%+v of %q is taken, and not there", role, org)
		}
		if err := st.DeleteRole(t.Context(), policy.OrgID(org), name); err != nil {
			t.Fatal(err)
		}
	})
}
