package testdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"

	mysqldriver "github.com/go-sql-driver/mysql"
)

// faultTx is the transaction of a connection.
type faultTx struct{ on *faultConn }

// Commit commits.
func (t *faultTx) Commit() error { return t.end(Commit, driver.Tx.Commit) }

// Rollback rolls back.
func (t *faultTx) Rollback() error { return t.end(Rollback, driver.Tx.Rollback) }

func (t *faultTx) end(kind Kind, do func(driver.Tx) error) error {
	return t.on.cross(context.Background(), Crossing{Kind: kind}, func() error {
		tx := t.on.tx
		t.on.tx = nil
		if tx == nil { // a passing failure has ended it, as a deadlock does on MariaDB
			return nil
		}
		return do(tx)
	}, func() {})
}

// faultStmt is a prepared statement.
type faultStmt struct {
	driver.Stmt
	on    *faultConn
	query string
}

var errNoContext = errors.New("testdb: the statement of the driver knows no context")

// ExecContext executes the statement.
func (s *faultStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	inner, ok := s.Stmt.(driver.StmtExecContext)
	if !ok {
		return nil, errNoContext
	}
	err = s.on.cross(ctx, Crossing{Kind: kindOf(Exec, s.query), Query: s.query}, func() (err error) {
		result, err = inner.ExecContext(ctx, args)
		return err
	}, func() {})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// QueryContext executes the statement, which returns rows.
func (s *faultStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	inner, ok := s.Stmt.(driver.StmtQueryContext)
	if !ok {
		return nil, errNoContext
	}
	return s.on.rows(ctx, s.query, func() (driver.Rows, error) { return inner.QueryContext(ctx, args) })
}

// CheckNamedValue asks the statement, or else its connection.
func (s *faultStmt) CheckNamedValue(v *driver.NamedValue) error {
	if err := checkNamedValue(s.Stmt, v); !errors.Is(err, driver.ErrSkip) {
		return err
	}
	return s.on.CheckNamedValue(v)
}

// Close closes what was not cut.
func (s *faultStmt) Close() error {
	if s.on.dead { // it went with its connection
		return nil
	}
	return s.Stmt.Close()
}

// rows lets a query cross, and wraps its rows.
func (c *faultConn) rows(ctx context.Context, query string, do func() (driver.Rows, error)) (driver.Rows, error) {
	var inner driver.Rows
	err := c.cross(ctx, Crossing{Kind: Query, Query: query}, func() (err error) {
		inner, err = do()
		return err
	}, func() { _ = inner.Close() })
	if err != nil {
		return nil, err
	}
	r := &faultRows{inner, c, ctx, query}
	c.open[r] = true
	return r, nil
}

// faultRows are the rows of a query.
type faultRows struct {
	driver.Rows
	on    *faultConn
	ctx   context.Context //nolint:containedctx // driver.Rows has none of its own
	query string
}

// Next reads a row.
func (r *faultRows) Next(row []driver.Value) error {
	return r.on.cross(r.ctx, Crossing{Kind: Next, Query: r.query}, func() error { return r.Rows.Next(row) }, func() {})
}

// Close closes the rows, whatever its answer is.
func (r *faultRows) Close() error {
	if !r.on.open[r] {
		return nil
	}
	err := r.on.cross(r.ctx, Crossing{Kind: Close, Query: r.query}, r.end, func() {})
	if r.on.open[r] {
		_ = r.end()
	}
	return err
}

func (r *faultRows) end() error {
	delete(r.on.open, r)
	return r.Rows.Close()
}

// HasNextResultSet is what database/sql takes for granted without it.
func (r *faultRows) HasNextResultSet() bool {
	inner, ok := r.Rows.(driver.RowsNextResultSet)
	return ok && inner.HasNextResultSet()
}

// NextResultSet goes on to the next result.
func (r *faultRows) NextResultSet() error {
	if inner, ok := r.Rows.(driver.RowsNextResultSet); ok {
		return inner.NextResultSet()
	}
	return io.EOF
}

// ColumnTypeScanType is any where the driver does not say, as in database/sql.
func (r *faultRows) ColumnTypeScanType(i int) reflect.Type {
	if inner, ok := r.Rows.(driver.RowsColumnTypeScanType); ok {
		return inner.ColumnTypeScanType(i)
	}
	return reflect.TypeFor[any]()
}

// ColumnTypeDatabaseTypeName is "" where the driver does not say.
func (r *faultRows) ColumnTypeDatabaseTypeName(i int) string {
	if inner, ok := r.Rows.(driver.RowsColumnTypeDatabaseTypeName); ok {
		return inner.ColumnTypeDatabaseTypeName(i)
	}
	return ""
}

// ColumnTypeLength is not ok where the driver does not say.
func (r *faultRows) ColumnTypeLength(i int) (length int64, ok bool) {
	if inner, there := r.Rows.(driver.RowsColumnTypeLength); there {
		return inner.ColumnTypeLength(i)
	}
	return 0, false
}

// ColumnTypeNullable is not ok where the driver does not say.
func (r *faultRows) ColumnTypeNullable(i int) (nullable, ok bool) {
	if inner, there := r.Rows.(driver.RowsColumnTypeNullable); there {
		return inner.ColumnTypeNullable(i)
	}
	return false, false
}

// ColumnTypePrecisionScale is not ok where the driver does not say.
func (r *faultRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	if inner, there := r.Rows.(driver.RowsColumnTypePrecisionScale); there {
		return inner.ColumnTypePrecisionScale(i)
	}
	return 0, 0, false
}

// pass is a failure that passes, with what it does to a transaction. PostgreSQL and MariaDB raise it
// themselves: PostgreSQL's transaction takes no more statements then, and MariaDB's is over, so that
// later statements would be committed one by one.
func (c *faultConn) pass(what Crossing) error {
	var err error
	switch c.faults.database {
	case Postgres:
		_, err = c.conn.ExecContext(context.Background(), "DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '40P01'; END $$", nil)
	case MySQL:
		_, err = c.conn.ExecContext(context.Background(), "SIGNAL SQLSTATE '40001' SET MESSAGE_TEXT = 'injected', MYSQL_ERRNO = 1213", nil)
		if deadlock := (*mysqldriver.MySQLError)(nil); !errors.As(err, &deadlock) {
			return fmt.Errorf("testdb: got no deadlock: %w", errors.Join(err, ErrInjected))
		}
		c.rollback()
	default:
		err = busyError{ExtendedCode: sqliteBusy}
	}
	if what.Kind == Commit || what.Kind == Rollback {
		c.rollback()
	}
	return err
}

const sqliteBusy = 5

// busyError is SQLITE_BUSY as the driver with cgo has it; a real one takes ten seconds of waiting.
type busyError struct{ ExtendedCode int }

func (busyError) Error() string { return "testdb: database is locked" }
