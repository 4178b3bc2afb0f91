package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The schema of every database is a golden file: a change of it is reviewed as a diff, and what was
// released never changes.
func TestSchemaGolden(t *testing.T) {
	t.Parallel()
	for _, database := range []string{testdb.SQLite, testdb.Postgres, testdb.MySQL} {
		var b strings.Builder
		for _, m := range store.Migrations(database) {
			fmt.Fprintf(&b, "-- version %d: %s\n\n", m.Version, m.Name)
			for _, statement := range m.SQL {
				fmt.Fprintf(&b, "%s;\n\n", statement)
			}
		}
		path, got := "testdata/schema-"+database+".golden.sql", b.String()
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: the migrations are not what the file says; after reading the difference, run the tests with -update", path)
		}
	}
	if got := store.Migrations("oracle"); got != nil {
		t.Errorf("migrations of an unknown database: got %v, want none", got)
	}
}

// eachEmpty is testdb.Each with databases that have no tables.
func eachEmpty(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, database := range testdb.Reachable(t) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			test(t, testdb.Empty(t, database))
		})
	}
}

func TestMigrateFromManyNodesAtOnce(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		nodes := []*gorm.DB{db, testdb.Again(t, db, &gorm.Config{PrepareStmt: true}), testdb.Again(t, db, &gorm.Config{TranslateError: true})}
		errs := make([]error, 9)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { errs[i] = store.Migrate(t.Context(), nodes[i%len(nodes)]) })
		}
		wait.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		var applied int64
		if err := db.Table("iam_schema").Count(&applied).Error; err != nil || int(applied) != store.Latest() {
			t.Errorf("got %d rows in iam_schema (%v), want %d", applied, err, store.Latest())
		}
		newOrg(t, store.New(db))
	})
}

func TestCheckSchema(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		ctx := t.Context()
		wrong := func(have int, say string) {
			t.Helper()
			var schema *store.SchemaError
			err := store.CheckSchema(ctx, db)
			if !errors.As(err, &schema) || schema.Have != have || schema.Want != store.Latest() || !strings.Contains(err.Error(), say) {
				t.Errorf("got %v, want a *SchemaError with version %d that says %q", err, have, say)
			}
		}
		wrong(0, "store.Migrate")
		if err := store.Migrate(ctx, db); err != nil {
			t.Fatal(err)
		}
		if err := store.CheckSchema(ctx, db); err != nil {
			t.Errorf("after Migrate: got %v", err)
		}
		newOrg(t, store.New(db))
		if err := store.Migrate(ctx, db); err != nil { // again, with rows
			t.Fatal(err)
		}

		if err := db.Exec("UPDATE iam_schema SET version = ? WHERE version = ?", store.Latest()+1, store.Latest()).Error; err != nil {
			t.Fatal(err)
		}
		wrong(store.Latest()+1, "update it")
		var schema *store.SchemaError
		if err := store.Migrate(ctx, db); !errors.As(err, &schema) {
			t.Errorf("Migrate on newer tables: got %v, want a *SchemaError", err)
		}
		if _, err := store.New(db).Account(ctx, "acme", "ann"); err != nil {
			t.Errorf("the rows are still there: got %v", err)
		}
		if err := db.Exec("DELETE FROM iam_schema").Error; err != nil {
			t.Fatal(err)
		}
		wrong(0, "store.Migrate")
		// On MariaDB as after a Migrate that was cut off: what is there stays. The others undo what is not finished,
		// and know no such tables.
		if err := store.Migrate(ctx, db); (err == nil) != (db.Name() == testdb.MySQL) {
			t.Error(err)
		}
		if _, err := store.New(db).Account(ctx, "acme", "ann"); err != nil {
			t.Errorf("the rows are still there: got %v", err)
		}

		ended, cancel := context.WithCancel(ctx)
		cancel()
		if err := store.CheckSchema(ended, db); !errors.Is(err, context.Canceled) {
			t.Errorf("with a context that has ended: got %v, want context.Canceled", err)
		}
		if err := store.Migrate(ended, db); !errors.Is(err, context.Canceled) {
			t.Errorf("Migrate with a context that has ended: got %v, want context.Canceled", err)
		}
	})
}

// MariaDB and MySQL would commit what the host has done so far.
func TestMigrateWithinATransaction(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		tx := begin(t, db)
		err := store.Migrate(t.Context(), tx)
		if (err != nil) != (db.Name() == testdb.MySQL) {
			t.Errorf("got %v", err)
		}
		tx.Rollback()
		if err := store.CheckSchema(t.Context(), db); err == nil {
			t.Error("the tables are there after the rollback")
		}
	})
}

// SB-68: whatever a program does, the tables hold no binding, role or grant of another organisation.
func TestForeignKeysKeepOrganizationsApart(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		if err := st.Create(t.Context(), iam.Organization{ID: "other"}, func(iam.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		for _, insert := range []string{
			"INSERT INTO iam_bindings (org_id, account_id, project_id, role) VALUES ('ORG', 'ann', 'p', 'r')",
			"INSERT INTO iam_account_roles (org_id, account_id, role) VALUES ('ORG', 'ann', 'r')",
			"INSERT INTO iam_grants (org_id, id, account_id, role, permission, project_id, kind, resource_id, expires, given_by, created) " +
				"VALUES ('ORG', 'g', 'ann', 'r', '', '', '', '', 0, '', 0)",
			"INSERT INTO iam_projects (org_id, id, open) VALUES ('ORG', 'p', 1)",
		} {
			if err := db.Exec(strings.Replace(insert, "ORG", "acme", 1)).Error; err != nil {
				t.Errorf("within the organisation: %v", err)
			}
			org := "other"
			if strings.Contains(insert, "iam_projects") {
				org = "nowhere"
			}
			if err := db.Exec(strings.Replace(insert, "ORG", org, 1)).Error; err == nil {
				t.Errorf("of another organisation: %s was stored", insert)
			}
		}
		second := "INSERT INTO iam_accounts (id, org_id, root_key, status, name, username, phone, company, note, search, created_by, created, activated, updated) " +
			"VALUES (?, 'acme', 'acme', 'active', '', '', '', '', '', '', '', 0, 0, 0)"
		if err := db.Exec(second, "root").Error; err != nil {
			t.Error(err)
		}
		if err := db.Exec(second, "root2").Error; !store.IsDuplicate(err) {
			t.Errorf("a second root account: got %v, want a duplicate", err)
		}
	})
}
