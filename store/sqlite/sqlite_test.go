package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/castellan-iam/castellan/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path string) *gorm.DB {
	t.Helper()
	db, err := sqlite.Open(path, &gorm.Config{Logger: logger.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool, err := db.DB()
		if err == nil {
			err = pool.Close()
		}
		if err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestEveryConnectionIsSetUp(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	for pragma, want := range map[string]string{"foreign_keys": "1", "journal_mode": "wal", "busy_timeout": "10000", "synchronous": "1"} {
		// Two connections at once: the second one is new.
		err := db.Connection(func(*gorm.DB) error {
			return db.Connection(func(second *gorm.DB) error {
				var got string
				if err := second.Raw("PRAGMA " + pragma).Scan(&got).Error; err != nil {
					return err
				}
				if got != want {
					t.Errorf("%s: got %s, want %s", pragma, got, want)
				}
				return nil
			})
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// SB-A4: transactions that read before they write wait for each other. Deferred, they ended with
// SQLITE_BUSY, and lost what they wrote.
func TestTransactionsTakeTurns(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "test.db"))
	if err := db.Exec("CREATE TABLE counters (n INTEGER)").Error; err != nil {
		t.Fatal(err)
	}
	if err := db.Exec("INSERT INTO counters VALUES (0)").Error; err != nil {
		t.Fatal(err)
	}
	const writers = 20
	errs := make([]error, writers)
	var wait sync.WaitGroup
	for i := range errs {
		wait.Go(func() {
			errs[i] = db.Transaction(func(tx *gorm.DB) error {
				var n int
				if err := tx.Raw("SELECT n FROM counters").Scan(&n).Error; err != nil {
					return err
				}
				return tx.Exec("UPDATE counters SET n = ?", n+1).Error
			})
		})
	}
	wait.Wait()
	var n int
	if err := db.Raw("SELECT n FROM counters").Scan(&n).Error; err != nil || n != writers {
		t.Errorf("got %d (%v), want %d", n, err, writers)
	}
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
}

func TestOpenTakesAnyPath(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "with blank", "a?mode=memory", "100%25", "#1", "ü 😀", "a&_foreign_keys=0"} {
		path := filepath.Join(t.TempDir(), name)
		if err := open(t, path).Exec("CREATE TABLE t (n INTEGER)").Error; err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s: the file is not there: %v", name, err)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", ":memory:", "file::memory:?cache=shared", filepath.Join(t.TempDir(), "missing", "test.db")} {
		if _, err := sqlite.Open(path, &gorm.Config{Logger: logger.Discard}); err == nil {
			t.Errorf("%q: got no error", path)
		}
	}
}
