package store

import (
	"context"
	"database/sql"
	"strings"
	"unicode/utf8"

	"gorm.io/gorm"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func pageSize(limit int) int {
	if limit == 0 {
		return defaultLimit
	}
	return max(1, min(limit, maxLimit))
}

// Organization is described at [iam.AccountReader].
func (r *reader) Organization(ctx context.Context, org policy.OrgID) (iam.Organization, error) {
	if err := r.ready(); err != nil {
		return iam.Organization{}, err
	}
	if !r.sees(org) {
		return iam.Organization{}, iam.ErrNotFound
	}
	var found []struct {
		Organization organizationRow   `gorm:"embedded"`
		Root         *policy.AccountID `gorm:"column:root"`
	}
	err := r.session(ctx).Raw(`SELECT o.id, o.name, o.created, o.second_factor, o.revision, a.id AS root
FROM iam_organizations AS o LEFT JOIN iam_accounts AS a ON a.root_key = o.id WHERE o.id = ?`, org).Scan(&found).Error
	if err != nil {
		return iam.Organization{}, r.failed(ctx, "read the organisation", err)
	}
	if len(found) == 0 {
		return iam.Organization{}, iam.ErrNotFound
	}
	row, root := found[0].Organization, found[0].Root
	o := iam.Organization{
		ID: row.ID, Name: row.Name, Created: fromMillis(row.Created), SecondFactor: iam.SecondFactorRule(row.SecondFactor), Revision: row.Revision,
	}
	if root != nil {
		o.Root = *root
	}
	return o, nil
}

// Account is described at [iam.AccountReader].
func (r *reader) Account(ctx context.Context, org policy.OrgID, id policy.AccountID) (iam.Account, error) {
	return r.oneAccount(ctx, org, "id", string(id))
}

// AccountByEmail is described at [iam.AccountReader].
func (r *reader) AccountByEmail(ctx context.Context, org policy.OrgID, email iam.Email) (iam.Account, error) {
	return r.oneAccount(ctx, org, "email", string(email))
}

func (r *reader) oneAccount(ctx context.Context, org policy.OrgID, column, value string) (iam.Account, error) {
	if err := r.ready(); err != nil {
		return iam.Account{}, err
	}
	if !r.sees(org, value) {
		return iam.Account{}, iam.ErrNotFound
	}
	return r.first(ctx, r.accountsOf(ctx, org).Where(column+" = ?", value))
}

// first returns the one selected account, or ErrNotFound.
func (r *reader) first(ctx context.Context, selected *gorm.DB) (iam.Account, error) {
	accounts, err := r.withRoles(ctx, selected)
	if err != nil {
		return iam.Account{}, err
	}
	if len(accounts) == 0 {
		return iam.Account{}, iam.ErrNotFound
	}
	return accounts[0], nil
}

// Accounts is described at [iam.AccountReader].
func (r *reader) Accounts(ctx context.Context, org policy.OrgID, q iam.AccountQuery) ([]iam.Account, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	page := r.page(ctx, org, q)
	if page == nil {
		return nil, nil
	}
	return r.withRoles(ctx, page)
}

// accountsOf selects the accounts of the organisation.
func (r *reader) accountsOf(ctx context.Context, org policy.OrgID) *gorm.DB {
	return r.session(ctx).Table("iam_accounts").Select(accountColumns).Where("org_id = ?", org)
}

// page selects the accounts that a query asks for. It returns nil when there can be none.
func (r *reader) page(ctx context.Context, org policy.OrgID, q iam.AccountQuery) *gorm.DB {
	switch {
	case !r.sees(org), !fitsOr(string(q.After)), !fitsOr(string(q.Status)), !fitsOr(string(q.Role)), !fitsOr(string(q.Project)),
		!utf8.ValidString(q.Keyword), strings.ContainsAny(q.Keyword, "\x00"+fieldEnd):
		return nil
	}
	db := r.session(ctx).Table("iam_accounts").Select(accountColumns)
	switch {
	case r.dialect.walks && q.Role == "" && q.Project == "": // who has a role or a project may be few, and found by it
		db = r.walk(db, string(org), string(q.After))
	case q.After != "":
		db = db.Where(r.dialect.behind, sql.Named("org", org), sql.Named("id", q.After)).Order(r.dialect.behindOrder)
	default:
		db = db.Where("org_id = ?", org).Order("id")
	}
	if q.Status != "" {
		db = db.Where("status = ?", q.Status)
	}
	if q.Role != "" {
		db = db.Where("id IN (SELECT account_id FROM iam_account_roles WHERE org_id = ? AND role = ?)", org, q.Role)
	}
	if q.Project != "" {
		db = db.Where("id IN (SELECT account_id FROM iam_bindings WHERE org_id = ? AND project_id = ?)", org, q.Project)
	}
	if q.Keyword != "" {
		db = db.Where(r.dialect.contains, fold(q.Keyword))
	}
	return db.Limit(pageSize(q.Limit))
}

// withRoles reads the selected accounts, in the order of their ids, together with their roles:
// one statement, so that no account appears with the roles of another moment.
func (r *reader) withRoles(ctx context.Context, selected *gorm.DB) ([]iam.Account, error) {
	var rows []struct {
		Account accountRow   `gorm:"embedded"`
		Role    *policy.Role `gorm:"column:role"`
	}
	err := r.session(ctx).Table("(?) AS a", selected).Select("a.*, r.role").
		Joins("LEFT JOIN iam_account_roles AS r ON r.org_id = a.org_id AND r.account_id = a.id").
		Order("a.id, r.role").Find(&rows).Error
	if err != nil {
		return nil, r.failed(ctx, "read accounts", err)
	}
	var accounts []iam.Account
	for i := range rows {
		row := &rows[i]
		if n := len(accounts); n == 0 || accounts[n-1].ID != row.Account.ID {
			accounts = append(accounts, row.Account.account())
		}
		if row.Role != nil {
			last := &accounts[len(accounts)-1]
			last.Roles = append(last.Roles, *row.Role)
		}
	}
	return accounts, nil
}

// Administrators is described at [iam.AccountReader].
func (r *reader) Administrators(ctx context.Context, org policy.OrgID, roles []policy.Role) (int, error) {
	if err := r.ready(); err != nil {
		return 0, err
	}
	roles = known(roles)
	if !r.sees(org) || len(roles) == 0 {
		return 0, nil
	}
	var n int
	err := r.session(ctx).Raw(`SELECT COUNT(*) FROM iam_accounts WHERE org_id = ? AND status = ?
AND id IN (SELECT account_id FROM iam_account_roles WHERE org_id = ? AND role IN ?)`, org, iam.Active, org, roles).Scan(&n).Error
	if err != nil {
		return 0, r.failed(ctx, "count administrators", err)
	}
	return n, nil
}

// RootEmail is described at [iam.AccountReader].
func (r *reader) RootEmail(ctx context.Context, email iam.Email) (bool, error) {
	if err := r.ready(); err != nil || !fits(string(email)) {
		return false, err
	}
	var n int
	err := r.session(ctx).Raw("SELECT COUNT(*) FROM iam_accounts WHERE email = ? AND root_key IS NOT NULL", email).Scan(&n).Error
	if err != nil {
		return false, r.failed(ctx, "look for a root address", err)
	}
	return n > 0, nil
}

// AccountEverywhere is described at [iam.AccountReader].
func (r *reader) AccountEverywhere(ctx context.Context, email iam.Email) (iam.Account, error) {
	return r.accountAnywhere(ctx, "email_key", email)
}

// RootByEmail is described at [iam.AccountReader].
func (r *reader) RootByEmail(ctx context.Context, email iam.Email) (iam.Account, error) {
	return r.accountAnywhere(ctx, "root_email", email)
}

// accountAnywhere returns the account whose column is the address, of whatever organisation the reader sees.
func (r *reader) accountAnywhere(ctx context.Context, column string, email iam.Email) (iam.Account, error) {
	if err := r.ready(); err != nil {
		return iam.Account{}, err
	}
	if !fits(string(email)) {
		return iam.Account{}, iam.ErrNotFound
	}
	selected := r.session(ctx).Table("iam_accounts").Select(accountColumns).Where(column+" = ?", email)
	if r.only != "" {
		selected = selected.Where("org_id = ?", r.only)
	}
	return r.first(ctx, selected)
}

// known leaves out the roles that cannot be stored.
func known[T ~string](ids []T) []T {
	var all []T
	for _, id := range ids {
		if fits(string(id)) {
			all = append(all, id)
		}
	}
	return all
}
