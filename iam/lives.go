package iam

import (
	"context"
	"slices"
	"strconv"

	"github.com/castellan-iam/castellan/policy"
)

// SetRoles replaces the roles of an account (E12). The actor must be able to give each role that
// comes and each that goes. Bindings of roles that go, go too. Root's roles do not change.
func (a Actor) SetRoles(ctx context.Context, id policy.AccountID, roles ...policy.Role) (Account, []Warning, error) {
	need := a.rules().Permissions.ChangeRoles
	var account Account
	var warnings []Warning
	err := a.write(ctx, need, a.orgWide(need), func(c *change) error {
		next, err := c.checkRoles(roles)
		if err != nil {
			return err
		}
		for _, role := range next {
			if err := c.mayHold(role); err != nil {
				return err
			}
		}
		account, err = c.edit(id, func(account *Account) (EventType, []FieldChange, error) {
			before := account.Roles
			if err := notRoot(*account); err != nil || slices.Equal(before, next) {
				return "", nil, err
			}
			account.Roles = next
			if err := c.endOffer(account.ID); err != nil {
				return "", nil, err
			}
			return AccountRolesChanged, []FieldChange{changed("roles", joinRoles(before), joinRoles(next))}, c.unbindLost(*account)
		})
		if err != nil {
			return err
		}
		warnings, err = c.warnings(account)
		return err
	})
	if err != nil {
		return Account{}, nil, err
	}
	return account, warnings, nil
}

// unbindLost removes the bindings of roles that the account no longer holds.
func (c *change) unbindLost(account Account) error {
	bindings, err := c.tx.Bindings(c.ctx, c.org, account.ID)
	if err != nil {
		return err
	}
	for _, b := range bindings {
		if account.HasRole(b.Role) {
			continue
		}
		if _, err := c.tx.DeleteBinding(c.ctx, b); err != nil {
			return err
		}
		if err := c.record(ProjectUnbound, string(b.Account), boundTo("project", b, "")...); err != nil {
			return err
		}
	}
	return nil
}

// Activate makes a pending account active. An account that is active already stays so; a disabled
// one is enabled by Enable.
func (a Actor) Activate(ctx context.Context, id policy.AccountID) (Account, error) {
	return a.setStatus(ctx, id, AccountActivated, Active, Pending)
}

// Disable takes everything from an account that it may do, and keeps its data (E13, L7): it
// appears in no project, and its roles, bindings and grants come back with Enable.
func (a Actor) Disable(ctx context.Context, id policy.AccountID) (Account, error) {
	return a.setStatus(ctx, id, AccountDisabled, Disabled, Active, Pending)
}

// Enable gives a disabled account back the status that it had: active, or pending when it was never
// activated, for enabling proves no address (E9).
func (a Actor) Enable(ctx context.Context, id policy.AccountID) (Account, error) {
	return a.setStatus(ctx, id, AccountEnabled, Active, Disabled)
}

func (a Actor) setStatus(ctx context.Context, id policy.AccountID, what EventType, to Status, from ...Status) (Account, error) {
	need := a.rules().Permissions.ManageAccounts
	var account Account
	err := a.write(ctx, need, a.orgWide(need), func(c *change) (err error) {
		account, err = c.setStatus(id, what, to, from...)
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return account, nil
}

func (c *change) setStatus(id policy.AccountID, what EventType, to Status, from ...Status) (Account, error) {
	return c.edit(id, func(account *Account) (EventType, []FieldChange, error) {
		before := account.Status
		switch err := notRoot(*account); {
		case err != nil || before == to:
			return "", nil, err
		case !slices.Contains(from, before):
			return "", nil, invalid("Status", "the account is %s", before)
		}
		account.Status = to
		if to == Disabled {
			if err := c.endOffer(account.ID); err != nil {
				return "", nil, err
			}
			if err := c.endAccess(account.ID); err != nil {
				return "", nil, err
			}
		}
		switch {
		case what == AccountEnabled && account.Activated.IsZero():
			account.Status = Pending
		case to == Active && account.Activated.IsZero():
			account.Activated = c.now
		}
		return what, []FieldChange{changed("status", string(before), string(account.Status))}, nil
	})
}

// endAccess ends what lets somebody in as the account: its sessions, and the links that would make
// new ones (SB-20, SB-38).
func (c *change) endAccess(id policy.AccountID) error {
	n, err := c.tx.DeleteSessions(c.ctx, id, "")
	if err != nil {
		return err
	}
	if err := c.tx.DropTokens(c.ctx, id, ForReset, ForOldEmail, ForNewEmail); err != nil {
		return err
	}
	if err := c.tx.DropMails(c.ctx, id, c.now, linkMails...); err != nil {
		return err
	}
	if err := c.tx.DeleteEmailChange(c.ctx, id); err != nil || n == 0 {
		return err
	}
	return c.record(SessionsEnded, string(id), changed("sessions", strconv.Itoa(n), ""))
}

// Delete removes an account with its roles, bindings and grants, for ever (E14). Its address can be
// used again and inherits nothing. Who holds resources is not deleted, which is ErrHolds: HandOver and
// Release take them from it. The accounts that it created move up to its own creator, with their quotas.
func (a Actor) Delete(ctx context.Context, id policy.AccountID) error {
	need := a.rules().Permissions.ManageAccounts
	return a.write(ctx, need, a.orgWide(need), func(c *change) error {
		account, err := c.target(id)
		if err != nil {
			return err
		}
		return c.remove(account)
	})
}

// remove deletes an account with everything that hangs on it. Mail to it goes out no more (SB-99).
func (c *change) remove(account Account) error {
	if err := notRoot(account); err != nil {
		return err
	}
	held, err := c.tx.Holdings(c.ctx, c.org, HoldingQuery{Account: account.ID, Limit: 1})
	if err != nil {
		return err
	}
	if len(held) > 0 {
		return &FieldError{Field: "Account", Problem: "it still holds resources: hand them over or release them", Reason: ErrHolds}
	}
	if err := c.endOffer(account.ID); err != nil {
		return err
	}
	if err := c.tx.DropMails(c.ctx, account.ID, c.now); err != nil {
		return err
	}
	if err := c.tx.DeleteAccount(c.ctx, account.ID); err != nil {
		return err
	}
	if err := c.keepAdministrator(account); err != nil {
		return err
	}
	return c.record(AccountDeleted, string(account.ID),
		changed("email", string(account.Email), ""), changed("roles", joinRoles(account.Roles), ""), changed("status", string(account.Status), ""))
}
