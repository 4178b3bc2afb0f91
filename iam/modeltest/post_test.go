package modeltest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/castellan-iam/castellan/iam"
)

// deliver sends what is queued, as package iam/outbox does beside a mail server, and wants the links to go out that the
// model says are wanted, and no others (SB-99).
func (s *sequence) deliver() {
	s.Helper()
	var want, got []string
	waiting := s.m.post
	s.m.post = nil
	var expected []*link
	for _, l := range waiting {
		if to := s.m.addressee(l); to != nil {
			want = append(want, fmt.Sprintf("%s for %s at %s", l.purpose, to.nick, local(l.email)))
			expected = append(expected, &link{purpose: l.purpose, to: to, email: l.email, expires: l.expires})
		}
	}
	for _, m := range s.sent() {
		if m.Link.IsZero() {
			continue
		}
		i := slices.IndexFunc(expected, func(l *link) bool {
			return l.token == iam.Token{} && l.purpose == m.Token && l.to.id == m.Account.ID && l.email == string(m.To) && l.expires.Equal(m.Expires)
		})
		text := fmt.Sprintf("%s for %s at %s", m.Token, m.Account.ID, local(string(m.To)))
		if i >= 0 {
			expected[i].token = s.token(m.Link)
			text = fmt.Sprintf("%s for %s at %s", m.Token, expected[i].to.nick, local(string(m.To)))
		}
		got = append(got, text)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		s.fail("the post: links went out %q, and the model says %q", got, want)
	}
	if len(waiting) > 0 {
		s.say("         the post brings %s", strings.Join(append(want, "nothing")[:max(1, len(want))], ", "))
	}
	s.m.links = append(s.m.links, expected...)
	s.rows = s.read()
	for _, o := range s.m.orgs {
		s.verify(o)
	}
}

// addressee is whom a letter reaches, and nil when its reason is over.
func (m *model) addressee(l *letter) *account {
	a := l.to
	if a == nil {
		var enters bool
		if a, enters = m.entering(l.door, l.email); !enters {
			return nil
		}
	}
	if a == nil || a.gone || a.status == iam.Disabled || !m.now().Before(l.expires) {
		return nil
	}
	switch l.purpose {
	case iam.ForInvitation:
		if a.status != iam.Pending || a.invitation == nil || a.invitation.latest != l || a.invitation.accepted {
			return nil
		}
	case iam.ForReset:
		if a.status != iam.Active || a.email != l.email || a.passwordSet.After(l.created) {
			return nil
		}
	case iam.ForOldEmail, iam.ForNewEmail:
		if a.change == nil || l.purpose == iam.ForOldEmail && a.email != l.email || l.purpose == iam.ForNewEmail && a.change.email != l.email {
			return nil
		}
	}
	return a
}

// sent hands out what is due. Mails of other stories in the same database are dropped.
func (s *sequence) sent() []iam.ReadyMail {
	s.Helper()
	const lease = "the model's"
	var sent []iam.ReadyMail
	for {
		due, err := s.st.LeaseMails(s.ctx(), lease, s.now, s.now.Add(time.Minute), 100)
		s.must(err)
		if len(due) == 0 {
			return sent
		}
		for _, m := range due {
			m.State, m.Ended = iam.MailSent, s.now
			ready, err := iam.ReadyMail{}, iam.ErrUnwanted
			ours := m.To == s.mine(m.To)
			if ours && (m.Expires.IsZero() || s.now.Before(m.Expires)) {
				ready, err = s.svc.ReadyMail(s.ctx(), m, lease)
			}
			switch {
			case errors.Is(err, iam.ErrUnwanted):
				m.State = iam.MailDropped
			default:
				s.must(err)
				sent = append(sent, ready)
			}
			_, err = s.st.EndMail(s.ctx(), lease, m)
			s.must(err)
		}
	}
}

// mine is the address with the same local part that is this story's.
func (s *sequence) mine(to iam.Email) iam.Email { return iam.Email(s.address(to.Local())) }

// queued reports whether any mail waits.
func (d dump) queued() bool {
	return slices.ContainsFunc(d["iam_mails"], func(row map[string]string) bool { return row["state"] == string(iam.MailQueued) })
}
