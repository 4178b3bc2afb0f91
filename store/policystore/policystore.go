// Package policystore keeps policies in the host's database, for hosts that edit them while they run.
//
// The rows are Casbin's own: the table casbin_rule, as gorm-adapter makes it, which a stock Casbin
// with a stock gorm-adapter reads and decides by. Two calls are what most hosts need, on start:
//
//	report, err := st.Seed(ctx, doc, policystore.SeedParams{Prune: true}) // the shipped rules
//	p, err := st.Policy(ctx)                                             // … and what is there now
//
// Beside the shipped rules stand custom roles, each of one organisation: see [Store.PutRole].
// A host that ships its rules as a file needs none of this and loads them with [policy.Load]. This
// package is the only one that imports gorm-adapter, whose drivers add 17 MB to a binary.
//
// # Order
//
// The ids of casbin_rule are not an order that can be relied on, as rows come and go. What is
// loaded always stands like this: the roles (p4) and the vocabulary (p3) by id, which Seed keeps in
// the order of its document; who gives what (p2) and the rules (p) in the order of the roles and
// permissions that they name; custom roles behind them, by name. So two databases that were
// seeded with the same document and prune load the same policy with the same
// [policy.Policy.Version], whatever their history is.
//
// # Writing
//
// Of gorm-adapter, LoadPolicy and the table are used, and nothing that writes: its SavePolicy
// truncates outside of its transaction, its RemovePolicies swallows errors, its Transaction ignores
// the table's name (P3, P5, P6 of the pitfalls that this library was designed around). Everything
// here is written as a difference in one transaction, under a lock that every node respects.
package policystore

import (
	"context"
	"errors"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/policy"
)

// ErrNotFound says that the organisation has no such role.
var ErrNotFound = errors.New("policystore: not found")

// ErrEmpty says that the table holds no policy: it was migrated and never seeded.
var ErrEmpty = errors.New("policystore: casbin_rule is empty: seed it first")

// Store reads and writes the table casbin_rule of one database: SQLite, PostgreSQL, MariaDB or
// MySQL. It holds no state of its own, and is safe for concurrent use when it does not work in a
// transaction of the host: see [Store.In].
type Store struct {
	db     *gorm.DB
	config policy.Config
}

// New returns a store on the host's database. It does no I/O, and db stays as it is. The config is
// the one with which policies are compiled; its zero value works for rules without conditions.
func New(db *gorm.DB, config policy.Config) *Store { return &Store{db: db, config: config} }

// In returns a store that does everything inside the host's own transaction, so that it commits or
// goes with the rest of it. It locks the table for other writers until the transaction ends. On
// PostgreSQL the transaction must be of the level read committed or serializable.
func (s *Store) In(tx *gorm.DB) *Store { return &Store{db: tx, config: s.config} }

// session returns the database without any condition that the host may have hung on it.
func (s *Store) session(ctx context.Context) *gorm.DB {
	return s.db.Session(&gorm.Session{NewDB: true, Context: ctx})
}

// adapter returns a stock adapter that issues no DDL. That wish is a value in the context of a
// session, lost by WithContext, and TurnOffAutoMigrate overwrites the gorm.DB that it is given:
// so it gets one of its own, made for this call.
func (s *Store) adapter(ctx context.Context) (*gormadapter.Adapter, error) {
	db := s.session(ctx)
	gormadapter.TurnOffAutoMigrate(db)
	return gormadapter.NewAdapterByDB(db)
}
