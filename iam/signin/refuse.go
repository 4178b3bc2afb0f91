package signin

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/policy"
)

// bookkeeping is how long the database may take to count and write down a guess.
const bookkeeping = 10 * time.Second

// lasting is a context for what is done whether or not the client waits for it: else who hangs up while
// the password is hashed would lock accounts without being counted, or seen in the log.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), bookkeeping)
}

// refuse is the answer to everything that is wrong. What is refused because it was tried too often
// is not written down any more, so that nobody fills the log: the guesses before are in it.
func (s *Service) refuse(ctx context.Context, who candidate, why string) error {
	ctx, done := lasting(ctx)
	defer done()
	until, err := s.store.Blocked(ctx, who.key(), s.config.AccountLimit, s.svc.Now())
	return errors.Join(ErrCredentials, err, s.wrong(ctx), s.fail(ctx, who, why, until))
}

// fail writes down that somebody could not sign in, and tells the account when it was the last guess
// until a time (SB-54). For nobody it does as much: an account is not told by the time that it takes (SB-25).
func (s *Service) fail(ctx context.Context, who candidate, why string, until time.Time) error {
	err := s.svc.Attend(ctx, cmp.Or(who.org, nobody), who.account.ID, func(c iam.Change) error {
		if who.account.ID == "" {
			if err := readNobody(ctx, c.Tx(), who.org); err != nil {
				return err
			}
		}
		if err := s.tellLocked(ctx, c, who, until); err != nil {
			return err
		}
		return c.RecordAttempt(iam.SignedIn, cmp.Or(who.email, c.Account().Email), iam.FieldChange{Field: "why", After: why})
	})
	switch {
	case !errors.Is(err, iam.ErrNotFound):
		return err
	case who.account.ID != "": // deleted meanwhile: the organisation may be there
		who.account = iam.Account{}
		return s.fail(ctx, who, why, until)
	default:
		return s.failNowhere(ctx, who, until)
	}
}

// failNowhere is fail where there is no log to write to: give or take one, it asks the database as often, and
// leaves nothing behind.
func (s *Service) failNowhere(ctx context.Context, who candidate, until time.Time) error {
	if err := readNobody(ctx, s.store, nobody); err != nil {
		return err
	}
	if _, err := absent(s.store.LogHead(ctx, nobody)); err != nil {
		return err
	}
	if !until.IsZero() { // as tellLocked
		if _, err := s.store.Sessions(ctx, nobody, nobody, until); err != nil {
			return err
		}
		for range 2 {
			if _, err := s.store.CountMails(ctx, nobody, MailLocked, "", nobody, until); err != nil {
				return err
			}
		}
	}
	key := nobody + "/" + who.key()
	if _, err := s.store.Attempt(ctx, key, s.config.AccountLimit, s.svc.Now()); err != nil {
		return err
	}
	return s.store.Forgive(ctx, key)
}

// readNobody reads what Attend reads of an account.
func readNobody(ctx context.Context, from iam.Reader, org policy.OrgID) error {
	_, err := absent(from.Account(ctx, org, nobody))
	return err
}

// absent makes no error of what is not there.
func absent[T any](value T, err error) (T, error) {
	if errors.Is(err, iam.ErrNotFound) {
		return value, nil
	}
	return value, err
}

// tellLocked queues the mail that says that an account is locked until a time, once for each lock: of
// those who guess at once, all may see that it is. The sign-ins that wait for a code end with it. It does
// nothing when the account is not locked.
func (s *Service) tellLocked(ctx context.Context, c iam.Change, who candidate, until time.Time) error {
	if until.IsZero() {
		return nil
	}
	if err := s.endHalves(ctx, c, who); err != nil {
		return err
	}
	since := until.Add(-s.config.AccountLimit.Pause).Truncate(time.Millisecond) // the last guess
	told, err := c.Tx().CountMails(ctx, who.org, MailLocked, "", cmp.Or(who.account.ID, nobody), since)
	if err != nil || told > 0 {
		return err
	}
	if who.account.ID == "" { // as much as for a mail
		_, err = c.Tx().CountMails(ctx, who.org, MailLocked, "", nobody, since)
		return err
	}
	return c.Mail(MailLocked, iam.MailData{Peer: peer(ctx)})
}
