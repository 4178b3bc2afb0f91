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
// there: the session is fresh from then on, under another token (SB-37). A wrong one counts as in SignIn. It is
// for a session too that was Full until its organisation began to require a second factor.
func (s *Service) Confirm(ctx context.Context, token iam.Token, password iam.Secret) (Opened, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	if record.Stage != iam.Full {
		return Opened{}, &StageError{record.Stage}
	}
	var opened Opened
	err = s.withPassword(ctx, record, password, func(c iam.Change, credential iam.Credential) error {
		stage, err := s.stageBehind(ctx, c, credential, record.SecondFactor)
		if err != nil {
			return err
		}
		opened, err = s.replace(ctx, c, record, proof{stage: stage, secondFactor: record.SecondFactor, fresh: c.Now()})
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
}

// ChangePassword replaces the password of who asks, who must give the current one (SB-05). All other
// sessions end, with every link to reset the password (SB-20); this one goes on under another token.
func (s *Service) ChangePassword(ctx context.Context, token iam.Token, current, next iam.Secret) (Opened, error) {
	record, err := s.full(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	hash, err := s.fitFor(ctx, record.Org, record.Account, next)
	if err != nil {
		return Opened{}, sessionOver(err)
	}
	var opened Opened
	err = s.withPassword(ctx, record, current, func(c iam.Change, _ iam.Credential) (err error) {
		opened, err = s.renew(ctx, c, record, hash)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
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
	stage, err := s.stageBehind(ctx, c, credential, r.SecondFactor)
	if err != nil {
		return Opened{}, err
	}
	opened, err := s.replace(ctx, c, r, proof{stage: stage, secondFactor: r.SecondFactor, fresh: c.Now()})
	if err != nil {
		return Opened{}, err
	}
	return opened, c.Record(iam.PasswordChanged, iam.Done)
}

// withPassword runs do when the password is that of the session's account, with the credential as it stands.
func (s *Service) withPassword(ctx context.Context, r iam.SessionRecord, password iam.Secret, do func(c iam.Change, credential iam.Credential) error) error {
	if err := hashable(password); err != nil {
		return err
	}
	credential, err := s.store.Credential(ctx, r.Org, r.Account)
	if err != nil {
		return err
	}
	who := candidate{org: r.Org, account: iam.Account{ID: r.Account, Org: r.Org}, credential: credential}
	verified, err := s.verify(ctx, who, password)
	if err != nil {
		return err
	}
	if !verified.ok {
		return s.refuse(ctx, who, "the password is wrong")
	}
	return s.within(ctx, r, func(c iam.Change) error {
		now, err := c.Tx().Credential(ctx, r.Org, r.Account)
		if err != nil {
			return err
		}
		if now.Password != credential.Password {
			return ErrCredentials // changed meanwhile
		}
		if err := do(c, now); err != nil {
			return err
		}
		return s.forgive(ctx, c)
	})
}

// ChooseNewPassword replaces a password that somebody else had chosen (SB-10) by another one, and continues the
// sign-in.
func (s *Service) ChooseNewPassword(ctx context.Context, token iam.Token, next iam.Secret) (Opened, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	if record.Stage != iam.NeedsPasswordReset {
		return Opened{}, ErrSession
	}
	hash, err := s.fitFor(ctx, record.Org, record.Account, next)
	if err != nil {
		return Opened{}, sessionOver(err)
	}
	if err := s.refuseSame(ctx, record.Org, record.Account, next); err != nil {
		return Opened{}, err
	}
	var opened Opened
	err = s.within(ctx, record, func(c iam.Change) (err error) {
		opened, err = s.renew(ctx, c, record, hash)
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
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
