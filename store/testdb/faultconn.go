package testdb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
)

// faultConnector makes connections that fail when they are told to.
type faultConnector struct {
	driver.Connector
	faults *Faults
}

// Connect opens a connection with the optional interfaces that the driver's has: database/sql keeps a
// connection whose transaction was canceled only when it can be reset and says whether it is valid.
func (c *faultConnector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.faults.down() {
		return nil, ErrInjected
	}
	opened, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(conn)
	if !ok {
		_ = opened.Close()
		return nil, fmt.Errorf("testdb: %T lacks what the drivers of all three databases have", opened)
	}
	wrapped := &faultConn{conn: inner, faults: c.faults, open: map[*faultRows]bool{}}
	resetter, resets := opened.(driver.SessionResetter)
	validator, validates := opened.(driver.Validator)
	switch {
	case resets && validates:
		return struct {
			*faultConn
			faultResetter
			faultValidator
		}{wrapped, faultResetter{wrapped, resetter}, faultValidator{wrapped, validator}}, nil
	case resets:
		return struct {
			*faultConn
			faultResetter
		}{wrapped, faultResetter{wrapped, resetter}}, nil
	case validates:
		return struct {
			*faultConn
			faultValidator
		}{wrapped, faultValidator{wrapped, validator}}, nil
	default:
		return wrapped, nil
	}
}

// conn is what the connections of all the drivers can do.
type conn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
}

// faultConn is a connection. Like every driver's it is for one goroutine at a time, which database/sql sees to.
type faultConn struct {
	conn
	faults *Faults
	tx     driver.Tx           // while there is one
	open   map[*faultRows]bool // SQLite keeps a connection, and its locks, until their statements are closed
	dead   bool
}

type faultResetter struct {
	on    *faultConn
	inner driver.SessionResetter
}

func (r faultResetter) ResetSession(ctx context.Context) error {
	if r.on.dead {
		return driver.ErrBadConn
	}
	return r.inner.ResetSession(ctx)
}

type faultValidator struct {
	on    *faultConn
	inner driver.Validator
}

func (v faultValidator) IsValid() bool { return !v.on.dead && v.inner.IsValid() }

// cross lets something cross the driver, or go wrong. Do executes it, and undo takes its result back.
func (c *faultConn) cross(ctx context.Context, what Crossing, do func() error, undo func()) error {
	if c.dead {
		return driver.ErrBadConn
	}
	what.InTx = c.tx != nil
	fault, done := c.faults.next(what)
	executed := func() error {
		err := do()
		if done != nil && (err == nil || errors.Is(err, io.EOF)) {
			done(what)
		}
		return err
	}
	switch fault {
	case Refuse, Down:
		c.refuse(what)
		return ErrInjected
	case Lose:
		if err := executed(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		undo()
		return ErrInjected
	case CutBefore:
		c.cut()
		if what.Kind == Next || what.Kind == Close {
			return fmt.Errorf("%w: %w", ErrInjected, io.ErrUnexpectedEOF) // for the statement was sent
		}
		return driver.ErrBadConn
	case CutAfter:
		if err := executed(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		undo()
		c.cut()
		return fmt.Errorf("%w: %w", ErrInjected, io.ErrUnexpectedEOF)
	case Cancel:
		c.faults.cancel()
		return executed()
	case CancelAfter:
		err := executed()
		c.faults.cancel()
		return err
	case Delay:
		close(c.faults.reached)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-c.faults.released:
			return executed()
		}
	case Pass:
		return c.pass(what)
	default:
		return executed()
	}
}

// refuse is what a server does beside its error: it ends a transaction that it cannot commit. A rollback
// takes place whatever its answer is: at the latest when the connection goes.
func (c *faultConn) refuse(what Crossing) {
	if what.Kind == Commit || what.Kind == Rollback {
		c.rollback()
	}
}

func (c *faultConn) rollback() {
	if c.tx != nil {
		_ = c.tx.Rollback()
		c.tx = nil
	}
}

// cut closes the connection, for everybody: the server rolls back.
func (c *faultConn) cut() {
	c.dead, c.tx = true, nil
	for r := range c.open {
		_ = r.end()
	}
	_ = c.conn.Close()
}

// Close closes what was not cut already.
func (c *faultConn) Close() error {
	if c.dead {
		return nil
	}
	c.dead = true
	return c.conn.Close()
}

// Ping is not counted: nothing that the library does pings.
func (c *faultConn) Ping(ctx context.Context) error {
	if c.dead {
		return driver.ErrBadConn
	}
	return c.conn.Ping(ctx)
}

// CheckNamedValue leaves to database/sql what the driver leaves to it.
func (c *faultConn) CheckNamedValue(v *driver.NamedValue) error {
	return checkNamedValue(c.conn, v)
}

func checkNamedValue(on any, v *driver.NamedValue) error {
	if checker, ok := on.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// BeginTx begins a transaction.
func (c *faultConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	err := c.cross(ctx, Crossing{Kind: Begin}, func() (err error) {
		c.tx, err = c.conn.BeginTx(ctx, opts)
		if err != nil {
			c.tx = nil
		}
		return err
	}, c.rollback)
	if err != nil {
		if !c.dead {
			c.rollback()
		}
		return nil, err
	}
	return &faultTx{c}, nil
}

// ExecContext executes a statement.
func (c *faultConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (result driver.Result, err error) {
	if c.prepares(args) {
		return nil, driver.ErrSkip
	}
	err = c.cross(ctx, Crossing{Kind: kindOf(Exec, query), Query: query}, func() (err error) {
		result, err = c.conn.ExecContext(ctx, query, args)
		return err
	}, func() {})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// QueryContext executes a statement that returns rows.
func (c *faultConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.prepares(args) {
		return nil, driver.ErrSkip
	}
	return c.rows(ctx, query, func() (driver.Rows, error) { return c.conn.QueryContext(ctx, query, args) })
}

// prepares reports whether the driver leaves a statement to be prepared, before it does anything: MySQL's does
// with every one that has parameters.
func (c *faultConn) prepares(args []driver.NamedValue) bool {
	return c.faults.database == MySQL && len(args) > 0
}

// PrepareContext prepares a statement.
func (c *faultConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	var inner driver.Stmt
	err := c.cross(ctx, Crossing{Kind: Prepare, Query: query}, func() (err error) {
		inner, err = c.conn.PrepareContext(ctx, query)
		return err
	}, func() { _ = inner.Close() })
	if err != nil {
		return nil, err
	}
	return &faultStmt{inner, c, query}, nil
}
