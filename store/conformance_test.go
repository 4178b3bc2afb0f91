package store_test

import (
	"context"
	"errors"
	"regexp"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/iam/storetest"
	"github.com/castellan-iam/castellan/policy"
	"github.com/castellan-iam/castellan/store"
	"github.com/castellan-iam/castellan/store/testdb"
)

func TestStore(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		issued := record(t, db)
		t.Run("contract", func(t *testing.T) {
			storetest.Run(t, func(*testing.T) iam.Store { return store.New(db) })
			issued.listEverything(t, store.New(db))
		})
		t.Run("every statement uses an index", func(t *testing.T) {
			full := testdb.Open(t, db.Name())
			fillForPlans(t, full)
			issued.explainAll(t, full)
		})
	})
}

// The same on a db that a host has set up for itself in every way that GORM knows.
func TestStoreOnAHostsSettings(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		host := testdb.Again(t, db, &gorm.Config{
			NamingStrategy:         schema.NamingStrategy{TablePrefix: "host_", SingularTable: true, NoLowerCase: true},
			PrepareStmt:            true,
			SkipDefaultTransaction: true,
			TranslateError:         true,
			QueryFields:            true,
			CreateBatchSize:        2,
			FullSaveAssociations:   true,
			PropagateUnscoped:      true,
		})
		host = host.Table("nowhere").Where("1 = 0").Or("tenant = ?", 7).Select("nothing").Omit("id").Limit(0).Order("nothing").
			Scopes(func(db *gorm.DB) *gorm.DB { return db.Where("2 = 0") })
		storetest.Run(t, func(*testing.T) iam.Store { return store.New(host) })
	})
}

// GORM's cache of prepared statements locked up under a small pool (see ownSession), so that the
// Store has none of its statements in it.
func TestStoreLeavesTheHostsPreparedStatementsAlone(t *testing.T) {
	t.Parallel()
	db := testdb.Again(t, testdb.Open(t, testdb.SQLite), &gorm.Config{PrepareStmt: true})
	cached := func() int { return len(db.ConnPool.(*gorm.PreparedStmtDB).Stmts.Keys()) }
	st := store.New(db)
	newOrg(t, st)
	if got := boundTo(t, st); got != "" {
		t.Fatalf("got %q", got)
	}
	tx := begin(t, db)
	if err := st.In(tx).Write(t.Context(), "acme", bindTo(t, "p")); err != nil {
		t.Fatal(err)
	}
	tx.Rollback()
	if n := cached(); n != 0 {
		t.Errorf("got %d statements in the cache, want none", n)
	}
	if err := db.Exec("SELECT 1").Error; err != nil || cached() != 1 {
		t.Errorf("a statement of the host's own: got %d in the cache (%v), want 1", cached(), err)
	}
}

// An organisation does not get a root that is not among its accounts.
func TestCreateWantsTheRootThatItNames(t *testing.T) {
	t.Parallel()
	st := store.New(testdb.Open(t, testdb.SQLite))
	for name, root := range map[string]bool{"no root": false, "the root": true} {
		err := st.Create(t.Context(), iam.Organization{ID: policy.OrgID(name), Root: policy.AccountID(name)}, func(tx iam.Tx) error {
			return tx.InsertAccount(t.Context(), iam.Account{ID: policy.AccountID(name), Org: policy.OrgID(name), Root: root, Status: iam.Active}, false)
		})
		if (err == nil) != root || err != nil && !errors.Is(err, iam.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// The Store leaves nothing to foreign keys, which SQLite has switched off unless the host's connection says
// otherwise: here there are none.
func TestStoreWithoutForeignKeys(t *testing.T) {
	t.Parallel()
	db := testdb.Empty(t, testdb.SQLite)
	key := regexp.MustCompile(`,\s+CONSTRAINT \w+ FOREIGN KEY .*`)
	for _, m := range store.Migrations(testdb.SQLite) {
		for _, statement := range m.SQL {
			run(t, db, key.ReplaceAllString(statement, ""))
		}
	}
	storetest.Run(t, func(*testing.T) iam.Store { return store.New(db) })
}

// And within transactions of the host, one for each Write.
func TestStoreInAHostsTransaction(t *testing.T) {
	t.Parallel()
	testdb.Each(t, func(t *testing.T, db *gorm.DB) {
		storetest.Run(t, func(*testing.T) iam.Store { return hosted{store.New(db), db} })
	})
}

// hosted is a host that begins a transaction for each Write, and repeats it on a conflict.
type hosted struct {
	*store.Store
	db *gorm.DB
}

func (h hosted) Write(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return h.repeat(ctx, func(st *store.Store) error { return st.Write(ctx, org, do) })
}

func (h hosted) WriteAside(ctx context.Context, org policy.OrgID, do func(iam.Tx) error) error {
	return h.repeat(ctx, func(st *store.Store) error { return st.WriteAside(ctx, org, do) })
}

func (h hosted) Create(ctx context.Context, org iam.Organization, do func(iam.Tx) error) error {
	return h.repeat(ctx, func(st *store.Store) error { return st.Create(ctx, org, do) })
}

func (h hosted) repeat(ctx context.Context, do func(*store.Store) error) error {
	for {
		err := h.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error { return do(h.In(tx)) })
		if !errors.Is(err, iam.ErrConflict) {
			return err
		}
	}
}
