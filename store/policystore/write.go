package policystore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// The names by which GORM's dialectors call themselves.
const (
	sqliteName   = "sqlite"
	postgresName = "postgres"
	mysqlName    = "mysql" // MariaDB too
)

// batch is how many rows one INSERT carries: 700 variables, less than any SQLite takes (P13).
const batch = 100

// write runs do in one transaction, alone among all writers that go through this package. A
// transaction of our own is repeated after a passing failure; one of the host's is left to the host.
func (s *Store) write(ctx context.Context, do func(tx *gorm.DB) error) error {
	db := s.session(ctx)
	_, hosts := db.Statement.ConnPool.(gorm.TxCommitter)
	once := func() (err, cause error) {
		err = db.Transaction(func(tx *gorm.DB) error {
			if err := lock(tx, hosts); err != nil {
				return err
			}
			return do(tx)
		})
		return err, err
	}
	if hosts {
		err, _ := once()
		return err
	}
	err, _ := dberr.Repeat(ctx, once)
	return err
}

// lock keeps other writers out until the transaction ends; readers are not held up. It must be the
// first statement, so that what is read after it is what the last writer left.
func lock(tx *gorm.DB, hosts bool) error {
	switch tx.Name() {
	case sqliteName:
		// A statement that writes takes the lock of the database, also when it finds no row. Without
		// it a transaction that reads first could not write any more, had somebody written meanwhile.
		return tx.Exec("UPDATE casbin_rule SET ptype = ptype WHERE id IS NULL").Error
	case postgresName:
		if err := tx.Exec("LOCK TABLE casbin_rule IN SHARE ROW EXCLUSIVE MODE").Error; err != nil || !hosts {
			return err
		}
		return checkIsolation(tx)
	case mysqlName:
		// The first row is the lock: whoever waits for it and finds it deleted goes on to the next.
		// In an empty table there is none; the unique index and a repetition make up for it. The rows
		// that writers read are locked too, in different orders: this one keeps them from deadlocks.
		var id uint
		return tx.Raw("SELECT id FROM casbin_rule ORDER BY id LIMIT 1 FOR UPDATE").Scan(&id).Error
	default:
		return fmt.Errorf("unknown database %q: want sqlite, postgres or mysql", tx.Name())
	}
}

// checkIsolation refuses a transaction of the host that goes on seeing what was there before the
// lock: what others have written would be mixed with what we write.
func checkIsolation(tx *gorm.DB) error {
	var level string
	if err := tx.Raw("SELECT current_setting('transaction_isolation')").Scan(&level).Error; err != nil {
		return err
	}
	if level == "repeatable read" {
		return errors.New("the transaction is of the level repeatable read: want read committed or serializable")
	}
	return nil
}

// current makes a query see what is committed now. On MariaDB a plain SELECT sees what was there
// when the host's transaction read for the first time.
func current(tx *gorm.DB) *gorm.DB {
	if tx.Name() == mysqlName {
		return tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate})
	}
	return tx
}

// insert writes rows that are not there. A row that the unique index takes for another is an error.
func insert(tx *gorm.DB, rows []policy.Row) error {
	for some := range slices.Chunk(rows, batch) {
		lines := make([]gormadapter.CasbinRule, len(some))
		for i, row := range some {
			lines[i] = keyOfRow(row).line()
		}
		result := tx.Create(&lines)
		if result.Error != nil {
			return fmt.Errorf("insert %d rows from %q on: %w", len(some), some[0], result.Error)
		}
		if result.RowsAffected != int64(len(some)) {
			return fmt.Errorf("insert %d rows from %q on: %d were written", len(some), some[0], result.RowsAffected)
		}
	}
	return nil
}

// remove deletes exactly these rows, each by its id and all of its fields. (gorm-adapter leaves
// empty fields out of its condition and deletes whatever agrees on the rest: P7.)
func remove(tx *gorm.DB, lines []gormadapter.CasbinRule) error {
	for _, r := range lines {
		result := tx.Exec("DELETE FROM casbin_rule WHERE id = ? AND COALESCE(ptype, '') = ?"+
			" AND COALESCE(v0, '') = ? AND COALESCE(v1, '') = ? AND COALESCE(v2, '') = ?"+
			" AND COALESCE(v3, '') = ? AND COALESCE(v4, '') = ? AND COALESCE(v5, '') = ?",
			r.ID, r.Ptype, r.V0, r.V1, r.V2, r.V3, r.V4, r.V5)
		if result.Error != nil {
			return fmt.Errorf("delete row %d: %w", r.ID, result.Error)
		}
		if result.RowsAffected != 1 {
			return fmt.Errorf("delete row %d: %w", r.ID, dberr.ErrChanged)
		}
	}
	return nil
}
