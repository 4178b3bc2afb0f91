package signin

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
)

// SecondFactor goes on with a sign-in that needs a code of the account's authenticator. A code is
// good once (SB-46). A wrong one counts as a wrong password does, and when there were too many, the
// sign-in ends: who waits must give the password again (SB-31).
func (s *Service) SecondFactor(ctx context.Context, token iam.Token, code string) (Opened, error) {
	return s.secondFactor(ctx, token, func(c iam.Change, credential iam.Credential) (bool, error) {
		return s.useCode(ctx, c, credential, code)
	})
}

// RecoveryCode goes on with a sign-in that needs a second factor which was lost, by one of the
// account's recovery codes. Each is good once, and its use is told by mail (SB-50).
func (s *Service) RecoveryCode(ctx context.Context, token iam.Token, code string) (Opened, error) {
	return s.secondFactor(ctx, token, func(c iam.Change, credential iam.Credential) (bool, error) {
		ok, err := c.Tx().UseRecoveryCode(ctx, c.Account().ID, recoveryHash(c.Account().ID, code))
		if err != nil || !ok {
			return false, err
		}
		left := credential.CodesLeft - 1
		if err := c.Mail(MailRecoveryCodeUsed, iam.MailData{CodesLeft: left}); err != nil {
			return false, err
		}
		return true, c.Record(iam.RecoveryCodeUsed, iam.Done)
	})
}

// secondFactor guards a guess, and continues the session when it was right.
func (s *Service) secondFactor(ctx context.Context, token iam.Token, check func(c iam.Change, credential iam.Credential) (bool, error)) (Opened, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return Opened{}, err
	}
	if record.Stage != iam.NeedsSecondFactor {
		return Opened{}, ErrSession
	}
	var opened Opened
	err = s.guess(ctx, record, func(c iam.Change) (bool, error) {
		credential, err := c.Tx().Credential(ctx, record.Org, record.Account)
		if err != nil {
			return false, err
		}
		if ok, err := check(c, credential); err != nil || !ok {
			return false, err
		}
		stage, err := s.stageBehind(ctx, c, credential, true)
		if err != nil {
			return false, err
		}
		opened, err = s.replace(ctx, c, record, proof{stage: stage, secondFactor: true, fresh: record.Fresh})
		return true, err
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, s.settle(ctx, opened)
}

// guess counts a guess at a code, makes it in a transaction of the session's account, and writes down
// one that was wrong.
func (s *Service) guess(ctx context.Context, r iam.SessionRecord, check func(c iam.Change) (bool, error)) error {
	who := candidate{org: r.Org, account: iam.Account{ID: r.Account, Org: r.Org}}
	if err := s.attempt(ctx, accountKey(r.Account)); err != nil {
		if errors.Is(err, iam.ErrThrottled) && r.Stage != iam.Full {
			err = errors.Join(err, s.endUnfinished(ctx, r))
		}
		return err
	}
	right := false
	err := s.within(ctx, r, func(c iam.Change) (err error) {
		right, err = check(c)
		return err
	})
	if err == nil && !right {
		return s.refuse(ctx, who, "the code is wrong")
	}
	return err
}

// endUnfinished ends a sign-in in which too much was guessed.
func (s *Service) endUnfinished(ctx context.Context, r iam.SessionRecord) error {
	err := s.within(ctx, r, func(c iam.Change) error {
		if _, err := c.Tx().DeleteSession(ctx, r.Account, r.ID); err != nil {
			return err
		}
		return c.Record(iam.SignedIn, iam.Failed, iam.FieldChange{Field: "why", After: "too many wrong codes"})
	})
	if errors.Is(err, ErrSession) {
		return nil
	}
	return err
}

// useCode reports whether a code is the authenticator's, and was not used before.
func (s *Service) useCode(ctx context.Context, c iam.Change, credential iam.Credential, code string) (bool, error) {
	if credential.Secret == "" {
		return false, nil
	}
	secret, err := s.svc.Keys().Open(sealUse(c.Account()), credential.Secret)
	if err != nil {
		return false, err
	}
	step, ok := matchTOTP(iam.NewSecret(secret), code, c.Now())
	if !ok {
		return false, nil
	}
	return c.Tx().UseStep(ctx, c.Account().ID, step)
}
