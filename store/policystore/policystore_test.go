package policystore_test

import (
	"slices"
	"strings"
	"testing"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/policystore"
)

// config has the conditions of the EMQX policy.
func config() policy.Config {
	return policy.Config{Conditions: []policy.Condition{
		policy.OneOf("serverless", "plan", "serverless"),
		policy.OneOf("byoc", "plan", "byoc"),
		policy.OneOf("premium", "plan", "premium"),
		policy.OneOf("dedicated_or_premium", "plan", "dedicated", "premium"),
	}}
}

// small is a policy that fits a screen; tests edit its text.
const small = `p4, owner, Owner
p4, reader, Reader
p3, file, view, Files, View files
p3, file, edit, Files, Edit files
p2, owner, reader
p, owner, org, file, view, allow, always
p, owner, org, file, edit, allow, always
p, reader, project, file, view, allow, always
`

func document(t testing.TB, text string) *policy.Document {
	t.Helper()
	doc, err := policy.ReadDocument("test.csv", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func shipped(t testing.TB) *policy.Document { return document(t, castellan.PolicyCSV()) }

// migrated is a store on a connection of its own to a migrated database.
func migrated(t testing.TB, db database) (*policystore.Store, *gorm.DB) {
	t.Helper()
	conn := db.connect(t)
	st := policystore.New(conn, config())
	if err := st.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return st, conn
}

// seeded is a store with the small policy.
func seeded(t testing.TB, db database) (*policystore.Store, *gorm.DB) {
	t.Helper()
	st, conn := migrated(t, db)
	seed(t, st, small, policystore.SeedParams{})
	return st, conn
}

func seed(t testing.TB, st *policystore.Store, text string, params policystore.SeedParams) policystore.Report {
	t.Helper()
	report, err := st.Seed(t.Context(), document(t, text), params)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func put(t testing.TB, st *policystore.Store, org policy.OrgID, role policystore.CustomRole) {
	t.Helper()
	if err := st.PutRole(t.Context(), org, role); err != nil {
		t.Fatal(err)
	}
}

// role is a custom role that may view files, and whatever else is named.
func role(name string, more ...policy.Permission) policystore.CustomRole {
	r := policystore.CustomRole{Name: name, Title: strings.ToUpper(name), GivenBy: []policy.Role{"owner"}}
	for _, p := range append([]policy.Permission{"file:view"}, more...) {
		r.Permissions = append(r.Permissions, policystore.RolePermission{
			Permission: p, Reach: policy.ReachOrg, Condition: policy.Always, Effect: policy.Allow,
		})
	}
	slices.SortFunc(r.Permissions, func(a, b policystore.RolePermission) int {
		return strings.Compare(string(a.Permission), string(b.Permission))
	})
	return r
}

// text is the whole table, a row a line, sorted.
func text(t testing.TB, db *gorm.DB) string {
	t.Helper()
	var lines []gormadapter.CasbinRule
	if err := db.Find(&lines).Error; err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(lines))
	for i, r := range lines {
		all[i] = strings.TrimRight(strings.Join([]string{r.Ptype, r.V0, r.V1, r.V2, r.V3, r.V4, r.V5}, ", "), ", ")
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// sorted is what text returns for a table that holds these rows.
func sorted(texts ...string) string {
	var all []string
	for _, text := range texts {
		all = append(all, strings.Split(strings.TrimSpace(text), "\n")...)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func version(t testing.TB, st *policystore.Store) string {
	t.Helper()
	p, err := st.Policy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p.Version()
}
