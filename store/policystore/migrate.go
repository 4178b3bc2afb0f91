package policystore

import (
	"context"
	"errors"
	"fmt"

	gormadapter "github.com/casbin/gorm-adapter/v3"
	"gorm.io/gorm"
)

// table and index are the names of the stock gorm-adapter.
const (
	table = "casbin_rule"
	index = "idx_casbin_rule"
)

// Migrate creates the table casbin_rule and its unique index, by letting the stock gorm-adapter do
// it: a table that a stock adapter made earlier is taken over as it is. It is the only method that
// issues DDL. It is idempotent, and several nodes may call it at once.
//
// A new table on MariaDB or MySQL gets the collation utf8mb4_bin. By the default one the unique index
// would take the roles support@Acme and support@acme of two organisations for one.
func (s *Store) Migrate(ctx context.Context) error {
	var err error
	for range 3 { // whoever loses the race of CREATE TABLE or CREATE INDEX finds it there next time
		if err = s.migrate(ctx); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("policystore: migrate: %w", err)
	}
	return nil
}

func (s *Store) migrate(ctx context.Context) error {
	db := s.session(ctx)
	if db.Name() == mysqlName {
		db = db.Set("gorm:table_options", "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin").Session(&gorm.Session{})
	}
	if _, err := gormadapter.NewAdapterByDB(db); err != nil {
		return err
	}
	if !s.session(ctx).Migrator().HasIndex(&gormadapter.CasbinRule{}, index) {
		return errors.New("gorm-adapter did not migrate: its TurnOffAutoMigrate is in the context")
	}
	return nil
}
