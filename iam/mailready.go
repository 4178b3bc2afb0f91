package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// ErrUnwanted says that a mail is not to be sent any more: what it was about is over (SB-99).
var ErrUnwanted = errors.New("iam: the mail is not wanted any more")

// ReadyMail is a mail with everything that its text needs, at the moment at which it is sent.
type ReadyMail struct {
	Mail
	Account      Account
	Organization Organization
	Owner        Account // the organisation's root; the zero Account when there is none
	Link         Secret  // the address to follow; empty for a mail without one
	LoginAddress string  // where the account signs in
}

// ReadyMail makes a mail ready that was leased: it asks whether the mail is still wanted, finds out
// whom a request from outside concerns, and makes the link. The link's token exists from then on, so
// that the outbox never held it (SB-98). It is ErrUnwanted when the mail should be dropped, or is another
// node's by now. Let ctx end with the lease.
func (s *Service) ReadyMail(ctx context.Context, m Mail, lease string) (ReadyMail, error) {
	account, err := s.recipient(ctx, m)
	if err != nil {
		return ReadyMail{}, unwantedWithout(err)
	}
	var ready ReadyMail
	err = s.store.WriteAside(ctx, account.Org, func(tx Tx) error {
		c, err := s.attend(ctx, tx, account.Org, account.ID)
		if err != nil {
			return err
		}
		ready, err = c.c.ready(c.account, m, lease)
		return err
	})
	if err != nil {
		return ReadyMail{}, unwantedWithout(err) // without a link that was not committed
	}
	return ready, nil
}

// recipient finds the account that a mail is about. A request from outside names an address alone:
// root's, or one of an organisation.
func (s *Service) recipient(ctx context.Context, m Mail) (Account, error) {
	if m.Account != "" {
		return s.store.Account(ctx, m.Org, m.Account)
	}
	return s.AccountAt(ctx, m.Org, m.To)
}

// AccountAt returns the account that signs in with an address at a login address: an organisation's, or,
// for "", root's own (E10). It is ErrNotFound when there is none.
func (s *Service) AccountAt(ctx context.Context, org policy.OrgID, email Email) (Account, error) {
	rules := s.Rules()
	switch {
	case org == "" && rules.EmailScope == Everywhere:
		return s.store.AccountEverywhere(ctx, email)
	case org == "":
		return s.store.RootByEmail(ctx, email)
	}
	account, err := s.store.AccountByEmail(ctx, org, email)
	if err == nil && account.Root && rules.SeparateRootLogin {
		return Account{}, ErrNotFound
	}
	return account, err
}

// ready runs in the transaction of the account: what takes a mail back comes before it or behind it.
func (c *change) ready(account Account, m Mail, lease string) (ReadyMail, error) {
	// A request from outside that names no organisation is in none, and cannot be asked for here. Nobody drops such a
	// mail, and the caller's ctx ends with the lease; a node that stands still at this very point costs one
	// more link in the same mailbox.
	if m.Org == c.org {
		holds, err := c.tx.HoldsMail(c.ctx, m.ID, lease)
		if err != nil {
			return ReadyMail{}, err
		}
		if !holds {
			return ReadyMail{}, ErrNotFound
		}
	}
	if err := c.wanted(account, m); err != nil {
		return ReadyMail{}, err
	}
	ready := ReadyMail{Mail: m, Account: account}
	var err error
	if ready.Organization, err = c.tx.Organization(c.ctx, c.org); err != nil {
		return ReadyMail{}, err
	}
	if root := ready.Organization.Root; root != "" {
		if ready.Owner, err = c.account(root); err != nil {
			return ReadyMail{}, err
		}
	}
	if account.Root && c.system.Rules.SeparateRootLogin {
		ready.LoginAddress, err = c.svc.RootLoginAddress()
	} else {
		ready.LoginAddress, err = c.svc.LoginAddress(c.org)
	}
	if err != nil || m.Token == "" {
		return ready, err
	}
	ready.Link, err = c.mint(account, m)
	return ready, err
}

// wanted refuses a mail whose reason is over.
func (c *change) wanted(account Account, m Mail) error {
	if account.Status == Disabled {
		return ErrNotFound
	}
	switch m.Token {
	case ForInvitation:
		i, err := c.tx.Invitation(c.ctx, c.org, account.ID)
		if err == nil && (i.MailID != m.ID || i.StateAt(c.now) != InvitationOpen || account.Status != Pending) {
			err = ErrNotFound
		}
		return err
	case ForReset:
		if account.Status != Active || m.To != account.Email {
			return ErrNotFound
		}
		// A request from outside names no account, so that a password that was set meanwhile did not drop it (SB-20).
		credential, err := c.tx.Credential(c.ctx, c.org, account.ID)
		if err != nil {
			return err
		}
		if credential.PasswordSet.After(m.Created) {
			return ErrNotFound
		}
	case ForOldEmail, ForNewEmail:
		waiting, err := c.tx.EmailChange(c.ctx, account.ID)
		if err != nil {
			return err
		}
		if m.Token == ForOldEmail && m.To != account.Email || m.Token == ForNewEmail && m.To != waiting.Email {
			return ErrNotFound
		}
	}
	return nil
}

// mint makes the link of a mail.
func (c *change) mint(account Account, m Mail) (Secret, error) {
	token, err := NewToken(c.svc.config.Rand)
	if err != nil {
		return Secret{}, err
	}
	err = c.tx.InsertToken(c.ctx, TokenRecord{
		Hash: token.Hash(), Purpose: m.Token, Org: c.org, Account: account.ID, Email: m.To, Created: c.now, Expires: m.Expires,
	})
	if err != nil {
		return Secret{}, err
	}
	if m.Token == ForReset {
		if err := c.record(PasswordResetSent, string(account.ID), changed("email", "", string(m.To))); err != nil {
			return Secret{}, err
		}
	}
	return c.svc.Link(m.Token, token)
}

// unwantedWithout makes ErrUnwanted of what is not there any more.
func unwantedWithout(err error) error {
	if errors.Is(err, ErrNotFound) {
		return ErrUnwanted
	}
	return err
}
