package signin

import (
	"cmp"
	"context"

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
		return s.useRecovery(ctx, c, credential, code)
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
	return opened, nil
}

// guess counts a guess at a code, makes it in a transaction of the session's account, and writes down
// one that was wrong.
func (s *Service) guess(ctx context.Context, r iam.SessionRecord, check func(c iam.Change) (bool, error)) error {
	who := candidate{org: r.Org, account: iam.Account{ID: r.Account, Org: r.Org}}
	if err := s.attempt(ctx, accountKey(r.Account)); err != nil {
		return err
	}
	right := false
	err := s.within(ctx, r, func(c iam.Change) (err error) {
		if right, err = check(c); err != nil || !right {
			return err
		}
		return s.forgive(ctx, c)
	})
	if err == nil && !right {
		return s.refuse(ctx, who, "the code is wrong")
	}
	return err
}

// endHalves ends the sign-ins of an account that wait for a code, when too much was guessed. Those that begin
// behind that end before more may be guessed: see [Service.lifetime].
func (s *Service) endHalves(ctx context.Context, c iam.Change, who candidate) error {
	sessions, err := c.Tx().Sessions(ctx, who.org, cmp.Or(who.account.ID, nobody), c.Now())
	if err != nil {
		return err
	}
	ended := 0
	for _, session := range sessions {
		if session.Stage != iam.NeedsSecondFactor {
			continue
		}
		if _, err := c.Tx().DeleteSession(ctx, session.Account, session.ID); err != nil {
			return err
		}
		ended++
	}
	if ended == 0 {
		return nil
	}
	return recordEnded(c, ended)
}

// matchCode reports whether a code is the authenticator's, and of which time step. It may have been used before.
func (s *Service) matchCode(c iam.Change, credential iam.Credential, code string) (step int64, ok bool, err error) {
	if credential.Secret == "" {
		return 0, false, nil
	}
	secret, err := s.svc.Keys().Open(sealUse(c.Account()), credential.Secret)
	if err != nil {
		return 0, false, err
	}
	step, ok = matchTOTP(iam.NewSecret(secret), code, c.Now())
	return step, ok, nil
}

// useCode reports whether a code is the authenticator's, and was not used before.
func (s *Service) useCode(ctx context.Context, c iam.Change, credential iam.Credential, code string) (bool, error) {
	step, ok, err := s.matchCode(c, credential, code)
	if err != nil || !ok {
		return false, err
	}
	return c.Tx().UseStep(ctx, c.Account().ID, step)
}

// useRecovery reports whether a code is one of the account's recovery codes, and uses it up.
func (s *Service) useRecovery(ctx context.Context, c iam.Change, credential iam.Credential, code string) (bool, error) {
	ok, err := c.Tx().UseRecoveryCode(ctx, c.Account().ID, recoveryHash(c.Account().ID, code))
	if err != nil || !ok {
		return false, err
	}
	if err := c.Mail(MailRecoveryCodeUsed, iam.MailData{CodesLeft: credential.CodesLeft - 1}); err != nil {
		return false, err
	}
	return true, c.Record(iam.RecoveryCodeUsed, iam.Done)
}

// withCode runs do for a fresh session and a code of its account's: of the authenticator, or a recovery code.
func (s *Service) withCode(ctx context.Context, token iam.Token, code string, do func(c iam.Change, r iam.SessionRecord) error) error {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return err
	}
	return s.guess(ctx, record, func(c iam.Change) (bool, error) {
		credential, err := c.Tx().Credential(ctx, record.Org, record.Account)
		if err != nil {
			return false, err
		}
		ok, err := s.useCode(ctx, c, credential, code)
		if err == nil && !ok {
			ok, err = s.useRecovery(ctx, c, credential, code)
		}
		if err != nil || !ok {
			return false, err
		}
		return true, do(c, record)
	})
}
