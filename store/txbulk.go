package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// AccountsAmong is described at [iam.BulkWriter]. Ids and addresses are looked up one after the other: an OR of both
// would read the whole organisation.
func (t *tx) AccountsAmong(ctx context.Context, ids []policy.AccountID, emails []iam.Email) ([]iam.Account, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	var all []iam.Account
	read := func(column string, texts []string) error {
		return t.among(texts, func(isOne string, list any) error {
			some, err := t.withRoles(ctx, t.accountsOf(ctx, t.org).Where(column+isOne, list))
			all = append(all, some...)
			return err
		})
	}
	if err := read("id", distinct(ids)); err != nil {
		return nil, err
	}
	if err := read("email", distinct(emails)); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b iam.Account) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(all, func(a, b iam.Account) bool { return a.ID == b.ID }), nil
}

// RootEmails is described at [iam.BulkWriter].
func (t *tx) RootEmails(ctx context.Context, emails []iam.Email) ([]iam.Email, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	var all []iam.Email
	err := t.among(distinct(emails), func(isOne string, list any) error {
		var some []iam.Email
		err := t.session(ctx).Raw("SELECT email FROM iam_accounts WHERE email"+isOne+" AND root_key IS NOT NULL", list).Scan(&some).Error
		if err != nil {
			return t.failed(ctx, "look for root addresses", err)
		}
		all = append(all, some...)
		return nil
	})
	slices.Sort(all)
	return slices.Compact(all), err
}

// InsertAccounts is described at [iam.BulkWriter].
func (t *tx) InsertAccounts(ctx context.Context, accounts []iam.Account, everywhere bool) ([]error, error) {
	if err := t.ready(); err != nil {
		return nil, err
	}
	refused := make([]error, len(accounts))
	for i, a := range accounts {
		if refused[i] = t.checkAccount(a); refused[i] == nil && a.Root {
			refused[i] = &iam.FieldError{Field: "Root", Problem: "a root account is not inserted among others"}
		}
	}
	ids, emails, err := t.takenPlaces(ctx, accounts, refused, everywhere)
	if err != nil {
		return nil, err
	}
	var free []*iam.Account
	for i := range accounts {
		a := &accounts[i]
		switch {
		case refused[i] != nil:
		case ids[a.ID]:
			refused[i] = iam.ErrExists
		case a.Email != "" && emails[a.Email]:
			refused[i] = emailTaken()
		default:
			ids[a.ID], emails[a.Email] = true, true
			free = append(free, a)
		}
	}
	slices.SortFunc(free, func(a, b *iam.Account) int { return cmp.Compare(a.ID, b.ID) })
	return refused, t.insertFree(ctx, free, everywhere)
}

// takenPlaces are the ids and addresses of the accounts that others have.
func (t *tx) takenPlaces(ctx context.Context, accounts []iam.Account, refused []error, everywhere bool) (map[policy.AccountID]bool, map[iam.Email]bool, error) {
	var ids, emails []string
	for i, a := range accounts {
		if refused[i] != nil {
			continue
		}
		ids = append(ids, string(a.ID))
		if a.Email != "" {
			emails = append(emails, string(a.Email))
		}
	}
	takenIDs, takenEmails := map[policy.AccountID]bool{}, map[iam.Email]bool{}
	query := "SELECT email FROM iam_accounts WHERE email"
	if !everywhere {
		query = "SELECT email FROM iam_accounts WHERE org_id = ? AND email"
	}
	err := t.among(ids, func(isOne string, list any) error {
		var some []policy.AccountID
		if err := t.session(ctx).Raw("SELECT id FROM iam_accounts WHERE id"+isOne, list).Scan(&some).Error; err != nil {
			return t.failed(ctx, "look for accounts", err)
		}
		for _, id := range some {
			takenIDs[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	err = t.among(emails, func(isOne string, list any) error {
		args := []any{list}
		if !everywhere {
			args = []any{t.org, list}
		}
		var some []iam.Email
		if err := t.session(ctx).Raw(query+isOne, args...).Scan(&some).Error; err != nil {
			return t.failed(ctx, "look for addresses", err)
		}
		for _, email := range some {
			takenEmails[email] = true
		}
		return nil
	})
	return takenIDs, takenEmails, err
}

// insertFree inserts accounts that nothing is in the way of, in the order of their ids.
func (t *tx) insertFree(ctx context.Context, accounts []*iam.Account, everywhere bool) error {
	rows := t.bulkInto("insert accounts", "iam_accounts", "id", "org_id", "status", "email", "email_key",
		"name", "username", "phone", "company", "note", "search", "created_by", "created", "activated", "updated")
	roles := t.bulkInto("insert roles", "iam_account_roles", "org_id", "account_id", "role")
	for _, a := range accounts {
		row := newAccountRow(*a, everywhere)
		err := rows.add(ctx, string(row.ID), string(row.Org), string(row.Status), orNil(row.Email), orNil(row.EmailKey),
			row.Name, row.Username, row.Phone, row.Company, row.Note, row.Search, string(row.CreatedBy), row.Created, row.Activated, row.Updated)
		if err != nil {
			return err
		}
	}
	if err := rows.flush(ctx); err != nil { // the roles refer to them
		return err
	}
	for _, a := range accounts {
		for _, role := range slices.Compact(slices.Sorted(slices.Values(a.Roles))) {
			if err := roles.add(ctx, string(t.org), string(a.ID), string(role)); err != nil {
				return err
			}
		}
	}
	return roles.flush(ctx)
}

// compareBindings is the order of the primary key.
func compareBindings(a, b iam.Binding) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Role, b.Role))
}

// InsertBindings is described at [iam.BulkWriter]. In the order of the key, what is inserted together lies together.
func (t *tx) InsertBindings(ctx context.Context, bindings []iam.Binding) ([]iam.Binding, error) {
	if err := t.ready(); err != nil || len(bindings) == 0 {
		return nil, err
	}
	for _, b := range bindings {
		if !fits(string(b.Account)) {
			return nil, iam.ErrNotFound
		}
		var c checks
		c.id("Project", string(b.Project))
		if c.id("Role", string(b.Role)); c.err != nil {
			return nil, c.err
		}
	}
	sorted := slices.Compact(slices.SortedFunc(slices.Values(bindings), compareBindings))
	there, err := t.boundAmong(ctx, sorted)
	if err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(sorted, func(b iam.Binding) bool { return there[b] })
	rows := t.bulkInto("insert bindings", "iam_bindings", "org_id", "account_id", "project_id", "role")
	for _, b := range added {
		if err := rows.add(ctx, string(t.org), string(b.Account), string(b.Project), string(b.Role)); err != nil {
			return nil, err
		}
	}
	if err := rows.flush(ctx); err != nil || len(added) == 0 {
		return nil, err
	}
	return added, nil
}

// boundAmong are those of sorted bindings that are there, among others of the same accounts. It is ErrNotFound when
// one of the accounts is not of the organisation.
func (t *tx) boundAmong(ctx context.Context, sorted []iam.Binding) (map[iam.Binding]bool, error) {
	var accounts []string
	for i, b := range sorted {
		if i == 0 || b.Account != sorted[i-1].Account {
			accounts = append(accounts, string(b.Account))
		}
	}
	there, found := map[iam.Binding]bool{}, 0
	// Two statements: without statistics, PostgreSQL plans their join by reading the organisation for each list.
	err := t.among(accounts, func(isOne string, list any) error {
		var some int
		if err := t.session(ctx).Raw("SELECT COUNT(*) FROM iam_accounts WHERE org_id = ? AND id"+isOne, t.org, list).Scan(&some).Error; err != nil {
			return t.failed(ctx, "look for accounts", err)
		}
		found += some
		const read = "SELECT account_id, project_id, role FROM iam_bindings WHERE org_id = ? AND account_id"
		if len(accounts) == 1 { // it may have a hundred thousand
			return t.collectBindings(ctx, there, read+" = ? AND project_id >= ? AND project_id <= ?",
				t.org, accounts[0], sorted[0].Project, sorted[len(sorted)-1].Project)
		}
		return t.collectBindings(ctx, there, read+isOne, t.org, list)
	})
	if err == nil && found < len(accounts) {
		err = iam.ErrNotFound
	}
	return there, err
}

func (t *tx) collectBindings(ctx context.Context, all map[iam.Binding]bool, query string, args ...any) error {
	rows, err := t.session(ctx).Raw(query, args...).Rows()
	if err != nil {
		return t.failed(ctx, "look for bindings", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b iam.Binding
		if err := rows.Scan(&b.Account, &b.Project, &b.Role); err != nil {
			return t.failed(ctx, "look for bindings", err)
		}
		all[b] = true
	}
	if err := rows.Err(); err != nil {
		return t.failed(ctx, "look for bindings", err)
	}
	return nil
}
