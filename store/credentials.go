package store

import (
	"context"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// Credential is described at [iam.CredentialReader].
func (r *reader) Credential(ctx context.Context, org policy.OrgID, account policy.AccountID) (iam.Credential, error) {
	if err := r.ready(); err != nil {
		return iam.Credential{}, err
	}
	c := iam.Credential{Account: account}
	if !r.sees(org, string(account)) {
		return c, nil
	}
	var rows []struct {
		Password    *string `gorm:"column:password"`
		PasswordSet int64   `gorm:"column:password_set"`
		MustChange  int     `gorm:"column:must_change"`
		Secret      string  `gorm:"column:secret"`
		Enrolling   string  `gorm:"column:enrolling"`
		Step        int64   `gorm:"column:step"`
		Codes       int     `gorm:"column:codes"`
	}
	// The codes may be there before the credential is.
	err := r.session(ctx).Raw(`SELECT c.password, COALESCE(c.password_set, ?) AS password_set, COALESCE(c.must_change, 0) AS must_change,
COALESCE(c.secret, '') AS secret, COALESCE(c.enrolling, '') AS enrolling, COALESCE(c.step, 0) AS step,
(SELECT COUNT(*) FROM iam_recovery_codes WHERE org_id = a.org_id AND account_id = a.id) AS codes
FROM iam_accounts AS a LEFT JOIN iam_credentials AS c ON c.org_id = a.org_id AND c.account_id = a.id
WHERE a.org_id = ? AND a.id = ?`, never, org, account).Scan(&rows).Error
	if err != nil {
		return iam.Credential{}, r.failed(ctx, "read a credential", err)
	}
	for _, row := range rows {
		if row.Password != nil {
			c.Password = *row.Password
		}
		c.PasswordSet, c.MustChange = fromMillis(row.PasswordSet), row.MustChange != 0
		c.Secret, c.Enrolling, c.Step, c.CodesLeft = row.Secret, row.Enrolling, row.Step, row.Codes
	}
	return c, nil
}

// PutCredential is described at [iam.CredentialWriter].
func (t *tx) PutCredential(ctx context.Context, credential iam.Credential) error {
	if err := t.hasAccount(ctx, credential.Account); err != nil {
		return err
	}
	var c checks // which do not repeat the values
	c.that(fitsOr(credential.Password), "Password", "the hash cannot be stored")
	c.that(fitsOr(credential.Secret), "Secret", "the sealed secret cannot be stored")
	c.that(fitsOr(credential.Enrolling), "Enrolling", "the sealed secret cannot be stored")
	if c.err != nil {
		return c.err
	}
	// The step has a row of its own statement: UseStep. A new row begins before every step.
	const insert = `INSERT INTO iam_credentials (org_id, account_id, password, password_set, must_change, secret, enrolling, step)
VALUES (?, ?, '', ?, 0, '', '', 0)`
	there, err := t.any(ctx, "SELECT COUNT(*) FROM iam_credentials WHERE org_id = ? AND account_id = ?", t.org, credential.Account)
	if err == nil && !there {
		_, err = t.exec(ctx, "insert a credential", insert, t.org, credential.Account, never)
	}
	if err != nil {
		return err
	}
	return t.put(ctx, "write a credential", "iam_credentials", t.ofAccount(credential.Account), map[string]any{
		"password": credential.Password, "password_set": toMillis(credential.PasswordSet), "must_change": bit(credential.MustChange),
		"secret": credential.Secret, "enrolling": credential.Enrolling,
	})
}

// UseStep is described at [iam.CredentialWriter].
func (t *tx) UseStep(ctx context.Context, account policy.AccountID, step int64) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(account)) {
		return false, err
	}
	n, err := t.exec(ctx, "use a time step", "UPDATE iam_credentials SET step = ? WHERE org_id = ? AND account_id = ? AND step < ?",
		step, t.org, account, step)
	return n == 1, err
}

// PutRecoveryCodes is described at [iam.CredentialWriter].
func (t *tx) PutRecoveryCodes(ctx context.Context, account policy.AccountID, hashes ...string) error {
	if err := t.hasAccount(ctx, account); err != nil {
		return err
	}
	var c checks
	c.that(len(hashes) == 0 || fits(hashes...), "Hashes", "a hash cannot be stored")
	if c.err != nil {
		return c.err
	}
	// One by one and by their keys: see removeOf, which is for tables whose key is the hash alone.
	var old []string
	const read = "SELECT hash FROM iam_recovery_codes WHERE org_id = ? AND account_id = ?"
	if err := t.session(ctx).Raw(read, t.org, account).Scan(&old).Error; err != nil {
		return t.failed(ctx, "read recovery codes", err)
	}
	for _, hash := range old {
		if _, err := t.UseRecoveryCode(ctx, account, hash); err != nil {
			return err
		}
	}
	for _, hash := range slices.Compact(slices.Sorted(slices.Values(hashes))) {
		const insert = "INSERT INTO iam_recovery_codes (org_id, account_id, hash) VALUES (?, ?, ?)"
		if _, err := t.exec(ctx, "insert a recovery code", insert, t.org, account, hash); err != nil {
			return err
		}
	}
	return nil
}

// UseRecoveryCode is described at [iam.CredentialWriter].
func (t *tx) UseRecoveryCode(ctx context.Context, account policy.AccountID, hash string) (bool, error) {
	if err := t.ready(); err != nil || !fits(string(account), hash) {
		return false, err
	}
	n, err := t.exec(ctx, "use a recovery code", "DELETE FROM iam_recovery_codes WHERE org_id = ? AND account_id = ? AND hash = ?",
		t.org, account, hash)
	return n == 1, err
}
