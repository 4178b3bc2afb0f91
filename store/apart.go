package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// apart runs do outside of every organisation's lock. There is no transaction around it: each of its
// statements must be safe by itself, and what do did before a passing failure must do no harm when it
// is run again. In a transaction of the host it stands behind a savepoint, so that its failure does not
// break what the host has done.
func (s *Store) apart(ctx context.Context, do func(*reader) error) error {
	if s.unusable != nil || s.host {
		return s.transact(ctx, do)
	}
	err, cause := dberr.Repeat(ctx, func() (err, cause error) {
		return s.run(s.db, &cause, do), cause
	})
	if err != nil && dberr.Classify(cause) != dberr.Failure {
		return fmt.Errorf("%w: %w", iam.ErrConflict, err)
	}
	return err
}

// exec executes a statement and returns how many rows it changed.
func (r *reader) exec(ctx context.Context, what, statement string, args ...any) (rows int64, err error) {
	result := r.session(ctx).Exec(statement, args...)
	if result.Error != nil {
		return 0, r.failed(ctx, what, result.Error)
	}
	return result.RowsAffected, nil
}

// removeOf removes the rows of a table for which a condition holds, by their hashes, and counts them. On MariaDB,
// a DELETE that finds nothing locks the gap in which the next Write, on any organisation, inserts its own.
func (t *tx) removeOf(ctx context.Context, what, table, condition string, args ...any) (int, error) {
	var hashes []string
	if err := t.session(ctx).Raw("SELECT hash FROM "+table+" WHERE "+condition, args...).Scan(&hashes).Error; err != nil {
		return 0, t.failed(ctx, what, err)
	}
	if len(hashes) == 0 {
		return 0, nil
	}
	n, err := t.exec(ctx, what, "DELETE FROM "+table+" WHERE hash IN ?", hashes)
	return int(n), err
}

// hasAccount returns ErrNotFound for an account that is not of the organisation.
func (t *tx) hasAccount(ctx context.Context, account policy.AccountID) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !fits(string(account)) {
		return iam.ErrNotFound
	}
	there, err := t.any(ctx, "SELECT COUNT(*) FROM iam_accounts WHERE org_id = ? AND id = ?", t.org, account)
	if err == nil && !there {
		return iam.ErrNotFound
	}
	return err
}

// putOf writes the row that an account has in a table, in place of the one that is there. Account and row are
// looked up in one statement: an account that is not of the organisation is ErrNotFound.
func (t *tx) putOf(ctx context.Context, what, table string, account policy.AccountID, values map[string]any) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !fits(string(account)) {
		return iam.ErrNotFound
	}
	var rows []bool // one for the account, which says whether it has a row
	err := t.session(ctx).Raw("SELECT r.account_id IS NOT NULL FROM iam_accounts AS a LEFT JOIN "+table+
		" AS r ON r.org_id = a.org_id AND r.account_id = a.id WHERE a.org_id = ? AND a.id = ?", t.org, account).Scan(&rows).Error
	switch {
	case err != nil:
		return t.failed(ctx, what, err)
	case len(rows) == 0:
		return iam.ErrNotFound
	default:
		return t.write(ctx, what, table, t.ofAccount(account), values, rows[0])
	}
}

// put writes the row of a table that has one for each key, in place of the one that is there: nobody else
// writes it, while the organisation is held. Asked first, since MariaDB does not count a row that stays as it is.
func (t *tx) put(ctx context.Context, what, table string, key, values map[string]any) error {
	var n int64
	if err := t.session(ctx).Table(table).Where(key).Count(&n).Error; err != nil {
		return t.failed(ctx, what, err)
	}
	return t.write(ctx, what, table, key, values, n > 0)
}

func (t *tx) write(ctx context.Context, what, table string, key, values map[string]any, there bool) error {
	if there {
		if err := t.session(ctx).Table(table).Where(key).Updates(values).Error; err != nil {
			return t.failed(ctx, what, err)
		}
		return nil
	}
	row := maps.Clone(values)
	maps.Copy(row, key)
	if err := t.session(ctx).Table(table).Create(row).Error; err != nil {
		return t.failed(ctx, what, err)
	}
	return nil
}

// ofAccount is the key of a row of an account.
func (t *tx) ofAccount(account policy.AccountID) map[string]any {
	return map[string]any{"org_id": t.org, "account_id": account}
}

// bit stores a truth.
func bit(is bool) int {
	if is {
		return 1
	}
	return 0
}

// never is how the zero time is stored: see toMillis.
const never = -62135596800000
