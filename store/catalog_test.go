package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// catalog is everything that a database says about the library's tables: columns, types, defaults, keys, indexes.
func catalog(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	var all []string
	ask := func(query string) {
		t.Helper()
		rows, err := db.WithContext(t.Context()).Raw(query).Rows()
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, into := make([]*string, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			var line strings.Builder
			for _, v := range values {
				if v == nil {
					line.WriteString("NULL ")
				} else {
					fmt.Fprintf(&line, "%s ", *v)
				}
			}
			all = append(all, line.String())
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	switch db.Name() {
	case testdb.SQLite:
		ask("SELECT type, name, sql FROM sqlite_master")
	case testdb.Postgres:
		ask(`SELECT table_name, ordinal_position::text, column_name, data_type, collation_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = current_schema()`)
		ask("SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = current_schema()")
		ask(`SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace`)
	case testdb.MySQL:
		var tables []string
		if err := db.Raw("SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&tables).Error; err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			ask("SHOW CREATE TABLE " + table)
		}
	}
	slices.Sort(all)
	return all
}

// same wants two catalogs that are alike.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s lacks: %s", what, line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s has: %s", what, line)
		}
	}
}

// Whoever runs the statements of Migrations with a tool of their own, and whoever upgrades what a released program
// has made, has the tables that Migrate makes of nothing.
func TestEveryWayToTheNewestSchemaIsTheSame(t *testing.T) {
	t.Parallel()
	for _, database := range testdb.Reachable(t) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			want := catalog(t, testdb.Open(t, database))
			if len(want) < 20 {
				t.Fatalf("the catalog has %d lines", len(want))
			}
			byHand := testdb.Empty(t, database)
			migrateByHand(t, byHand, 0)
			if err := store.CheckSchema(t.Context(), byHand); err != nil {
				t.Errorf("CheckSchema of what was made by hand: %v", err)
			}
			same(t, "what was made by hand", catalog(t, byHand), want)
			if err := store.Migrate(t.Context(), byHand); err != nil {
				t.Errorf("Migrate behind it: %v", err)
			}
			newOrg(t, store.New(byHand))
			for _, version := range releasedVersions {
				db := testdb.Empty(t, database)
				f := load(t, db, version)
				if version == 2 { // by hand too, from the middle
					migrateByHand(t, db, version)
					resume(t, db, f).readsAs(f)
				} else if err := store.Migrate(t.Context(), db); err != nil {
					t.Fatal(err)
				}
				same(t, fmt.Sprint("what version ", version, " became"), catalog(t, db), want)
			}
		})
	}
}

// migrateByHand does what the comment of Migrations says.
func migrateByHand(t *testing.T, db *gorm.DB, have int) {
	t.Helper()
	for _, m := range store.Migrations(db.Name())[have:] {
		run(t, db, m.SQL...)
		run(t, db, fmt.Sprintf("INSERT INTO iam_schema (version, name) VALUES (%d, '%s')", m.Version, m.Name))
	}
}
