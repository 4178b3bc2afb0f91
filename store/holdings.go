package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type holdingRow struct {
	Org     policy.OrgID     `gorm:"column:org_id;primaryKey"`
	Kind    policy.Kind      `gorm:"column:kind;primaryKey"`
	ID      string           `gorm:"column:resource_id;primaryKey"`
	Account policy.AccountID `gorm:"column:account_id"`
	Since   int64            `gorm:"column:since"`
}

func (holdingRow) TableName() string { return "iam_holdings" }

func (row *holdingRow) holding() iam.Holding {
	return iam.Holding{Org: row.Org, Kind: row.Kind, ID: row.ID, Account: row.Account, Since: fromMillis(row.Since)}
}

// below are the accounts below one. What nobody created is right below root. UNION leaves out whom it has
// already, and so ends whatever the rows say.
const below = `WITH RECURSIVE below (id) AS (
  SELECT s.id FROM iam_accounts AS s JOIN iam_accounts AS a ON a.org_id = s.org_id
    AND (s.created_by = a.id OR s.created_by = '' AND a.root_key IS NOT NULL)
  WHERE s.org_id = ? AND s.root_key IS NULL AND a.org_id = ? AND a.id = ? AND s.id <> ?
  UNION SELECT s.id FROM below AS b JOIN iam_accounts AS s ON s.created_by = b.id WHERE s.org_id = ? AND s.root_key IS NULL
) SELECT id FROM below`

// Holding is described at [iam.HoldingReader].
func (r *reader) Holding(ctx context.Context, org policy.OrgID, kind policy.Kind, id string) (iam.Holding, error) {
	if err := r.ready(); err != nil {
		return iam.Holding{}, err
	}
	if !r.sees(org, string(kind), id) {
		return iam.Holding{}, iam.ErrNotFound
	}
	found, err := r.holdings(ctx, r.session(ctx).Where("org_id = ? AND kind = ? AND resource_id = ?", org, kind, id))
	if err != nil {
		return iam.Holding{}, err
	}
	if len(found) == 0 {
		return iam.Holding{}, iam.ErrNotFound
	}
	return found[0], nil
}

// Holdings is described at [iam.HoldingReader].
func (r *reader) Holdings(ctx context.Context, org policy.OrgID, q iam.HoldingQuery) ([]iam.Holding, error) {
	if err := r.ready(); err != nil || !r.sees(org) ||
		!fitsOr(string(q.Account)) || !fitsOr(string(q.Below)) || !fitsOr(string(q.Kind)) || !fitsOr(string(q.After.Kind)) || !fitsOr(q.After.ID) {
		return nil, err
	}
	db := r.session(ctx).Where("org_id = ?", org)
	if q.Account != "" {
		db = db.Where("account_id = ?", q.Account)
	}
	if q.Below != "" {
		db = db.Where("account_id IN ("+below+")", org, org, q.Below, q.Below, org)
	}
	if q.Kind != "" {
		db = db.Where("kind = ?", q.Kind)
	}
	if q.After != (iam.HoldingPosition{}) {
		db = db.Where("(kind > ? OR kind = ? AND resource_id > ?)", q.After.Kind, q.After.Kind, q.After.ID)
	}
	return r.holdings(ctx, db.Order("kind, resource_id").Limit(pageSize(q.Limit)))
}

func (r *reader) holdings(ctx context.Context, selected *gorm.DB) ([]iam.Holding, error) {
	var rows []holdingRow
	if err := selected.Find(&rows).Error; err != nil {
		return nil, r.failed(ctx, "read holdings", err)
	}
	return each(rows, (*holdingRow).holding), nil
}

// GrantsOn is described at [iam.HoldingReader].
func (r *reader) GrantsOn(ctx context.Context, org policy.OrgID, kind policy.Kind, id string) ([]iam.Grant, error) {
	if err := r.ready(); err != nil || !r.sees(org, string(kind), id) {
		return nil, err
	}
	return r.grants(ctx, r.session(ctx).Where("org_id = ? AND kind = ? AND resource_id = ?", org, kind, id))
}

// InsertHolding is described at [iam.HoldingWriter].
func (t *tx) InsertHolding(ctx context.Context, h iam.Holding) error {
	if err := t.checkHolding(ctx, h); err != nil {
		return err
	}
	taken, err := t.any(ctx, "SELECT COUNT(*) FROM iam_holdings WHERE org_id = ? AND kind = ? AND resource_id = ?", t.org, h.Kind, h.ID)
	if err != nil {
		return err
	}
	if taken {
		return iam.ErrExists
	}
	row := holdingRow{Org: t.org, Kind: h.Kind, ID: h.ID, Account: h.Account, Since: toMillis(h.Since)}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert a holding", err)
	}
	return nil
}

// checkHolding refuses a holding that cannot be stored.
func (t *tx) checkHolding(ctx context.Context, h iam.Holding) error {
	var c checks
	c.that(h.Org == t.org, "Org", "the holding is of organisation %.40q, and the change of %.40q", h.Org, t.org)
	c.id("Kind", string(h.Kind))
	c.id("ID", h.ID)
	if c.err != nil {
		return c.err
	}
	return t.hasAccount(ctx, h.Account)
}

// MoveHolding is described at [iam.HoldingWriter]. The holding is looked up, for MariaDB does not count a row
// that stays as it is.
func (t *tx) MoveHolding(ctx context.Context, h iam.Holding) error {
	if err := t.checkHolding(ctx, h); err != nil {
		return err
	}
	if _, err := t.Holding(ctx, t.org, h.Kind, h.ID); err != nil {
		return err
	}
	_, err := t.exec(ctx, "move a holding",
		"UPDATE iam_holdings SET account_id = ?, since = ? WHERE org_id = ? AND kind = ? AND resource_id = ?",
		h.Account, toMillis(h.Since), t.org, h.Kind, h.ID)
	return err
}

// DeleteHolding is described at [iam.HoldingWriter].
func (t *tx) DeleteHolding(ctx context.Context, kind policy.Kind, id string) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !fits(string(kind), id) {
		return iam.ErrNotFound
	}
	n, err := t.exec(ctx, "delete a holding", "DELETE FROM iam_holdings WHERE org_id = ? AND kind = ? AND resource_id = ?", t.org, kind, id)
	if err == nil && n == 0 {
		return iam.ErrNotFound
	}
	return err
}
