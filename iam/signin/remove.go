package signin

import (
	"context"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// RemoveSecondFactor takes the second factor of who asks away, against one of its codes or a recovery code
// (SB-51). The other sessions end, and this one goes on under another token. Where it is required it stays, as
// where only root may remove one: it can be replaced.
func (s *Service) RemoveSecondFactor(ctx context.Context, token iam.Token, code string) (Opened, error) {
	if err := s.mayRemove(ctx, token); err != nil {
		return Opened{}, err
	}
	var opened Opened
	err := s.withCode(ctx, token, code, func(c iam.Change, r iam.SessionRecord) error {
		if err := s.dropSecondFactor(ctx, c, MailSecondFactorOff, iam.SecondFactorOff); err != nil {
			return err
		}
		if err := s.endOthers(ctx, c, r.ID); err != nil {
			return err
		}
		// The session has given no second factor any more: what requires one later asks it for one (SB-52).
		stage, err := s.stageBehind(ctx, c, iam.Credential{}, false)
		switch {
		case err != nil:
			return err
		case stage != iam.Full: // it is required since a moment ago
			return requiredSecondFactor()
		}
		opened, err = s.replace(ctx, c, r, proof{stage: stage, fresh: r.Fresh})
		return err
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
}

// mayRemove refuses who may not take their own second factor away. The refusal is an actor's, with its event.
func (s *Service) mayRemove(ctx context.Context, token iam.Token) error {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return err
	}
	rules := s.svc.Rules()
	switch {
	case rules.SecondFactorFor(record.SecondFactorRule) == iam.SecondFactorRequired:
		return requiredSecondFactor()
	case rules.SecondFactorRemoval != iam.ByRootOnly || record.Root:
		return nil
	}
	sub, err := s.svc.SubjectOf(ctx, record)
	if err != nil {
		return sessionOver(err)
	}
	return s.svc.As(sub).Own(ctx, notRoot)
}

func requiredSecondFactor() error {
	return &iam.FieldError{Field: "SecondFactor", Problem: "the organisation requires it"}
}

// notRoot refuses what root alone does.
func notRoot(c iam.Change) error {
	return &iam.ForbiddenError{Decision: policy.Decision{Subject: c.By(), Reason: policy.NoGrant}, Detail: "only root removes a second factor"}
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

// ResetSecondFactor takes the second factor of another account away that the actor may manage: by root
// alone, where the Rules say so (SB-51). All sessions of the account end, and it is told.
func (s *Service) ResetSecondFactor(ctx context.Context, actor iam.Actor, id policy.AccountID) error {
	return actor.Manage(ctx, id, func(c iam.Change) error {
		if err := notOwn(c, "remove your own second factor with one of its codes"); err != nil {
			return err
		}
		if s.svc.Rules().SecondFactorRemoval == iam.ByRootOnly && !c.ByRoot() {
			return notRoot(c)
		}
		if err := s.endOthers(ctx, c, ""); err != nil {
			return err
		}
		return s.dropSecondFactor(ctx, c, MailSecondFactorReset, iam.SecondFactorReset)
	})
}
