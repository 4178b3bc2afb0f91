package signin

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// fit refuses a new password that is too easy to guess for the account, and hashes it. It must not be
// called within a transaction, which would hold everybody up for so long.
func (s *Service) fit(ctx context.Context, o iam.Organization, a iam.Account, password iam.Secret) (string, error) {
	credential, err := s.store.Credential(ctx, o.ID, a.ID)
	if err != nil {
		return "", err
	}
	rules := s.svc.Rules()
	secondFactor := credential.Secret != "" || rules.SecondFactorFor(o.SecondFactor) == iam.SecondFactorRequired
	if err := checkPassword(ctx, rules.Password, secondFactor, password, s.known(o, a), s.config.Breached); err != nil {
		return "", err
	}
	return s.hasher.Hash(ctx, password)
}

// fitFor is fit for an account that is there.
func (s *Service) fitFor(ctx context.Context, org policy.OrgID, id policy.AccountID, password iam.Secret) (string, error) {
	o, err := s.store.Organization(ctx, org)
	if err != nil {
		return "", err
	}
	a, err := s.store.Account(ctx, org, id)
	if err != nil {
		return "", err
	}
	return s.fit(ctx, o, a, password)
}

// putPassword stores a password.
func (s *Service) putPassword(ctx context.Context, c iam.Change, hash string, mustChange bool) error {
	credential, err := c.Tx().Credential(ctx, c.Account().Org, c.Account().ID)
	if err != nil {
		return err
	}
	credential.Account, credential.Password, credential.PasswordSet, credential.MustChange = c.Account().ID, hash, c.Now(), mustChange
	return c.Tx().PutCredential(ctx, credential)
}

// Confirm takes the password of who asks once more, for what only somebody may do who is certainly
// there: the session is fresh from then on, under another token (SB-37). A wrong one counts as in SignIn.
func (s *Service) Confirm(ctx context.Context, token iam.Token, password iam.Secret) (Opened, error) {
	var opened Opened
	return opened, s.withPassword(ctx, token, password, func(c iam.Change, r iam.SessionRecord) (err error) {
		opened, err = s.replace(ctx, c, r, proof{stage: iam.Full, secondFactor: r.Session.SecondFactor, fresh: c.Now()})
		return err
	})
}

// ChangePassword replaces the password of who asks, who must give the current one (SB-05). All other
// sessions end, with every link to reset the password (SB-20); this one goes on under another token.
func (s *Service) ChangePassword(ctx context.Context, token iam.Token, current, next iam.Secret) (Opened, error) {
	record, err := s.full(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	if err := hashable(current); err != nil {
		return Opened{}, err
	}
	hash, err := s.fitFor(ctx, record.Org, record.Account, next)
	if err != nil {
		return Opened{}, sessionOver(err)
	}
	var opened Opened
	return opened, s.withPassword(ctx, token, current, func(c iam.Change, r iam.SessionRecord) (err error) {
		if opened, err = s.renew(ctx, c, r, hash); err != nil {
			return err
		}
		return c.Record(iam.PasswordChanged, iam.Done)
	})
}

// renew stores a password that its owner chose, and continues the session.
func (s *Service) renew(ctx context.Context, c iam.Change, r iam.SessionRecord, hash string) (Opened, error) {
	if err := s.putPassword(ctx, c, hash, false); err != nil {
		return Opened{}, err
	}
	if err := s.endOthers(ctx, c, r.ID); err != nil {
		return Opened{}, err
	}
	if err := c.Mail(MailPasswordChanged, iam.MailData{Peer: peer(ctx)}); err != nil {
		return Opened{}, err
	}
	credential, err := c.Tx().Credential(ctx, r.Org, r.Account)
	if err != nil {
		return Opened{}, err
	}
	stage, err := s.stageBehind(ctx, c, credential, r.Session.SecondFactor)
	if err != nil {
		return Opened{}, err
	}
	return s.replace(ctx, c, r, proof{stage: stage, secondFactor: r.Session.SecondFactor, fresh: c.Now()})
}

// withPassword runs do when the password is that of who asks.
func (s *Service) withPassword(ctx context.Context, token iam.Token, password iam.Secret, do func(c iam.Change, r iam.SessionRecord) error) error {
	record, err := s.full(ctx, token)
	if err != nil {
		return err
	}
	if err := hashable(password); err != nil {
		return err
	}
	who := candidate{org: record.Org, account: iam.Account{ID: record.Account, Org: record.Org}}
	if who.credential, err = s.store.Credential(ctx, record.Org, record.Account); err != nil {
		return err
	}
	verified, err := s.verify(ctx, who, password)
	if err != nil {
		return err
	}
	if !verified.ok {
		return s.refuse(ctx, who, "the password is wrong")
	}
	err = s.within(ctx, record, func(c iam.Change) error {
		now, err := c.Tx().Credential(ctx, record.Org, record.Account)
		if err != nil {
			return err
		}
		if now.Password != who.credential.Password {
			return ErrCredentials // changed meanwhile
		}
		return do(c, record)
	})
	if err != nil {
		return err
	}
	return s.store.Forgive(ctx, who.key())
}

// ChooseNewPassword replaces a password that somebody else had chosen (SB-10), and continues the sign-in.
func (s *Service) ChooseNewPassword(ctx context.Context, token iam.Token, next iam.Secret) (Opened, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	if record.Stage != iam.NeedsPasswordReset {
		return Opened{}, ErrSession
	}
	if err := s.refuseSame(ctx, record, next); err != nil {
		return Opened{}, err
	}
	hash, err := s.fitFor(ctx, record.Org, record.Account, next)
	if err != nil {
		return Opened{}, sessionOver(err)
	}
	var opened Opened
	return opened, s.within(ctx, record, func(c iam.Change) (err error) {
		if opened, err = s.renew(ctx, c, record, hash); err != nil {
			return err
		}
		return c.Record(iam.PasswordChanged, iam.Done)
	})
}

// refuseSame refuses the password that somebody else had chosen as the new one.
func (s *Service) refuseSame(ctx context.Context, r iam.SessionRecord, next iam.Secret) error {
	credential, err := s.store.Credential(ctx, r.Org, r.Account)
	if err != nil {
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
		return notOwn(c)
	})
	if err != nil {
		return err
	}
	hash, err := s.fitFor(ctx, account.Org, id, password)
	if err != nil {
		return err
	}
	return actor.Manage(ctx, id, func(c iam.Change) error {
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

// notOwn refuses what is for others: one's own password takes the current one.
func notOwn(c iam.Change) error {
	if c.By() == c.Account().ID {
		return &iam.FieldError{Field: "Account", Problem: "change your own password with the current one"}
	}
	return nil
}

// Unlock forgets the wrong passwords and codes of an account that the actor may manage (SB-34).
func (s *Service) Unlock(ctx context.Context, actor iam.Actor, id policy.AccountID) error {
	err := actor.Manage(ctx, id, func(c iam.Change) error { return c.Record(iam.AccountUnlocked, iam.Done) })
	if err != nil {
		return err
	}
	return s.store.Forgive(ctx, accountKey(id))
}

// sessionOver makes an ErrSession of an account that is not there any more.
func sessionOver(err error) error {
	if errors.Is(err, iam.ErrNotFound) {
		return ErrSession
	}
	return err
}

// peer is where the request came from, as people read it.
func peer(ctx context.Context) string {
	if p := iam.OriginOf(ctx).Peer; p.IsValid() {
		return p.String()
	}
	return ""
}
