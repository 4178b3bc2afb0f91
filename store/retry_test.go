package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

// eachServer is testdb.Each without SQLite, where one transaction writes at a time: there is
// nothing to cross, and no snapshot is older than a lock.
func eachServer(t *testing.T, test func(t *testing.T, db *gorm.DB)) {
	t.Helper()
	for _, database := range testdb.Reachable(t) {
		if database == testdb.SQLite {
			continue
		}
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			test(t, testdb.Open(t, database))
		})
	}
}

// twoOrgs makes the organisations o0 and o1.
func twoOrgs(t *testing.T, st *store.Store) {
	t.Helper()
	for _, org := range []policy.OrgID{"o0", "o1"} {
		if err := st.Create(t.Context(), iam.Organization{ID: org}, func(iam.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// crossed returns what Writes on o0 and o1 do that insert the same two addresses in opposite order,
// each its first before either its second: a deadlock, on a database that locks rows.
func crossed(t *testing.T, runs *atomic.Int32) func(ctx context.Context, i int) func(iam.Tx) error {
	var first sync.WaitGroup
	first.Add(2)
	return func(ctx context.Context, i int) func(iam.Tx) error {
		var once sync.Once
		insert := func(tx iam.Tx, n int) error {
			org := policy.OrgID(fmt.Sprint("o", i))
			return tx.InsertAccount(ctx, iam.Account{
				ID: policy.AccountID(fmt.Sprint(org, n)), Org: org, Status: iam.Active, Email: iam.Email(fmt.Sprintf("%d@example.com", n)),
			}, true)
		}
		return func(tx iam.Tx) error {
			runs.Add(1)
			err := insert(tx, i)
			once.Do(func() { first.Done(); first.Wait() })
			if err != nil {
				return err
			}
			return insert(tx, 1-i)
		}
	}
}

func TestWriteIsRunAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		twoOrgs(t, st)
		var runs atomic.Int32
		do := crossed(t, &runs)
		errs := make([]error, 2)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { errs[i] = st.Write(t.Context(), policy.OrgID(fmt.Sprint("o", i)), do(t.Context(), i)) })
		}
		wait.Wait()
		if runs.Load() < 3 {
			t.Errorf("do ran %d times: there was no deadlock, and the test proves nothing", runs.Load())
		}
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, iam.ErrExists):
				t.Errorf("got %v, want nil or ErrExists: the deadlock must not be seen", err)
			}
		}
		if won != 1 {
			t.Errorf("%d Writes succeeded, want 1: %v", won, errs)
		}
	})
}

// In the host's transaction nothing is run again: the host is told to.
func TestInReportsADeadlockAsAConflict(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *gorm.DB) {
		st := store.New(db)
		twoOrgs(t, st)
		var runs atomic.Int32
		do := crossed(t, &runs)
		errs := make([]error, 2)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				errs[i] = db.Transaction(func(tx *gorm.DB) error {
					return st.In(tx).Write(t.Context(), policy.OrgID(fmt.Sprint("o", i)), do(t.Context(), i))
				})
			})
		}
		wait.Wait()
		if runs.Load() != 2 {
			t.Errorf("do ran %d times, want 2", runs.Load())
		}
		conflicts := 0
		for _, err := range errs {
			if errors.Is(err, iam.ErrConflict) {
				conflicts++
			} else if err != nil {
				t.Errorf("got %v, want nil or ErrConflict", err)
			}
		}
		if conflicts != 1 {
			t.Errorf("got %d conflicts, want 1: %v", conflicts, errs)
		}
	})
}

// A failure that does not pass by itself is tried ten times, and is then a conflict.
func TestWriteGivesUp(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	st := store.New(db)
	newOrg(t, st)
	if err := db.Exec("CREATE UNIQUE INDEX hosts_own ON iam_bindings (role)").Error; err != nil {
		t.Fatal(err)
	}
	runs := 0
	err := st.Write(t.Context(), "acme", func(tx iam.Tx) error {
		runs++
		return errors.Join(bindTo(t, "p1")(tx), bindTo(t, "p2")(tx))
	})
	if !errors.Is(err, iam.ErrConflict) || runs != 10 {
		t.Errorf("got %v after %d runs, want ErrConflict after 10", err, runs)
	}

	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = st.Write(ctx, "acme", func(tx iam.Tx) error {
		if runs++; runs == 2 {
			defer cancel()
		}
		return errors.Join(bindTo(t, "p1")(tx), bindTo(t, "p2")(tx))
	})
	if !errors.Is(err, context.Canceled) || runs > 3 {
		t.Errorf("got %v after %d runs, want context.Canceled at once", err, runs)
	}
	if got := boundTo(t, st); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

// The classes of real errors, as the drivers in the module graph give them.
func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		newOrg(t, store.New(db))
		insert := func(db *gorm.DB, org, project string) error {
			return db.Exec("INSERT INTO iam_projects (org_id, id, open) VALUES (?, ?, 0)", org, project).Error
		}
		translating := testdb.Again(t, db, &gorm.Config{TranslateError: true})
		if err := insert(db, "acme", "p"); err != nil {
			t.Fatal(err)
		}
		for _, db := range []*gorm.DB{db, translating} {
			err := insert(db, "acme", "p")
			for _, err := range []error{err, fmt.Errorf("wrapped: %w", err), errors.Join(errOurs, err)} {
				if !store.IsDuplicate(err) || store.IsTransient(err) {
					t.Errorf("a duplicate: %T %v is not classified as one", err, err)
				}
			}
		}
		run(t, db, "CREATE TABLE hosts_own (n INT)", "ALTER TABLE hosts_own ADD COLUMN m INT", "CREATE INDEX hosts_m ON hosts_own (m)")
		for _, again := range []string{"ALTER TABLE hosts_own ADD COLUMN m INT", "CREATE INDEX hosts_m ON hosts_own (m)", "CREATE TABLE hosts_own (n INT)"} {
			err := fmt.Errorf("wrapped: %w", db.Exec(again).Error)
			if store.IsPresent(err) != (db.Name() == testdb.MySQL && !strings.Contains(again, "TABLE hosts_own (n")) || store.IsDuplicate(err) || store.IsTransient(err) {
				t.Errorf("%s: %v is classified wrongly", again, err)
			}
		}
		for _, err := range []error{nil, errOurs, context.Canceled, insert(db, "nowhere", "p"), db.Exec("SELECT * FROM nowhere").Error} {
			if store.IsDuplicate(err) || store.IsTransient(err) {
				t.Errorf("%v is classified as passing", err)
			}
		}
	})
}

// A writer that waits for another as long as it may (here: not at all), and one whose deferred
// transaction has read what another has changed since, are told to come again.
func TestSQLiteBusyIsTransient(t *testing.T) {
	t.Parallel()
	db := testdb.Open(t, testdb.SQLite)
	newOrg(t, store.New(db))
	const change = "UPDATE iam_organizations SET revision = revision + 1"
	for name, provoke := range map[string]func(conn *gorm.DB) error{
		"SQLITE_BUSY": func(conn *gorm.DB) error {
			writer := begin(t, db)
			defer writer.Rollback()
			return errors.Join(conn.Exec("PRAGMA busy_timeout = 0").Error, conn.Exec(change).Error)
		},
		"SQLITE_BUSY_SNAPSHOT": func(conn *gorm.DB) error {
			var revision int
			first := conn.Exec("BEGIN DEFERRED").Error
			defer conn.Exec("ROLLBACK")
			read := conn.Raw("SELECT revision FROM iam_organizations").Scan(&revision).Error
			if err := errors.Join(first, read, db.Exec(change).Error); err != nil {
				t.Error(err)
			}
			return conn.Exec(change).Error
		},
	} {
		err := db.Connection(func(conn *gorm.DB) error { return provoke(conn.Session(&gorm.Session{NewDB: true})) })
		if !store.IsTransient(err) {
			t.Errorf("%s: %T %v is not classified as passing", name, err, err)
		}
	}
}
