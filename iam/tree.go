package iam

import (
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// The accounts of an organisation are a tree: below an account stand those that it created, and those
// that they created (D9). Root is at the top, and what the system created is right below it. Who
// was created by an account that is deleted moves up to that one's creator: see [Account].CreatedBy.

// parent returns who stands right above an account, and "" for nobody.
func (c *change) parent(account Account) (policy.AccountID, error) {
	if account.Root {
		return "", nil
	}
	if account.CreatedBy != "" {
		return account.CreatedBy, nil
	}
	org, err := c.tx.Organization(c.ctx, c.org)
	return org.Root, err
}

// above calls visit for those who stand above an account, the nearest first, until it returns false.
// Root is not among them unless it created one of them itself.
func (c *change) above(account Account, visit func(Account) bool) error {
	// An account is older than what it created, so that there is no circle but in rows that others wrote.
	seen := map[policy.AccountID]bool{account.ID: true}
	for !account.Root && account.CreatedBy != "" && !seen[account.CreatedBy] {
		next, err := c.account(account.CreatedBy)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !visit(next) {
			return nil
		}
		seen[next.ID] = true
		account = next
	}
	return nil
}

// isAbove reports whether the actor stands above the account: the system above everybody, root above
// everybody else, and nobody above themselves.
func (c *change) isAbove(account Account) (bool, error) {
	if c.isSystem() {
		return true, nil
	}
	id := c.sub.ID()
	if account.ID == id || account.Root {
		return false, nil
	}
	me, err := c.account(id)
	if err != nil || me.Root {
		return err == nil, err
	}
	found := false
	err = c.above(account, func(a Account) bool {
		found = a.ID == id
		return !found
	})
	return found, err
}

// below returns an account that stands below the actor, both in the tree and by what it holds.
func (c *change) below(id policy.AccountID) (Account, error) {
	account, err := c.target(id)
	if err != nil {
		return Account{}, err
	}
	switch above, err := c.isAbove(account); {
	case err != nil:
		return Account{}, err
	case !above:
		return Account{}, refuse(c.holder.ID(), policy.NoGrant, "the account does not stand below the actor: it was created neither by the actor nor by anybody below it")
	}
	return account, nil
}
