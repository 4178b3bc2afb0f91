package main

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
)

// seed writes the world as rows, as an import from another system would: through the library each account would
// be a transaction with its event in the audit log, and the log of 100,000 of them.
func seed(ctx context.Context, db *gorm.DB, w *world) error {
	return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		rows := make(map[string][]map[string]any)
		add := func(table string, row map[string]any) error {
			if row != nil {
				rows[table] = append(rows[table], row)
			}
			if len(rows[table]) == 0 || row != nil && len(rows[table]) < 1000 {
				return nil
			}
			err := tx.Table(table).Create(rows[table]).Error
			rows[table] = nil
			return err
		}
		var errs []error
		for _, org := range w.orgs {
			errs = append(errs, add("iam_organizations", map[string]any{"id": org, "name": org, "created": 0, "revision": 1}))
		}
		errs = append(errs, add("iam_organizations", nil))
		for i := range w.accounts {
			a := &w.accounts[i]
			errs = append(errs, add("iam_accounts", map[string]any{
				"id": a.id, "org_id": a.org, "status": iam.Active, "email": a.id + "@" + a.org + ".example", "name": a.id,
				"username": "", "phone": "", "company": "", "note": "", "search": a.id, "created_by": "", "created": 0, "activated": 0, "updated": 0,
			}))
		}
		errs = append(errs, add("iam_accounts", nil))
		for i := range w.accounts {
			a := &w.accounts[i]
			for _, role := range a.roles {
				errs = append(errs, add("iam_account_roles", map[string]any{"org_id": a.org, "account_id": a.id, "role": role}))
			}
			for _, b := range a.bindings {
				errs = append(errs, add("iam_bindings", map[string]any{"org_id": a.org, "account_id": a.id, "project_id": b.project, "role": b.role}))
			}
		}
		errs = append(errs, add("iam_account_roles", nil), add("iam_bindings", nil))
		if err := errors.Join(errs...); err != nil {
			return fmt.Errorf("seed: %w", err)
		}
		return nil
	})
}
