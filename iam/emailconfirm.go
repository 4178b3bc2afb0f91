package iam

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/policy"
)

// EmailConfirmation is what the link of a change of address shows to who follows it, before anything happens.
type EmailConfirmation struct {
	Organization Organization
	Account      Account     // as it stands, with its old address
	Change       EmailChange // with what was confirmed already
	New          bool        // whether the link proves the new address, and not the old one
}

// LookEmailChange returns what the link of a change of address is about, and uses nothing up (SB-16). A
// link that is dead for whatever reason is ErrToken.
func (s *Service) LookEmailChange(ctx context.Context, token Token) (EmailConfirmation, error) {
	record, err := s.Token(ctx, token, ForOldEmail, ForNewEmail)
	if err != nil {
		return EmailConfirmation{}, err
	}
	var found EmailConfirmation
	err = look(ctx, s.store, record.Org, func(tx Tx) error {
		c, err := s.attend(ctx, tx, record.Org, record.Account)
		if err != nil {
			return err
		}
		pending, err := c.c.pendingEmail(c.account, record)
		if err != nil {
			return err
		}
		found = EmailConfirmation{Account: c.account, Change: pending, New: record.Purpose == ForNewEmail}
		found.Organization, err = tx.Organization(ctx, record.Org)
		return err
	})
	if err != nil {
		return EmailConfirmation{}, deadWithout(err)
	}
	return found, nil
}

// ConfirmEmail confirms one of the two addresses of a change: of those who try at once with one link, exactly one
// succeeds (SB-13). It reports whether the change is done, which it is behind the second address, in the same
// transaction: the account's sessions have ended then, and its other links are dead (SB-20, SB-38). Who is signed
// in at that moment does not matter (SB-17).
//
// An address that somebody else has taken meanwhile is a FieldError for Email, and the change goes on waiting. A link
// that is dead for whatever reason is ErrToken: so are those of an account that is not active any more, and of a change
// that was asked for by somebody who could not ask for it today (SB-64).
func (s *Service) ConfirmEmail(ctx context.Context, token Token) (account Account, done bool, err error) {
	record, err := s.Token(ctx, token, ForOldEmail, ForNewEmail)
	if err != nil {
		return Account{}, false, err
	}
	err = s.write(ctx, record.Org, func(tx Tx) error {
		c, err := s.attend(ctx, tx, record.Org, record.Account)
		if err != nil {
			return err
		}
		account, done, err = c.c.confirmEmail(c.account, record)
		return err
	})
	if err != nil {
		return Account{}, false, deadWithout(err)
	}
	return account, done, nil
}

// pendingEmail returns the change of address that a token is for, if it could still be made.
func (c *change) pendingEmail(account Account, token TokenRecord) (EmailChange, error) {
	pending, err := c.tx.EmailChange(c.ctx, account.ID)
	if err != nil {
		return EmailChange{}, err
	}
	proves := pending.Email
	if token.Purpose == ForOldEmail {
		proves = account.Email
	}
	if account.Status != Active || token.Email != proves || !c.now.Before(pending.Expires) {
		return EmailChange{}, ErrToken
	}
	return pending, c.stillAsked(account.ID, pending.By)
}

// stillAsked refuses a change of address for which somebody else asked who could not do so today. An account
// without an address confirms the new one alone, and that may be the other's.
func (c *change) stillAsked(id, by policy.AccountID) error {
	if by == "" || by == id {
		return nil
	}
	asker, err := c.svc.attend(c.ctx, c.tx, c.org, by)
	if err != nil {
		return err
	}
	if err := asker.c.reload(); err != nil {
		return err
	}
	need := c.system.Rules.Permissions.ManageAccounts
	err = asker.c.may(asker.c.holder, need, asker.c.orgWide(need))
	if err == nil {
		_, err = asker.c.target(id)
	}
	if errors.Is(err, ErrForbidden) {
		return ErrToken
	}
	return err
}

func (c *change) confirmEmail(account Account, token TokenRecord) (Account, bool, error) {
	pending, err := c.pendingEmail(account, token)
	if err != nil {
		return Account{}, false, err
	}
	used, err := c.tx.UseToken(c.ctx, token.Hash, token.Purpose, c.now)
	if err != nil {
		return Account{}, false, err
	}
	if !used {
		return Account{}, false, ErrToken
	}
	template := MailEmailChangeNew
	if token.Purpose == ForOldEmail {
		pending.OldDone, template = true, MailEmailChangeOld
	} else {
		pending.NewDone = true
	}
	if err := c.endLinks(account.ID, token.Purpose, template); err != nil {
		return Account{}, false, err
	}
	if err := c.record(EmailConfirmed, string(account.ID), changed("email", "", string(token.Email))); err != nil {
		return Account{}, false, err
	}
	if !pending.OldDone || !pending.NewDone {
		return account, false, c.tx.PutEmailChange(c.ctx, pending)
	}
	account, err = c.applyEmail(account, pending)
	return account, err == nil, err
}

// applyEmail gives an account its new address, and ends what the old one has opened. Both addresses are told.
func (c *change) applyEmail(account Account, pending EmailChange) (Account, error) {
	before := account.Email
	account.Email, account.Updated = pending.Email, c.now
	if err := c.putEmail(account); err != nil {
		return Account{}, err
	}
	if err := c.endAccess(account.ID); err != nil {
		return Account{}, err
	}
	by, err := c.nameOf(pending.By)
	if err != nil {
		return Account{}, err
	}
	data := MailData{Actor: by, OldEmail: before, NewEmail: account.Email}
	for _, to := range []Email{before, account.Email} {
		if err := c.queue(Mail{Account: account.ID, To: to, Template: MailEmailChanged, Data: data}); err != nil {
			return Account{}, err
		}
	}
	return account, c.record(EmailChanged, string(account.ID), changed("email", string(before), string(account.Email)))
}
