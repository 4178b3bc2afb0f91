// Package store keeps what package iam knows in the host's own database, through the host's own
// GORM connection. It stores rows and knows no rules.
//
//	db, err := sqlite.Open("iam.db")           // or any *gorm.DB on SQLite, PostgreSQL, MariaDB or MySQL
//	err = store.Migrate(ctx, db)               // explicit, numbered, safe when two nodes do it at once
//	svc, err := iam.New(store.New(db), emqx.System(), iam.Config{})
//
// Two more calls are for handlers. [Store.In] does everything inside of a transaction of the host.
// [InReach] narrows a list to what a subject may see, in SQL.
//
// The package imports no driver. It needs MariaDB 10.6, MySQL 8.0, PostgreSQL 12 or SQLite 3.25 at least.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Store is an [iam.Store] on a GORM database. It is safe for concurrent use.
type Store struct {
	reader
	// host is set by In: the transaction is the host's, and so is its end.
	host       bool
	savepoints *atomic.Int64 // names of savepoints within the host's transaction
}

var _ iam.Store = (*Store)(nil)

// New returns a Store on db. It reads and writes nothing: see [Migrate] and [CheckSchema]. Clauses,
// scopes, naming strategy and prepared statements of db do not reach the Store's statements; its
// logger, callbacks and connections do. A db that is a transaction is used as [Store.In] uses it.
func New(db *gorm.DB) *Store {
	d, err := dialectOf(db)
	return &Store{reader: reader{db: ownSession(db), dialect: d, unusable: err}, host: isTransaction(db), savepoints: new(atomic.Int64)}
}

// In returns a Store that does everything inside of the host's transaction tx, so that what the
// host writes and what the library writes are committed together or not at all:
//
//	err := db.Transaction(func(tx *gorm.DB) error {
//		if err := tx.Create(&device).Error; err != nil {
//			return err
//		}
//		return svc.WithStore(st.In(tx)).As(sub).Bind(ctx, iam.Binding{Account: id, Role: role, Project: project})
//	})
//
// A Write that fails leaves nothing in the transaction, which can go on without it. It is not run
// again: where New would try once more, the error is [iam.ErrConflict], and the host repeats its
// transaction. That is also the error when tx reads from a snapshot that is older than the
// organisation (isolation REPEATABLE READ), for no decision may rest on old rows. The
// organisation stays locked until tx ends. Like tx, the Store is for one goroutine.
func (s *Store) In(tx *gorm.DB) *Store {
	in := New(tx)
	if in.unusable == nil && !in.host {
		in.unusable = errors.New("store: In wants a transaction, as from db.Begin or db.Transaction")
	}
	return in
}

// ownSession is db without what the host may have set up for its own statements.
func ownSession(db *gorm.DB) *gorm.DB {
	own := db.Session(&gorm.Session{NewDB: true, SkipDefaultTransaction: true, Context: db.Statement.Context})
	// GORM's cache of prepared statements can lock up: who prepares a statement waits for a connection,
	// which transactions hold that wait for the same statement.
	switch prepared := own.Statement.ConnPool.(type) {
	case *gorm.PreparedStmtDB:
		own.Statement.ConnPool = prepared.ConnPool
	case *gorm.PreparedStmtTX:
		own.Statement.ConnPool = prepared.Tx
	}
	return own
}

func isTransaction(db *gorm.DB) bool {
	committer, ok := db.Statement.ConnPool.(gorm.TxCommitter)
	return ok && committer != nil
}

// reader reads. It implements [iam.Reader].
type reader struct {
	db      *gorm.DB
	dialect *dialect
	// only is set within a Write: what belongs to another organisation is not there.
	only policy.OrgID
	// failure is set within a Write, and keeps the first failure of the database. After it nothing
	// can be trusted (MariaDB ends the transaction on a deadlock, so that later statements would be
	// committed one by one), and Write ends with it whatever do makes of it.
	failure *error
	// unusable is what is wrong with the database or its use; every call returns it.
	unusable error
}

// sees reports whether there is any point in asking for the ids.
func (r *reader) sees(org policy.OrgID, ids ...string) bool {
	return (r.only == "" || r.only == org) && fits(string(org)) && fits(ids...)
}

// ready returns what makes every statement useless.
func (r *reader) ready() error {
	if r.failure != nil && *r.failure != nil {
		return *r.failure
	}
	return r.unusable
}

// session returns a fresh statement. NewDB comes with every context: WithContext alone would
// bring back clauses that the host had put on its db.
func (r *reader) session(ctx context.Context) *gorm.DB {
	return r.db.Session(&gorm.Session{NewDB: true, Context: ctx})
}

// failed says what failed, and remembers it.
func (r *reader) failed(ctx context.Context, what string, err error) error {
	err = fmt.Errorf("store: %s: %w", what, err)
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w (%w)", err, ended) // SQLite says no more than "interrupted"
	}
	if r.failure != nil && *r.failure == nil {
		*r.failure = err
	}
	return err
}
