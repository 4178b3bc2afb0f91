package signin

import (
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// open opens a session for who has given the right password, and stores its new hash unless that is "".
// Inside the transaction it is asked again whether that was so: the password may have been changed, or the account
// disabled, meanwhile.
func (s *Service) open(ctx context.Context, who candidate, rehashed string) (Opened, error) {
	var opened Opened
	err := s.svc.Attend(ctx, who.org, who.account.ID, func(c iam.Change) error {
		credential, err := c.Tx().Credential(ctx, who.org, who.account.ID)
		if err != nil {
			return err
		}
		if credential.Password != who.credential.Password || c.Account().Status != iam.Active {
			return ErrCredentials
		}
		if rehashed != "" {
			credential.Password = rehashed
			if err := c.Tx().PutCredential(ctx, credential); err != nil {
				return err
			}
		}
		stage, err := s.stageBefore(ctx, c, credential)
		if err != nil {
			return err
		}
		if opened, err = s.insert(ctx, c, proof{stage: stage, fresh: c.Now()}); err != nil || stage == iam.NeedsSecondFactor {
			return err
		}
		return s.forgive(ctx, c)
	})
	switch {
	case errors.Is(err, iam.ErrNotFound): // deleted meanwhile
		return Opened{}, ErrCredentials
	case err != nil:
		return Opened{}, err
	}
	return opened, nil
}

// forgive forgets the wrong guesses at an account, once everything was right that had to be (SB-31).
func (s *Service) forgive(ctx context.Context, c iam.Change) error {
	return c.Tx().ForgiveAttempts(ctx, accountKey(c.Account().ID))
}

// stageBefore is what must come before a session is Full, for who has given the password.
func (s *Service) stageBefore(ctx context.Context, c iam.Change, credential iam.Credential) (iam.Stage, error) {
	if credential.Secret != "" {
		return iam.NeedsSecondFactor, nil
	}
	return s.stageBehind(ctx, c, credential, false)
}

// stageBehind is what must come before a session is Full, for who has given a code where there is one.
func (s *Service) stageBehind(ctx context.Context, c iam.Change, credential iam.Credential, secondFactor bool) (iam.Stage, error) {
	org, err := c.Tx().Organization(ctx, c.Account().Org)
	switch {
	case err != nil:
		return "", err
	case credential.MustChange:
		return iam.NeedsPasswordReset, nil
	case !secondFactor && s.svc.Rules().SecondFactorFor(org.SecondFactor) == iam.SecondFactorRequired:
		return iam.NeedsEnrollment, nil
	}
	return iam.Full, nil
}

// proof is what somebody has proven who gets a session.
type proof struct {
	stage        iam.Stage
	secondFactor bool
	fresh        time.Time // when the password was given
	created      time.Time // of the session that this one continues; zero for a new one
}

// insert stores a new session with a new token (SB-37), and its event when it is Full.
func (s *Service) insert(ctx context.Context, c iam.Change, p proof) (Opened, error) {
	token, err := iam.NewToken(s.svc.Rand())
	if err != nil {
		return Opened{}, err
	}
	id, err := c.NewID()
	if err != nil {
		return Opened{}, err
	}
	account, origin := c.Account(), iam.OriginOf(ctx)
	session := iam.Session{
		ID: iam.SessionID(id), Org: account.Org, Account: account.ID, Hash: token.Hash(), Stage: p.stage, SecondFactor: p.secondFactor,
		Created: c.Now(), Seen: c.Now(), Fresh: p.fresh, Idle: s.config.Idle, Expires: c.Now().Add(s.config.Lifetime), Agent: origin.Agent,
	}
	if origin.Peer.IsValid() {
		session.Peer = origin.Peer.String()
	}
	if !p.created.IsZero() { // what continues a session does not prolong it
		session.Created, session.Expires = p.created, p.created.Add(s.config.Lifetime)
	}
	if p.stage != iam.Full {
		session.Expires = c.Now().Add(s.lifetime(p.stage))
	}
	// Who proves anew who they are has signed in anew: what is pinned is what they may do now (L10).
	if session.Pinned, err = s.svc.Pin(ctx, c.Tx(), account.ID); err != nil {
		return Opened{}, err
	}
	if err := c.Tx().InsertSession(ctx, session); err != nil {
		return Opened{}, err
	}
	if p.stage == iam.Full && p.created.IsZero() {
		err = c.Record(iam.SignedIn, iam.Done, iam.FieldChange{Field: "session", After: id})
	}
	return Opened{Token: token, Session: shown(session), Account: account}, err
}

// lifetime is how long a session lasts that is not Full. One that waits for a code never outlasts a lock, however
// short: who waits until more may be guessed must give the password again (SB-31).
func (s *Service) lifetime(stage iam.Stage) time.Duration {
	if stage == iam.NeedsSecondFactor {
		return min(s.config.StageLifetime, s.config.AccountLimit.Pause)
	}
	return s.config.StageLifetime
}
