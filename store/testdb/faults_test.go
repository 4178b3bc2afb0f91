package testdb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store/testdb"
)

// eachFaulty runs the test on every database, with a table of numbers that has one row.
func eachFaulty(t *testing.T, test func(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults)) {
	t.Helper()
	for _, database := range testdb.Reachable(t) {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			db := testdb.Empty(t, database)
			for _, statement := range []string{"CREATE TABLE numbers (n INT NOT NULL PRIMARY KEY)", "INSERT INTO numbers VALUES (1)"} {
				if err := db.Exec(statement).Error; err != nil {
					t.Fatal(err)
				}
			}
			failing, faults := testdb.Faulty(t, db)
			faults.Heal()
			test(t, db, failing, faults)
		})
	}
}

// numbers are the committed ones.
func numbers(t *testing.T, db *gorm.DB) []int {
	t.Helper()
	var all []int
	if err := db.Raw("SELECT n FROM numbers ORDER BY n").Scan(&all).Error; err != nil {
		t.Fatal(err)
	}
	return all
}

// addTwo adds 2 in a transaction that reads first.
func addTwo(ctx context.Context, db *gorm.DB) error {
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var n int
		if err := tx.Raw("SELECT n FROM numbers WHERE n = ?", 1).Scan(&n).Error; err != nil {
			return err
		}
		return tx.Exec("INSERT INTO numbers VALUES (?)", n+1).Error
	})
}

// kinds of what crossed, without the preparing that MySQL's driver alone does.
func kinds(crossed []testdb.Crossing) []testdb.Kind {
	var all []testdb.Kind
	for _, c := range crossed {
		if c.Kind != testdb.Prepare {
			all = append(all, c.Kind)
		}
	}
	return all
}

func TestEverythingIsCounted(t *testing.T) {
	t.Parallel()
	eachFaulty(t, func(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults) {
		if err := addTwo(t.Context(), failing); err != nil {
			t.Fatal(err)
		}
		want := []testdb.Kind{testdb.Begin, testdb.Query, testdb.Next, testdb.Next, testdb.Close, testdb.Exec, testdb.Commit}
		if got := kinds(faults.Trace()); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		for _, c := range faults.Trace() {
			if c.InTx == (c.Kind == testdb.Begin) {
				t.Errorf("%s: is it in a transaction? got %v", c.Kind, c.InTx)
			}
		}
		if got := numbers(t, healthy); !slices.Equal(got, []int{1, 2}) {
			t.Errorf("got %v, want 1 and 2", got)
		}
	})
}

// at is the number of the first crossing of a kind in addTwo.
func at(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults, kind testdb.Kind) int {
	t.Helper()
	faults.Heal()
	if err := addTwo(t.Context(), failing); err != nil {
		t.Fatal(err)
	}
	if err := healthy.Exec("DELETE FROM numbers WHERE n = 2").Error; err != nil {
		t.Fatal(err)
	}
	return 1 + slices.IndexFunc(faults.Trace(), func(c testdb.Crossing) bool { return c.Kind == kind })
}

// TestFaultsDoWhatTheySay tries each fault at each kind of crossing, with what must be committed then.
func TestFaultsDoWhatTheySay(t *testing.T) {
	t.Parallel()
	const kept, lost = true, false
	eachFaulty(t, func(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults) {
		for _, c := range []struct {
			fault     testdb.Fault
			kind      testdb.Kind
			committed bool
			err       error // nil for none
		}{
			{testdb.Refuse, testdb.Begin, lost, testdb.ErrInjected}, {testdb.Refuse, testdb.Query, lost, testdb.ErrInjected},
			{testdb.Refuse, testdb.Next, lost, testdb.ErrInjected}, {testdb.Refuse, testdb.Close, lost, testdb.ErrInjected},
			{testdb.Refuse, testdb.Exec, lost, testdb.ErrInjected}, {testdb.Refuse, testdb.Commit, lost, testdb.ErrInjected},
			{testdb.Lose, testdb.Begin, lost, testdb.ErrInjected}, {testdb.Lose, testdb.Exec, lost, testdb.ErrInjected},
			{testdb.Lose, testdb.Commit, kept, testdb.ErrInjected},
			{testdb.CutBefore, testdb.Begin, kept, nil}, // database/sql takes another connection
			{testdb.CutBefore, testdb.Query, lost, driver.ErrBadConn}, {testdb.CutBefore, testdb.Next, lost, testdb.ErrInjected},
			{testdb.CutBefore, testdb.Exec, lost, driver.ErrBadConn}, {testdb.CutBefore, testdb.Commit, lost, driver.ErrBadConn},
			{testdb.CutAfter, testdb.Exec, lost, testdb.ErrInjected}, {testdb.CutAfter, testdb.Commit, kept, testdb.ErrInjected},
			{testdb.Cancel, testdb.Query, lost, context.Canceled}, {testdb.Cancel, testdb.Exec, lost, context.Canceled},
			{testdb.CancelAfter, testdb.Exec, lost, context.Canceled},
			{testdb.Down, testdb.Begin, lost, testdb.ErrInjected}, {testdb.Down, testdb.Exec, lost, testdb.ErrInjected},
		} {
			t.Run(fmt.Sprintf("%s at %s", c.fault, c.kind), func(t *testing.T) {
				n := at(t, healthy, failing, faults, c.kind)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				faults.Arm(n, c.fault, cancel)
				err := addTwo(ctx, failing)
				if !faults.Heal() {
					t.Error("it was not reached")
				}
				if ctx.Err() != nil && (errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrTxDone)) {
					err = ctx.Err() // as pgx says where nothing was sent, and database/sql where it was faster
				}
				if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
					t.Errorf("got the error %v, want %v", err, c.err)
				}
				if got := len(numbers(t, healthy)) == 2; got != c.committed {
					t.Errorf("is it committed? got %v, want %v", got, c.committed)
				}
				if err := healthy.Exec("DELETE FROM numbers WHERE n = 2").Error; err != nil {
					t.Fatal(err)
				}
				if err := addTwo(t.Context(), failing); err != nil {
					t.Errorf("nothing goes wrong any more, and it fails: %v", err)
				}
				if err := healthy.Exec("DELETE FROM numbers WHERE n = 2").Error; err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// What is delayed waits for Release, and for the end of its context.
func TestDelay(t *testing.T) {
	t.Parallel()
	eachFaulty(t, func(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults) {
		for _, end := range []string{"released", "canceled"} {
			n := at(t, healthy, failing, faults, testdb.Exec)
			ctx, cancel := context.WithCancel(t.Context())
			faults.Arm(n, testdb.Delay, cancel)
			answer := make(chan error, 1)
			go func() { answer <- addTwo(ctx, failing) }()
			<-faults.Reached()
			if end == "released" {
				faults.Release()
				if err := <-answer; err != nil {
					t.Errorf("released: %v", err)
				}
			} else {
				cancel()
				if err := <-answer; !errors.Is(err, context.Canceled) {
					t.Errorf("canceled: got %v", err)
				}
			}
			cancel()
			faults.Heal()
			if got := len(numbers(t, healthy)) == 2; got != (end == "released") {
				t.Errorf("%s: is it committed? got %v", end, got)
			}
			if err := healthy.Exec("DELETE FROM numbers WHERE n = 2").Error; err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A passing failure does to the transaction what the database's own does: on MariaDB it is over, and a
// statement behind it would be committed; PostgreSQL refuses every one.
func TestPassingFailures(t *testing.T) {
	t.Parallel()
	eachFaulty(t, func(t *testing.T, healthy, failing *gorm.DB, faults *testdb.Faults) {
		pool, err := failing.DB()
		if err != nil {
			t.Fatal(err)
		}
		tx, err := pool.BeginTx(t.Context(), &sql.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO numbers VALUES (3)"); err != nil {
			t.Fatal(err)
		}
		faults.Arm(1, testdb.Pass, nil)
		_, err = tx.Exec("INSERT INTO numbers VALUES (4)")
		if err == nil || errors.Is(err, testdb.ErrInjected) {
			t.Errorf("got %v, want the database's own error", err)
		}
		faults.Heal()
		_, later := tx.Exec("INSERT INTO numbers VALUES (5)")
		if refused := later != nil; refused != (healthy.Name() == testdb.Postgres) {
			t.Errorf("a statement behind it: got %v", later)
		}
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		want := []int{1}
		if healthy.Name() == testdb.MySQL {
			want = []int{1, 5}
		}
		if got := numbers(t, healthy); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
