package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/policy/policytest"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// resourceColumns are those of the table files, which a host might have: its collations are the
// ones that a database chooses, or worse.
var resourceColumns = store.Columns{
	Org: "org_id", Project: "project_id", ID: "file_id", Owner: "owned_by",
	Attributes: map[string]string{"archived": "archived", "region": "region", "size": "size", "plan": "plan"},
}

func resourceTable(t *testing.T, db *gorm.DB) {
	t.Helper()
	text := map[string]string{testdb.SQLite: "TEXT COLLATE NOCASE", testdb.Postgres: "text", testdb.MySQL: "VARCHAR(300) COLLATE utf8mb4_general_ci"}[db.Name()]
	columns := ""
	for _, name := range []string{"org_id", "project_id", "file_id", "owned_by", "archived", "region", "size", "plan"} {
		columns += ", " + name + " " + text
	}
	if err := db.Exec("CREATE TABLE files (n INT NOT NULL PRIMARY KEY" + columns + ")").Error; err != nil {
		t.Fatal(err)
	}
}

// fill stores the resources, numbered, and NULL for what they do not have.
func fill(t *testing.T, db *gorm.DB, resources []policy.Resource) {
	t.Helper()
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	for chunk := range slices.Chunk(resources, 500) {
		var rows []map[string]any
		for _, r := range chunk {
			row := map[string]any{"n": len(rows), "org_id": string(r.Org), "project_id": null(string(r.Project)), "file_id": null(r.ID), "owned_by": null(string(r.Owner))}
			for attribute, column := range resourceColumns.Attributes {
				row[column] = nil
				if value, given := r.Attr(attribute); given {
					row[column] = value
				}
			}
			rows = append(rows, row)
		}
		for i := range rows {
			rows[i]["n"] = i + slices.IndexFunc(resources, func(r policy.Resource) bool { return r == chunk[0] })
		}
		if err := db.Table("files").Create(rows).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// agree wants the rows that a list finds to be the resources that the reach contains.
func agree(t *testing.T, db *gorm.DB, reach policy.Reach, resources []policy.Resource) {
	t.Helper()
	var got, want []int
	if err := db.Table("files").Scopes(store.InReach(reach, resourceColumns)).Order("n").Pluck("n", &got).Error; err != nil {
		t.Fatal(err)
	}
	for i, r := range resources {
		r.Kind = reach.Kind()
		if reach.Contains(r) {
			want = append(want, i)
		}
	}
	if !slices.Equal(got, want) {
		allow, deny := reach.Clauses()
		t.Errorf("%s of %q: allow %+v deny %+v: got rows %v, want %v", reach.Kind(), reach.Subject(), allow, deny, got, want)
	}
}

func conditions(system string) []policy.Condition {
	if system != "deny" {
		return []policy.Condition{
			policy.OneOf("serverless", "plan", "serverless"), policy.OneOf("byoc", "plan", "byoc"),
			policy.OneOf("premium", "plan", "premium"), policy.OneOf("dedicated_or_premium", "plan", "dedicated", "premium"),
		}
	}
	return []policy.Condition{
		policy.OneOf("archived", "archived", "true"), policy.OneOf("not_archived", "archived", "false"),
		policy.OneOf("outside_europe", "region", "us", "ap"), policy.OneOf("in_europe", "region", "eu"), policy.OneOf("tiny", "size"),
	}
}

func loadPolicy(t testing.TB, system string) *policy.Policy {
	t.Helper()
	file := map[string]string{
		"emqx": "../policy.csv", "lanit": "../iam/lanit/policy.csv", "devicehub": "../iam/devicehub/policy.csv", "deny": "../policy/testdata/deny.csv",
	}[system]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(file, text, policy.Config{Conditions: conditions(system)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// storable reports whether a database can hold the resource.
func storable(r policy.Resource) bool {
	all := string(r.Org) + string(r.Project) + r.ID + string(r.Owner)
	return utf8.ValidString(all) && !strings.Contains(all, "\x00")
}

// The worlds of package policy: for every account and permission, the list shows what Can allows.
func TestInReachFindsWhatTheWorldsAllow(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		for _, name := range []string{"emqx", "lanit", "devicehub", "deny", "odd"} {
			world := policytest.Read(t, "../policy/testdata/"+name+".world")
			p := loadPolicy(t, world.System)
			var resources []policy.Resource
			for _, r := range world.Resources {
				if storable(r.Resource) {
					resources = append(resources, r.Resource)
				}
			}
			_ = db.Migrator().DropTable("files")
			resourceTable(t, db)
			fill(t, db, resources)
			for id, h := range world.Holders(p) {
				if !storable(policy.Resource{Owner: id, Org: h.Org()}) {
					continue
				}
				for _, permission := range p.Vocabulary() {
					agree(t, db, h.Reach(permission.Action(), permission.Kind()), resources)
				}
			}
		}
	})
}

// Everything at once: wide, in projects, on single files, owned, denied, under conditions, with ids
// that differ in case or in blanks only.
func TestInReachFindsWhatReachContains(t *testing.T) {
	t.Parallel()
	var resources []policy.Resource
	for _, org := range []policy.OrgID{"acme", "ACME"} {
		for _, project := range []policy.ProjectID{"", "p1", "P1", "p1 ", "p2"} {
			for _, id := range []string{"f1", "F1", "f1 "} {
				for _, owner := range []policy.AccountID{"", "ann", "Ann", "bob"} {
					for _, archived := range []string{"-", "true", "TRUE", "false"} {
						for _, region := range []string{"-", "eu", "us"} {
							r := policy.Resource{Kind: "file", Org: org, Project: project, ID: id, Owner: owner}
							if archived != "-" {
								r = r.With("archived", archived)
							}
							if region != "-" {
								r = r.With("region", region).With("size", "1")
							}
							resources = append(resources, r)
						}
					}
				}
			}
		}
	}
	p := loadPolicy(t, "deny")
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		resourceTable(t, db)
		fill(t, db, resources)
		random := rand.New(rand.NewPCG(1, 2))
		for range 60 {
			params := policy.HolderParams{ID: "ann", Org: "acme"}
			for range random.IntN(5) {
				role := p.Roles()[random.IntN(len(p.Roles()))]
				at := []policy.Place{
					policy.AtOrg("acme"), policy.AtProject("acme", "p1"), policy.AtProject("acme", "P1"), policy.AtProject("acme", "p2"),
					policy.AtResource("acme", "file", "f1"), policy.AtResource("acme", "file", "F1"), policy.AtResource("acme", "report", "f1 "),
				}[random.IntN(7)]
				params.Grants = append(params.Grants, policy.GrantRole(role, at))
			}
			if random.IntN(3) == 0 {
				params.OpenProjects = []policy.ProjectID{"p1", "p1 "}
			}
			h := p.Holder(params)
			// E18: and narrowed to a scope, which a single file has to lie in too.
			scope := policy.Scope{Permissions: p.Vocabulary(), AllProjects: random.IntN(4) == 0, Projects: []policy.ProjectID{"p1", "P1", "p3"}[random.IntN(4):]}
			for _, permission := range p.Vocabulary() {
				agree(t, db, h.Reach(permission.Action(), permission.Kind()), resources)
				agree(t, db, h.Within(scope).Reach(permission.Action(), permission.Kind()), resources)
			}
		}
	})
}

// E5 at scale: an account that is bound to a hundred thousand projects, and one that is granted as many files.
func TestInReachTakesAHundredThousandProjects(t *testing.T) {
	t.Parallel()
	const many = 100_000
	p := loadPolicy(t, "deny")
	params := policy.HolderParams{ID: "ann", Org: "acme"}
	for i := range many {
		params.Grants = append(params.Grants,
			policy.GrantRole("editor", policy.AtProject("acme", policy.ProjectID(fmt.Sprintf(`p "%d" \, {é}`, i)))),
			policy.GrantRole("suspended", policy.AtResource("acme", "file", fmt.Sprint("f", i))))
	}
	reach := p.Holder(params).Reach("edit", "file")
	var resources []policy.Resource
	for i := range 1000 {
		project := policy.ProjectID(fmt.Sprintf(`p "%d" \, {é}`, i*150)) // a third of them lies beyond
		resources = append(resources, policy.Resource{Org: "acme", Project: project, ID: fmt.Sprint("f", i*211)}.With("archived", "false"))
	}
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		resourceTable(t, db)
		fill(t, db, resources)
		agree(t, db, reach, resources)
	})
}
