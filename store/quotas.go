package store

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// readAllotment reads an account with its limit, what it holds, and the limits below it. Those whom nobody
// created are root's: they are added apart, for OR would keep MariaDB from its index.
const readAllotment = `SELECT a.root_key IS NOT NULL AS root, l.most,
  (SELECT COUNT(*) FROM iam_holdings AS h WHERE h.org_id = a.org_id AND h.account_id = a.id AND h.kind = ?) AS held,
  (SELECT COALESCE(SUM(q.most), 0) FROM iam_accounts AS s JOIN iam_quotas AS q ON q.org_id = s.org_id AND q.account_id = s.id AND q.kind = ?
    WHERE s.org_id = a.org_id AND s.created_by = a.id AND s.root_key IS NULL) AS given,
  CASE WHEN a.root_key IS NULL THEN 0 ELSE
    (SELECT COALESCE(SUM(q.most), 0) FROM iam_accounts AS s JOIN iam_quotas AS q ON q.org_id = s.org_id AND q.account_id = s.id AND q.kind = ?
      WHERE s.org_id = a.org_id AND s.created_by = '' AND s.root_key IS NULL) END AS orphans
FROM iam_accounts AS a LEFT JOIN iam_quotas AS l ON l.org_id = a.org_id AND l.account_id = a.id AND l.kind = ?
WHERE a.org_id = ? AND a.id = ?`

// Allotment is described at [iam.HoldingReader].
func (r *reader) Allotment(ctx context.Context, org policy.OrgID, account policy.AccountID, kind policy.Kind) (iam.Allotment, error) {
	if err := r.ready(); err != nil {
		return iam.Allotment{}, err
	}
	if !r.sees(org, string(account)) || !fitsOr(string(kind)) {
		return iam.Allotment{}, iam.ErrNotFound
	}
	var rows []struct {
		Root    bool   `gorm:"column:root"`
		Most    *int64 `gorm:"column:most"`
		Held    int64  `gorm:"column:held"`
		Given   int64  `gorm:"column:given"`
		Orphans int64  `gorm:"column:orphans"`
	}
	if err := r.session(ctx).Raw(readAllotment, kind, kind, kind, kind, org, account).Scan(&rows).Error; err != nil {
		return iam.Allotment{}, r.failed(ctx, "read a quota", err)
	}
	if len(rows) == 0 {
		return iam.Allotment{}, iam.ErrNotFound
	}
	found := iam.Allotment{Root: rows[0].Root, Held: rows[0].Held, Given: rows[0].Given + rows[0].Orphans}
	if most := rows[0].Most; most != nil {
		found.Limited, found.Most = true, *most
	}
	return found, nil
}

// PutLimit is described at [iam.HoldingWriter].
func (t *tx) PutLimit(ctx context.Context, account policy.AccountID, kind policy.Kind, most int64) error {
	var c checks
	c.id("Kind", string(kind))
	c.that(most >= 0, "Most", "a limit is not negative: got %d", most)
	if c.err != nil {
		return c.err
	}
	if err := t.hasAccount(ctx, account); err != nil {
		return err
	}
	key := t.ofAccount(account)
	key["kind"] = kind
	return t.put(ctx, "write a quota", "iam_quotas", key, map[string]any{"most": most})
}

// DropLimit is described at [iam.HoldingWriter].
func (t *tx) DropLimit(ctx context.Context, account policy.AccountID, kind policy.Kind) error {
	if err := t.ready(); err != nil || !fits(string(account), string(kind)) {
		return err
	}
	_, err := t.exec(ctx, "delete a quota", "DELETE FROM iam_quotas WHERE org_id = ? AND account_id = ? AND kind = ?", t.org, account, kind)
	return err
}
