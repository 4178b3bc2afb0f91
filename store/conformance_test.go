package store_test

import (
	"context"
	"errors"
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
		storetest.Run(t, func(*testing.T) iam.Store { return store.New(db) })
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
