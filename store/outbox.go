package store

import (
	"context"
	"time"

	"github.com/castellan-iam/castellan/iam"
	"github.com/castellan-iam/castellan/store/internal/dberr"
)

// RequestMail is described at [iam.Outbox]. It is one plain insert, whomever the mail concerns.
func (s *Store) RequestMail(ctx context.Context, m iam.Mail) error {
	row, err := newMailRow(m)
	if err != nil {
		return err
	}
	return s.apart(ctx, func(r *reader) error {
		err := r.session(ctx).Create(&row).Error
		if dberr.Classify(err) == dberr.Duplicate {
			return iam.ErrExists
		}
		if err != nil {
			return r.failed(ctx, "request a mail", err)
		}
		return nil
	})
}

// LeaseMails is described at [iam.Outbox].
func (s *Store) LeaseMails(ctx context.Context, lease string, now, until time.Time, limit int) ([]iam.Mail, error) {
	var c checks
	if c.id("Lease", lease); c.err != nil || limit < 1 {
		return nil, c.err
	}
	var taken []iam.MailID // outside of what is run again: what was taken before a passing failure is ours
	var mails []iam.Mail
	err := s.apart(ctx, func(r *reader) (err error) {
		if taken, err = r.leaseMails(ctx, taken, lease, now, until, limit); err != nil || len(taken) == 0 {
			return err
		}
		var rows []mailRow
		err = r.session(ctx).Where("id IN ? AND lease = ?", taken, lease).Order("next, id").Find(&rows).Error
		if err == nil {
			mails, err = mailsOf(rows)
		}
		if err != nil {
			return r.failed(ctx, "read leased mails", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return mails, nil
}

const (
	dueMails = "SELECT id FROM iam_mails WHERE ended = ? AND next <= ? AND leased_until <= ? ORDER BY next, id LIMIT ?"
	takeMail = "UPDATE iam_mails SET lease = ?, leased_until = ? WHERE id = ? AND ended = ? AND next <= ? AND leased_until <= ?"
)

// leaseRounds is how often to look for mails in place of those that somebody else took first.
const leaseRounds = 10

// leaseMails takes mails one by one, each by its key in a statement that decides whose it is: nobody ever
// holds one row and waits for another, so that there is no deadlock however many lease at once.
func (r *reader) leaseMails(
	ctx context.Context, taken []iam.MailID, lease string, now, until time.Time, limit int,
) ([]iam.MailID, error) {
	for range leaseRounds {
		var due []iam.MailID
		err := r.session(ctx).Raw(dueMails, never, toMillis(now), toMillis(now), limit-len(taken)).Scan(&due).Error
		if err != nil {
			return taken, r.failed(ctx, "look for mails that are due", err)
		}
		for _, id := range due {
			n, err := r.exec(ctx, "lease a mail", takeMail, lease, toMillis(until), id, never, toMillis(now), toMillis(now))
			if err != nil {
				return taken, err
			}
			if n == 1 {
				taken = append(taken, id)
			}
		}
		if len(due) == 0 || len(taken) >= limit {
			break
		}
	}
	return taken, nil
}

// EndMail is described at [iam.Outbox].
func (s *Store) EndMail(ctx context.Context, lease string, m iam.Mail) (held bool, err error) {
	if !fits(string(m.ID), lease) {
		return false, s.ready()
	}
	var c checks
	c.id("State", string(m.State))
	c.text("Reply", m.Reply)
	if c.err != nil {
		return false, c.err
	}
	err = s.apart(ctx, func(r *reader) error {
		n, err := r.exec(ctx, "end a mail", `UPDATE iam_mails SET state = ?, tries = ?, next = ?, reply = ?, ended = ?, lease = '', leased_until = ?
WHERE id = ? AND lease = ? AND ended = ?`, m.State, m.Tries, toMillis(m.Next), m.Reply, toMillis(m.Ended), never, m.ID, lease, never)
		held = n == 1
		return err
	})
	return held, err
}
