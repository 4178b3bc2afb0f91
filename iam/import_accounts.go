package iam

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

// AccountRow is an account that moves in from another system.
type AccountRow struct {
	// Line is where the row stands in its file, for mistakes. Defaults to its number among the rows, from 1.
	Line int
	// ID is the account's own: one that no other account has, in whatever organisation. Defaults to the account
	// that has the Email, and to a new one where nobody has. Lists are in the order of ids.
	ID policy.AccountID
	// Email is the account's address. Defaults to none, for an account with an ID.
	Email string
	// Roles are what the account holds in its organisation: see [CreateAccountParams].
	Roles []policy.Role
	// Status is Pending, Active or Disabled. Defaults to Pending.
	Status Status
	// Profile is everything else about the person. Defaults to nothing.
	Profile Profile
	// Created is when the account was made. Defaults to now.
	Created time.Time
}

// ImportAccounts adds accounts to an organisation, for a host that moves in from another system: by the
// million, in few statements, and without a mail to anybody. Each account has an ID or an Email of the other
// system; one that is there already stays as it is, so that an import that was broken off is run again
// from its beginning, or from [BulkSummary.LastLine].
//
// A thousand rows are a transaction, in which the organisation is held. What holds for [Actor.CreateAccount] holds for every
// row: roles, addresses, and the account.created event of each (E17). Root is no row: CreateOrganization makes it. An
// account has no quotas (D4), no password and no second factor until they are given to it.
//
// The error is about the import as a whole: the source, the database, or what [BulkParams] says of refused rows.
func (s SystemActor) ImportAccounts(ctx context.Context, org policy.OrgID, rows iter.Seq2[AccountRow, error], params BulkParams) (BulkSummary, error) {
	if params.File == "" {
		params.File = "accounts"
	}
	b := bulk[AccountRow]{
		actor: s, org: org, params: params,
		settle: (*change).importAccounts,
		line:   func(row AccountRow) int { return row.Line },
	}
	return b.run(ctx, rows)
}

// importAccounts adds those of the rows that are not there.
func (c *change) importAccounts(rows []AccountRow) ([]BulkLine, error) {
	done := make([]BulkLine, len(rows))
	accounts, err := c.parsedAccounts(rows, done)
	if err != nil {
		return nil, err
	}
	there, err := c.accountsThere(accounts)
	if err != nil {
		return nil, err
	}
	var fresh []freshAccount
	for i, row := range rows {
		if done[i].Err != nil {
			continue
		}
		if a := there.of(row.ID, accounts[i].Email); a != nil {
			done[i].Account = a.ID
			continue
		}
		if row.ID == "" {
			id, err := c.svc.ids.next(c.now)
			if err != nil {
				return nil, err
			}
			accounts[i].ID = policy.AccountID(id)
		}
		fresh = append(fresh, freshAccount{accounts[i], &done[i], row.ID != ""})
	}
	return done, c.insertFresh(fresh)
}

// freshAccount is an account that was not there before the transaction.
type freshAccount struct {
	Account
	done  *BulkLine
	named bool // the row gives its id
}

// parsedAccounts makes accounts of rows, and says of the others what is wrong with them.
func (c *change) parsedAccounts(rows []AccountRow, done []BulkLine) ([]Account, error) {
	check := c.checkedRoles()
	accounts := make([]Account, len(rows))
	for i, row := range rows {
		err := c.parseAccountRow(&accounts[i], row, check)
		if err != nil && !aboutRow(err) {
			return nil, err
		}
		done[i].Err = err
	}
	return accounts, nil
}

func (c *change) parseAccountRow(a *Account, row AccountRow, roles func([]policy.Role) ([]policy.Role, error)) error {
	*a = Account{ID: row.ID, Org: c.org, Status: row.Status, Created: storedTime(row.Created), Updated: c.now}
	if row.Created.IsZero() {
		a.Created = c.now
	}
	switch row.Status {
	case "":
		a.Status = Pending
	case Pending:
	case Active, Disabled:
		a.Activated = c.now
	default:
		return invalid("Status", "there is no status %.40q", row.Status)
	}
	if row.ID == "" && row.Email == "" {
		return invalid("ID", "an account that moves in has an ID or an Email: it is known by them when it comes again")
	}
	if row.ID != "" {
		if err := checkID("ID", string(row.ID)); err != nil {
			return err
		}
	}
	var err error
	if row.Email != "" {
		if a.Email, err = parseEmail(row.Email, c.system.Rules.UnicodeEmail); err != nil {
			return err
		}
	}
	if a.Roles, err = roles(row.Roles); err != nil {
		return err
	}
	return a.setProfile(row.Profile)
}

// accountsThere reads which of the accounts are there.
func (c *change) accountsThere(accounts []Account) (namedAccounts, error) {
	var ids []policy.AccountID
	var emails []Email
	for _, a := range accounts {
		if a.ID != "" {
			ids = append(ids, a.ID)
		} else if a.Email != "" {
			emails = append(emails, a.Email)
		}
	}
	return c.named(ids, emails)
}

// insertFresh inserts accounts with their events, but for those that must not be.
func (c *change) insertFresh(fresh []freshAccount) error {
	reserved, err := c.reservedAmong(fresh)
	if err != nil {
		return err
	}
	fresh = slices.DeleteFunc(fresh, func(f freshAccount) bool {
		if f.Email == "" || !reserved[f.Email] {
			return false
		}
		f.done.Err = unusableEmail()
		return true
	})
	accounts := make([]Account, len(fresh))
	for i, f := range fresh {
		accounts[i] = f.Account
	}
	refused, err := c.tx.InsertAccounts(c.ctx, accounts, c.everywhere())
	if err != nil {
		return err
	}
	events := make([]Event, 0, len(fresh))
	ids, emails := map[policy.AccountID]bool{}, map[Email]policy.AccountID{}
	for i, f := range fresh {
		f.done.Account = f.ID
		switch err := refused[i]; {
		case err == nil:
			f.done.Added = true
			ids[f.ID], emails[f.Email] = true, f.ID
			events = append(events, accountCreated(f.Account))
		case ids[f.ID]: // it stands among these rows a second time
		case !f.named && emails[f.Email] != "":
			f.done.Account = emails[f.Email]
		case errors.Is(err, ErrExists) && !errors.Is(err, ErrInvalid):
			f.done.Err = &FieldError{Field: "ID", Problem: "the id cannot be used", Reason: ErrExists}
		case aboutRow(err):
			f.done.Err = err
		default:
			return err
		}
	}
	return c.appendAll(events)
}

// reservedAmong are the addresses of root accounts, where the Rules keep them from sub-accounts (E11).
func (c *change) reservedAmong(fresh []freshAccount) (map[Email]bool, error) {
	if !c.system.Rules.ReserveRootEmail {
		return nil, nil
	}
	var emails []Email
	for _, f := range fresh {
		if f.Email != "" {
			emails = append(emails, f.Email)
		}
	}
	found, err := c.tx.RootEmails(c.ctx, emails)
	reserved := make(map[Email]bool, len(found))
	for _, email := range found {
		reserved[email] = true
	}
	return reserved, err
}
