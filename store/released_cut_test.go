package store_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

var errCut = errors.New("cut off")

// A Migrate that is cut off at any of its statements, by a failure or by its context, is taken up by the next one,
// which is cut off a statement later. SQLite and PostgreSQL undo each, and MariaDB and MySQL go on behind it.
func TestMigrateIsCutOff(t *testing.T) {
	t.Parallel()
	eachReleased(t, func(t *testing.T, db *gorm.DB, f fixture) {
		if f.Version == store.Latest() {
			t.Skip("there is nothing to migrate")
		}
		for k := 1; ; k++ {
			ctx, cancel := context.WithCancel(t.Context())
			err := store.Migrate(ctx, cutAt(t, db, k, cancel))
			cancel()
			if err == nil {
				if k < 5 {
					t.Errorf("it was cut off %d times", k-1)
				}
				break
			}
			if !errors.Is(err, errCut) && !errors.Is(err, context.Canceled) {
				t.Fatalf("cut off at statement %d: got %v", k, err)
			}
			var old *store.SchemaError
			err = store.CheckSchema(t.Context(), db)
			if !errors.As(err, &old) || old.Have < f.Version || old.Have > f.Version && db.Name() != testdb.MySQL {
				t.Fatalf("CheckSchema, cut off at statement %d: got %v, want version %d", k, err, f.Version)
			}
		}
		if err := store.CheckSchema(t.Context(), db); err != nil {
			t.Error(err)
		}
		resume(t, db, f).readsAs(f)
	})
}

// cutAt returns db as a node has it that fails at its nth statement which is no SELECT, or whose context ends there.
func cutAt(t *testing.T, db *gorm.DB, n int, cancel context.CancelFunc) *gorm.DB {
	t.Helper()
	node := testdb.Again(t, db, &gorm.Config{})
	count := 0
	err := node.Callback().Raw().Before("gorm:raw").Register("cut", func(db *gorm.DB) {
		if count++; count != n {
			return
		}
		if n%2 == 0 {
			cancel()
		} else {
			_ = db.AddError(errCut)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return node
}
