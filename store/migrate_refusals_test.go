package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	mysqldriver "github.com/go-sql-driver/mysql"
	"gorm.io/driver/mysql"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// refuses wants CheckSchema and Migrate to return an error of the type, whose text says all of it, and to change nothing.
func refuses[E error](t *testing.T, db *gorm.DB, says ...string) (refusal E) {
	t.Helper()
	before := catalog(t, db)
	for name, call := range map[string]func() error{
		"CheckSchema": func() error { return store.CheckSchema(t.Context(), db) },
		"Migrate":     func() error { return store.Migrate(t.Context(), db) },
	} {
		err := call()
		if !errors.As(err, &refusal) {
			t.Fatalf("%s: got %v, want a %T", name, err, refusal)
		}
		for _, say := range says {
			if !strings.Contains(err.Error(), say) {
				t.Errorf("%s: got %q, want a text that says %q", name, err, say)
			}
		}
	}
	same(t, "the database that was refused", catalog(t, db), before)
	return refusal
}

// A database that a newer program has migrated is left alone, with what is new in it. The operations of a Service do
// not look at the version: they go on as far as their statements do.
func TestMigrateRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		newOrg(t, st)
		next := store.Latest() + 1
		run(t, db, "CREATE TABLE iam_future (id INTEGER)", "ALTER TABLE iam_accounts ADD COLUMN future INTEGER",
			fmt.Sprintf("INSERT INTO iam_schema (version, name) VALUES (%d, 'the future')", next))
		newer := refuses[*store.SchemaError](t, db, fmt.Sprint("version ", next), fmt.Sprint("knows ", store.Latest()), "update it")
		if *newer != (store.SchemaError{Have: next, Want: store.Latest()}) {
			t.Errorf("got %+v", newer)
		}
		if _, err := st.Account(t.Context(), "acme", "ann"); err != nil {
			t.Errorf("reading goes on: got %v", err)
		}
		if err := st.Write(t.Context(), "acme", bindTo(t, "p")); err != nil {
			t.Errorf("writing goes on: got %v", err)
		}
	})
}

// A step that was left out is not taken for done.
func TestMigrateRefusesAGap(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		run(t, db, "DELETE FROM iam_schema WHERE version = 3")
		gap := refuses[*store.SchemaError](t, db, fmt.Sprint("version ", store.Latest()), "step 3", "insert its row")
		if *gap != (store.SchemaError{Have: store.Latest(), Want: store.Latest(), Gap: 3}) {
			t.Errorf("got %+v", gap)
		}
	})
}

// A table of the library's that is gone, or that somebody has changed, is named.
func TestMigrateRefusesTablesThatWereChanged(t *testing.T) {
	t.Parallel()
	for change, want := range map[string]store.TableError{
		"DROP TABLE iam_api_keys":                               {Table: "iam_api_keys", Missing: []string{"id", "org_id"}},
		"ALTER TABLE iam_quotas RENAME COLUMN most TO many":     {Table: "iam_quotas", Missing: []string{"most"}},
		"ALTER TABLE iam_organizations DROP COLUMN log_ordinal": {Table: "iam_organizations", Missing: []string{"log_ordinal"}},
		"ALTER TABLE iam_accounts DROP COLUMN activated":        {Table: "iam_accounts", Missing: []string{"activated"}},
	} {
		t.Run(change, func(t *testing.T) {
			t.Parallel()
			testdb.Each(t, func(t *testing.T, db *gorm.DB) {
				run(t, db, change)
				got := refuses[*store.TableError](t, db, want.Table, want.Missing[0], fmt.Sprint("version ", store.Latest()))
				if got.Table != want.Table || !slices.Equal(got.Missing[:min(2, len(got.Missing))], want.Missing) || got.Version != store.Latest() {
					t.Errorf("got %+v, want %+v", got, want)
				}
			})
		})
	}
}

// A table of the host's is not the library's for its name: nothing of it is changed, whatever is left to do.
func TestMigrateRefusesATableOfTheHosts(t *testing.T) {
	t.Parallel()
	hosts := []string{"CREATE TABLE iam_organizations (id INTEGER PRIMARY KEY, title VARCHAR(20))", "CREATE TABLE iam_api_keys (id INTEGER PRIMARY KEY, owner VARCHAR(20))"}
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		for i, table := range []string{"iam_organizations", "iam_api_keys"} {
			db := db
			version := 0
			if i == 1 {
				db = testdb.Empty(t, db.Name())
				version = load(t, db, 2).Version
			}
			run(t, db, hosts[i])
			before := catalog(t, db)
			var host *store.TableError
			err := store.Migrate(t.Context(), db)
			if !errors.As(err, &host) || host.Table != table || host.Version != version || !strings.Contains(err.Error(), "not the library's") {
				t.Errorf("got %v (%+v), want a *TableError for %s", err, host, table)
			}
			if version == 0 && db.Name() == testdb.MySQL { // where the empty iam_schema stays
				run(t, db, "DROP TABLE iam_schema")
			}
			same(t, "the host's database", catalog(t, db), before)
		}
	})
}

// Tables whose iam_schema is lost. Where nothing can be half done, what is newer than it says is refused; on MariaDB
// and MySQL it looks like a Migrate that was cut off, and is taken up.
func TestMigrateWithoutItsOwnTable(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		f := load(t, db, 2)
		run(t, db, "DROP TABLE iam_schema")
		err := store.Migrate(t.Context(), db)
		var early *store.TableError
		if db.Name() == testdb.MySQL {
			if err != nil {
				t.Fatal(err)
			}
			resume(t, db, f).readsAs(f)
		} else if !errors.As(err, &early) || len(early.Early) != 1 || early.Version != 0 || !strings.Contains(err.Error(), "iam_schema has lost") {
			t.Errorf("got %v (%+v), want a *TableError", err, early)
		}
		first := testdb.Empty(t, db.Name())
		f = load(t, first, 1)
		run(t, first, "DROP TABLE iam_schema")
		if err := store.Migrate(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		resume(t, first, f).readsAs(f)
	})
}

// Who may only read and write rows may migrate where there is nothing to do, and is told where there is.
func TestMigrateWithoutRightsToChangeTables(t *testing.T) {
	t.Parallel()
	eachEmpty(t, func(t *testing.T, db *gorm.DB) {
		f := load(t, db, 2)
		weak := restricted(t, db)
		var verdict *store.SchemaError
		if err := store.Migrate(t.Context(), weak); err == nil || errors.As(err, &verdict) {
			t.Errorf("Migrate of an old schema: got %v, want the database's error", err)
		}
		if err := store.CheckSchema(t.Context(), weak); !errors.As(err, &verdict) || verdict.Have != f.Version {
			t.Errorf("CheckSchema behind it: got %v, want version %d", err, f.Version)
		}
		if err := store.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		weak = restricted(t, db)
		if err := store.Migrate(t.Context(), weak); err != nil {
			t.Errorf("Migrate where there is nothing to do: %v", err)
		}
		if err := store.CheckSchema(t.Context(), weak); err != nil {
			t.Errorf("CheckSchema: %v", err)
		}
	})
}

// restricted opens db for somebody who may not change its tables; on SQLite, not write at all.
func restricted(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	if db.Name() == testdb.MySQL {
		return restrictedUser(t, db)
	}
	weak := testdb.Again(t, db, &gorm.Config{})
	pool, err := weak.DB()
	if err != nil {
		t.Fatal(err)
	}
	pool.SetMaxOpenConns(1) // the restriction is the connection's
	switch db.Name() {
	case testdb.SQLite:
		run(t, weak, "PRAGMA query_only = 1")
	case testdb.Postgres:
		var schema string
		if err := db.Raw("SELECT current_schema()").Scan(&schema).Error; err != nil {
			t.Fatal(err)
		}
		role := schema + "_weak"
		var there int64
		if err := db.Raw("SELECT COUNT(*) FROM pg_roles WHERE rolname = ?", role).Scan(&there).Error; err != nil {
			t.Fatal(err)
		}
		if there == 0 {
			run(t, db, "CREATE ROLE "+role)
			t.Cleanup(func() {
				for _, statement := range []string{"DROP OWNED BY ", "DROP ROLE "} {
					if err := db.Exec(statement + role).Error; err != nil {
						t.Errorf("%s%s: %v", statement, role, err)
					}
				}
			})
		}
		run(t, db, "GRANT USAGE ON SCHEMA "+schema+" TO "+role, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+schema+" TO "+role)
		run(t, weak, "SET ROLE "+role)
	}
	return weak
}

// restrictedUser opens db as a user of MariaDB or MySQL who may read and write rows.
func restrictedUser(t *testing.T, db *gorm.DB) *gorm.DB {
	t.Helper()
	config, err := mysqldriver.ParseDSN(dsn(t, db))
	if err != nil {
		t.Fatal(err)
	}
	config.User, config.Passwd = "weak_"+config.DBName[len(config.DBName)-20:], "weak"
	run(t, db, "CREATE USER IF NOT EXISTS '"+config.User+"'@'%' IDENTIFIED BY 'weak'",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON "+config.DBName+".* TO '"+config.User+"'@'%'")
	t.Cleanup(func() {
		if err := db.Exec("DROP USER IF EXISTS '" + config.User + "'@'%'").Error; err != nil {
			t.Error(err)
		}
	})
	weak, err := gorm.Open(mysql.Open(config.FormatDSN()), &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	pool, err := weak.DB()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return weak
}
