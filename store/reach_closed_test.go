package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// ownFiles is a reach that has a bit of everything: projects, owners, attributes and denials.
func ownFiles(t testing.TB) policy.Reach {
	t.Helper()
	return loadPolicy(t, "deny").Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: []policy.Grant{
		policy.GrantRole("editor", policy.AtProject("acme", "p1")),
		policy.GrantRole("author", policy.AtOrg("acme")),
		policy.GrantRole("reader", policy.AtResource("acme", "file", "f1")),
	}}).Reach("edit", "file")
}

func filesOf(t *testing.T, db *gorm.DB) []policy.Resource {
	t.Helper()
	file := policy.Resource{Kind: "file", Org: "acme", Project: "p1", ID: "f1"}.With("archived", "false")
	other := file
	other.Org = "other"
	elsewhere := file
	elsewhere.Project = "p2"
	all := []policy.Resource{file, other, elsewhere}
	resourceTable(t, db)
	fill(t, db, all)
	return all
}

// SB-60: whatever is missing, no row is found, and a mistake of the host is an error.
func TestInReachFailsClosed(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	filesOf(t, db)
	code := policy.Condition{Name: "not_archived", Needs: []string{"archived"}, Holds: func(policy.Values) bool { return true }}
	without := func(change func(*store.Columns)) store.Columns {
		c := resourceColumns
		change(&c)
		return c
	}
	holder := func(grants ...policy.Grant) *policy.Holder {
		return loadPolicy(t, "deny").Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: grants})
	}
	wide := holder(policy.GrantRole("owner", policy.AtOrg("acme"))).Reach("edit", "file")
	single := holder(policy.GrantRole("owner", policy.AtResource("acme", "file", "f1"))).Reach("edit", "file")
	var list []policy.Grant
	for i := range 501 {
		list = append(list, policy.GrantRole("owner", policy.AtResource("acme", "file", fmt.Sprintf("%0256d", i))))
	}
	for _, tt := range []struct {
		name    string
		reach   policy.Reach
		columns store.Columns
		want    string // in the error; "" for none
		rows    int
	}{
		{"all is there", wide, resourceColumns, "", 2},
		{"the zero reach", policy.Reach{}, resourceColumns, "", 0},
		{"nothing is held", holder().Reach("edit", "file"), resourceColumns, "", 0},
		{"an unknown action", holder().Reach("fly", "file"), resourceColumns, "", 0},
		{"no column for the organisation", wide, without(func(c *store.Columns) { c.Org = "" }), "Columns.Org", 0},
		{"no column for the organisation, and the zero reach", policy.Reach{}, store.Columns{}, "Columns.Org", 0},
		{"no column for projects", ownFiles(t), without(func(c *store.Columns) { c.Project = "" }), "Columns.Project", 0},
		{"no column for ids", single, without(func(c *store.Columns) { c.ID = "" }), "Columns.ID", 0},
		{"no column for owners", ownFiles(t), without(func(c *store.Columns) { c.Owner = "" }), "Columns.Owner", 0},
		{"no column for an attribute", ownFiles(t), without(func(c *store.Columns) { c.Attributes = nil }), `Columns.Attributes["archived"]`, 0},
		{"a condition that is code", codeReach(t, code), resourceColumns, "policy.OneOf", 0},
		{"an id that is too long for a list", holder(list...).Reach("edit", "file"), resourceColumns, "cannot be compared", 0},
		{"an id with NUL", holder(policy.GrantRole("owner", policy.AtResource("acme", "file", "\x00"))).Reach("edit", "file"), resourceColumns, "cannot be compared", 0},
	} {
		var got []int
		err := db.Table("files").Scopes(store.InReach(tt.reach, tt.columns)).Pluck("n", &got).Error
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) || len(got) != tt.rows {
			t.Errorf("%s: got %d rows and %v, want %d rows and %q", tt.name, len(got), err, tt.rows, tt.want)
		}
		// GORM loses the error of a scope in a group of conditions; the rows must not come.
		got = nil
		_ = db.Table("files").Where(db.Scopes(store.InReach(tt.reach, tt.columns))).Pluck("n", &got)
		if len(got) != tt.rows {
			t.Errorf("%s, in a group: got %d rows, want %d", tt.name, len(got), tt.rows)
		}
	}
}

func codeReach(t *testing.T, condition policy.Condition) policy.Reach {
	t.Helper()
	all := conditions("deny")
	all[slices.IndexFunc(all, func(c policy.Condition) bool { return c.Name == condition.Name })] = condition
	p, err := policy.Load("code.csv", []byte("p4, r, R\np3, file, edit, S, T\np, r, org, file, edit, allow, not_archived\n"), policy.Config{Conditions: all})
	if err != nil {
		t.Fatal(err)
	}
	return p.Holder(policy.HolderParams{ID: "ann", Org: "acme", Grants: []policy.Grant{policy.GrantRole("r", policy.AtOrg("acme"))}}).Reach("edit", "file")
}

// No condition of the host leads around the reach, whichever way it is put.
func TestInReachHoldsBesideEveryConditionOfTheHost(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		filesOf(t, db) // row 0 is in reach
		scope := store.InReach(ownFiles(t), resourceColumns)
		orScope := func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }
		files := func() *gorm.DB { return db.Table("files") }
		for name, list := range map[string]*gorm.DB{
			"none":                        files().Scopes(scope),
			"an or before":                files().Where("n > ?", 5).Or("n < ?", 5).Scopes(scope),
			"an or behind":                files().Scopes(scope).Where("n > ?", 5).Or("n < ?", 5),
			"an or alone":                 files().Scopes(scope).Or("1 = 1"),
			"an or in text":               files().Scopes(scope).Where("n > 5\nOR\n1 = 1"),
			"an or by a scope before":     files().Scopes(orScope, scope),
			"an or by a scope behind":     files().Scopes(scope, orScope),
			"an or by a scope of a scope": files().Scopes(scope, func(db *gorm.DB) *gorm.DB { return db.Scopes(orScope) }),
			"a group":                     files().Where(db.Scopes(scope)),
			"a group with an or":          files().Where(db.Where("1 = 1").Or("2 = 2").Scopes(scope)),
			"a sub-query":                 files().Where("n IN (?)", files().Select("n").Scopes(scope)),
			"a join":                      db.Table("files").Joins("JOIN files AS f ON f.n = files.n").Scopes(store.InReach(ownFiles(t), qualified("files"))),
			"an or beside a soft delete":  db.Model(&trashable{}).Scopes(scope, func(db *gorm.DB) *gorm.DB { return db.Scopes(orScope) }),
			"two reaches":                 files().Scopes(scope, orScope, store.InReach(ownFiles(t), qualified("files")), orScope),
		} {
			var got []int
			if err := list.Pluck("files.n", &got).Error; err != nil || len(got) != 1 || got[0] != 0 {
				t.Errorf("%s: got rows %v (%v), want row 0", name, got, err)
			}
		}
		var n int64
		if err := files().Scopes(scope).Count(&n).Error; err != nil || n != 1 {
			t.Errorf("count: got %d (%v), want 1", n, err)
		}
		changed := files().Scopes(scope, orScope).Update("region", "eu")
		if changed.Error != nil || changed.RowsAffected != 1 {
			t.Errorf("update: got %d rows (%v), want 1", changed.RowsAffected, changed.Error)
		}
		gone := files().Scopes(scope).Delete(nil)
		if gone.Error != nil || gone.RowsAffected != 1 {
			t.Errorf("delete: got %d rows (%v), want 1", gone.RowsAffected, gone.Error)
		}
	})
}

// trashable is a host's model of the table, with a soft delete.
type trashable struct {
	N       int
	Deleted gorm.DeletedAt `gorm:"column:plan"`
}

func (trashable) TableName() string { return "files" }

// qualified are the columns with their table in front.
func qualified(table string) store.Columns {
	c := store.Columns{Org: table + ".org_id", Project: table + ".project_id", ID: table + ".file_id", Owner: table + ".owned_by", Attributes: map[string]string{}}
	for attribute, column := range resourceColumns.Attributes {
		c.Attributes[attribute] = table + "." + column
	}
	return c
}
