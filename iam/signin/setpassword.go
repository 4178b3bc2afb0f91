package signin

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// refuseSame refuses as the new password the one that somebody else had chosen.
func (s *Service) refuseSame(ctx context.Context, org policy.OrgID, id policy.AccountID, next iam.Secret) error {
	credential, err := s.store.Credential(ctx, org, id)
	if err != nil || !credential.MustChange {
		return err
	}
	same, _, err := s.hasher.Verify(ctx, next, credential.Password, nil)
	if err == nil && same {
		return refusePassword("is the one that somebody else knows: want another")
	}
	return err
}

// SetPassword sets the password of an account that the actor may manage, where the Rules let others do
// so (E12): at the next sign-in it must be changed. All sessions of the account end.
func (s *Service) SetPassword(ctx context.Context, actor iam.Actor, id policy.AccountID, password iam.Secret) error {
	if !s.svc.Rules().PasswordByOthers {
		return &iam.FieldError{Field: "Password", Problem: "nobody sets another's in this system: send a link to reset it"}
	}
	// Guarded here as well as below, so that what is refused costs no hash and tells nothing.
	var account iam.Account
	err := actor.Manage(ctx, id, func(c iam.Change) error {
		account = c.Account()
		return errors.Join(notOwn(c, "change your own password with the current one"), c.MayBecome())
	})
	if err != nil {
		return err
	}
	hash, err := s.fitFor(ctx, account.Org, id, password)
	if err != nil {
		return err
	}
	return actor.Manage(ctx, id, func(c iam.Change) error {
		if err := c.MayBecome(); err != nil {
			return err
		}
		if err := s.putPassword(ctx, c, hash, true); err != nil {
			return err
		}
		if err := s.endOthers(ctx, c, ""); err != nil {
			return err
		}
		if err := c.Mail(MailPasswordChanged, iam.MailData{}); err != nil {
			return err
		}
		return c.Record(iam.PasswordSet, iam.Done)
	})
}

// notOwn refuses what is for others: for oneself it takes a proof.
func notOwn(c iam.Change, instead string) error {
	if c.By() == c.Account().ID {
		return &iam.FieldError{Field: "Account", Problem: instead}
	}
	return nil
}

// Unlock forgets the wrong passwords and codes of another account that the actor may manage (SB-34). Nobody
// unlocks their own: who has found an open session could guess on for ever.
func (s *Service) Unlock(ctx context.Context, actor iam.Actor, id policy.AccountID) error {
	return actor.Manage(ctx, id, func(c iam.Change) error {
		if err := notOwn(c, "reset the password to unlock your own account"); err != nil {
			return err
		}
		if err := s.forgive(ctx, c); err != nil {
			return err
		}
		return c.Record(iam.AccountUnlocked, iam.Done)
	})
}
