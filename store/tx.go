package store

import (
	"context"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// tx is an [iam.Tx]: a reader that sees one organisation only, and everything that changes it.
type tx struct {
	reader
	org policy.OrgID
	log logEnd
}

var _ iam.Tx = (*tx)(nil)

// newTx returns a tx on an organisation that is locked.
func newTx(ctx context.Context, r *reader, org policy.OrgID) (*tx, error) {
	t := &tx{reader: *r, org: org}
	t.only = org
	var err error
	t.log, err = t.readLogEnd(ctx, org)
	return t, err
}

// Revision is described at [iam.Tx].
func (t *tx) Revision() int64 { return t.log.Revision }

// UpdateOrganization is described at [iam.Tx].
func (t *tx) UpdateOrganization(ctx context.Context, o iam.Organization) error {
	if err := t.ready(); err != nil {
		return err
	}
	if o.ID != t.org {
		return iam.ErrNotFound
	}
	var c checks
	if c.text("Name", o.Name); c.err != nil {
		return c.err
	}
	_, err := t.exec(ctx, "update the organisation", "UPDATE iam_organizations SET name = ?, second_factor = ? WHERE id = ?",
		o.Name, int64(o.SecondFactor), t.org)
	return err
}

// InsertAccount is described at [iam.Tx]. The look-ups give each conflict its error; the unique
// constraints hold against Writes on other organisations at the same time, and there the whole Write is run again.
func (t *tx) InsertAccount(ctx context.Context, a iam.Account, everywhere bool) error {
	if err := t.ready(); err != nil {
		return err
	}
	if err := t.checkAccount(a); err != nil {
		return err
	}
	if err := t.freePlace(ctx, a, everywhere); err != nil {
		return err
	}
	row := newAccountRow(a, everywhere)
	if a.Root {
		if err := t.freeRootEmail(ctx, a.Email); err != nil {
			return err
		}
		row.RootEmail = row.Email
	}
	if err := t.session(ctx).Create(&row).Error; err != nil {
		return t.failed(ctx, "insert an account", err)
	}
	return t.insertRoles(ctx, a.ID, a.Roles)
}

// UpdateAccount is described at [iam.Tx].
func (t *tx) UpdateAccount(ctx context.Context, a iam.Account, everywhere bool) error {
	if a.Org != t.org {
		return iam.ErrNotFound
	}
	old, err := t.Account(ctx, t.org, a.ID)
	if err != nil {
		return err
	}
	if err := t.checkAccount(a); err != nil {
		return err
	}
	if err := t.freeEmail(ctx, a, everywhere); err != nil {
		return err
	}
	row := newAccountRow(a, everywhere)
	if old.Root {
		if row.RootEmail, err = t.rootEmail(ctx, a.Email, old.Email); err != nil {
			return err
		}
	}
	// A map, for a struct would leave out what became empty (SB-A3).
	err = t.session(ctx).Table("iam_accounts").Where("org_id = ? AND id = ?", t.org, a.ID).Updates(map[string]any{
		"status": row.Status, "email": row.Email, "email_key": row.EmailKey, "root_email": row.RootEmail,
		"name": row.Name, "username": row.Username, "phone": row.Phone, "company": row.Company, "note": row.Note,
		"search": row.Search, "activated": row.Activated, "updated": row.Updated,
	}).Error
	if err != nil {
		return t.failed(ctx, "update an account", err)
	}
	return t.replaceRoles(ctx, a.ID, old.Roles, a.Roles)
}

// DeleteAccount is described at [iam.Tx]. It does not leave to the foreign keys what hangs on the
// account: SQLite has them switched off unless the host's connection says otherwise.
func (t *tx) DeleteAccount(ctx context.Context, id policy.AccountID) error {
	if err := t.ready(); err != nil {
		return err
	}
	if !t.sees(t.org, string(id)) {
		return iam.ErrNotFound
	}
	for _, statement := range []string{
		"DELETE FROM iam_account_roles WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_bindings WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_grants WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_holdings WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_quotas WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_invitations WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_tokens WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_email_changes WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_root_offers WHERE org_id = ? AND from_id = ?",
		"DELETE FROM iam_root_offers WHERE org_id = ? AND to_id = ?",
		"DELETE FROM iam_credentials WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_recovery_codes WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_sessions WHERE org_id = ? AND account_id = ?",
		"DELETE FROM iam_api_keys WHERE org_id = ? AND account_id = ?",
	} {
		if _, err := t.exec(ctx, "delete what an account has", statement, t.org, id); err != nil {
			return err
		}
	}
	if err := t.moveUp(ctx, id); err != nil {
		return err
	}
	n, err := t.exec(ctx, "delete an account", "DELETE FROM iam_accounts WHERE org_id = ? AND id = ?", t.org, id)
	if err == nil && n == 0 {
		return iam.ErrNotFound
	}
	return err
}

// moveUp gives the accounts that one created to that one's creator.
func (t *tx) moveUp(ctx context.Context, id policy.AccountID) error {
	var creators []policy.AccountID
	err := t.session(ctx).Raw("SELECT created_by FROM iam_accounts WHERE org_id = ? AND id = ?", t.org, id).Scan(&creators).Error
	if err != nil {
		return t.failed(ctx, "read an account's creator", err)
	}
	if len(creators) == 0 {
		return nil
	}
	_, err = t.exec(ctx, "move accounts up", "UPDATE iam_accounts SET created_by = ? WHERE org_id = ? AND created_by = ?", creators[0], t.org, id)
	return err
}

func (t *tx) checkAccount(a iam.Account) error {
	var c checks
	c.that(a.Org == t.org, "Org", "the account is of organisation %.40q, and the change of %.40q", a.Org, t.org)
	c.id("ID", string(a.ID))
	c.id("Status", string(a.Status))
	c.idOr("Email", string(a.Email))
	c.idOr("CreatedBy", string(a.CreatedBy))
	for _, role := range a.Roles {
		c.id("Roles", string(role))
	}
	c.text("Name", a.Name)
	c.text("Username", a.Username)
	c.text("Phone", a.Phone)
	c.text("Company", a.Company)
	c.text("Note", a.Note)
	return c.err
}

// freePlace reports what of a new account is taken, in one statement: the first of id, root and address.
func (t *tx) freePlace(ctx context.Context, a iam.Account, everywhere bool) error {
	query, args := "SELECT 1 AS taken FROM iam_accounts WHERE id = ?", []any{a.ID}
	if a.Root {
		query, args = query+" UNION ALL SELECT 2 FROM iam_accounts WHERE root_key = ?", append(args, t.org)
	}
	if a.Email != "" {
		query, args = query+" UNION ALL SELECT 3 FROM iam_accounts WHERE email = ?", append(args, a.Email)
		if !everywhere {
			query, args = query+" AND org_id = ?", append(args, t.org)
		}
	}
	var taken []int
	if err := t.session(ctx).Raw(query, args...).Scan(&taken).Error; err != nil {
		return t.failed(ctx, "look for the account", err)
	}
	if len(taken) == 0 {
		return nil
	}
	switch slices.Min(taken) {
	case 1:
		return iam.ErrExists
	case 2:
		return &iam.FieldError{Field: "Root", Problem: "the organisation has a root account", Reason: iam.ErrExists}
	default:
		return emailTaken()
	}
}

func emailTaken() error {
	return &iam.FieldError{Field: "Email", Problem: "another account has the address", Reason: iam.ErrExists}
}

// freeEmail reports an address that another account has within the scope.
func (t *tx) freeEmail(ctx context.Context, a iam.Account, everywhere bool) error {
	if a.Email == "" {
		return nil
	}
	query, args := "SELECT COUNT(*) FROM iam_accounts WHERE email = ? AND id <> ?", []any{a.Email, a.ID}
	if !everywhere {
		query, args = query+" AND org_id = ?", append(args, t.org)
	}
	taken, err := t.any(ctx, query, args...)
	if err == nil && taken {
		return emailTaken()
	}
	return err
}

// replaceRoles writes the difference only: where nothing changes, nobody waits.
func (t *tx) replaceRoles(ctx context.Context, id policy.AccountID, old, roles []policy.Role) error {
	var added []policy.Role
	for _, role := range roles {
		if !slices.Contains(old, role) {
			added = append(added, role)
		}
	}
	for _, role := range old {
		if slices.Contains(roles, role) {
			continue
		}
		const remove = "DELETE FROM iam_account_roles WHERE org_id = ? AND account_id = ? AND role = ?"
		if _, err := t.exec(ctx, "remove a role", remove, t.org, id, role); err != nil {
			return err
		}
	}
	return t.insertRoles(ctx, id, added)
}

func (t *tx) insertRoles(ctx context.Context, id policy.AccountID, roles []policy.Role) error {
	roles = slices.Compact(slices.Sorted(slices.Values(roles)))
	if len(roles) == 0 {
		return nil
	}
	rows := make([]accountRoleRow, len(roles))
	for i, role := range roles {
		rows[i] = accountRoleRow{Org: t.org, Account: id, Role: role}
	}
	if err := t.session(ctx).Create(&rows).Error; err != nil {
		return t.failed(ctx, "insert roles", err)
	}
	return nil
}

// any reports whether a query counts anything.
func (t *tx) any(ctx context.Context, count string, args ...any) (bool, error) {
	var n int
	if err := t.session(ctx).Raw(count, args...).Scan(&n).Error; err != nil {
		return false, t.failed(ctx, "look up", err)
	}
	return n > 0, nil
}
