package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// libraryTables are the library's tables that are there.
func libraryTables(t *testing.T, db *gorm.DB) []string {
	t.Helper()
	all, err := db.Migrator().GetTables()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all) // PostgreSQL names them in any order
	return slices.DeleteFunc(all, func(name string) bool { return !strings.HasPrefix(name, "iam_") })
}

// A database that fails while it is asked has not no tables: who believed that would migrate.
func TestCheckSchemaSaysWhatFailed(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		failing, faults := testdb.Faulty(t, db)
		faults.Heal()
		if err := store.CheckSchema(t.Context(), failing); err != nil {
			t.Fatal(err)
		}
		for n, c := range faults.Trace() {
			faults.Arm(n+1, testdb.Refuse, nil)
			err := store.CheckSchema(t.Context(), failing)
			if !faults.Heal() || !errors.Is(err, testdb.ErrInjected) {
				t.Errorf("%s %q failed: got %v, want what failed", c.Kind, c.Query, err)
			}
		}
	})
}

// Migrate fails at every statement, and leaves nothing behind, but on MariaDB and MySQL, which commit at every
// CREATE TABLE. There and everywhere, the next Migrate finishes it. On the servers it is a sample.
func TestMigrateUnderFaults(t *testing.T) {
	t.Parallel()
	for _, database := range testdb.Reachable(t) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			whole := testdb.Empty(t, database)
			failing, faults := testdb.Faulty(t, whole)
			faults.Heal()
			if err := store.Migrate(t.Context(), failing); err != nil {
				t.Fatal(err)
			}
			want, trace := libraryTables(t, whole), faults.Trace()
			step := 1
			if database != testdb.SQLite {
				step = len(trace)/4 + 1
			}
			for n := 1; n <= len(trace); n += step {
				if k := trace[n-1].Kind; k == testdb.Next || k == testdb.Close || strings.Contains(trace[n-1].Query, "RELEASE_LOCK") {
					continue
				}
				db := testdb.Empty(t, database)
				failing, faults := testdb.Faulty(t, db)
				faults.Arm(n, testdb.Refuse, nil)
				err := store.Migrate(t.Context(), failing)
				if !faults.Heal() || !errors.Is(err, testdb.ErrInjected) {
					t.Fatalf("%d of %d, %s %q: got %v, want what failed", n, len(trace), trace[n-1].Kind, trace[n-1].Query, err)
				}
				if left := libraryTables(t, db); len(left) > 0 && database != testdb.MySQL {
					t.Errorf("%d of %d, %s %q left %v", n, len(trace), trace[n-1].Kind, trace[n-1].Query, left)
				}
				if err := errors.Join(store.Migrate(t.Context(), failing), store.CheckSchema(t.Context(), db)); err != nil {
					t.Errorf("%d of %d: the next Migrate: %v", n, len(trace), err)
				}
				if got := libraryTables(t, db); !slices.Equal(got, want) {
					t.Errorf("%d of %d: got the tables %v, want %v", n, len(trace), got, want)
				}
			}
		})
	}
}

// On MariaDB and MySQL a deadlock ends the host's transaction. A host that goes on behind it is told so, and
// nothing of a later Write is committed, whichever Store it is by.
func TestInRefusesATransactionThatIsOver(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		failing, faults := testdb.Faulty(t, db)
		st := store.New(db)
		newOrg(t, st)
		var first, second error
		err := failing.Transaction(func(tx *gorm.DB) error {
			faults.Arm(1, testdb.Pass, nil)
			first = tx.Exec("UPDATE iam_organizations SET asides = asides + 1").Error
			faults.Heal()
			second = store.New(failing).In(tx).Write(t.Context(), "acme", bindTo(t, "p1"))
			return errOurs
		})
		if !errors.Is(err, errOurs) || first == nil {
			t.Fatalf("got %v, and %v for the statement that was to fail", err, first)
		}
		if db.Name() == testdb.MySQL && !errors.Is(second, iam.ErrConflict) {
			t.Errorf("got %v, want ErrConflict", second)
		}
		if got := boundTo(t, st); got != "" {
			t.Errorf("the host rolled back, and got %q", got)
		}
	})
}
