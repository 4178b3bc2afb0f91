package signin

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// ResetParams say whose password was forgotten.
type ResetParams struct {
	// Org is as in SignInParams.
	Org policy.OrgID
	// Email is the address that was typed.
	Email string
}

// RequestReset asks for a link to reset a password. It does the same whether or not there is such an
// account: the request is queued, and looked into when the mail is about to be sent, to the stored
// address (SB-24, SB-26). What is no address is an iam.ErrInvalid, and who asks too often gets an
// [iam.ThrottledError].
func (s *Service) RequestReset(ctx context.Context, params ResetParams) error {
	email, err := s.svc.ParseEmail(params.Email)
	if err != nil {
		return err
	}
	if _, err := s.svc.RootLoginAddress(); err != nil {
		return err // there is no base URL
	}
	now := s.svc.Now()
	for _, key := range []string{peerKey(ctx, "reset"), "reset/" + addressKey(params.Org, string(email))} {
		if key == "" {
			continue
		}
		if err := throttled(s.store.Attempt(ctx, key, s.config.ResetLimit, now)); err != nil {
			return err
		}
	}
	id, err := s.svc.NewID()
	if err != nil {
		return err
	}
	return s.store.RequestMail(ctx, iam.Mail{
		ID: iam.MailID(id), Org: params.Org, To: email, Template: iam.MailReset, Token: iam.ForReset, Data: iam.MailData{Peer: peer(ctx)},
		Created: now, Next: now, Expires: now.Add(s.config.ResetLifetime), State: iam.MailQueued,
	})
}

// SendReset mails a link to reset the password of an account that the actor may manage (SB-10, E12).
// Links that were sent before are dead.
func (s *Service) SendReset(ctx context.Context, actor iam.Actor, id policy.AccountID) error {
	if _, err := s.svc.RootLoginAddress(); err != nil {
		return err
	}
	return actor.Manage(ctx, id, func(c iam.Change) error {
		if c.Account().Status != iam.Active {
			return &iam.FieldError{Field: "Account", Problem: "the account is " + string(c.Account().Status)}
		}
		limit := s.config.ResetLimit
		sent, err := c.Tx().CountMails(ctx, c.Account().Org, iam.MailReset, "", id, c.Now().Add(-limit.Pause))
		if err != nil {
			return err
		}
		if sent >= limit.Attempts {
			return &iam.ThrottledError{Until: c.Now().Add(limit.Pause)}
		}
		if err := c.Tx().DropTokens(ctx, id, iam.ForReset); err != nil {
			return err
		}
		if err := c.Tx().DropMails(ctx, id, c.Now(), iam.MailReset); err != nil {
			return err
		}
		if err := c.MailLink(iam.MailReset, iam.ForReset, c.Now().Add(s.config.ResetLifetime), iam.MailData{}); err != nil {
			return err
		}
		return c.Record(iam.PasswordResetAsked, iam.Done)
	})
}

// LookReset reports whether a link to reset a password is good, and uses nothing up (SB-16). It returns
// the account, for the page. A link that is dead for whatever reason is iam.ErrToken.
func (s *Service) LookReset(ctx context.Context, token iam.Token) (iam.Account, error) {
	record, err := s.svc.Token(ctx, token, iam.ForReset)
	if err != nil {
		return iam.Account{}, err
	}
	account, err := s.store.Account(ctx, record.Org, record.Account)
	if errors.Is(err, iam.ErrNotFound) || err == nil && (account.Status != iam.Active || account.Email != record.Email) {
		return iam.Account{}, iam.ErrToken
	}
	return account, err
}

// ResetPassword replaces a forgotten password: of those who try at once with one link, exactly one
// succeeds (SB-13). All sessions of the account end, wrong guesses are forgotten, and a sign-in begins: a
// second factor is asked for as ever, and an account that is not active stays so (SB-21). A link that is
// dead for whatever reason is iam.ErrToken.
func (s *Service) ResetPassword(ctx context.Context, token iam.Token, next iam.Secret) (Opened, error) {
	account, err := s.LookReset(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	hash, err := s.fitFor(ctx, account.Org, account.ID, next)
	if err != nil {
		return Opened{}, deadLink(err)
	}
	if err := s.refuseSame(ctx, account.Org, account.ID, next); err != nil {
		return Opened{}, err
	}
	var opened Opened
	err = s.svc.Attend(ctx, account.Org, account.ID, func(c iam.Change) error {
		used, err := c.Tx().UseToken(ctx, token.Hash(), iam.ForReset, c.Now())
		if err != nil {
			return err
		}
		if !used || c.Account().Status != iam.Active || c.Account().Email != account.Email {
			return iam.ErrToken
		}
		if err := s.putPassword(ctx, c, hash, false); err != nil {
			return err
		}
		if err := s.endOthers(ctx, c, ""); err != nil {
			return err
		}
		if err := c.Mail(MailPasswordChanged, iam.MailData{Peer: peer(ctx)}); err != nil {
			return err
		}
		if err := c.Record(iam.PasswordReset, iam.Done); err != nil {
			return err
		}
		credential, err := c.Tx().Credential(ctx, account.Org, account.ID)
		if err != nil {
			return err
		}
		stage, err := s.stageBefore(ctx, c, credential)
		if err != nil {
			return err
		}
		if opened, err = s.insert(ctx, c, proof{stage: stage, fresh: c.Now()}); err != nil {
			return err
		}
		// Who lost the password may go on at once, whatever others have guessed meanwhile (SB-34). The guesses at
		// the second factor are still counted from here on.
		return s.forgive(ctx, c)
	})
	if err != nil {
		return Opened{}, deadLink(err)
	}
	return opened, nil
}

// deadLink makes a dead link of what is not there any more.
func deadLink(err error) error {
	if errors.Is(err, iam.ErrNotFound) {
		return iam.ErrToken
	}
	return err
}
