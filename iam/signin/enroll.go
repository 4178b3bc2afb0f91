package signin

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
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
// (SB-49). Asked again, it makes another, and the one before is worth nothing. The password must have been
// given a while ago at most. Without Config.Keys of the iam service it is iam.ErrKeys, and where the Rules
// have no second factor, iam.ErrInvalid; so it is for who has one: see [Service.ReplaceSecondFactor].
func (s *Service) Enroll(ctx context.Context, token iam.Token) (Enrollment, error) {
	record, err := s.enrolling(ctx, token)
	if err != nil {
		return Enrollment{}, err
	}
	var made Enrollment
	err = s.within(ctx, record, func(c iam.Change) error {
		credential, err := s.enrollable(ctx, c)
		if err != nil {
			return err
		}
		if credential.Secret != "" {
			return &iam.FieldError{Field: "SecondFactor", Problem: "there is one already: replace it", Reason: iam.ErrExists}
		}
		made, err = s.offer(ctx, c, credential)
		return err
	})
	if err != nil {
		return Enrollment{}, err
	}
	return made, nil
}

// ReplaceSecondFactor is Enroll for who has a second factor, against one of its codes or a recovery code. The
// old one counts until ConfirmEnrollment takes the first code of the new one: there is no moment without.
func (s *Service) ReplaceSecondFactor(ctx context.Context, token iam.Token, code string) (Enrollment, error) {
	var made Enrollment
	err := s.withCode(ctx, token, code, func(c iam.Change, _ iam.SessionRecord) error {
		credential, err := s.enrollable(ctx, c)
		if err != nil {
			return err
		}
		made, err = s.offer(ctx, c, credential)
		return err
	})
	if err != nil {
		return Enrollment{}, err
	}
	return made, nil
}

// offer makes a secret that counts when it is confirmed.
func (s *Service) offer(ctx context.Context, c iam.Change, credential iam.Credential) (Enrollment, error) {
	org, err := c.Tx().Organization(ctx, c.Account().Org)
	if err != nil {
		return Enrollment{}, err
	}
	made, err := newEnrollment(s.svc.Rand(), s.issuer(org), string(c.Account().Email))
	if err != nil {
		return Enrollment{}, err
	}
	credential.Enrolling, err = s.svc.Keys().Seal(s.svc.Rand(), sealUse(c.Account()), made.Secret.Reveal())
	if err != nil {
		return Enrollment{}, err
	}
	return made, c.Tx().PutCredential(ctx, credential)
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

// enrollable returns the credential of an account, where the Rules have a second factor.
func (s *Service) enrollable(ctx context.Context, c iam.Change) (iam.Credential, error) {
	if s.svc.Rules().SecondFactor == iam.SecondFactorUnavailable {
		return iam.Credential{}, &iam.FieldError{Field: "SecondFactor", Problem: "there is none in this system"}
	}
	return c.Tx().Credential(ctx, c.Account().Org, c.Account().ID)
}

// Enrolled is a second factor that counts from now on.
type Enrolled struct {
	Opened
	// Codes are for the day on which the authenticator is lost. They are shown once.
	Codes []iam.Secret
}

// ConfirmEnrollment takes the first code of an authenticator: the second factor counts from then on, in place
// of the one before if there was one. All other sessions end, and this one goes on under another token.
func (s *Service) ConfirmEnrollment(ctx context.Context, token iam.Token, code string) (Enrolled, error) {
	record, err := s.enrolling(ctx, token)
	if err != nil {
		return Enrolled{}, err
	}
	var done Enrolled
	err = s.guess(ctx, record, func(c iam.Change) (bool, error) {
		credential, err := s.enrollable(ctx, c)
		if err != nil || credential.Enrolling == "" {
			return false, err
		}
		credential.Secret, credential.Enrolling = credential.Enrolling, ""
		step, ok, err := s.matchCode(c, credential, code)
		if err != nil || !ok {
			return false, err
		}
		// Not refused when the step was used: that was a code of the secret before. This one is good once as well,
		// since there is nothing to confirm any more.
		if _, err := c.Tx().UseStep(ctx, c.Account().ID, step); err != nil {
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
	return done, nil
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

// NewRecoveryCodes replaces the recovery codes of who asks, against a code of the authenticator or one of
// those that it replaces.
func (s *Service) NewRecoveryCodes(ctx context.Context, token iam.Token, code string) ([]iam.Secret, error) {
	var codes []iam.Secret
	err := s.withCode(ctx, token, code, func(c iam.Change, _ iam.SessionRecord) (err error) {
		if codes, err = s.putCodes(ctx, c); err != nil {
			return err
		}
		if err := c.Mail(MailRecoveryCodesNew, iam.MailData{}); err != nil {
			return err
		}
		return c.Record(iam.RecoveryCodesMade, iam.Done)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// HasSecondFactor reports whether the account of a Full session has a second factor, and how many
// recovery codes are left.
func (s *Service) HasSecondFactor(ctx context.Context, token iam.Token) (has bool, codesLeft int, err error) {
	record, err := s.full(ctx, token)
	if err != nil {
		return false, 0, err
	}
	credential, err := s.store.Credential(ctx, record.Org, record.Account)
	return credential.Secret != "", credential.CodesLeft, err
}
