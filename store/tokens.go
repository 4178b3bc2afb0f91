package store

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

type tokenRow struct {
	Hash    iam.TokenHash    `gorm:"column:hash;primaryKey"`
	Purpose iam.TokenPurpose `gorm:"column:purpose"`
	Org     policy.OrgID     `gorm:"column:org_id"`
	Account policy.AccountID `gorm:"column:account_id"`
	Email   iam.Email        `gorm:"column:email"`
	Created int64            `gorm:"column:created"`
	Expires int64            `gorm:"column:expires"`
	Used    int64            `gorm:"column:used"`
}

func (tokenRow) TableName() string { return "iam_tokens" }

func (row *tokenRow) token() iam.TokenRecord {
	return iam.TokenRecord{
		Hash: row.Hash, Purpose: row.Purpose, Org: row.Org, Account: row.Account, Email: row.Email,
		Created: fromMillis(row.Created), Expires: fromMillis(row.Expires), Used: fromMillis(row.Used),
	}
}

// Token is described at [iam.SessionStore].
func (s *Store) Token(ctx context.Context, hash iam.TokenHash) (iam.TokenRecord, error) {
	if err := s.ready(); err != nil {
		return iam.TokenRecord{}, err
	}
	if !fits(string(hash)) {
		return iam.TokenRecord{}, iam.ErrNotFound
	}
	var rows []tokenRow
	if err := s.session(ctx).Where("hash = ?", hash).Find(&rows).Error; err != nil {
		return iam.TokenRecord{}, s.failed(ctx, "read a token", err)
	}
	if len(rows) == 0 {
		return iam.TokenRecord{}, iam.ErrNotFound
	}
	return rows[0].token(), nil
}

// InsertToken is described at [iam.InvitationWriter].
func (t *tx) InsertToken(ctx context.Context, token iam.TokenRecord) error {
	if err := t.hasAccount(ctx, token.Account); err != nil {
		return err
	}
	var c checks
	c.that(token.Org == t.org, "Org", "the token is of organisation %.40q, and the change of %.40q", token.Org, t.org)
	c.that(fits(string(token.Hash)), "Hash", "the hash cannot be stored") // and is not repeated here
	c.id("Purpose", string(token.Purpose))
	c.id("Email", string(token.Email))
	if c.err != nil {
		return c.err
	}
	if taken, err := t.any(ctx, "SELECT COUNT(*) FROM iam_tokens WHERE hash = ?", token.Hash); err != nil {
		return err
	} else if taken {
		return iam.ErrExists
	}
	row := tokenRow{
		Hash: token.Hash, Purpose: token.Purpose, Org: t.org, Account: token.Account, Email: token.Email,
		Created: toMillis(token.Created), Expires: toMillis(token.Expires), Used: toMillis(token.Used),
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert a token", err)
	}
	return nil
}

// UseToken is described at [iam.InvitationWriter]. One statement decides, so that a token is used once
// even by those who hold no lock (SB-13).
func (t *tx) UseToken(ctx context.Context, hash iam.TokenHash, purpose iam.TokenPurpose, now time.Time) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(hash), string(purpose)) || now.IsZero() {
		return false, err
	}
	n, err := t.exec(ctx, "use a token", "UPDATE iam_tokens SET used = ? WHERE hash = ? AND org_id = ? AND purpose = ? AND used = ? AND expires > ?",
		toMillis(now), hash, t.org, purpose, never, toMillis(now))
	return n == 1, err
}

// DropTokens is described at [iam.InvitationWriter].
func (t *tx) DropTokens(ctx context.Context, account policy.AccountID, purposes ...iam.TokenPurpose) error {
	if err := t.ready(); err != nil || !fits(string(account)) {
		return err
	}
	for _, purpose := range purposes {
		if !fits(string(purpose)) {
			continue
		}
		const these = "org_id = ? AND account_id = ? AND purpose = ?"
		if _, err := t.removeOf(ctx, "drop tokens", "iam_tokens", these, t.org, account, purpose); err != nil {
			return err
		}
	}
	return nil
}
