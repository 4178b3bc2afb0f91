package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// MoveRoot is described at [iam.AccountWriter]. The old root steps down before the new one steps up,
// so that the unique constraints hold at each statement.
func (t *tx) MoveRoot(ctx context.Context, to policy.AccountID) error {
	root, err := t.root(ctx)
	if err != nil {
		return err
	}
	next, err := t.Account(ctx, t.org, to)
	if err != nil || next.ID == root {
		return err
	}
	if err := t.freeRootEmail(ctx, next.Email); err != nil {
		return err
	}
	const stepDown = "UPDATE iam_accounts SET root_key = NULL, root_email = NULL WHERE org_id = ? AND id = ?"
	if _, err := t.exec(ctx, "move the root", stepDown, t.org, root); err != nil {
		return err
	}
	// The address is NULL for none, and stays so.
	const stepUp = "UPDATE iam_accounts SET root_key = org_id, root_email = email WHERE org_id = ? AND id = ?"
	_, err = t.exec(ctx, "move the root", stepUp, t.org, next.ID)
	return err
}

// root returns the id of the organisation's root account, or ErrNotFound.
func (t *tx) root(ctx context.Context) (policy.AccountID, error) {
	if err := t.ready(); err != nil {
		return "", err
	}
	var ids []policy.AccountID
	if err := t.session(ctx).Raw("SELECT id FROM iam_accounts WHERE root_key = ?", t.org).Scan(&ids).Error; err != nil {
		return "", t.failed(ctx, "look for the root", err)
	}
	if len(ids) == 0 {
		return "", iam.ErrNotFound
	}
	return ids[0], nil
}

// freeRootEmail reports an address that another organisation's root has.
func (t *tx) freeRootEmail(ctx context.Context, email iam.Email) error {
	taken, err := t.rootEmailTaken(ctx, email)
	if err == nil && taken {
		return &iam.FieldError{Field: "Email", Problem: "another root account has the address", Reason: iam.ErrExists}
	}
	return err
}

// rootEmailTaken looks at the addresses of all roots, and not at root_email alone, which leaves some out.
func (t *tx) rootEmailTaken(ctx context.Context, email iam.Email) (bool, error) {
	if email == "" {
		return false, nil
	}
	return t.any(ctx, "SELECT COUNT(*) FROM iam_accounts WHERE email = ? AND org_id <> ? AND root_key IS NOT NULL", email, t.org)
}

// rootEmail is the root_email of a root account whose address changes from old, or stays. Of roots that
// shared an address before it was unique, each goes on living with it, and the last one that is left has it alone.
func (t *tx) rootEmail(ctx context.Context, email, old iam.Email) (*iam.Email, error) {
	if email == "" {
		return nil, nil
	}
	if email != old {
		return &email, t.freeRootEmail(ctx, email)
	}
	if taken, err := t.rootEmailTaken(ctx, email); err != nil || taken {
		return nil, err
	}
	return &email, nil
}
