package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// EmailChange is described at [iam.InvitationWriter].
func (t *tx) EmailChange(ctx context.Context, account policy.AccountID) (iam.EmailChange, error) {
	if err := t.ready(); err != nil {
		return iam.EmailChange{}, err
	}
	if !fits(string(account)) {
		return iam.EmailChange{}, iam.ErrNotFound
	}
	var rows []struct {
		Email   iam.Email        `gorm:"column:email"`
		OldDone int              `gorm:"column:old_done"`
		NewDone int              `gorm:"column:new_done"`
		By      policy.AccountID `gorm:"column:asked_by"`
		Created int64            `gorm:"column:created"`
		Expires int64            `gorm:"column:expires"`
	}
	err := t.session(ctx).Raw(`SELECT email, old_done, new_done, asked_by, created, expires FROM iam_email_changes
WHERE org_id = ? AND account_id = ?`, t.org, account).Scan(&rows).Error
	if err != nil {
		return iam.EmailChange{}, t.failed(ctx, "read a change of address", err)
	}
	if len(rows) == 0 {
		return iam.EmailChange{}, iam.ErrNotFound
	}
	row := rows[0]
	return iam.EmailChange{
		Account: account, Email: row.Email, OldDone: row.OldDone != 0, NewDone: row.NewDone != 0, By: row.By,
		Created: fromMillis(row.Created), Expires: fromMillis(row.Expires),
	}, nil
}

// PutEmailChange is described at [iam.InvitationWriter].
func (t *tx) PutEmailChange(ctx context.Context, change iam.EmailChange) error {
	var c checks
	c.id("Email", string(change.Email))
	c.idOr("By", string(change.By))
	if c.err != nil {
		return c.err
	}
	return t.putOf(ctx, "write a change of address", "iam_email_changes", change.Account, map[string]any{
		"email": change.Email, "old_done": bit(change.OldDone), "new_done": bit(change.NewDone), "asked_by": change.By,
		"created": toMillis(change.Created), "expires": toMillis(change.Expires),
	})
}

// DeleteEmailChange is described at [iam.InvitationWriter].
func (t *tx) DeleteEmailChange(ctx context.Context, account policy.AccountID) error {
	if err := t.ready(); err != nil || !fits(string(account)) {
		return err
	}
	_, err := t.exec(ctx, "delete a change of address", "DELETE FROM iam_email_changes WHERE org_id = ? AND account_id = ?", t.org, account)
	return err
}

// RootOffer is described at [iam.InvitationWriter].
func (t *tx) RootOffer(ctx context.Context) (iam.RootOffer, error) {
	if err := t.ready(); err != nil {
		return iam.RootOffer{}, err
	}
	var rows []struct {
		From    policy.AccountID `gorm:"column:from_id"`
		To      policy.AccountID `gorm:"column:to_id"`
		Created int64            `gorm:"column:created"`
		Expires int64            `gorm:"column:expires"`
	}
	err := t.session(ctx).Raw("SELECT from_id, to_id, created, expires FROM iam_root_offers WHERE org_id = ?", t.org).Scan(&rows).Error
	if err != nil {
		return iam.RootOffer{}, t.failed(ctx, "read the offer of the root account", err)
	}
	if len(rows) == 0 {
		return iam.RootOffer{}, iam.ErrNotFound
	}
	row := rows[0]
	return iam.RootOffer{From: row.From, To: row.To, Created: fromMillis(row.Created), Expires: fromMillis(row.Expires)}, nil
}

// PutRootOffer is described at [iam.InvitationWriter].
func (t *tx) PutRootOffer(ctx context.Context, o iam.RootOffer) error {
	for _, account := range []policy.AccountID{o.From, o.To} {
		if err := t.hasAccount(ctx, account); err != nil {
			return err
		}
	}
	return t.put(ctx, "write the offer of the root account", "iam_root_offers", map[string]any{"org_id": t.org}, map[string]any{
		"from_id": o.From, "to_id": o.To, "created": toMillis(o.Created), "expires": toMillis(o.Expires),
	})
}

// DeleteRootOffer is described at [iam.InvitationWriter].
func (t *tx) DeleteRootOffer(ctx context.Context) (bool, error) {
	if err := t.ready(); err != nil {
		return false, err
	}
	n, err := t.exec(ctx, "delete the offer of the root account", "DELETE FROM iam_root_offers WHERE org_id = ?", t.org)
	return n > 0, err
}
