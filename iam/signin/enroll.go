package signin

import (
	"context"
	"errors"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// The templates of the mails that this package queues. Package iam/outbox has their texts.
const (
	MailPasswordChanged   = "password_changed"
	MailSecondFactorOn    = "second_factor_on"
	MailSecondFactorOff   = "second_factor_off"
	MailSecondFactorReset = "second_factor_reset"
	MailRecoveryCodeUsed  = "recovery_code_used"
	MailRecoveryCodesNew  = "recovery_codes_new"
	MailLocked            = "new_sign_in_locked"
)

// Enroll makes a secret for an authenticator, which is shown once, and counts from ConfirmEnrollment on
// (SB-49). Asked again, it makes another. The password must have been given a while ago at most, and a
// second factor that is there must be removed first. Without Config.Keys of the iam service it is
// iam.ErrKeys, and where the Rules have no second factor, iam.ErrInvalid.
func (s *Service) Enroll(ctx context.Context, token iam.Token) (Enrollment, error) {
	record, err := s.enrolling(ctx, token)
	if err != nil {
		return Enrollment{}, err
	}
	var made Enrollment
	err = s.within(ctx, record, func(c iam.Change) error {
		credential, err := s.unenrolled(ctx, c)
		if err != nil {
			return err
		}
		org, err := c.Tx().Organization(ctx, record.Org)
		if err != nil {
			return err
		}
		if made, err = newEnrollment(s.svc.Rand(), s.issuer(org), string(c.Account().Email)); err != nil {
			return err
		}
		credential.Enrolling, err = s.svc.Keys().Seal(s.svc.Rand(), sealUse(c.Account()), made.Secret.Reveal())
		if err != nil {
			return err
		}
		return c.Tx().PutCredential(ctx, credential)
	})
	if err != nil {
		return Enrollment{}, err
	}
	return made, nil
}

// enrolling returns a session that may enroll: a fresh one, or one that waits for it.
func (s *Service) enrolling(ctx context.Context, token iam.Token) (iam.SessionRecord, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return iam.SessionRecord{}, err
	}
	switch s.stageOf(record) {
	case iam.Full, iam.NeedsEnrollment:
		if s.svc.Now().Sub(record.Fresh) >= s.config.Fresh {
			return iam.SessionRecord{}, ErrStale
		}
		return record, nil
	default:
		return iam.SessionRecord{}, ErrSession
	}
}

// unenrolled returns the credential of an account that may enroll.
func (s *Service) unenrolled(ctx context.Context, c iam.Change) (iam.Credential, error) {
	credential, err := c.Tx().Credential(ctx, c.Account().Org, c.Account().ID)
	switch {
	case err != nil:
		return iam.Credential{}, err
	case s.svc.Rules().SecondFactor == iam.SecondFactorUnavailable:
		return iam.Credential{}, &iam.FieldError{Field: "SecondFactor", Problem: "there is none in this system"}
	case credential.Secret != "":
		return iam.Credential{}, &iam.FieldError{Field: "SecondFactor", Problem: "there is one already: remove it first", Reason: iam.ErrExists}
	}
	return credential, nil
}

// Enrolled is a second factor that counts from now on.
type Enrolled struct {
	Opened
	// Codes are for the day on which the authenticator is lost. They are shown once.
	Codes []iam.Secret
}

// ConfirmEnrollment takes the first code of an authenticator: the second factor counts from then on. All
// other sessions end, and this one goes on under another token.
func (s *Service) ConfirmEnrollment(ctx context.Context, token iam.Token, code string) (Enrolled, error) {
	record, err := s.enrolling(ctx, token)
	if err != nil {
		return Enrolled{}, err
	}
	var done Enrolled
	err = s.guess(ctx, record, func(c iam.Change) (bool, error) {
		credential, err := s.unenrolled(ctx, c)
		if err != nil || credential.Enrolling == "" {
			return false, err
		}
		credential.Secret, credential.Enrolling = credential.Enrolling, ""
		if ok, err := s.useCode(ctx, c, credential, code); err != nil || !ok {
			return false, err
		}
		if err := c.Tx().PutCredential(ctx, credential); err != nil {
			return false, err
		}
		if done.Codes, err = s.putCodes(ctx, c); err != nil {
			return false, err
		}
		if err := s.endOthers(ctx, c, record.ID); err != nil {
			return false, err
		}
		stage, err := s.stageBehind(ctx, c, credential, true)
		if err != nil {
			return false, err
		}
		if done.Opened, err = s.replace(ctx, c, record, proof{stage: stage, secondFactor: true, fresh: record.Fresh}); err != nil {
			return false, err
		}
		if err := c.Mail(MailSecondFactorOn, iam.MailData{}); err != nil {
			return false, err
		}
		return true, c.Record(iam.SecondFactorOn, iam.Done)
	})
	if err != nil {
		return Enrolled{}, err
	}
	return done, s.settle(ctx, done.Opened)
}

// putCodes makes a new set of recovery codes; the old set is worth nothing.
func (s *Service) putCodes(ctx context.Context, c iam.Change) ([]iam.Secret, error) {
	codes, hashes, err := recoveryCodes(s.svc.Rand(), c.Account().ID)
	if err != nil {
		return nil, err
	}
	return codes, c.Tx().PutRecoveryCodes(ctx, c.Account().ID, hashes...)
}

// endOthers ends all sessions of the account but one, and every link that would let somebody in
// (SB-20, SB-38).
func (s *Service) endOthers(ctx context.Context, c iam.Change, but iam.SessionID) error {
	id := c.Account().ID
	if err := c.Tx().DropTokens(ctx, id, iam.ForReset); err != nil {
		return err
	}
	if err := c.Tx().DropMails(ctx, id, c.Now(), iam.MailReset); err != nil {
		return err
	}
	n, err := c.Tx().DeleteSessions(ctx, id, but)
	if err != nil || n == 0 {
		return err
	}
	return recordEnded(c, n)
}

// NewRecoveryCodes replaces the recovery codes of who asks, against a code of the authenticator.
func (s *Service) NewRecoveryCodes(ctx context.Context, token iam.Token, code string) ([]iam.Secret, error) {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return nil, err
	}
	var codes []iam.Secret
	err = s.guess(ctx, record, func(c iam.Change) (bool, error) {
		ok, err := s.ownCode(ctx, c, code)
		if err != nil || !ok {
			return false, err
		}
		if codes, err = s.putCodes(ctx, c); err != nil {
			return false, err
		}
		if err := c.Mail(MailRecoveryCodesNew, iam.MailData{}); err != nil {
			return false, err
		}
		return true, c.Record(iam.RecoveryCodesMade, iam.Done)
	})
	if err != nil {
		return nil, err
	}
	return codes, s.store.Forgive(ctx, accountKey(record.Account))
}

// ownCode reports whether a code is one of the account's authenticator.
func (s *Service) ownCode(ctx context.Context, c iam.Change, code string) (bool, error) {
	credential, err := c.Tx().Credential(ctx, c.Account().Org, c.Account().ID)
	if err != nil {
		return false, err
	}
	return s.useCode(ctx, c, credential, code)
}

// RemoveSecondFactor takes the second factor of who asks away, against one of its codes (SB-51), and ends
// the other sessions. Where it is required it stays, as where only root may remove one.
func (s *Service) RemoveSecondFactor(ctx context.Context, token iam.Token, code string) error {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return err
	}
	rules := s.svc.Rules()
	switch {
	case rules.SecondFactorFor(record.SecondFactorRule) == iam.SecondFactorRequired:
		return &iam.FieldError{Field: "SecondFactor", Problem: "the organisation requires it"}
	case rules.SecondFactorRemoval == iam.ByRootOnly && !record.Root:
		return &iam.ForbiddenError{Decision: policy.Decision{Subject: record.Account, Reason: policy.NoGrant}, Detail: "only root removes a second factor"}
	}
	err = s.guess(ctx, record, func(c iam.Change) (bool, error) {
		ok, err := s.ownCode(ctx, c, code)
		if err != nil || !ok {
			return false, err
		}
		if err := s.endOthers(ctx, c, record.ID); err != nil {
			return false, err
		}
		return true, s.dropSecondFactor(ctx, c, MailSecondFactorOff, iam.SecondFactorOff)
	})
	if err != nil {
		return err
	}
	return s.store.Forgive(ctx, accountKey(record.Account))
}

// dropSecondFactor takes everything away that belongs to a second factor.
func (s *Service) dropSecondFactor(ctx context.Context, c iam.Change, template string, what iam.EventType) error {
	credential, err := c.Tx().Credential(ctx, c.Account().Org, c.Account().ID)
	if err != nil {
		return err
	}
	if credential.Secret == "" && credential.Enrolling == "" {
		return nil
	}
	credential.Secret, credential.Enrolling = "", ""
	if err := c.Tx().PutCredential(ctx, credential); err != nil {
		return err
	}
	if err := c.Tx().PutRecoveryCodes(ctx, c.Account().ID); err != nil {
		return err
	}
	if err := c.Mail(template, iam.MailData{}); err != nil {
		return err
	}
	return c.Record(what, iam.Done)
}

// ResetSecondFactor takes the second factor of an account away that the actor may manage: by root
// alone, where the Rules say so (SB-51). All sessions of the account end, and it is told.
func (s *Service) ResetSecondFactor(ctx context.Context, actor iam.Actor, id policy.AccountID) error {
	return actor.Manage(ctx, id, func(c iam.Change) error {
		if s.svc.Rules().SecondFactorRemoval == iam.ByRootOnly && !c.ByRoot() {
			return &iam.ForbiddenError{Decision: policy.Decision{Subject: c.By(), Reason: policy.NoGrant}, Detail: "only root removes a second factor"}
		}
		if err := s.endOthers(ctx, c, ""); err != nil {
			return err
		}
		return s.dropSecondFactor(ctx, c, MailSecondFactorReset, iam.SecondFactorReset)
	})
}

// HasSecondFactor reports whether the account of a Full session has a second factor, and how many
// recovery codes are left.
func (s *Service) HasSecondFactor(ctx context.Context, token iam.Token) (has bool, codesLeft int, err error) {
	record, err := s.full(ctx, token)
	if err != nil {
		return false, 0, err
	}
	credential, err := s.store.Credential(ctx, record.Org, record.Account)
	if err != nil && !errors.Is(err, iam.ErrNotFound) {
		return false, 0, err
	}
	return credential.Secret != "", credential.CodesLeft, nil
}
