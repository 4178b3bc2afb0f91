package signin

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// Key returns who an API key acts for, narrowed to the key's scope: the first call of a program's
// request, and two round trips (E18). Presented is the key as it was shown once, id.secret. A key
// does what its account may do at this moment, and no more (SB-64): it is worth nothing while the account
// is not active (SB-71), whatever becomes of its sessions. See [iam.Service.SubjectOfKey] for what no key does.
//
// Whatever is no key, or one that is worth nothing, is ErrKey; too many of them from one peer are an
// [iam.ThrottledError], and so is a key that is used more often than Config.KeyLimit. A right key is let in
// whatever others at its address have tried.
func (s *Service) Key(ctx context.Context, presented iam.Secret) (iam.Subject, iam.APIKey, error) {
	key, err := s.apiKey(ctx, presented)
	if err != nil {
		return iam.Subject{}, iam.APIKey{}, err
	}
	if err := s.keyMay(ctx, key.ID); err != nil {
		return iam.Subject{}, iam.APIKey{}, err
	}
	sub, err := s.svc.SubjectOfKey(ctx, key)
	switch {
	case errors.Is(err, iam.ErrNotFound), err == nil && sub.Status() != iam.Active: // gone between the two
		return iam.Subject{}, iam.APIKey{}, ErrKey
	case err != nil:
		return iam.Subject{}, iam.APIKey{}, err
	}
	if now := s.svc.Now(); now.Sub(key.Used) >= touchEvery {
		// It writes to a key that is there, or to none: what was deleted meanwhile stays deleted. Used decides nothing, so
		// that a database which cannot write it down lets the key read all the same.
		if err := s.store.TouchAPIKey(ctx, key.ID, now); err != nil && ctx.Err() != nil {
			return iam.Subject{}, iam.APIKey{}, err
		}
	}
	key.Hash = "" // SB-70
	return sub, key, nil
}

// apiKey looks a key up that is worth something.
func (s *Service) apiKey(ctx context.Context, presented iam.Secret) (iam.APIKey, error) {
	id, token := iam.ParseAPIKey(presented)
	if token.IsZero() {
		return iam.APIKey{}, s.refuseKey(ctx, iam.APIKey{}, "")
	}
	record, err := s.store.APIKeyRecord(ctx, id)
	switch {
	case errors.Is(err, iam.ErrNotFound):
		return iam.APIKey{}, s.refuseKey(ctx, iam.APIKey{}, "")
	case err != nil:
		return iam.APIKey{}, err
	case !record.OpenedBy(token):
		return iam.APIKey{}, s.refuseKey(ctx, record.APIKey, "the secret is wrong")
	case record.EndedAt(s.svc.Now()):
		return iam.APIKey{}, s.refuseKey(ctx, record.APIKey, "the key has expired")
	case record.Status != iam.Active:
		return iam.APIKey{}, s.refuseKey(ctx, record.APIKey, "the account is "+string(record.Status))
	}
	return record.APIKey, nil
}

// refuseKey is the answer to every key that is worth nothing. It is counted against the peer, and written
// down in the log of the organisation whose key it is, if it is anybody's. What comes too often is not
// written down any more, so that nobody fills the log.
func (s *Service) refuseKey(ctx context.Context, key iam.APIKey, why string) error {
	ctx, done := lasting(ctx)
	defer done()
	const purpose = "api_key"
	counter := cmp.Or(peerKey(ctx, purpose), purpose) // one for all whose peer the host does not say: no right key waits for it
	if err := throttled(s.store.Attempt(ctx, counter, s.config.PeerLimit, s.svc.Now())); err != nil {
		return err
	}
	if key.ID == "" {
		return ErrKey
	}
	err := s.svc.Attend(ctx, key.Org, key.Account, func(c iam.Change) error {
		return c.RecordAttempt(iam.APIKeyUsed, "", iam.FieldChange{Field: "key", After: string(key.ID)}, iam.FieldChange{Field: "why", After: why})
	})
	if err != nil && !errors.Is(err, iam.ErrNotFound) { // deleted meanwhile
		return errors.Join(ErrKey, err)
	}
	return ErrKey
}

// keyMay counts a use of a key, and refuses those that are too many. Uses are counted in stretches of
// time, by two counters in turn: when one's turn comes again, what it counted last is over.
func (s *Service) keyMay(ctx context.Context, id iam.APIKeyID) error {
	limit := s.config.KeyLimit
	if limit == (iam.Limit{}) {
		return nil
	}
	now := s.svc.Now()
	stretch := now.UnixNano() / int64(limit.Pause)
	counter := "api_key_used/" + string(id) + "/" + strconv.FormatInt(stretch%2, 10)
	until, err := s.store.Attempt(ctx, counter, limit, now)
	if err == nil && !until.IsZero() {
		until = time.Unix(0, (stretch+1)*int64(limit.Pause)).UTC()
	}
	return throttled(until, err)
}
