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
//
// A use that the database cannot write down, since its disk is full or it may be read only, keeps nobody from
// reading: the session ends Config.Idle behind the last use that was written.
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
		if err := s.store.TouchSession(ctx, token.Hash(), now); err != nil && ctx.Err() != nil {
			return iam.Subject{}, iam.Session{}, err
		}
	}
	return sub, shown(record.Session), nil
}

// shown is a session without what is for the store alone: what a host writes into a page must not tell
// what is stored of a token, nor what a subject may do (SB-70).
func shown(session iam.Session) iam.Session {
	session.Hash, session.Pinned = "", ""
	return session
}

func allShown(sessions []iam.Session) []iam.Session {
	for i := range sessions {
		sessions[i] = shown(sessions[i])
	}
	return sessions
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

// Fresh returns nil for a Full session whose password was given a while ago at most, and ErrStale when it must be given
// again ([Service.Confirm]): for what a host lets only somebody do who is certainly there (SB-05).
func (s *Service) Fresh(ctx context.Context, token iam.Token) error {
	_, err := s.fresh(ctx, token)
	return err
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
		switch there, err := c.Tx().HasSession(ctx, r.Account, r.ID); {
		case err != nil:
			return err
		case !there:
			return ErrSession
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
	sessions, err := s.store.Sessions(ctx, record.Org, record.Account, s.svc.Now())
	return allShown(sessions), err
}

// EndSession ends one session of who asks, who has given the password a while ago at most (SB-42). One
// that is not there, or not theirs, is iam.ErrNotFound.
func (s *Service) EndSession(ctx context.Context, token iam.Token, id iam.SessionID) error {
	ended, err := s.endOwn(ctx, token, func(c iam.Change, r iam.SessionRecord) (int, error) {
		there, err := c.Tx().DeleteSession(ctx, r.Account, id)
		if err != nil || !there {
			return 0, err
		}
		return 1, nil
	})
	if err == nil && ended == 0 {
		return iam.ErrNotFound
	}
	return err
}

// EndOtherSessions ends all sessions of who asks but this one, and counts them. It asks for the password as
// EndSession does.
func (s *Service) EndOtherSessions(ctx context.Context, token iam.Token) (ended int, err error) {
	return s.endOwn(ctx, token, func(c iam.Change, r iam.SessionRecord) (int, error) {
		return c.Tx().DeleteSessions(ctx, r.Account, r.ID)
	})
}

func (s *Service) endOwn(ctx context.Context, token iam.Token, end func(c iam.Change, r iam.SessionRecord) (int, error)) (int, error) {
	record, err := s.fresh(ctx, token)
	if err != nil {
		return 0, err
	}
	ended := 0
	err = s.within(ctx, record, func(c iam.Change) (err error) {
		if ended, err = end(c, record); err != nil {
			return err
		}
		return recordEnded(c, ended)
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

// recordEnded writes down how many sessions have ended, if any.
func recordEnded(c iam.Change, n int) error {
	if n == 0 {
		return nil
	}
	return c.Record(iam.SessionsEnded, iam.Done, iam.FieldChange{Field: "sessions", Before: strconv.Itoa(n)})
}

// SessionsOf returns the sessions of an account that the actor may manage, the newest first.
func (s *Service) SessionsOf(ctx context.Context, actor iam.Actor, id policy.AccountID) ([]iam.Session, error) {
	var sessions []iam.Session
	err := actor.Manage(ctx, id, func(c iam.Change) (err error) {
		sessions, err = c.Tx().Sessions(ctx, c.Account().Org, id, c.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return allShown(sessions), nil
}

// EndSessions ends all sessions of an account that the actor may manage, at once and everywhere
// (SB-42), and counts them.
func (s *Service) EndSessions(ctx context.Context, actor iam.Actor, id policy.AccountID) (int, error) {
	ended := 0
	err := actor.Manage(ctx, id, func(c iam.Change) (err error) {
		if ended, err = c.Tx().DeleteSessions(ctx, id, ""); err != nil {
			return err
		}
		return recordEnded(c, ended)
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}
