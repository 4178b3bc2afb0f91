package iam

import (
	"slices"

	"github.com/castellan-iam/castellan/policy"
)

// transferRoot makes an account root in place of another, and returns the new root.
func (c *change) transferRoot(from, to policy.AccountID) (Account, error) {
	if from == "" {
		return Account{}, invalid("Root", "the organisation has no root account")
	}
	former, err := c.account(from)
	if err != nil {
		return Account{}, err
	}
	next, err := c.account(to)
	if err != nil {
		return Account{}, err
	}
	if err := c.mayReceive(next); err != nil {
		return Account{}, err
	}
	if err := c.dropOffer(); err != nil {
		return Account{}, err
	}
	if err := c.moveRoot(former, next); err != nil {
		return Account{}, err
	}
	if _, err := c.settle(former, false, c.system.Rules.FormerRoot); err != nil {
		return Account{}, err
	}
	root, err := c.settle(next, true, c.system.Rules.RootRole)
	if err != nil {
		return Account{}, err
	}
	for _, before := range []Account{former, next} {
		if err := c.keepAdministrator(before); err != nil {
			return Account{}, err
		}
	}
	by, err := c.nameOf(from)
	if err != nil {
		return Account{}, err
	}
	if c.isSystem() {
		by = ""
	}
	for _, account := range []Account{former, root} {
		if err := c.mail(account, MailRootTransferred, MailData{Actor: by}); err != nil {
			return Account{}, err
		}
	}
	return root, c.record(RootTransferred, string(to), changed("root", string(from), string(to)))
}

// settle gives an account that has become root, or was, its one role, and ends its sessions (SB-37).
func (c *change) settle(account Account, root bool, role policy.Role) (Account, error) {
	before := account.Roles
	account.Root, account.Roles, account.Updated = root, []policy.Role{role}, c.now
	if err := c.reserved(account); err != nil {
		return Account{}, err
	}
	if err := c.tx.UpdateAccount(c.ctx, account, c.everywhere()); err != nil {
		return Account{}, err
	}
	if err := c.unbindLost(account); err != nil {
		return Account{}, err
	}
	if err := c.endAccess(account.ID); err != nil || slices.Equal(before, account.Roles) {
		return account, err
	}
	return account, c.record(AccountRolesChanged, string(account.ID), changed("roles", joinRoles(before), joinRoles(account.Roles)))
}
