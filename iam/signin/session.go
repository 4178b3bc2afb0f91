package signin

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// touchEvery is how exact Seen is: a session's use is written at most so often.
const touchEvery = time.Minute

// Session returns who a token belongs to, with everything that decides what they may do: the first
// call of each request, and two round trips. A session that is not Full is a [StageError], and what is
// none an ErrSession. The account's status is that of this moment (SB-38, SB-71).
func (s *Service) Session(ctx context.Context, token iam.Token) (iam.Subject, iam.Session, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return iam.Subject{}, iam.Session{}, err
	}
	if stage := s.stageOf(record); stage != iam.Full {
		return iam.Subject{}, iam.Session{}, &StageError{stage}
	}
	sub, err := s.svc.SubjectOf(ctx, record)
	switch {
	case errors.Is(err, iam.ErrNotFound), err == nil && sub.Status() != iam.Active: // gone between the two
		return iam.Subject{}, iam.Session{}, ErrSession
	case err != nil:
		return iam.Subject{}, iam.Session{}, err
	}
	if now := s.svc.Now(); now.Sub(record.Seen) >= min(touchEvery, record.Idle/4) {
		// It writes to a session that is there, or to none: what was ended meanwhile stays ended (SB-39).
		if err := s.store.TouchSession(ctx, token.Hash(), now); err != nil {
			return iam.Subject{}, iam.Session{}, err
		}
	}
	return sub, record.Session, nil
}

// record looks a session up that holds, of whatever stage.
func (s *Service) record(ctx context.Context, token iam.Token) (iam.SessionRecord, error) {
	if token.IsZero() {
		return iam.SessionRecord{}, ErrSession
	}
	record, err := s.store.Session(ctx, token.Hash())
	if errors.Is(err, iam.ErrNotFound) {
		return iam.SessionRecord{}, ErrSession
	}
	if err != nil {
		return iam.SessionRecord{}, err
	}
	if record.EndedAt(s.svc.Now()) || record.Status != iam.Active {
		return iam.SessionRecord{}, ErrSession
	}
	return record, nil
}

// stageOf is the stage of a session today: the organisation may have begun to require a second factor
// since it was opened (SB-52).
func (s *Service) stageOf(r iam.SessionRecord) iam.Stage {
	required := s.svc.Rules().SecondFactorFor(r.SecondFactorRule) == iam.SecondFactorRequired
	if r.Stage == iam.Full && required && !r.SecondFactor {
		return iam.NeedsEnrollment
	}
	return r.Stage
}

// fresh returns a Full session whose password was given a while ago at most.
func (s *Service) fresh(ctx context.Context, token iam.Token) (iam.SessionRecord, error) {
	record, err := s.full(ctx, token)
	if err == nil && s.svc.Now().Sub(record.Fresh) >= s.config.Fresh {
		return iam.SessionRecord{}, ErrStale
	}
	return record, err
}

// full returns a Full session.
func (s *Service) full(ctx context.Context, token iam.Token) (iam.SessionRecord, error) {
	record, err := s.record(ctx, token)
	if err != nil {
		return iam.SessionRecord{}, err
	}
	if stage := s.stageOf(record); stage != iam.Full {
		return iam.SessionRecord{}, &StageError{stage}
	}
	return record, nil
}

// within runs do in a transaction of the session's account, in which the session holds still.
func (s *Service) within(ctx context.Context, r iam.SessionRecord, do func(c iam.Change) error) error {
	err := s.svc.Attend(ctx, r.Org, r.Account, func(c iam.Change) error {
		if c.Account().Status != iam.Active {
			return ErrSession
		}
		if there, err := c.Tx().HasSession(ctx, r.Account, r.ID); err != nil || !there {
			return errors.Join(err, ErrSession)
		}
		return do(c)
	})
	if errors.Is(err, iam.ErrNotFound) {
		return ErrSession
	}
	return err
}

// replace ends a session, and opens the one that follows it, with another token (SB-37).
func (s *Service) replace(ctx context.Context, c iam.Change, r iam.SessionRecord, p proof) (Opened, error) {
	if _, err := c.Tx().DeleteSession(ctx, r.Account, r.ID); err != nil {
		return Opened{}, err
	}
	if r.Stage == iam.Full {
		p.created = r.Created
	}
	return s.insert(ctx, c, p)
}

// SignOut ends the token's session, of whatever stage. A token that opens none is no error.
func (s *Service) SignOut(ctx context.Context, token iam.Token) error {
	record, err := s.record(ctx, token)
	if errors.Is(err, ErrSession) {
		return nil
	}
	if err != nil {
		return err
	}
	err = s.within(ctx, record, func(c iam.Change) error {
		if _, err := c.Tx().DeleteSession(ctx, record.Account, record.ID); err != nil {
			return err
		}
		return c.Record(iam.SignedOut, iam.Done, iam.FieldChange{Field: "session", Before: string(record.ID)})
	})
	if errors.Is(err, ErrSession) {
		return nil
	}
	return err
}

// Sessions returns the sessions of who asks, the newest first.
func (s *Service) Sessions(ctx context.Context, token iam.Token) ([]iam.Session, error) {
	record, err := s.full(ctx, token)
	if err != nil {
		return nil, err
	}
	return s.store.Sessions(ctx, record.Org, record.Account, s.svc.Now())
}

// EndSession ends another session of who asks, who has given the password a while ago at most (SB-42).
// One that is not there, or not theirs, is iam.ErrNotFound.
func (s *Service) EndSession(ctx context.Context, token iam.Token, id iam.SessionID) error {
	return s.ends(ctx, token, func(c iam.Change, r iam.SessionRecord) (int, error) {
		ended, err := c.Tx().DeleteSession(ctx, r.Account, id)
		if err == nil && !ended {
			return 0, iam.ErrNotFound
		}
		return 1, err
	})
}

// EndOtherSessions ends all sessions of who asks but this one, and counts them.
func (s *Service) EndOtherSessions(ctx context.Context, token iam.Token) (ended int, err error) {
	err = s.ends(ctx, token, func(c iam.Change, r iam.SessionRecord) (int, error) {
		ended, err = c.Tx().DeleteSessions(ctx, r.Account, r.ID)
		return ended, err
	})
	return ended, err
}

func (s *Service) ends(ctx context.Context, token iam.Token, end func(c iam.Change, r iam.SessionRecord) (int, error)) error {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return err
	}
	missing := false
	err = s.within(ctx, record, func(c iam.Change) error {
		n, err := end(c, record)
		missing = errors.Is(err, iam.ErrNotFound)
		if err != nil || n == 0 {
			return err
		}
		return recordEnded(c, n)
	})
	if missing {
		return iam.ErrNotFound
	}
	return err
}

func recordEnded(c iam.Change, n int) error {
	return c.Record(iam.SessionsEnded, iam.Done, iam.FieldChange{Field: "sessions", Before: strconv.Itoa(n)})
}

// SessionsOf returns the sessions of an account that the actor may manage, the newest first.
func (s *Service) SessionsOf(ctx context.Context, actor iam.Actor, id policy.AccountID) (sessions []iam.Session, err error) {
	err = actor.Manage(ctx, id, func(c iam.Change) error {
		sessions, err = c.Tx().Sessions(ctx, c.Account().Org, id, c.Now())
		return err
	})
	return sessions, err
}

// EndSessions ends all sessions of an account that the actor may manage, at once and everywhere
// (SB-42), and counts them.
func (s *Service) EndSessions(ctx context.Context, actor iam.Actor, id policy.AccountID) (ended int, err error) {
	err = actor.Manage(ctx, id, func(c iam.Change) error {
		if ended, err = c.Tx().DeleteSessions(ctx, id, ""); err != nil || ended == 0 {
			return err
		}
		return recordEnded(c, ended)
	})
	return ended, err
}
