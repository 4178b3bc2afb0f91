package iam

import (
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/policy"
)

const (
	// emailChangeLifetime is how long an account has for confirming a change of its address.
	emailChangeLifetime = 24 * time.Hour
	// emailChangesPerHour are of one account, so that nobody can flood a mailbox that is not theirs (SB-15).
	emailChangesPerHour = 5
)

// ChangeEmail asks for another address of an active account: one's own, or that of an account that the
// actor may manage and is not below (SB-62). Nothing changes until links that go to the old address and to
// the new one have both been followed, within 24 hours: see [Service.ConfirmEmail]. An account without
// an address confirms the new one alone. A change that was asked for before is off, with its links.
//
// An address that cannot be used is a FieldError for Email. ErrThrottled says that it was asked for too often.
// Ask for a fresh session before somebody changes their own (SB-05).
func (a Actor) ChangeEmail(ctx context.Context, id policy.AccountID, address string) (EmailChange, error) {
	var asked EmailChange
	err := a.onEmail(ctx, id, func(c *change, account Account) (err error) {
		asked, err = c.changeEmail(account, address)
		return err
	})
	if err != nil {
		return EmailChange{}, err
	}
	return asked, nil
}

// onEmail guards a change of an account's address: of one's own, or of one that the actor manages.
func (a Actor) onEmail(ctx context.Context, id policy.AccountID, do func(c *change, account Account) error) error {
	if id != "" && id == a.sub.ID() {
		return a.own(ctx, func(c *change) error {
			account, err := c.account(id)
			if err != nil {
				return err
			}
			return do(c, account)
		})
	}
	need := a.rules().Permissions.ManageAccounts
	return a.write(ctx, need, a.orgWide(need), func(c *change) error {
		account, err := c.target(id)
		if err != nil {
			return err
		}
		return do(c, account)
	})
}

func (c *change) changeEmail(account Account, address string) (EmailChange, error) {
	if err := c.svc.links.configured(); err != nil {
		return EmailChange{}, err
	}
	email, err := parseEmail(address, c.system.Rules.UnicodeEmail)
	switch {
	case err != nil:
		return EmailChange{}, err
	case account.Status != Active:
		return EmailChange{}, invalid("Account", "the account is %s: only an active one has its address changed", account.Status)
	case email == account.Email:
		return EmailChange{}, invalid("Email", "the account has this address already")
	}
	if err := c.mayAskAgain(account); err != nil {
		return EmailChange{}, err
	}
	if err := c.tryEmail(account, email); err != nil {
		return EmailChange{}, err
	}
	if err := c.dropEmailChange(account.ID); err != nil {
		return EmailChange{}, err
	}
	asked := EmailChange{
		Account: account.ID, Email: email, OldDone: account.Email == "",
		By: c.sub.ID(), Created: c.now, Expires: c.now.Add(emailChangeLifetime),
	}
	if err := c.tx.PutEmailChange(c.ctx, asked); err != nil {
		return EmailChange{}, err
	}
	if err := c.mailEmailChange(account, asked); err != nil {
		return EmailChange{}, err
	}
	return asked, c.record(EmailChangeAsked, string(account.ID),
		changed("email", string(account.Email), string(email)), changed("expires", "", asked.Expires.Format(time.RFC3339)))
}

// mayAskAgain counts the mails to new addresses, whoever caused them.
func (c *change) mayAskAgain(account Account) error {
	n, err := c.tx.CountMails(c.ctx, c.org, MailEmailChangeNew, "", account.ID, c.now.Add(-time.Hour))
	if err == nil && n >= emailChangesPerHour {
		return &ThrottledError{Until: c.now.Add(time.Hour)}
	}
	return err
}

// tryEmail refuses an address that the account could not have now. It writes the address and takes it
// back, so that the one rule about who has which address, with its scope, is the store's.
func (c *change) tryEmail(account Account, email Email) error {
	next := account
	next.Email = email
	if err := c.putEmail(next); err != nil {
		return err
	}
	return c.tx.UpdateAccount(c.ctx, account, c.everywhere())
}

func (c *change) putEmail(account Account) error {
	if err := c.reserved(account); err != nil {
		return err
	}
	err := c.tx.UpdateAccount(c.ctx, account, c.everywhere())
	if errors.Is(err, ErrExists) {
		return unusableEmail()
	}
	return err
}

// mailEmailChange queues what goes to both addresses. No link is in it: each is made when its mail is
// sent, for the address that it is sent to.
func (c *change) mailEmailChange(account Account, asked EmailChange) error {
	by, err := c.actorName()
	if err != nil {
		return err
	}
	data := MailData{Actor: by, OldEmail: account.Email, NewEmail: asked.Email}
	for _, m := range []Mail{
		{To: account.Email, Template: MailEmailChangeOld, Token: ForOldEmail},
		{To: asked.Email, Template: MailEmailChangeNew, Token: ForNewEmail},
	} {
		m.Account, m.Expires, m.Data = account.ID, asked.Expires, data
		if err := c.queue(m); err != nil {
			return err
		}
	}
	return nil
}

// dropEmailChange makes the links of a change of address worthless, and removes the change.
func (c *change) dropEmailChange(id policy.AccountID) error {
	if err := c.endLinks(id, ForOldEmail, MailEmailChangeOld); err != nil {
		return err
	}
	if err := c.endLinks(id, ForNewEmail, MailEmailChangeNew); err != nil {
		return err
	}
	return c.tx.DeleteEmailChange(c.ctx, id)
}

// CancelEmailChange takes back a change of address that waits for its confirmation, whoever asked for it. It is for
// those who could ask for one. Without such a change it is ErrNotFound.
func (a Actor) CancelEmailChange(ctx context.Context, id policy.AccountID) error {
	return a.onEmail(ctx, id, func(c *change, account Account) error {
		pending, err := c.tx.EmailChange(c.ctx, account.ID)
		if err != nil {
			return err
		}
		if err := c.dropEmailChange(account.ID); err != nil {
			return err
		}
		return c.record(EmailChangeDropped, string(account.ID), changed("email", string(pending.Email), string(account.Email)))
	})
}
